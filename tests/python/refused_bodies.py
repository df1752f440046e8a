"""Sends bodies that are refused before they were read, one after the other on a line that is kept, as programs do with
http.client and requests: each refusal is heard, and so is the answer to the next request."""

import http.client
import json
import os
import urllib.parse

import requests

URL = os.environ["ZENDO_URL"]
ROUNDS = 10
LENGTHS = [10, 70_000, 300_000, 700_000, 5_000_000]
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


def sign_in():
    form = {"username": os.environ["ZENDO_ADMIN"], "password": os.environ["ZENDO_PASSWORD"]}
    return requests.post(f"{URL}/api/v1/login", data=form, timeout=30).json()["access_token"]


def refusals(token):
    """The path, what kind of content and whose, and the status."""
    return [
        ("/api/v1/tags", JSON, None, 401),
        ("/oauth/introspect", FORM, None, 401),
        ("/api/v1/tags", JSON, token, 422),
        ("/api/v1/version", JSON, token, 405),
    ]


def by_http_client(refusal, body):
    path, kind, token, status = refusal
    address = urllib.parse.urlsplit(URL)
    line = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
    for _ in range(ROUNDS):
        for asked, expected in [(("POST", path, body, headers), status), (("GET", "/health"), 200)]:
            line.request(*asked)
            answer = line.getresponse()
            answer.read()
            assert answer.status == expected, (asked[:2], len(body), answer.status)
    line.close()


def by_requests(refusal, body):
    path, kind, token, status = refusal
    headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(ROUNDS):
            refused = session.post(URL + path, body, headers=headers, timeout=30)
            assert refused.status_code == status, (path, len(body), refused.status_code)
            assert session.get(f"{URL}/health", timeout=30).status_code == 200


sent = 0
for refusal in refusals(sign_in()):
    for length in LENGTHS:
        # No tag has such a name, and no form such a field.
        body = json.dumps({"name": 5, "x": "x" * length}).encode()
        for send in [by_http_client, by_requests]:
            send(refusal, body)
            sent += ROUNDS
print(f"done: {sent} of {sent} refusals were heard, and so was what came after them")
