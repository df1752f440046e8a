"""The client's own libraries: for connectors of a type that the server doesn't serve it does all by itself, with the secrets
that it reads; for one that is served it takes what the server hands out to where that leads.

CLUSTER is a cluster's address and CLUSTER_CA its authority in base64, which knows the account below.
"""

import base64
import io
import json
import os
import shlex
import subprocess

import paramiko
import ssh_instance
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kubernetes.client import (
    AuthorizationV1Api,
    V1ResourceAttributes,
    V1SelfSubjectAccessReview,
    V1SelfSubjectAccessReviewSpec,
)
from promises import equal, keep, promise, refused
from terminal import fails, says
from zenml.client import Client

client = Client()
connector = "service-connector"
hosts = ["one.lab", "two.lab"]
phrase = "a phrase of hers"
token = "a service account's token"


def new_key():
    """A private key that its phrase opens, as a file has it."""
    encryption = serialization.BestAvailableEncryption(phrase.encode())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption)
    return Ed25519PrivateKey.generate().private_bytes(*form).decode()


def register(name, kind, method, **configuration):
    """The command that registers a connector."""
    parts = [shlex.quote(f"--{key}={value}") for key, value in configuration.items()]
    return f"{connector} register {name} --type {kind} --auth-method {method} {' '.join(parts)}"


def instances(name, key, **more):
    """The same for those by SSH."""
    encoded = base64.b64encode(key.encode()).decode()
    access = {"base64_ssh_key": encoded, "ssh_passphrase": phrase, "hostnames": ",".join(hosts), "username": "ada"}
    return register(name, "hyperai", "ed25519-key", **{**access, **more})


def kept(name):
    return client.get_service_connector(name, expand_secrets=False)


key = new_key()
known = paramiko.Ed25519Key.from_private_key(io.StringIO(key), password=phrase)
ssh_instance.start(hosts, "ada", known)


@promise
def a_type_that_no_server_serves_is_the_clients_own():
    found = client.get_service_connector_type("hyperai")
    equal((found.local, found.remote), (True, False))
    served = client.get_service_connector_type("kubernetes")
    equal((served.local, served.remote), (True, True))
    says(f"{connector} list-types --type hyperai", "HyperAI", "hyperai-instance", "ed25519-key")


@promise
def it_signs_in_by_itself_before_it_registers_one():
    fails(instances("strange", new_key()), "Could not create SSH client")
    fails(instances("nobody", key, username="eve"), "Could not create SSH client")
    equal([was_let_in for _, _, was_let_in in ssh_instance.tried], [False, False])
    refused("KeyError", "strange", client.get_service_connector, "strange")
    ssh_instance.tried.clear()
    says(instances("machines", key), "registered", *hosts)
    equal(ssh_instance.tried, [("ada", known.fingerprint, True)] * len(ssh_instance.tried))
    assert len(ssh_instance.tried) >= len(hosts), ssh_instance.tried


@promise
def what_it_needs_for_that_is_a_secret_at_the_server():
    shown = kept("machines")
    equal(shown.configuration.plain, {"hostnames": hosts, "username": "ada"})
    said = says(f"{connector} describe machines", "ada")
    assert phrase not in said
    says(f"{connector} describe machines --show-secrets", phrase)


@promise
def it_verifies_and_lists_what_they_reach_by_itself():
    ssh_instance.tried.clear()
    says(f"{connector} verify machines", "hyperai-instance", *hosts)
    says(f"{connector} verify machines --resource-type hyperai-instance --resource-id two.lab", "two.lab")
    fails(f"{connector} verify machines --resource-type hyperai-instance --resource-id three.lab", "three.lab")
    says(f"{connector} list-resources --resource-type hyperai-instance", "machines", *hosts)
    assert len(ssh_instance.tried) >= 2 * len(hosts) + 1, ssh_instance.tried
    equal({was_let_in for _, _, was_let_in in ssh_instance.tried}, {True})


@promise
def it_works_there():
    given = client.get_service_connector_client("machines", "hyperai-instance", "two.lab")
    with given.connect() as instance:
        sent, said, _ = instance.exec_command("docker compose up")
        sent.channel.shutdown_write()
        equal(said.read().decode(), "asked: docker compose up")


def cluster(**more):
    """The command that registers the cluster's connector."""
    access = {"server": os.environ["CLUSTER"], "certificate_authority": os.environ["CLUSTER_CA"], "cluster_name": "lab"}
    return register("lab", "kubernetes", "token", **{"token": token, **access, **more})


@promise
def a_clusters_library_signs_in_with_what_the_server_hands_out():
    fails(cluster(token="another"), "401")
    says(cluster(), "registered", "lab")
    api = client.get_service_connector_client("lab").connect()
    wanted = V1ResourceAttributes(verb="list", resource="pods")
    review = V1SelfSubjectAccessReview(spec=V1SelfSubjectAccessReviewSpec(resource_attributes=wanted))
    answer = AuthorizationV1Api(api).create_self_subject_access_review(review)
    equal((answer.spec.resource_attributes.resource, answer.status.allowed), ("pods", False))


@promise
def a_login_leaves_kubectl_signed_in():
    said = says(f"{connector} login lab", "successfully", "lab")
    assert token not in said
    with open("review.json", "w") as review:
        json.dump({"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}, review)
    asked = ["kubectl", "create", "--raw", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "-f", "review.json"]
    answer = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    equal(answer["status"]["userInfo"]["username"], "system:serviceaccount:default:zendo")


keep()
