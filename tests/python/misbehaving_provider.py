"""An OpenID provider that says in its ID tokens whatever it is told, to see what isn't believed.

The code that somebody comes back with is base64url of JSON: `claims` that take the place of right ones (null for one that is
left out), `alg`, `key` ("known", "unknown", "weak" or "none"), `header`, and `answer`, which takes the whole answer's place;
`bytes` of one that is too long, and `seconds` for which it makes people wait.
"""

import base64
import hmac
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT = "zendo"
known = rsa.generate_private_key(public_exponent=65537, key_size=2048)
other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
curve = ec.generate_private_key(ec.SECP256R1())
asked = {"jwks": 0}


def of_url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def to_url(part):
    part = part.encode() if isinstance(part, str) else part
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def keys():
    rsa_key = json.loads(RSAAlgorithm.to_jwk(known.public_key())) | {"kid": "known", "use": "sig", "alg": "RS256"}
    ec_key = json.loads(ECAlgorithm.to_jwk(curve.public_key())) | {"kid": "curve", "use": "sig", "alg": "ES256"}
    weak_key = json.loads(RSAAlgorithm.to_jwk(weak.public_key())) | {"kid": "weak", "use": "sig", "alg": "RS256"}
    return {"keys": [rsa_key, ec_key, weak_key]}


class Provider(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def say(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        if self.path == "/.well-known/openid-configuration":
            return self.say(200, {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "jwks_uri": f"{url}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
                "authorization_response_iss_parameter_supported": True,
            })
        if self.path == "/jwks":
            asked["jwks"] += 1
            return self.say(200, keys())
        if self.path == "/asked":
            return self.say(200, asked)
        return self.say(404, {})

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers.get("content-length", 0))).decode())
        if self.path == "/logout-token":
            return self.say(200, {"logout_token": token(json.loads(form["told"][0]))})
        if form.get("grant_type") == ["refresh_token"]:
            return self.say(400, {"error": "invalid_grant"})
        told = json.loads(of_url(form["code"][0]))
        time.sleep(told.get("seconds", 0))
        if "bytes" in told:
            return self.say(200, {"access_token": "a" * told["bytes"], "token_type": "Bearer"})
        if "answer" in told:
            return self.say(told.get("status", 200), told["answer"])
        answer = {"access_token": "access", "token_type": "Bearer", "expires_in": 600, "id_token": token(told)}
        return self.say(200, answer)


def token(told):
    now = int(time.time())
    claims = {"iss": url, "sub": "ada", "aud": CLIENT, "iat": now, "exp": now + 300, "preferred_username": "ada"}
    claims |= told.get("claims", {})
    claims = {name: value for name, value in claims.items() if value is not None}
    alg, key = told.get("alg", "RS256"), told.get("key", "known")
    header = {"kid": told.get("kid", "curve" if alg == "ES256" else "known")} | told.get("header", {})
    if key == "none":
        return ".".join(to_url(json.dumps(part)) for part in ({"alg": "none", **header}, claims)) + "."
    if alg == "HS256":
        # With the client's secret, or with the text of a public key, which some verifiers take for a secret.
        secrets = {"known": "the secret of zendo", "unknown": json.dumps(keys()["keys"][0])}
        parts = ".".join(to_url(json.dumps(part)) for part in ({"alg": "HS256", **header}, claims))
        signature = hmac.digest(secrets[key].encode(), parts.encode(), "sha256")
        return f"{parts}.{to_url(signature)}"
    if alg == "ES256":
        return jwt.encode(claims, curve, algorithm="ES256", headers=header)
    return jwt.encode(claims, {"known": known, "unknown": other, "weak": weak}[key], algorithm=alg, headers=header)


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
url = f"http://127.0.0.1:{server.server_address[1]}"
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"url": url}), flush=True)
sys.stdin.read()
while True:
    time.sleep(3600)
