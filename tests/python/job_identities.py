"""An issuer whose keys and tokens are Authlib's (its joserfc), on a free port, that gives jobs tokens in the shapes of GitHub, GitLab and
Kubernetes: GET /job/SHAPE?audience=TEXT with the bearer "of the job", as GitHub answers it.

It says one line of JSON when it listens: its address. Each shape has a key of its own kind.
"""

import json
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

SHAPES = {
    "github": (
        "RS256",
        RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}, private=True),
        {
            "sub": "repo:acme/app:ref:refs/heads/main",
            "repository": "acme/app",
            "ref": "refs/heads/main",
            "event_name": "push",
            "workflow_ref": "acme/app/.github/workflows/train.yml@refs/heads/main",
        },
    ),
    "gitlab": (
        "ES256",
        ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}, private=True),
        {
            "sub": "project_path:acme/app:ref_type:branch:ref:main",
            "project_path": "acme/app",
            "ref": "main",
            "ref_type": "branch",
        },
    ),
    "kubernetes": (
        "Ed25519",
        OKPKey.generate_key("Ed25519", {"kid": "ed", "use": "sig"}, private=True),
        {
            "sub": "system:serviceaccount:ml:trainer",
            "kubernetes.io": {"namespace": "ml", "serviceaccount": {"name": "trainer"}},
        },
    ),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = urlsplit(self.path)
        if asked.path == "/.well-known/openid-configuration":
            return self.answer({"issuer": URL, "jwks_uri": f"{URL}/keys"})
        if asked.path == "/keys":
            return self.answer({"keys": [key.as_dict(private=False) for _, key, _ in SHAPES.values()]})
        shape = SHAPES.get(asked.path.removeprefix("/job/"))
        if shape is None or self.headers["authorization"] != "Bearer of the job":
            return self.answer({}, 401)
        algorithm, key, claims = shape
        now, audience = int(time.time()), parse_qs(asked.query)["audience"][0]
        times = {"iss": URL, "aud": audience, "iat": now, "nbf": now, "exp": now + 300, "jti": str(uuid.uuid4())}
        header = {"alg": algorithm, "typ": "JWT", "kid": key.kid}
        token = jwt.encode(header, {**times, **claims}, key, algorithms=[algorithm])
        return self.answer({"value": token})

    def answer(self, body, status=200):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
URL = f"http://127.0.0.1:{server.server_port}"
print(json.dumps({"url": URL}), flush=True)
server.serve_forever()
