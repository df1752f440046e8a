"""Programs keep services by the client, as model deployers do."""

from model_servers import FileService
from promises import equal, keep, promise, refused
from terminal import says
from zenml.client import Client
from zenml.services import ServiceConfig, ServiceState, ServiceType

client = Client()
SERVING = ServiceType(type="model-serving", flavor="of-the-suite", name="a server")


def config(name):
    return ServiceConfig(
        name=name, service_name=name, pipeline_name="training", pipeline_step_name="deploy", description=name
    )


@promise
def a_service_is_kept_with_its_model_version():
    version = client.create_model_version(client.create_model("oracle").id, name="one")
    made = client.create_service(config("first"), SERVING, model_version_id=version.id)
    equal((made.name, made.service_type.flavor, made.config["pipeline_name"]), ("first", "of-the-suite", "training"))
    equal(made.model_version.id, version.id)
    refused("EntityExistsError", "configuration", client.create_service, config("first"), SERVING)
    client.create_service(config("second"), SERVING)
    equal([found.name for found in client.list_services(model_version_id=version.id)], ["first"])
    equal([found.name for found in client.get_model_version("oracle", "one").resources.services], ["first"])


@promise
def it_is_found_by_name_and_by_what_made_it():
    equal(client.get_service("first").name, "first")
    equal(client.list_services(flavor="of-the-suite", pipeline_step_name="deploy").total, 2)
    equal(client.list_services(type="no-such").total, 0)
    refused("KeyError", "third", client.get_service, "third")


@promise
def it_is_changed_and_deleted():
    first = client.get_service("first")
    changed = client.update_service(
        first.id,
        name="renamed",
        admin_state=ServiceState.ACTIVE,
        status={"state": "active", "last_error": ""},
        endpoint={"config": {"port": 8000}},
        labels={"of": "suite"},
        prediction_url="http://127.0.0.1:8000/predict",
    )
    equal((changed.name, changed.state, changed.admin_state), ("renamed", ServiceState.ACTIVE, ServiceState.ACTIVE))
    equal((changed.labels, changed.prediction_url), ({"of": "suite"}, "http://127.0.0.1:8000/predict"))
    client.delete_service(first.id)
    equal([found.name for found in client.list_services()], ["second"])


@promise
def a_model_deployer_keeps_its_servers():
    says("model-deployer flavor register model_servers.FileDeployerFlavor", "files")
    says("model-deployer register files --flavor files", "registered")
    says("stack register serving -o default -a default -d files --set", "registered")
    deployer, models = client.active_stack.model_deployer, "model-deployer models"
    config = ServiceConfig(
        name="weather", service_name="weather", model_name="weather", pipeline_name="training", pipeline_step_name="deploy"
    )
    service = deployer.deploy_model(config, FileService.SERVICE_TYPE)
    equal(deployer.deploy_model(config, FileService.SERVICE_TYPE).uuid, service.uuid)
    kept = client.get_service(service.uuid)
    equal((kept.state, kept.prediction_url), (ServiceState.ACTIVE, "http://127.0.0.1:9/weather"))
    says(f"{models} list --pipeline-name training --running", str(service.uuid), "deploy", "weather")
    says(f"{models} list --pipeline-name another", "No served models found")
    says(f"{models} describe {service.uuid}", "training", "http://127.0.0.1:9/weather")
    says(f"{models} get-url {service.uuid}", "http://127.0.0.1:9/weather")
    says(f"{models} logs {service.uuid}", "serving weather")
    says(f"{models} stop {service.uuid}", "stopped")
    equal(client.get_service(service.uuid).state, ServiceState.INACTIVE)
    says(f"{models} list --running", "No served models found")
    says(f"{models} start {service.uuid}", "started")
    equal(client.get_service(service.uuid).state, ServiceState.ACTIVE)
    says(f"{models} delete {service.uuid}", "deleted")
    says(f"{models} describe {service.uuid}", "No model with uuid")
    refused("KeyError", str(service.uuid), client.get_service, service.uuid)


if __name__ == "__main__":
    keep()
