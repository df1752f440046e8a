"""Whatever the server has taken, by hand or from an older client, this client reads: one row that it can't read would end
each list that the row is in."""

import itertools

from promises import equal, keep, promise
from zenml.client import Client

client = Client()
project = str(client.active_project.id)
stack = str(client.active_stack_model.id)

SOURCE = {"module": "m", "attribute": "f", "type": "user"}
ODD = [
    None, True, "yes", "", "x", 0, 1, 1.5, "3", [], ["a"], [{}], {}, {"name": "n"}, {"a": 1}, {"a": {"b": "c"}},
    SOURCE, [SOURCE], {"a": SOURCE}, "a.b", {"module": "m"}, {"id": "x"}, {"max_retries": "2"}, {"version": 3, "name": "n"},
    {"image": "i", "contains_code": "no"}, "red",
]


def post(path, body):
    """The row's id, when the server takes it."""
    try:
        return client.zen_store.post(path, _Body(body))["id"]
    except Exception as error:
        assert "Server" not in type(error).__name__ and "500" not in str(error), error
        return None


class _Body:
    """What the client's own models would not let it send."""

    def __init__(self, body):
        self.body = body

    def model_dump(self, **_):
        return self.body


def taken(path, bodies):
    ids = [id for id in (post(path, body) for body in bodies) if id]
    print(path, len(ids), "taken")
    return len(ids)


def snapshot(**more):
    body = {
        "project": project, "stack": stack, "pipeline": PIPELINE, "run_name_template": "x",
        "pipeline_configuration": {"name": "p"},
    }
    return body | more


PIPELINE = post("/pipelines", {"project": project, "name": "p"})


@promise
def snapshots_are_read():
    from zenml.config.pipeline_configurations import PipelineConfiguration
    from zenml.config.pipeline_spec import PipelineSpec
    from zenml.config.step_configurations import StepConfiguration, StepSpec

    def bodies():
        for field, odd in itertools.product(PipelineConfiguration.model_fields, ODD):
            yield snapshot(pipeline_configuration={"name": "p", field: odd})
        for field, odd in itertools.product(PipelineSpec.model_fields, ODD):
            yield snapshot(pipeline_spec={"steps": [], field: odd})
        for field, odd in itertools.product(StepConfiguration.model_fields, ODD):
            config = {"name": "s", field: odd}
            yield snapshot(step_configurations={"s": {"spec": {"source": SOURCE, "upstream_steps": []}, "config": config}})
        for field, odd in itertools.product(StepSpec.model_fields, ODD):
            spec = {"source": SOURCE, "upstream_steps": [], field: odd}
            yield snapshot(
                pipeline_spec={"steps": [spec]},
                step_configurations={"s": {"spec": spec, "config": {"name": "s"}}},
            )
        yield from (snapshot(client_environment=odd) for odd in ODD)

    number = taken("/pipeline_snapshots", bodies())
    assert number > 100, number
    found = client.list_snapshots(hydrate=True, size=1000, named_only=False, pipeline=PIPELINE)
    equal(found.total, number)
    for item in found.items:
        assert item.pipeline_configuration and item.step_configurations is not None


@promise
def other_things_are_read():
    taken("/pipeline_builds", (
        {"project": project, "is_local": True, "contains_code": True, "images": {"a": odd}} for odd in ODD
    ))
    taken("/code_repositories", (
        {"project": project, "name": f"c{number}", "config": {}, "source": odd} for number, odd in enumerate(ODD)
    ))
    taken("/tags", ({"name": f"t{number}", "color": odd} for number, odd in enumerate(ODD)))
    taken("/flavors", (
        {"name": f"f{number}", "type": "alerter", "source": "a.B", "integration": None, "config_schema": {}, "display_name": odd}
        for number, odd in enumerate(ODD)
    ))
    client.list_builds(hydrate=True, size=100)
    client.list_code_repositories(hydrate=True, size=100)
    client.list_tags(hydrate=True, size=100)
    client.list_flavors(hydrate=True, size=200)


if __name__ == "__main__":
    keep()
