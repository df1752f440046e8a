"""Pipelines run, fail, are cached, are tried again and are deleted, and the server tells it as it was."""

import threading
from typing import Annotated

from promises import equal, keep, promise, refused
from zenml import add_tags, log_metadata, pipeline, step
from zenml.client import Client
from zenml.config.retry_config import StepRetryConfig

client = Client()


def statuses(run):
    return {name: found.status.value for name, found in run.steps.items()}


def ids(page):
    return [found.id for found in page]


# Two steps with an artifact between them.


@step(enable_cache=False)
def make(start: int = 20) -> Annotated[int, "number"]:
    print(f"making from {start}")
    log_metadata({"accuracy": 0.9, "labels": ["a", "b"]})
    log_metadata({"unit": "pieces"}, infer_artifact=True)
    add_tags(["made-here"], infer_artifact=True)
    return start + 1


@step
def double(number: int) -> Annotated[int, "doubled"]:
    return number * 2


@pipeline(tags=["of-the-suite"])
def two_steps(start: int = 20):
    double(make(start))


@promise
def a_run_of_two_steps_completes_and_its_values_load():
    run = client.get_pipeline_run(two_steps().id)
    equal(run.status.value, "completed")
    equal((run.pipeline.name, run.index, run.user.name), ("two_steps", 1, client.active_user.name))
    equal(statuses(run), {"make": "completed", "double": "completed"})
    assert run.start_time <= run.end_time, run
    made, doubled = run.steps["make"], run.steps["double"]
    equal(doubled.spec.upstream_steps, ["make"])
    equal(made.config.parameters, {"start": 20})
    equal((made.output.load(), doubled.output.load()), (21, 42))
    equal([version.id for version in doubled.inputs["number"]], [made.output.id])
    equal((made.output.version, made.output.artifact.name), ("1", "number"))
    equal(made.output.producer_pipeline_run_id, run.id)
    equal(ids(client.list_artifact_versions(artifact="doubled")), [doubled.output.id])
    equal(ids(client.list_pipeline_runs(pipeline="two_steps", status="completed")), [run.id])
    equal(client.get_pipeline("two_steps").latest_run_status.value, "completed")


@promise
def its_metadata_and_tags_are_there():
    run = client.get_pipeline("two_steps").last_run
    made = run.steps["make"]
    equal(made.run_metadata, {"accuracy": 0.9, "labels": ["a", "b"]})
    equal(made.output.run_metadata["unit"], "pieces")
    equal([tag.name for tag in run.tags], ["of-the-suite"])
    equal([tag.name for tag in made.output.tags], ["made-here"])
    log_metadata({"checked": True}, run_id_name_or_prefix=run.id)
    add_tags(["late"], run=run.id)
    run = client.get_pipeline_run(run.id)
    equal(run.run_metadata["checked"], True)
    equal(sorted(tag.name for tag in run.tags), ["late", "of-the-suite"])
    equal(ids(client.list_pipeline_runs(tags="late")), [run.id])
    equal(ids(client.list_run_steps(run_metadata="accuracy:0.9")), [made.id])
    equal(ids(client.list_artifact_versions(tags="made-here")), [made.output.id])


@promise
def its_logs_are_fetched():
    run = client.get_pipeline("two_steps").last_run
    store = client.active_stack.log_store

    def lines(logs):
        return [entry.message for entry in store.fetch(logs).items]

    equal([logs.source for logs in run.log_collection], ["client"])
    assert any("two_steps" in line for line in lines(run.log_collection[0])), run
    made = run.steps["make"]
    logs = {logs.source: logs for logs in made.log_collection}
    equal(sorted(logs), ["prepare_step", "step"])
    assert any("making from 20" in line for line in lines(logs["step"])), made
    # The server has no access to the folders of the client, and says so.
    for path in (f"/runs/{run.id}/logs?source=client", f"/steps/{made.id}/logs?source=step"):
        refused("IllegalOperationError", "local", client.zen_store.get, path)


# A second run.


@pipeline
def cached():
    double(21)


@promise
def a_second_run_is_cached():
    first, second = (client.get_pipeline_run(cached().id) for _ in range(2))
    equal((first.index, second.index), (1, 2))
    equal((statuses(first), statuses(second)), ({"double": "completed"}, {"double": "cached"}))
    equal((first.status.value, second.status.value), ("completed", "completed"))
    equal(second.steps["double"].original_step_run_id, first.steps["double"].id)
    equal(second.steps["double"].output.id, first.steps["double"].output.id)
    again = client.get_pipeline_run(cached.with_options(enable_cache=False)().id)
    equal((again.index, statuses(again)), (3, {"double": "completed"}))
    assert again.steps["double"].output.id != first.steps["double"].output.id


# Steps that fail.

attempts = []


@step
def fail():
    raise ArithmeticError("the sums are wrong")


@step(retry=StepRetryConfig(max_retries=2, delay=0))
def fail_twice() -> int:
    attempts.append(1)
    if len(attempts) < 3:
        raise ConnectionError(f"attempt {len(attempts)}")
    return len(attempts)


@pipeline
def failing():
    double(1)
    fail()


@pipeline
def flaky():
    fail_twice()


@pipeline
def hopeless():
    fail.with_options(retry=StepRetryConfig(max_retries=1, delay=0))()


def last_run_after(function, *args):
    """Runs the pipeline, which fails."""
    refused("RuntimeError", "failure in step", function, *args)
    return client.get_pipeline(function.name).last_run


@promise
def a_failing_run_is_failed_with_its_exception():
    run = last_run_after(failing)
    equal((run.status.value, run.in_progress), ("failed", False))
    equal(statuses(run), {"double": "completed", "fail": "failed"})
    assert "the sums are wrong" in run.steps["fail"].exception_info.traceback, run
    assert run.steps["fail"].end_time and run.end_time, run
    equal(ids(client.list_pipeline_runs(status="failed", pipeline="failing")), [run.id])


@promise
def a_retried_step_has_a_version_for_each_attempt():
    run = client.get_pipeline_run(flaky().id)
    equal((run.status.value, statuses(run)), ("completed", {"fail_twice": "completed"}))

    def versions(run, **filters):
        found = client.list_run_steps(pipeline_run_id=run.id, sort_by="asc:version", hydrate=True, **filters)
        return [(step.version, step.status.value) for step in found]

    equal(versions(run), [(1, "retried"), (2, "retried"), (3, "completed")])
    equal(versions(run, exclude_retried=True), [(3, "completed")])
    equal(versions(run, version=2), [(2, "retried")])
    first = client.list_run_steps(pipeline_run_id=run.id, version=1, hydrate=True)[0]
    assert "attempt 1" in first.exception_info.traceback, first
    run = last_run_after(hopeless)
    equal((run.status.value, versions(run)), ("failed", [(1, "retried"), (2, "failed")]))


# Hooks.

hooks_called = []


def after_failure(exception: BaseException):
    hooks_called.append(f"failure: {exception}")


def after_success():
    hooks_called.append("success")


@step(on_success=after_success, on_failure=after_failure, enable_cache=False)
def hooked(fails: bool):
    if fails:
        raise ArithmeticError("hooked")


@pipeline
def with_hooks(fails: bool):
    hooked(fails)


@promise
def hooks_are_called_and_written_down():
    succeeded = with_hooks(False)
    failed = last_run_after(with_hooks, True)
    equal(hooks_called, ["success", "failure: hooked"])
    for run, kind in ((succeeded, "step_success"), (failed, "step_failure")):
        step = client.get_pipeline_run(run.id).steps["hooked"]
        found = client.list_hook_invocations(step_run_id=step.id, hydrate=True)
        equal([(hook.hook_type.value, hook.status.value) for hook in found], [(kind, "completed")])


# Steps side by side.

side_by_side = threading.Barrier(3, timeout=60)


@step(enable_cache=False)
def meet(number: int) -> Annotated[int, "met"]:
    # Each waits until all three are under way.
    side_by_side.wait()
    return number


@step(enable_cache=False)
def add(first: int, second: int, third: int) -> Annotated[int, "sum"]:
    return first + second + third


@pipeline(dynamic=True, on_success=after_success)
def parallel():
    add(*[meet.submit(number) for number in (1, 2, 3)])


@promise
def steps_run_in_parallel():
    hooks_called.clear()
    run = client.get_pipeline_run(parallel().id)
    equal(run.status.value, "completed")
    equal(statuses(run), dict.fromkeys(["meet", "meet_2", "meet_3", "add"], "completed"))
    equal(run.steps["add"].output.load(), 6)
    versions = client.list_artifact_versions(artifact="met")
    equal(sorted(version.version for version in versions), ["1", "2", "3"])
    equal(sorted(run.steps["add"].spec.upstream_steps), ["meet", "meet_2", "meet_3"])
    equal(hooks_called, ["success"])
    found = client.list_hook_invocations(pipeline_run_id=run.id)
    equal([(hook.hook_type.value, hook.status.value) for hook in found], [("run_success", "completed")])


# Deletion.


@promise
def a_deleted_run_is_gone():
    first, *others = reversed(ids(client.list_pipeline_runs(pipeline="cached")))
    run = client.get_pipeline_run(first)
    steps = ids(run.steps.values())
    client.delete_pipeline_run(first)
    refused("KeyError", str(first), client.zen_store.get_run, first)
    refused("KeyError", "", client.get_run_step, steps[0])
    equal(sorted(ids(client.list_pipeline_runs(pipeline="cached"))), sorted(others))
    # The number is not given again.
    equal(client.get_pipeline_run(cached().id).index, 4)


@promise
def a_deleted_pipeline_takes_its_runs_along():
    pipeline = client.get_pipeline("cached")
    runs = ids(pipeline.runs)
    client.delete_pipeline("cached")
    refused("KeyError", "cached", client.get_pipeline, "cached")
    for run in runs:
        refused("KeyError", "", client.zen_store.get_run, run)
    equal(client.get_pipeline_run(cached().id).index, 1)


if __name__ == "__main__":
    keep()
