"""Many clients run the same pipeline at once, and nothing is lost or numbered twice.

usage: many_clients.py CLIENTS RUNS URL...

Each client is a process with a configuration of its own, and speaks to one of the servers; what all of them
were answered is looked for on the first server when they have ended.
"""

import json
import os
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import Annotated

from promises import equal, keep, promise
from zenml import Model, log_metadata, pipeline, save_artifact, step
from zenml.client import Client

CLIENTS, RUNS, URLS = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
TOTAL = CLIENTS * RUNS
# What the clients have made.
KINDS = {"artifact_versions", "logs", "pipelines", "pipeline_snapshots", "runs", "steps"}


@step(enable_cache=False)
def make(number: int) -> Annotated[int, "made"]:
    log_metadata({"number": number})
    return number


@step(enable_cache=False)
def double(number: int) -> Annotated[int, "doubled"]:
    save_artifact(number, "saved")
    return 2 * number


@pipeline(model=Model(name="shared"), tags=["together"])
def shared(number: int):
    double(make(number))


def note(answers):
    """Has the client note each thing that the server says is made now; returns nothing to the client."""

    def look(response, **_):
        request = response.request
        if request.method == "POST" and response.status_code == 200:
            path, answer = request.path_url.removeprefix("/api/v1/"), response.json()
            if path == "artifact_versions/batch":
                answers.extend(("artifact_versions", made["id"]) for made in answer)
            elif path == "runs":
                answers.append((path, answer[0]["id"]))
            elif path in KINDS:
                answers.append((path, answer["id"]))

    Client().zen_store.session.hooks["response"].append(look)


def be_a_client(number):
    answers, runs = [], []
    note(answers)
    for turn in range(RUNS):
        runs.append(str(shared(number * RUNS + turn).id))
    Path(f"client-{number}.json").write_text(json.dumps({"answers": answers, "runs": runs}))


def start_client(number):
    """A process of its own; the imports, which take seconds, are shared."""
    process = os.fork()
    if process == 0:
        os.environ["ZENML_CONFIG_PATH"] = os.path.abspath(f"client-{number}")
        os.environ["ZENML_STORE_URL"] = URLS[number % len(URLS)]
        code = 1
        try:
            be_a_client(number)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return process


told = []


@promise
def every_client_ends_well():
    processes = [start_client(number) for number in range(CLIENTS)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]
    equal(codes, [0] * CLIENTS)
    os.environ["ZENML_STORE_URL"] = URLS[0]
    told.extend(json.loads(Path(f"client-{number}.json").read_text()) for number in range(CLIENTS))


@promise
def all_that_was_answered_is_there():
    answers = Counter((kind, id) for one in told for kind, id in one["answers"])
    equal({kind for kind, _ in answers}, KINDS)
    for kind, id in answers:
        equal(Client().zen_store.get(f"/{kind}/{id}")["id"], id)


def all_runs():
    return Client().list_pipeline_runs(pipeline="shared", size=1000, hydrate=True).items


@promise
def every_run_is_completed_and_has_a_number_of_its_own():
    runs = all_runs()
    equal(sorted(str(run.id) for run in runs), sorted(id for one in told for id in one["runs"]))
    equal(sorted(run.index for run in runs), list(range(1, TOTAL + 1)))
    equal(Counter(run.status.value for run in runs), {"completed": TOTAL})
    equal(Counter(tag.name for run in runs for tag in run.tags), {"together": TOTAL})
    steps = Client().list_run_steps(size=1000, hydrate=True).items
    found = Counter((step.name, step.status.value) for step in steps)
    equal(found, {("make", "completed"): TOTAL, ("double", "completed"): TOTAL})
    numbers = [step.run_metadata["number"] for step in steps if step.name == "make"]
    equal(sorted(numbers), list(range(TOTAL)))


@promise
def every_artifact_and_model_version_has_a_number_of_its_own():
    for name in ("made", "doubled", "saved"):
        versions = Client().list_artifact_versions(artifact=name, size=1000).items
        equal(sorted(int(version.version) for version in versions), list(range(1, TOTAL + 1)))
    models = Client().list_model_versions(model="shared", size=1000).items
    equal(sorted(version.number for version in models), list(range(1, TOTAL + 1)))
    equal(len({run.model_version.id for run in all_runs()}), TOTAL)


if __name__ == "__main__":
    del sys.argv[1:]
    keep()
