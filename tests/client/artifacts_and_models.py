"""What outlives a run: artifacts, models and their versions, the links between them, and tags."""

from typing import Annotated

from promises import equal, keep, promise, refused
from zenml import (
    ArtifactConfig,
    Model,
    Tag,
    add_tags,
    link_artifact_to_model,
    load_artifact,
    log_metadata,
    pipeline,
    remove_tags,
    save_artifact,
    step,
)
from zenml.client import Client
from zenml.enums import ArtifactType

client = Client()


def ids(page):
    return [found.id for found in page]


def names(tags):
    return sorted(tag.name for tag in tags)


# Artifacts without a run.


@promise
def saved_artifacts_are_loaded_by_name_and_version():
    first = save_artifact([1, 2], "numbers", tags=["saved"], user_metadata={"of": "the suite"})
    second = save_artifact([3], "numbers")
    named = save_artifact({"a": 1}, "numbers", version="special")
    equal([version.version for version in (first, second, named)], ["1", "2", "special"])
    equal(load_artifact("numbers", "1"), [1, 2])
    equal(load_artifact("numbers", "special"), {"a": 1})
    equal(load_artifact(second.id), [3])
    equal(load_artifact("numbers"), {"a": 1})
    found = client.get_artifact_version("numbers", "1")
    equal((names(found.tags), found.run_metadata["of"]), (["saved"], "the suite"))
    equal((found.type.value, found.save_type.value), ("BaseArtifact", "manual"))
    refused("EntityExistsError", "special", save_artifact, 1, "numbers", version="special")
    refused("KeyError", "", load_artifact, "numbers", "17")
    equal(ids(client.list_artifact_versions(artifact="numbers", version_number="gte:2")), [second.id])


@promise
def an_artifact_is_renamed_tagged_and_deleted():
    version = save_artifact("text", "draft")
    client.update_artifact("draft", new_name="final", add_tags=["kept"])
    artifact = client.get_artifact("final")
    equal((names(artifact.tags), artifact.versions["1"].id), (["kept"], version.id))
    refused("KeyError", "draft", client.get_artifact, "draft")
    client.update_artifact_version("final", "1", add_tags=["a", "b"])
    client.update_artifact_version("final", "1", remove_tags=["a"])
    equal(names(client.get_artifact_version("final", "1").tags), ["b"])
    client.delete_artifact("final")
    refused("KeyError", "final", client.get_artifact, "final")
    refused("KeyError", "", client.zen_store.get_artifact_version, version.id)


# Models.


@step(enable_cache=False)
def train() -> Annotated[str, ArtifactConfig(name="weights", artifact_type=ArtifactType.MODEL)]:
    log_metadata({"loss": 0.5}, infer_model=True)
    link_artifact_to_model(save_artifact("by hand", "notes"))
    return "heavy"


@pipeline(model=Model(name="forecast", tags=["weather"], description="of tomorrow", license="MIT"))
def training():
    train()


@promise
def a_pipeline_makes_a_version_of_its_model():
    runs = [client.get_pipeline_run(training().id) for _ in range(2)]
    equal([run.model_version.number for run in runs], [1, 2])
    model = client.get_model("forecast")
    equal((model.description, model.license, names(model.tags)), ("of tomorrow", "MIT", []))
    equal(model.latest_version_name, "2")
    version = client.get_model_version("forecast", 2)
    equal((version.id, names(version.tags)), (runs[1].model_version.id, ["weather"]))
    equal(version.run_metadata, {"loss": 0.5})
    equal(client.get_model_version("forecast").id, version.id)
    for filters, numbers in (({"sort_by": "desc:number"}, [2, 1]), ({"tags": "weather"}, [1, 2])):
        found = client.list_model_versions(model="forecast", **filters)
        equal([version.number for version in found], numbers)


@promise
def a_model_version_is_linked_to_its_run_and_its_artifacts():
    version = client.get_model_version("forecast", 1)
    run = client.list_pipeline_runs(pipeline="training", sort_by="created")[0]
    weights = run.steps["train"].outputs["weights"][0]
    equal(ids(client.list_pipeline_runs(linked_to_model_version_id=version.id)), [run.id])
    links = client.list_model_version_pipeline_run_links(model_version_id=version.id)
    equal([link.pipeline_run.id for link in links], [run.id])
    equal(version.get_model_artifact("weights").id, weights.id)
    equal(version.get_data_artifact("notes").load(), "by hand")
    equal((weights.type.value, weights.load()), ("ModelArtifact", "heavy"))
    links = client.list_model_version_artifact_links(model_version_id=version.id)
    equal(sorted(link.artifact_version.artifact.name for link in links), ["notes", "weights"])
    only = client.list_model_version_artifact_links(model_version_id=version.id, only_model_artifacts=True)
    equal([link.artifact_version.id for link in only], [weights.id])
    equal(ids(client.list_artifact_versions(model_version_id=version.id, artifact="weights")), [weights.id])
    client.delete_model_version_artifact_link(version.id, weights.id)
    equal(client.get_model_version("forecast", 1).get_artifact("weights"), None)
    equal(client.get_artifact_version(weights.id).load(), "heavy")


@promise
def a_model_version_has_a_stage_to_itself():
    first, second = client.get_model_version("forecast", 1), client.get_model_version("forecast", 2)
    first.set_stage("production")
    equal(client.get_model_version("forecast", "production").id, first.id)
    # A RuntimeError where ZenML's own server answers.
    refused("EntityExistsError", "production", second.set_stage, "production")
    second.set_stage("production", force=True)
    equal(client.get_model_version("forecast", "production").id, second.id)
    equal(client.get_model_version("forecast", 1).stage, "archived")
    equal(ids(client.list_model_versions(model="forecast", stage="archived")), [first.id])


@promise
def versions_are_named_found_and_deleted():
    named = client.create_model_version("forecast", name="winter", tags=["cold"])
    equal((named.number, named.name, names(named.tags)), (3, "winter", ["cold"]))
    equal(client.get_model_version("forecast", "winter").id, named.id)
    refused("EntityExistsError", "winter", client.create_model_version, "forecast", name="winter")
    client.update_model_version("forecast", "winter", name="summer", add_tags=["warm"], remove_tags=["cold"])
    equal(names(client.get_model_version("forecast", "summer").tags), ["warm"])
    client.delete_model_version(named.id)
    refused("KeyError", "", client.get_model_version, "forecast", "summer")
    # The number is not given again while a later one may have been seen.
    equal(client.create_model_version("forecast").number, 3)


@promise
def a_used_artifact_version_stays_and_unused_ones_are_pruned():
    run = client.list_pipeline_runs(pipeline="training", sort_by="created")[0]
    weights = run.steps["train"].outputs["weights"][0]
    refused("ValueError", "", client.delete_artifact_version, weights.id)
    unused = save_artifact(1, "unused")
    assert unused.id in ids(client.list_artifact_versions(only_unused=True, size=100))
    # ZenML's own server can't: it answers that an argument is missing.
    client.prune_artifacts()
    equal(ids(client.list_artifact_versions(artifact="unused")), [])
    equal(client.get_artifact_version(weights.id).id, weights.id)


@promise
def a_deleted_model_takes_its_versions_along_and_leaves_runs_and_artifacts():
    version = client.get_model_version("forecast", 1)
    run = client.list_pipeline_runs(pipeline="training", sort_by="created")[0]
    client.delete_model("forecast")
    refused("KeyError", "forecast", client.get_model, "forecast")
    refused("KeyError", "", client.zen_store.get_model_version, version.id)
    equal(client.get_pipeline_run(run.id).model_version, None)
    equal(run.steps["train"].outputs["weights"][0].load(), "heavy")


# Tags.


@step(enable_cache=False)
def produce() -> Annotated[int, "product"]:
    return 1


@pipeline(tags=[Tag(name="newest", exclusive=True), Tag(name="everywhere", cascade=True)])
def tagging():
    produce()


@promise
def an_exclusive_tag_moves_on_and_a_cascading_one_reaches_the_artifacts():
    first, second = (client.get_pipeline_run(tagging().id) for _ in range(2))
    equal(names(client.get_pipeline_run(first.id).tags), ["everywhere"])
    equal(names(second.tags), ["everywhere", "newest"])
    equal(names(second.steps["produce"].output.tags), ["everywhere"])
    equal(ids(client.list_pipeline_runs(tags="newest")), [second.id])


@promise
def tags_are_put_on_and_taken_off():
    version = client.list_artifact_versions(artifact="product")[0]
    for target in ({"pipeline": "tagging"}, {"artifact": "product"}, {"artifact_version_id": version.id}):
        add_tags(["put-on", "stays"], **target)
        remove_tags(["put-on"], **target)
    equal(names(client.get_pipeline("tagging").tags), ["stays"])
    equal(names(client.get_artifact("product").tags), ["stays"])
    equal(names(client.get_artifact_version(version.id).tags), ["everywhere", "stays"])
    equal(ids(client.list_pipelines(tags="stays")), [client.get_pipeline("tagging").id])
    client.delete_tag("stays")
    equal(names(client.get_pipeline("tagging").tags), [])


if __name__ == "__main__":
    keep()
