"""The client's commands make, list, change, attach, detach and delete triggers, and webhooks with their secrets."""

import hashlib
import hmac
import json
import re
import urllib.error
import urllib.request

from promises import equal, keep, promise
from terminal import fails, listed, says
from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.models import (
    ComponentRequest,
    PipelineBuildRequest,
    PipelineRequest,
    PipelineSnapshotRequest,
    StackRequest,
)

client = Client()
store = client.zen_store


def names(kind):
    """The names of the triggers of a type, which the client's list shows within their bodies."""
    return sorted(trigger.name for trigger in getattr(client, f"list_{kind}_triggers")().items)


def file(name, text):
    with open(name, "w") as written:
        written.write(text)
    return name


def deliver(webhook, secret, body=b"{}"):
    """The status of a delivery that is signed with the secret."""
    url = f"{store.url}/api/v1/webhooks/{webhook.webhook_type}/{webhook.id}/events"
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-ZenML-Event": "e", "X-ZenML-Signature-256": f"sha256={signature}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers, method="POST")) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def secret_in(said):
    return re.search(r"Signing secret: (\S+)", said).group(1)


def runnable_snapshot(name):
    """A named snapshot whose images were built for a stack that is elsewhere."""
    project = client.active_project.id

    def component(kind, flavor, configuration):
        request = ComponentRequest(name=f"{name} {kind}", type=kind, flavor=flavor, configuration=configuration)
        return store.create_stack_component(request).id

    stack = store.create_stack(
        StackRequest(
            name=name,
            components={
                StackComponentType.ORCHESTRATOR: [
                    component(StackComponentType.ORCHESTRATOR, "kubernetes", {"kubernetes_context": "x"})
                ],
                StackComponentType.ARTIFACT_STORE: [
                    component(StackComponentType.ARTIFACT_STORE, "s3", {"path": "s3://x"})
                ],
            },
        )
    )
    pipeline = store.create_pipeline(PipelineRequest(project=project, name=name))
    build = store.create_build(
        PipelineBuildRequest(
            project=project, is_local=False, contains_code=True, pipeline=pipeline.id, stack=stack.id, zenml_version="0.98.0"
        )
    )
    return store.create_snapshot(
        PipelineSnapshotRequest(
            project=project,
            name=name,
            run_name_template="r",
            pipeline_configuration={"name": name},
            client_version="0.98.0",
            server_version="0.98.0",
            stack=stack.id,
            pipeline=pipeline.id,
            build=build.id,
        )
    )


def is_attached_and_detached(kind, name, get):
    """A trigger of any kind starts snapshots whose images are built, each at most once."""
    snapshot = runnable_snapshot(f"of {kind}")
    far = f"'of {kind}'"
    says(f"trigger {kind} attach {name} {far}", "Attached")
    fails(f"trigger {kind} attach {name} {far}", "attached")
    configuration = file("run.yaml", "enable_cache: false\n")
    says(f"trigger {kind} attach {name} {far} --allow-replace --config {configuration}", "Attached")
    equal([attached.id for attached in get(name, hydrate=True).snapshots], [snapshot.id])
    says(f"trigger {kind} clear-errors {name}", "Cleared")
    says(f"trigger {kind} clear-errors {name} {far}", "Cleared")
    says(f"trigger {kind} detach {name} {far}", "Detached")
    fails(f"trigger {kind} detach {name} {far}", "not attached")
    fails(f"trigger {kind} clear-errors {name} {far}", "not attached")


@promise
def webhooks_are_kept():
    secret = secret_in(says("webhook create one --type custom", "one", "custom"))
    fails("webhook create one --type custom", "one")
    fails("webhook create other --type none", "none")
    says("webhook create given --type github --secret mine --inactive")
    equal(listed("webhook list"), ["given", "one"])
    equal(listed("webhook list --webhook_type github"), ["given"])
    webhook = client.get_webhook("one")
    equal((deliver(webhook, secret), deliver(webhook, "other")), (202, 401))
    says("webhook describe one", "custom")
    stats = client.get_webhook("one").stats
    equal((stats.received_count, stats.accepted_count, stats.auth_failed_count), (2, 1, 1))
    rotated = secret_in(says("webhook rotate-secret one"))
    equal((deliver(webhook, secret), deliver(webhook, rotated)), (401, 202))
    equal(secret_in(says("webhook rotate-secret one --secret mine")), "mine")
    equal(deliver(webhook, "mine"), 202)
    says("webhook update one --name two --inactive")
    equal((listed("webhook list"), deliver(webhook, "mine")), (["given", "two"], 409))
    says("webhook delete two --yes", "Deleted")
    equal(listed("webhook list"), ["given"])


@promise
def schedules_are_kept_attached_and_archived():
    snapshot = runnable_snapshot("far")
    says("trigger schedule create nightly --cron-expression '0 3 * * *' --concurrency submit", "reated")
    says("trigger schedule create hourly --interval 3600 --start_time '2030-01-01 00:00:00'", "reated")
    fails("trigger schedule create nightly --cron-expression '0 3 * * *'", "nightly")
    fails("trigger schedule create wrong --cron-expression '61 * * * *'", "")
    equal(names("schedule"), ["hourly", "nightly"])
    says("trigger schedule list", "nightly", "hourly")
    says("trigger schedule update nightly --name later --cron-expression '0 4 * * *'", "pdated")
    trigger = client.get_schedule_trigger("later")
    equal((trigger.get_body().cron_expression, trigger.next_occurrence.hour), ("0 4 * * *", 4))
    configuration = file("run.yaml", "enable_cache: false\nrun_name: again\n")
    says(f"trigger schedule attach later far --config {configuration}", "Attached")
    fails("trigger schedule attach later far", "attached")
    says("trigger schedule attach later far --allow-replace", "Attached")
    trigger = client.get_schedule_trigger("later", hydrate=True)
    equal([attached.id for attached in trigger.snapshots], [snapshot.id])
    equal(len(trigger.executable_snapshots), 1)
    says("trigger schedule clear-errors later", "Cleared")
    says("trigger schedule clear-errors later far", "Cleared")
    says("trigger schedule detach later far", "Detached")
    fails("trigger schedule detach later far", "not attached")
    says("trigger schedule delete later", "Deleted")
    equal(names("schedule"), ["hourly"])
    says("trigger schedule delete hourly --hard", "Deleted")
    equal(names("schedule"), [])


@promise
def events_of_the_server_are_waited_for():
    pipeline = store.create_pipeline(PipelineRequest(project=client.active_project.id, name="watched"))
    source = f"pipeline {pipeline.id}"
    says(f"trigger platform-event create after {source} --target_events run_completed", "reated")
    fails(f"trigger platform-event create wrong {source} --target_events completed", "completed")
    fails(f"trigger platform-event create wrong pipeline_run {pipeline.id} --target_events completed", "")
    says("trigger platform-event list", "after")
    says("trigger platform-event update after --target_events run_failed --active false", "pdated")
    trigger = client.get_platform_event_trigger("after")
    equal((trigger.target_events, trigger.active, trigger.source_id), (["run_failed"], False, pipeline.id))
    says("trigger platform-event list-supported-events pipeline", "run_completed", "run_failed")
    is_attached_and_detached("platform-event", "after", client.get_platform_event_trigger)
    says("trigger platform-event delete after", "Deleted")
    equal(names("platform_event"), [])


@promise
def events_of_webhooks_are_waited_for():
    says("webhook create source --type github")
    events = {"target_events": [{"type": "push", "repo": "team/code"}]}
    configuration = file("events.yaml", json.dumps(events))
    says(f"trigger webhook create pushed --webhook source --config {configuration}", "Created")
    wrong = file("wrong.yaml", json.dumps({"target_events": [{"type": "push", "none": "x"}]}))
    fails(f"trigger webhook create wrong --webhook source --config {wrong}", "none")
    says("trigger webhook list", "pushed")
    other = file("other.yaml", json.dumps({"target_events": [{"type": "release_published", "tag": "startswith:v"}]}))
    says(f"trigger webhook update pushed --config {other} --active false", "pdated")
    trigger = client.get_webhook_trigger("pushed")
    equal(trigger.configuration["target_events"][0]["tag"], "startswith:v")
    is_attached_and_detached("webhook", "pushed", client.get_webhook_trigger)
    fails("webhook delete source --yes", "")
    says("trigger webhook delete pushed", "Deleted")
    # What is archived is kept until it is deleted for good.
    (archived,) = client.list_webhook_triggers(is_archived=True).items
    assert archived.name.startswith("pushed_") and not archived.active, archived
    says(f"trigger webhook delete {archived.name} --archived", "Deleted")
    equal(client.list_webhook_triggers(is_archived=True).total, 0)
    says("webhook delete source --yes", "Deleted")


if __name__ == "__main__":
    keep()
