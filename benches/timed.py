#!/usr/bin/env python3
"""How long each request of a list takes, one caller after the other's answer: p50, p99 and the slowest in ms, as tab
separated lines.

    benches/timed.py http://127.0.0.1:8080 TOKEN benches/requests.txt [--times 40] [--seconds 3]

Each is asked so many times, or for so many seconds if that is less, after one time that isn't counted. What stands in
braces is looked up in the store first.
"""

import argparse
import http.client
import json
import sys
import time
import urllib.parse
import uuid


class Caller:
    def __init__(self, url, token, patience):
        self.host, self.token, self.patience = urllib.parse.urlsplit(url), token, patience
        self.connection = None

    def ask(self, path):
        """The status and body of a request, and how long it took in seconds."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host.hostname, self.host.port, timeout=self.patience)
        path = "/api/v1/" + urllib.parse.quote(path, safe="/?&=:,{}[]\"%")
        begin = time.perf_counter()
        try:
            self.connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            answer = self.connection.getresponse()
            status, body = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            self.connection = None
            status, body = type(error).__name__, b""
        return status, body, time.perf_counter() - begin

    def one(self, path, at=0):
        status, body, _ = self.ask(path)
        if status != 200:
            sys.exit(f"timed: {status} for {path}: {body[:300]!r}")
        page = json.loads(body)
        items = page["items"] if isinstance(page, dict) and "items" in page else page
        return items[at]


def looked_up(caller):
    """What requests are about: things from the middle of the table, not its ends."""
    middle = "runs?size=1&sort_by=created&page={}"
    _, body, _ = caller.ask("runs?size=1")
    total = json.loads(body)["total"]
    run = caller.one(middle.format(max(total // 2, 1)))
    known = {"run.name": run["name"], "run.prefix": run["id"][:8], "run": run["id"], "missing": str(uuid.UUID(int=7))}
    full = json.loads(caller.ask(f"runs/{run['id']}")[1])
    known["orchestrator_run"] = (full.get("metadata") or {}).get("orchestrator_run_id") or "none"
    known["snapshot"] = (full["resources"].get("snapshot") or {}).get("id", known["missing"])
    known["pipeline"] = (full["resources"].get("pipeline") or {}).get("id", known["missing"])
    known["stack"] = caller.one("stacks?size=1&name=default")["id"]
    known["component"] = caller.one("components?size=1&type=artifact_store")["id"]
    step = caller.one(f"steps?size=20&pipeline_run_id={run['id']}&name=train&hydrate=true")
    known["step"] = step["id"]
    known["cache_key"] = step["metadata"].get("cache_key") or "none"
    known["artifact"] = caller.one("artifacts?size=1&name=numbers")["id"]
    version = caller.one(f"artifact_versions?size=20&pipeline_run={run['id']}")
    known["version"], known["uri"] = version["id"], version["body"]["uri"]
    known["model"] = caller.one("models?size=1")["id"]
    known["model_version"] = caller.one(f"model_versions?size=1&model={known['model']}")["id"]
    return known


def times_of(caller, path, times, seconds):
    status, body, first = caller.ask(path)
    all_times, end = [], time.perf_counter() + seconds
    while status == 200 and len(all_times) < times and (time.perf_counter() < end or not all_times):
        if first > seconds:
            all_times.append(first)
            break
        status, body, took = caller.ask(path)
        all_times.append(took)
    return status, sorted(took * 1000 for took in all_times or [first]), first * 1000


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("url")
    arguments.add_argument("token")
    arguments.add_argument("requests", help="the file with the list")
    arguments.add_argument("--times", type=int, default=40)
    arguments.add_argument("--seconds", type=float, default=3)
    arguments.add_argument("--patience", type=float, default=60, help="seconds that an answer may take")
    arguments.add_argument("--only", default="", help="only requests that contain this")
    given = arguments.parse_args()
    caller = Caller(given.url, given.token, given.patience)
    known = looked_up(caller)
    with open(given.requests) as file:
        listed = [line.strip() for line in file]
    for request in listed:
        if not request or request.startswith("#") or given.only not in request:
            continue
        path = request
        for name, value in known.items():
            path = path.replace("{" + name + "}", value)
        status, times, first = times_of(caller, path, given.times, given.seconds)
        p50, p99 = times[len(times) // 2], times[min(len(times) * 99 // 100, len(times) - 1)]
        print(request, status, f"{p50:.2f}", f"{p99:.2f}", f"{first:.2f}", sep="\t", flush=True)


if __name__ == "__main__":
    main()
