"""Calls every operation of the server's own OpenAPI document with what schemathesis makes of it, and checks that the
answers are as documented. The same cases each time, as far as the server's ids allow it."""

import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.error

from server import URL, ask, sign_in

EXAMPLES, SEED = os.environ.get("ZENDO_EXAMPLES", "8"), "14"
# What is asked of each answer. Left out, since the document doesn't say what a request has to be for it: that whatever
# fits the document is taken (`positive_data_acceptance`: a name may be taken, a run may have ended) and whatever doesn't
# is refused (`negative_data_rejection`: JSON is read as leniently as ZenML reads it). A method that isn't there is 404 or
# 405 as in ZenML (`unsupported_method`, `allow_header_conformance`), and tests/suite has sign-in (`ignored_auth`).
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
]
# They end the session that the run uses, so they come last.
LAST = ["/api/v1/logout", "/api/v1/api_tokens/revoke"]


def things_of(document, token):
    """Ids of what is there, by the name of the parameter that wants one."""
    found = {}
    for path in document["paths"]:
        match = re.fullmatch(r"(/api/v1/[a-z_-]+)/\{(\w+)\}", path)
        if not match or "get" not in document["paths"].get(match[1], {}):
            continue
        try:
            answer = ask(match[1] + "?size=3&sort_by=desc:created", token)
        except urllib.error.HTTPError:
            continue
        things = answer["items"] if isinstance(answer, dict) and "items" in answer else []
        found.setdefault(match[2], []).extend(thing["id"] for thing in things)
    return {name: ids for name, ids in found.items() if ids}


def configuration(things):
    """Half of the ids in paths are of things that are there. 501 is an answer: some things aren't set up here."""
    lines = ["[checks.not_a_server_error]", 'expected-statuses = ["2xx", "3xx", "4xx", 501]']
    for name, ids in things.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(ids)}"]
    lines += ["[parameters]"]
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.5 }}' for name in things]
    return "\n".join(lines) + "\n"


def run(token, *which):
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"]
    command += ["run", f"{URL}/openapi.json", "--header", f"Authorization: Bearer {token}"]
    command += ["--checks", ",".join(CHECKS), "--max-examples", EXAMPLES, "--seed", SEED]
    command += ["--phases", os.environ.get("ZENDO_PHASES", "fuzzing"), "--workers", "1"]
    command += ["--suppress-health-check", "all", "--no-shrink", "--continue-on-failure", "--warnings", "off"]
    command += ["--request-timeout", "30", *which]
    return subprocess.run(command, check=False).returncode


# Two sessions: in one of them the account may get another name.
TOKEN, LAST_TOKEN = sign_in(), sign_in()
DOCUMENT = ask("/openapi.json")
THINGS = things_of(DOCUMENT, TOKEN)
assert len(THINGS) > 15, THINGS
pathlib.Path("schemathesis.toml").write_text(configuration(THINGS))
failed = run(TOKEN, *(word for path in LAST for word in ("--exclude-path", path)))
# What was asked was asked by somebody who is known.
ask("/api/v1/current-user", TOKEN)
failed = run(LAST_TOKEN, *(word for path in LAST for word in ("--include-path", path))) or failed
print("failed" if failed else "done: all answers are as documented")
sys.exit(failed)
