#!/usr/bin/env python3
"""How much of a pipeline's time is the server's: 20 steps, one after the other, run by the official client with the local
orchestrator, five times at each server in turn.

    path/of/zenml/venv/bin/python benches/pipeline.py NAME=URL [NAME=URL ...]

With ZENML_STORE_USERNAME and ZENML_STORE_PASSWORD of an admin of each. Each run is a process of its own, as at a terminal.
What it prints, tab separated, the p50 of five: the name, seconds of the run, seconds of it that the client waited for the
server's answers, and how many it asked for.
"""

import json
import os
import subprocess
import sys
import tempfile

TIMES, STEPS = 5, 20

ONE = """
import json, sys, time
import requests
spent = [0.0, 0]
send = requests.Session.send
def timed(self, request, **options):
    begin = time.perf_counter()
    try:
        return send(self, request, **options)
    finally:
        spent[0] += time.perf_counter() - begin
        spent[1] += 1
requests.Session.send = timed
from zenml import pipeline, step

@step(enable_cache=False)
def count(number: int) -> int:
    return number + 1

@pipeline(enable_cache=False)
def twenty():
    number = 0
    for _ in range(%d):
        number = count(number)

begin = time.perf_counter()
twenty()
print(json.dumps(["figures", time.perf_counter() - begin, *spent]))
""" % STEPS


def run(url):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "one.py"), "w") as file:
            file.write(ONE)
        environment = {**os.environ, "ZENML_CONFIG_PATH": os.path.join(folder, "zenml"), "ZENML_STORE_URL": url,
                       "ZENML_ANALYTICS_OPT_IN": "false", "ZENML_LOGGING_VERBOSITY": "ERROR", "HOME": folder}
        ran = subprocess.run([sys.executable, "one.py"], cwd=folder, env=environment, capture_output=True, text=True)
        for line in ran.stdout.splitlines():
            if line.startswith('["figures"'):
                return json.loads(line)[1:]
        sys.exit(f"pipeline: a run at {url} has failed:\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}")


def main():
    servers = dict(argument.split("=", 1) for argument in sys.argv[1:])
    if not servers:
        sys.exit(__doc__)
    figures = {name: [] for name in servers}
    for _ in range(TIMES):
        for name, url in servers.items():
            figures[name].append(run(url))
    for name, runs in figures.items():
        wall, waited, asked = (sorted(column)[TIMES // 2] for column in zip(*runs))
        print(name, f"{wall:.2f}", f"{waited:.2f}", asked, sep="\t")


if __name__ == "__main__":
    main()
