"""A second OpenID provider, of another make (Authlib on Flask): whoever asks with `login=NAME` is that person."""

import json
import os
import threading
import time

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # This machine only.

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, jsonify, request
from joserfc.jwk import ECKey
from werkzeug.serving import make_server

KEY = ECKey.generate_key("P-256", parameters={"kid": "one", "use": "sig", "alg": "ES256"}, auto_kid=False)
codes, refresh_tokens, gone = {}, {}, set()


class Client:
    client_id = "zendo"

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return None

    def get_allowed_scope(self, scope):
        return " ".join(one for one in (scope or "").split() if one in {"openid", "profile", "email", "offline_access"})

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri.endswith("/console/oidc/callback")

    def check_client_secret(self, client_secret):
        return client_secret == "the secret of zendo"

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_post"

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type in ("authorization_code", "refresh_token")


class Code(dict):
    def __getattr__(self, name):
        return self.get(name)

    def get_redirect_uri(self):
        return self["redirect_uri"]

    def get_scope(self):
        return self["scope"]

    def get_nonce(self):
        return self["nonce"]

    def get_auth_time(self):
        return self["auth_time"]

    def get_acr(self):
        return None

    def get_amr(self):
        return None


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post"]

    def save_authorization_code(self, code, request):
        data = request.payload.data
        codes[code] = Code(
            code=code,
            user=request.user,
            redirect_uri=request.payload.redirect_uri,
            scope=request.payload.scope,
            nonce=data.get("nonce"),
            auth_time=int(time.time()),
            code_challenge=data.get("code_challenge"),
            code_challenge_method=data.get("code_challenge_method"),
        )

    def query_authorization_code(self, code, client):
        return codes.get(code)

    def delete_authorization_code(self, authorization_code):
        codes.pop(authorization_code["code"], None)

    def authenticate_user(self, authorization_code):
        return authorization_code["user"]


class OpenId(OpenIDCode):
    def exists_nonce(self, nonce, request):
        return False

    def get_jwt_config(self, grant, client=None):
        return {"key": KEY.as_dict(private=True), "alg": "ES256", "iss": url, "exp": 300}

    def generate_user_info(self, user, scope):
        return UserInfo(sub=user, preferred_username=user, email=f"{user}@example.com", email_verified=True)


class RefreshGrant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post"]

    def authenticate_refresh_token(self, refresh_token):
        known = refresh_tokens.get(refresh_token)
        return None if known is None or known["user"] in gone else known

    def authenticate_user(self, refresh_token):
        return refresh_token["user"]

    def revoke_old_credential(self, refresh_token):
        pass


class RefreshToken(dict):
    def check_client(self, client):
        return True

    def get_scope(self):
        return self["scope"]


app = Flask(__name__)
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True


def save_token(token, request):
    if "refresh_token" in token:
        refresh_tokens[token["refresh_token"]] = RefreshToken(user=request.user, scope=token["scope"])


server = AuthorizationServer(app, query_client=lambda name: Client() if name == "zendo" else None, save_token=save_token)
server.register_grant(CodeGrant, [CodeChallenge(required=True), OpenId(require_nonce=True)])
server.register_grant(RefreshGrant)


@app.get("/.well-known/openid-configuration")
def discovery():
    return jsonify(
        issuer=url,
        authorization_endpoint=f"{url}/authorize",
        token_endpoint=f"{url}/token",
        jwks_uri=f"{url}/jwks",
        response_types_supported=["code"],
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=["ES256"],
        token_endpoint_auth_methods_supported=["client_secret_post"],
    )


@app.get("/jwks")
def jwks():
    return jsonify(keys=[KEY.as_dict(private=False)])


@app.get("/authorize")
def authorize():
    grant = server.get_consent_grant(end_user=request.args["login"])
    return server.create_authorization_response(grant_user=request.args["login"], grant=grant)


@app.post("/token")
def token():
    return server.create_token_response()


@app.post("/test/leave")
def leave():
    gone.add(request.get_json()["subject"])
    return jsonify({})


listener = make_server("127.0.0.1", 0, app, threaded=True)
url = f"http://127.0.0.1:{listener.server_port}"
threading.Thread(target=listener.serve_forever, daemon=True).start()
print(json.dumps({"url": url}), flush=True)
while True:
    time.sleep(3600)
