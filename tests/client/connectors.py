"""The client's commands for service connectors, and for what uses them."""

from promises import equal, keep, promise
from terminal import fails, listed, says
from zenml.client import Client

client = Client()
connector = "service-connector"


@promise
def types_are_described():
    says(f"{connector} list-types", "docker", "kubernetes", "oauth2", "docker-registry", "oauth2-api")
    says(f"{connector} list-types --type docker --resource-type docker-registry --auth-method password", "docker")
    fails(f"{connector} list-types --type none", "")
    says(f"{connector} describe-type docker", "Docker Service Connector", "docker-registry", "password")
    says(f"{connector} describe-type docker --auth-method password", "username", "password", "registry")
    says(f"{connector} describe-type oauth2 --auth-method client-credentials", "token_url", "client_secret")
    says(f"{connector} describe-type kubernetes --resource-type kubernetes-cluster", "Kubernetes cluster")


@promise
def connectors_are_kept():
    register = f"{connector} register"
    password = "--type docker --auth-method password --username=me --password=open-sesame"
    says(f"{register} hub {password} --no-verify --label team=red", "registered")
    fails(f"{register} hub {password} --no-verify", "already exists")
    fails(f"{register} other --type docker --auth-method none --no-verify", "none")
    says(f"{register} own {password} --registry=r.example:5000 --resource-id r.example:5000 --no-verify")
    token = "--type oauth2 --auth-method token --api_url=https://api.example --access_token=open-sesame"
    says(f"{register} api {token} --no-verify --description 'An API'", "registered")
    cluster = "--type kubernetes --auth-method token --server=https://k8s.example --cluster_name=one --token=t"
    says(f"{register} cluster {cluster} --insecure=true --no-verify", "registered")
    equal(client.get_service_connector("cluster").configuration["insecure"], True)
    equal(listed(f"{connector} list"), ["api", "cluster", "hub", "own"])
    equal(listed(f"{connector} list --connector_type docker"), ["hub", "own"])
    equal(listed(f"{connector} list --label team=red"), ["hub"])
    said = says(f"{connector} describe own", "r.example:5000", "docker-registry")
    assert "open-sesame" not in said
    says(f"{connector} describe own --show-secrets", "open-sesame")


@promise
def connectors_are_changed():
    says(f"{connector} update hub --name dockerhub --label team=blue --no-verify", "updated")
    says(f"{connector} update dockerhub --password=changed --no-verify", "updated")
    kept = client.get_service_connector("dockerhub", expand_secrets=True)
    equal(kept.configuration.plain, {"username": "me", "password": "changed"})
    equal(kept.labels, {"team": "blue"})
    says(f"{connector} update own --resource-id other.example:5000 --no-verify", "updated")
    equal(client.get_service_connector("own").resource_id, "other.example:5000")


@promise
def connectors_are_verified():
    says(f"{connector} verify dockerhub", "docker-registry", "docker.io")
    says(f"{connector} verify own --resource-type docker-registry", "r.example:5000")
    says(f"{connector} list-resources --resource-type docker-registry", "dockerhub", "docker.io", "r.example:5000")
    says(f"{connector} register checked --type docker --auth-method password --username=u --password=p", "docker.io")
    says(f"{connector} update checked --description checked", "updated")
    says(f"{connector} describe dockerhub --client --resource-type docker-registry", "docker.io")
    says(f"{connector} delete checked", "Deleted")


@promise
def a_registry_and_a_stack_use_a_connector():
    says("container-registry register hub --flavor dockerhub --uri=docker.io/team", "registered")
    says("container-registry connect hub --connector dockerhub", "dockerhub", "docker.io")
    component = client.get_stack_component("container_registry", "hub")
    equal((component.connector.name, component.connector_resource_id), ("dockerhub", "docker.io"))
    says("container-registry describe hub", "dockerhub", "docker.io")
    # A connector of another kind isn't offered.
    fails("container-registry connect hub --connector api", "")
    says("stack register connected -o default -a default -c hub -sc dockerhub", "registered")
    equal(client.get_stack("connected").labels["zenml:provider"], "docker")
    fails(f"{connector} delete dockerhub", "use it")
    says("stack delete connected -y", "Deleted")
    says("container-registry disconnect hub", "disconnected")
    equal(client.get_stack_component("container_registry", "hub").connector, None)


@promise
def connectors_are_deleted():
    says(f"{connector} delete dockerhub", "Deleted")
    fails(f"{connector} describe dockerhub", "dockerhub")
    for name in ["own", "api", "cluster"]:
        says(f"{connector} delete {name}", "Deleted")
    equal(listed(f"{connector} list"), [])


keep()
