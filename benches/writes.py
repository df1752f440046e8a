#!/usr/bin/env python3
"""How many runs a second are started and ended, and how many steps and artifact versions are made, by 16 callers at a time.

    benches/writes.py http://127.0.0.1:8080 TOKEN [--callers 16] [--seconds 5]

The store needs a pipeline with a snapshot whose steps have the names of benches/fill_runs.py. What it prints, tab
separated: what is written, how many a second, p50 and p99 in ms of one request.
"""

import argparse
import http.client
import itertools
import json
import sys
import threading
import time
import urllib.parse
import uuid

STEPS = ("load", "clean", "train", "evaluate", "publish")


class Caller:
    def __init__(self, url, token):
        host = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(host.hostname, host.port, timeout=600)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.times = []

    def send(self, method, path, body=None):
        begin = time.perf_counter()
        self.connection.request(method, f"/api/v1/{path}", body and json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        self.times.append((time.perf_counter() - begin) * 1000)
        if answer.status != 200:
            sys.exit(f"writes: {answer.status} for {method} {path}: {text[:300]!r}")
        return json.loads(text)


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())


def start(caller, facts, name):
    body = {"project": facts["project"], "snapshot": facts["snapshot"], "name": name, "status": "running",
            "orchestrator_run_id": name, "start_time": now(), "orchestrator_environment": {"os": "linux"}}
    return caller.send("POST", "runs", body)[0]["id"]


def one_run(caller, facts, name):
    run = start(caller, facts, name)
    caller.send("PUT", f"runs/{run}", {"status": "completed", "end_time": now()})


def one_step(caller, facts, name):
    run = start(caller, facts, name)
    for step in STEPS:
        body = {"project": facts["project"], "pipeline_run_id": run, "name": step, "status": "running",
                "start_time": now(), "cache_key": name, "code_hash": "c", "source_code": "def it(): ..."}
        made = caller.send("POST", "steps", body)["id"]
        caller.send("PUT", f"steps/{made}", {"status": "completed", "end_time": now()})


def one_version(caller, facts, name):
    body = {"project": facts["project"], "artifact_name": f"written-{facts['artifact']}", "has_custom_name": True,
            "type": "DataArtifact", "artifact_store_id": facts["store"], "uri": f"/data/{name}",
            "materializer": {"module": "m", "attribute": "M", "type": "internal"},
            "data_type": {"module": "builtins", "attribute": "float", "type": "builtin"}, "save_type": "step_output",
            "version": name, "metadata": {"rows": 3}}
    caller.send("POST", "artifact_versions", body)


KINDS = {"runs started and ended": (one_run, 1), "steps started and ended": (one_step, len(STEPS)),
         "artifact versions": (one_version, 1)}


def facts_of(caller):
    snapshot = caller.send("GET", "runs?size=1&sort_by=desc:created&hydrate=true")["items"][0]
    return {
        "project": caller.send("GET", "projects/default")["id"],
        "snapshot": snapshot["resources"]["snapshot"]["id"],
        "store": caller.send("GET", "components?size=1&type=artifact_store")["items"][0]["id"],
        "artifact": uuid.uuid4().hex[:8],
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("url")
    arguments.add_argument("token")
    arguments.add_argument("--callers", type=int, default=16)
    arguments.add_argument("--seconds", type=float, default=5)
    given = arguments.parse_args()
    facts = facts_of(Caller(given.url, given.token))
    for kind, (write, amount) in KINDS.items():
        numbers, written, times, refusals = itertools.count(), [], [], []
        end = time.perf_counter() + given.seconds

        def work():
            caller = Caller(given.url, given.token)
            try:
                while time.perf_counter() < end:
                    write(caller, facts, f"w-{uuid.uuid4().hex}-{next(numbers)}")
                    written.append(amount)
            except SystemExit as refusal:
                refusals.append(refusal)
            times.extend(caller.times)

        begin = time.perf_counter()
        callers = [threading.Thread(target=work) for _ in range(given.callers)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        if refusals:
            sys.exit(f"{len(refusals)} of {given.callers} callers ended: {refusals[0]}")
        times.sort()
        rate = sum(written) / (time.perf_counter() - begin)
        print(kind, f"{rate:.0f}", f"{times[len(times) // 2]:.2f}", f"{times[len(times) * 99 // 100]:.2f}", sep="\t", flush=True)


if __name__ == "__main__":
    main()
