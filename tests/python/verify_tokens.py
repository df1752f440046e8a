"""Verifies fresh tokens through the server's JWKS with the libraries that programs use, in the tokens' first second and
with no leeway between clocks. Each verifies what a sign-in, an API token and a token made with one say."""

import json
import os
import warnings

import jwt as pyjwt
from jose import jwt as python_jose
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jwt as jwcrypto

from server import URL, ask, sign_in

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from authlib.jose import JsonWebKey, JsonWebToken

ALGORITHM = os.environ["ZENDO_SIGNING_ALGORITHM"]
JWKS = f"{URL}/.well-known/jwks.json"


def api_token(token):
    return ask("/api/v1/api_token?expires_in=600", token)


KEYS = ask("/.well-known/jwks.json")
SERVER = ask("/api/v1/info")["id"]


def by_pyjwt(token):
    key = pyjwt.PyJWKClient(JWKS).get_signing_key_from_jwt(token)
    options = {"require": ["iat", "sub", "jti"], "verify_iat": True}
    return pyjwt.decode(token, key, algorithms=[ALGORITHM], audience=SERVER, issuer=SERVER, options=options)


def by_joserfc(token):
    keys = joserfc_jwk.KeySet.import_key_set(KEYS)
    claims = joserfc.decode(token, keys, algorithms=[ALGORITHM]).claims
    said = {"essential": True, "value": SERVER}
    rules = {"iss": said, "aud": said, "iat": {"essential": True}, "auth_time": {"essential": True}}
    joserfc.JWTClaimsRegistry(leeway=0, **rules).validate(claims)
    return claims


def by_authlib(token):
    said = {"essential": True, "value": SERVER}
    keys = JsonWebKey.import_key_set(KEYS)
    claims = JsonWebToken([ALGORITHM]).decode(token, keys, claims_options={"iss": said, "aud": said})
    claims.validate(leeway=0)
    return dict(claims)


def by_python_jose(token):
    options = {"leeway": 0, "require_iat": True}
    return python_jose.decode(token, KEYS, [ALGORITHM], options, audience=SERVER, issuer=SERVER)


def by_jwcrypto(token):
    keys = jwcrypto_jwk.JWKSet.from_json(json.dumps(KEYS))
    key = keys.get_key(pyjwt.get_unverified_header(token)["kid"])
    verifier = jwcrypto.JWT(algs=[ALGORITHM], check_claims={"iss": SERVER, "aud": SERVER, "iat": None})
    verifier.leeway = 0
    verifier.deserialize(token, key)
    return json.loads(verifier.claims)


VERIFIERS = [by_pyjwt, by_joserfc, by_authlib, by_jwcrypto]
# python-jose knows no EdDSA.
if ALGORITHM != "EdDSA":
    VERIFIERS.append(by_python_jose)

for verify in VERIFIERS:
    session = sign_in()
    said = [verify(session)]
    script = api_token(session)
    said.append(verify(script))
    said.append(verify(api_token(script)))
    assert [claims["token_type"] for claims in said] == ["login", "generic", "generic"], said
    for claims in said:
        assert type(claims["iat"]) is int and type(claims["auth_time"]) is int, claims
    print("verified", verify.__name__)
print("done:", len(VERIFIERS))
