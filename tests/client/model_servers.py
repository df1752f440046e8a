"""A model deployer, in a module of its own: the client imports it by what the server keeps of it.

Its servers are files that say whether they run.
"""

from pathlib import Path

from zenml.model_deployers import BaseModelDeployer, BaseModelDeployerFlavor
from zenml.services import ServiceState, ServiceStatus, ServiceType
from zenml.services.service import BaseDeploymentService


class FileService(BaseDeploymentService):
    SERVICE_TYPE = ServiceType(name="files", type="model-serving", flavor="files", description="Files that say so")

    status: ServiceStatus = ServiceStatus()

    @property
    def file(self):
        return Path(f"{self.uuid}.server")

    @property
    def prediction_url(self):
        return f"http://127.0.0.1:9/{self.config.model_name}"

    def check_status(self):
        return (ServiceState.ACTIVE if self.file.exists() else ServiceState.INACTIVE), ""

    def provision(self):
        self.file.write_text(f"serving {self.config.model_name}\n")

    def deprovision(self, force=False):
        self.file.unlink(missing_ok=True)

    def get_logs(self, follow=False, tail=None):
        yield from self.file.read_text().splitlines()


class FileDeployer(BaseModelDeployer):
    NAME = "files"

    def perform_deploy_model(self, id, config, timeout=0):
        service = FileService(uuid=id, config=config)
        service.start(timeout=1)
        return service

    @staticmethod
    def get_model_server_info(service):
        return {"PREDICTION_URL": service.get_prediction_url()}

    def perform_stop_model(self, service, timeout=0, force=False):
        service.stop(timeout=1, force=force)
        return service

    def perform_start_model(self, service, timeout=0):
        service.start(timeout=1)
        return service

    def perform_delete_model(self, service, timeout=0, force=False):
        service.stop(force=True)


class FileDeployerFlavor(BaseModelDeployerFlavor):
    name = "files"
    implementation_class = FileDeployer


FileDeployer.FLAVOR = FileDeployerFlavor
