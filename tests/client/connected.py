"""The client's commands reach real far sides by service connectors: a registry, a cluster and an API's provider.

REGISTRY is the registry's host, CLUSTER the cluster's address and CLUSTER_CA its authority in base64, PROVIDER that of the
provider, all of which know the accounts below.
"""

import json
import os
import shlex
import webbrowser

import container_engine
from promises import equal, keep, promise
from terminal import fails, listed, says
from zenml.client import Client
from zenml.container_engines import get_container_engine
from zenml.enums import StackComponentType
from zenml.models import ComponentRequest, FlavorRequest, StackRequest
from zenml.stack import StackComponent

client = Client()
connector = "service-connector"
registry, cluster, provider = (os.environ[name] for name in ["REGISTRY", "CLUSTER", "PROVIDER"])
robot = ("robot", "a robot's password")
container_engine.start()


def register(name, kind, method, **configuration):
    """The command that registers a connector."""
    parts = [shlex.quote(f"--{key}={value}") for key, value in configuration.items()]
    return f"{connector} register {name} --type {kind} --auth-method {method} {' '.join(parts)}"


@promise
def a_registry_is_signed_in_at():
    username, password = robot
    says(register("images", "docker", "password", username=username, password=password, registry=registry), registry)
    says(register("wrong", "docker", "password", username=username, password="another", registry=registry), registry)
    says(f"{connector} verify images", "docker-registry", registry)
    says(f"{connector} list-resources --connector-type docker", "images", "wrong", registry)
    said = says(f"{connector} login images", "successfully configure the local Docker")
    assert password not in said
    equal(container_engine.tried.pop(), (registry, username, 200))
    fails(f"{connector} login wrong", "could not configure the local client")
    equal(container_engine.tried.pop(), (registry, username, 401))
    fails(f"{connector} login images --resource-id elsewhere.example", "elsewhere.example")
    fails(f"{connector} login none", "none")


@promise
def what_a_stack_pushes_to_signs_in_by_its_connector():
    says(f"container-registry register images --flavor default --uri={registry}/team", "registered")
    says("container-registry connect images --connector images", "images", registry)
    says("stack register pushing -o default -a default -c images -sc images --set", "registered")
    found = client.active_stack.container_registry
    equal((found.credentials, found.get_connector().resource_id), (robot, registry))
    get_container_engine().login_registry(found)
    equal(container_engine.tried.pop(), (registry, robot[0], 200))
    says("stack set default")
    says("container-registry disconnect images", "disconnected")
    equal(StackComponent.from_model(client.get_stack_component("container_registry", "images")).credentials, None)
    # Asked which one, with the resources that each reaches.
    says(f"{connector} delete wrong", "Deleted")
    says("container-registry connect images -i", "images", "Successfully connected", answers="y\n")
    equal(client.get_stack_component("container_registry", "images").connector.name, "images")


@promise
def a_cluster_is_asked():
    access = {"server": cluster, "certificate_authority": os.environ["CLUSTER_CA"], "cluster_name": "lab"}
    token = "a service account's token"
    fails(register("lab", "kubernetes", "token", token="another", **access), "401")
    says(register("lab", "kubernetes", "token", token=token, **access), "kubernetes-cluster", "lab")
    says(f"{connector} verify lab", "lab")
    says(f"{connector} update lab --description 'Ours'", "updated")
    fails(f"{connector} update lab --token=another", "401")
    says(f"{connector} list-resources --resource-type kubernetes-cluster", "lab")
    # Without the cluster's own library this client can't use it, and says which one.
    fails(f"{connector} login lab", "kubernetes")


@promise
def all_components_of_a_stack_are_connected():
    request = FlavorRequest(
        name="volumes",
        type=StackComponentType.ARTIFACT_STORE,
        source="volumes.Flavor",
        integration="custom",
        config_schema={},
        connector_type="kubernetes",
        connector_resource_type="kubernetes-cluster",
    )
    client.zen_store.create_flavor(request)
    says("orchestrator register there --flavor kubernetes --kubernetes_context=lab", "registered")
    volumes = ComponentRequest(
        name="volumes", type=StackComponentType.ARTIFACT_STORE, flavor="volumes", configuration={}
    )
    client.zen_store.create_stack_component(volumes)
    says("stack register there -o there -a volumes", "registered")
    says("stack connect there --connector lab", "there", "volumes", "lab")
    for kind, name in [("orchestrator", "there"), ("artifact_store", "volumes")]:
        found = client.get_stack_component(kind, name)
        equal((found.connector.name, found.connector_resource_id), ("lab", "lab"))


@promise
def an_api_gives_access_tokens():
    of_client = {
        "api_url": "https://api.example.org",
        "token_url": f"{provider}/token",
        "client_id": "basic",
    }
    secret = "the secret of basic"
    fails(register("api", "oauth2", "client-credentials", client_secret="another", **of_client), "invalid_client")
    says(register("api", "oauth2", "client-credentials", client_secret=secret, **of_client), "oauth2-api")
    says(f"{connector} verify api", "https://api.example.org")
    given = client.get_service_connector_client("api")
    token = given.config.access_token.get_secret_value()
    assert token and secret not in json.dumps(given.to_response_model().model_dump(mode="json")), "its secret stays"
    says(f"{connector} describe api --client", "oauth2-api")


@promise
def the_sdk_finds_what_connectors_reach():
    kinds = sorted(found.connector_type for found in client.list_service_connector_types())
    equal([kind for kind in kinds if kind in ("docker", "kubernetes", "oauth2")], ["docker", "kubernetes", "oauth2"])
    reached = client.list_service_connector_resources(connector_type="docker")
    equal([(found.name, found.resources[0].resource_ids) for found in reached], [("images", [registry])])
    verified = client.verify_service_connector("lab", resource_type="kubernetes-cluster")
    equal(verified.resources[0].resource_ids, ["lab"])
    equal(sorted(listed(f"{connector} list")), ["api", "images", "lab"])


def as_the_cloud(url):
    """What a cloud's own page does at the end of `stack deploy`: it registers the stack, named and labelled as it is told."""
    equal(url.startswith("https://"), True)
    components = client.get_stack("there").components
    components = {kind: [found.id for found in components[kind]] for kind in components}
    labels = {"zenml:provider": "aws", "zenml:deployment": "cloud-formation"}
    client.zen_store.create_stack(StackRequest(name="of-a-cloud", components=components, labels=labels))
    return True


@promise
def a_cloud_is_led_to_and_its_stack_waited_for():
    fails("stack deploy -p aws -n of-a-cloud -l nowhere", "Invalid location")
    webbrowser.open = as_the_cloud
    said = says("stack deploy -p aws -n of-a-cloud -l eu-central-1 --set", "of-a-cloud", "registered", answers="y\n")
    assert "AWS" in said
    says("stack get", "of-a-cloud")
    says("stack set default")


keep()
