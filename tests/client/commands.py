"""The client's commands register, list, show, change and delete what the server keeps."""

from promises import equal, keep, promise
from terminal import fails, listed, says
from zenml import Model, pipeline, step
from zenml.client import Client

client = Client()


@promise
def stack_components_are_kept():
    store = "artifact-store"
    says(f"{store} register files --flavor local --path=/tmp/files --label of=suite", "registered")
    fails(f"{store} register files --flavor local", "already exists")
    fails(f"{store} register other --flavor none", "No flavor with name 'none'")
    equal(listed(f"{store} list"), ["default", "files"])
    equal(listed(f"{store} list --name contains:fil"), ["files"])
    says(f"{store} describe files", "/tmp/files", "suite", "'default'")
    says(f"{store} update files --path=/tmp/others --label of=others", "updated")
    says(f"{store} describe files", "/tmp/others", "others")
    says(f"{store} remove-attribute files path", "updated")
    says(f"{store} describe files", "No configuration options")
    says(f"{store} copy files copied")
    says(f"{store} rename copied renamed", "renamed")
    equal(listed(f"{store} list"), ["default", "files", "renamed"])
    says(f"{store} delete renamed", "Deleted")
    fails(f"{store} describe renamed", "renamed")
    fails(f"{store} delete default", "default")
    says(f"{store} flavor list", "local", "s3", "LocalArtifactStoreFlavor")
    says(f"{store} flavor describe local", "path, string")
    says(f"{store} flavor describe s3", "Secret of the access key")
    says("orchestrator flavor describe kubernetes", "Steps at once")
    says("orchestrator register here --flavor local", "registered")
    says("orchestrator describe here", "'here'")
    equal(listed("orchestrator list"), ["default", "here"])


@promise
def stacks_are_kept():
    says("stack register mine -o here -a files", "registered")
    fails("stack register mine -o here -a files", "already exists")
    fails("stack register another -o none -a files", "none")
    equal(listed("stack list"), ["default", "mine"])
    says("stack describe mine", "files", "here")
    says("stack set mine", "mine")
    says("stack get", "'mine'")
    says("stack rename mine ours", "renamed")
    says("stack copy ours copied")
    says("stack update copied -a default", "updated")
    says("stack describe copied", "default", "here")
    fails("orchestrator delete here", "part of 2 stacks")
    fails("stack delete ours -y", "active")
    says("stack delete copied -y", "Deleted")
    says("stack set default")
    says("stack delete ours -y", "Deleted")
    fails("stack describe ours", "ours")
    says("orchestrator delete here", "Deleted")
    equal(listed("stack list"), ["default"])


@promise
def secrets_are_kept():
    says("secret create keys --user=me --pass=word", "created")
    fails("secret create keys --user=me", "already exists")
    says("secret create keys --private --own=one", "created")
    equal(listed("secret list"), ["keys", "keys"])
    equal(listed("secret list --private true"), ["keys"])
    says("secret get keys --private false", "me", "word")
    says("secret get keys --private true", "one")
    # Of the two it takes the public one.
    says("secret update keys --user=you --more=less", "updated")
    says("secret get keys", "you", "word", "less")
    says("secret update keys --remove-keys more", "updated")
    says("secret export keys --filename keys.yaml", "exported")
    says("secret delete keys -y", "deleted")
    fails("secret get keys --private false", "keys")
    says("secret rename keys --new-name locks", "renamed")
    equal(client.get_secret("locks").secret_values, {"own": "one"})
    says("secret create again --values=@keys.yaml", "created")
    equal(client.get_secret("again").secret_values, {"user": "you", "pass": "word"})
    says("secret delete locks -y", "deleted")
    fails("secret get locks", "locks")
    equal(listed("secret list"), ["again"])


@promise
def tags_are_kept():
    says("tag register --name blue-one --color blue", "blue-one")
    fails("tag register --name blue-one", "already exists")
    says("tag register --name any-one --color green")
    equal(listed("tag list"), ["any-one", "blue-one"])
    equal(listed("tag list --name startswith:blue"), ["blue-one"])
    says("tag update blue-one --name red-one --color red", "red-one", "red")
    equal(listed("tag list --color red"), ["red-one"])
    says("tag delete red-one -y", "deleted")
    fails("tag delete red-one -y", "red-one")
    equal(listed("tag list"), ["any-one"])


@step
def answer() -> int:
    return 42


@pipeline(model=Model(name="oracle"))
def asking():
    answer()


@promise
def models_and_their_versions_are_kept():
    says("model register --name forecast --license MIT --description rain --tag wet", "forecast")
    fails("model register --name forecast", "forecast")
    says("model update forecast --name weather --tag dry --remove-tag wet", "weather", "dry")
    equal(listed("model list"), ["weather"])
    for _ in range(2):
        client.create_model_version("weather")
    equal(listed("model version list --model weather", "number"), [1, 2])
    says("model version update weather 1 --stage production --tag used")
    equal(client.get_model_version("weather", "production").number, 1)
    # It asks whether to archive the other one, and there is nobody to answer.
    fails("model version update weather 2 --stage production", "")
    says("model version update weather 2 --stage production --force --name summer")
    equal(listed("model version list --model weather --stage production", "number"), [2])
    says("model version delete weather 1 -y", "deleted")
    equal(listed("model version list --model weather", "number"), [2])
    says("model delete weather -y", "deleted")
    fails("model delete weather -y", "weather")
    equal(listed("model list"), [])


@promise
def runs_and_what_they_made_are_kept():
    first, second = (asking().id for _ in range(2))
    equal(listed("pipeline list"), ["asking"])
    equal(listed("pipeline runs list --pipeline asking", "id"), sorted([str(first), str(second)]))
    equal(listed("pipeline runs list --pipeline asking", "status"), ["completed", "completed"])
    equal(listed("pipeline runs list --status failed", "id"), [])
    equal(listed("model version list --model oracle", "number"), [1, 2])
    name = client.get_pipeline_run(first).steps["answer"].output.name
    says("model data_artifacts oracle --model_version 1", name[:20])
    says("model runs oracle --model_version 1", client.get_pipeline_run(first).name)
    says(f"pipeline runs delete {second} -y", "Deleted")
    equal(listed("pipeline runs list", "id"), [str(first)])
    fails(f"pipeline runs delete {second} -y", str(second))
    says("pipeline snapshot list")


@promise
def artifacts_and_their_versions_are_kept():
    artifact = client.list_artifacts(size=1)[0]
    version = artifact.versions["1"]
    says(f"artifact update {artifact.id} --name found --tag kept", "updated")
    equal(listed("artifact list --name found"), ["found"])
    says("artifact version update found --version 1 --tag first", "updated")
    says("artifact version describe found --version 1", version.uri)
    equal(listed("artifact version list --tags first", "id"), [str(version.id)])
    fails(f"artifact version delete {version.id} -y", "")
    says("pipeline delete asking -y", "Deleted")
    equal(listed("pipeline list"), [])
    says(f"artifact version delete {version.id} -y", "deleted")
    equal(listed("artifact version list --artifact found", "id"), [])


@promise
def projects_are_kept():
    says("project register second --display-name 'The second' --set", "created", "set to second")
    fails("project register second", "second")
    fails("project register Second", "should match")
    equal(listed("project list"), ["default", "second"])
    says("project describe second", "The second")
    client.update_project("second", new_name="third", new_description="renamed")
    says("project describe third", "renamed")
    fails("project delete third", "active")
    says("project set default", "set to default")
    says("project delete third", "deleted")
    fails("project describe third", "third")
    equal(listed("project list"), ["default"])


if __name__ == "__main__":
    keep()
