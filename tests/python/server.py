"""What the programs here ask of the server that their environment names."""

import json
import os
import urllib.parse
import urllib.request

URL = os.environ["ZENDO_URL"]


def ask(path, token=None, form=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(urllib.request.Request(URL + path, body, headers)) as answer:
        return json.load(answer)


def sign_in():
    form = {"username": os.environ["ZENDO_ADMIN"], "password": os.environ["ZENDO_PASSWORD"]}
    return ask("/api/v1/login", form=form)["access_token"]
