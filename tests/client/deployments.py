"""The client's commands deploy a pipeline on this machine, call it, and take it away again."""

import json
import socket
import urllib.error
import urllib.request

from promises import equal, keep, promise
from terminal import fails, listed, says
from zenml.client import Client

client = Client()


def configuration(name, **settings):
    """The file of a deployment with a port of its own: others may look for a free one at the same time."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings["port"] = free.getsockname()[1]
    with open(f"{name}.yaml", "w") as file:
        json.dump({"settings": {"deployer.local": settings}}, file)
    return f"{name}.yaml"


def deploy(name, **settings):
    """The command that deploys it."""
    return f"pipeline deploy served.welcome --timeout 120 --name {name} --config {configuration(name, **settings)}"


def deployment():
    return client.get_deployment("hello", hydrate=True)


@promise
def a_pipeline_is_deployed():
    says(deploy("hello"), "hello", "RUNNING")
    made = deployment()
    equal((made.status.value, made.pipeline.name, made.deployer.name), ("running", "welcome", "default"))
    equal(made.snapshot.pipeline.name, "welcome")
    assert made.url.startswith("http://"), made.url
    # It asks whether to update it, and there is nobody to say yes.
    fails(deploy("hello"), "")
    equal([found.name for found in client.list_deployments(pipeline="welcome", status="running")], ["hello"])
    equal(client.list_snapshots(deployed=True, named_only=False).items[0].id, made.snapshot.id)
    equal(client.get_snapshot(made.snapshot.id).deployment.id, made.id)


@promise
def it_is_called_and_its_runs_are_kept():
    before = client.list_pipeline_runs(pipeline="welcome").total
    says("deployment invoke hello --name=Ada --count=2", "Hello Ada! Hello Ada!")
    says("deployment invoke hello", "Hello you!")
    runs = client.list_pipeline_runs(pipeline="welcome", sort_by="desc:created", hydrate=True)
    equal(runs.total, before + 2)
    equal({found.status.value for found in runs}, {"completed"})
    run_of_ada = runs.items[1]
    equal(run_of_ada.steps["greet"].outputs["greeting"][0].load(), "Hello Ada! " * 2)
    equal(client.list_pipeline_runs(triggered_by_deployment_id=deployment().id).total, 2)


@promise
def it_is_listed_described_and_its_logs_are_read():
    equal(listed("deployment list"), ["hello"])
    says("deployment describe hello", "hello", "RUNNING", "welcome")
    says("deployment logs hello", "greeting Ada")
    says("deployment refresh hello")
    equal(deployment().status.value, "running")


@promise
def with_a_key_it_answers_only_to_the_key():
    says(deploy("locked", generate_auth_key=True), "locked", "RUNNING")
    made = client.get_deployment("locked", hydrate=True)
    assert made.auth_key, "it has a key"
    request = urllib.request.Request(
        f"{made.url}/invoke", data=b"{}", headers={"Content-Type": "application/json"}
    )
    try:
        urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        equal(error.code, 401)
    else:
        raise AssertionError("anybody may call it")
    says("deployment invoke locked", "Hello you!")
    says("deployment describe locked --show-secret", made.auth_key)
    says("deployment delete locked --yes", "eleted")


@promise
def a_snapshot_is_deployed_and_another_one_takes_its_place():
    says(f"pipeline snapshot create served.welcome --name first --config {configuration('first')}", "first")
    says("pipeline snapshot deploy first --timeout 120", "Provisioned deployment 'first'", "RUNNING")
    says("deployment invoke first --name=Bob", "Hello Bob!")
    made = client.get_deployment("first", hydrate=True)
    equal((made.snapshot.name, made.pipeline.name), ("first", "welcome"))
    says(f"pipeline snapshot create served.welcome --name second --config {configuration('second')}", "second")
    # It asks whether to update it.
    said = says("pipeline snapshot deploy second --deployment first --timeout 120", "already exists", answers="n\n")
    assert "canceled" in said
    says("pipeline snapshot deploy second --deployment first --update --timeout 120", "Provisioned deployment 'first'")
    changed = client.get_deployment("first", hydrate=True)
    equal((changed.id, changed.snapshot.name, changed.status.value), (made.id, "second", "running"))
    says("deployment invoke first --name=Eve", "Hello Eve!")
    says("deployment delete first --yes", "eleted")


@promise
def it_is_stopped_started_and_deleted():
    says("deployment deprovision hello --yes", "hello")
    equal(deployment().status.value, "absent")
    fails("deployment invoke hello", "")
    says("deployment provision hello --timeout 120", "hello")
    says("deployment invoke hello", "Hello you!")
    says("deployment delete hello --yes", "eleted")
    equal(listed("deployment list"), [])
    equal(client.list_snapshots(deployed=True, named_only=False).total, 0)
    assert client.list_pipeline_runs(pipeline="welcome").total >= 3, "its runs stay"


if __name__ == "__main__":
    keep()
