//! What service connectors are to do otherwise than the reference does.

use serde_json::{Value, json};

use super::bodies::merged;
use super::step::{ADMIN, Scenario, Step, scenario};
use super::wanted::{
    AWS_IS_KEPT, AZURE_IS_KEPT, CALLED_WITHIN, ENDS_UNSAID, GCP_IS_KEPT, HYPERAI_IS_KEPT, IN_THE_OPEN,
    KUBERNETES_IS_ASKED, KUBERNETES_IS_HANDED_OUT, METHOD_ALONE, ONE_FOR_EACH_TYPE, OWN_DESCRIPTION,
    PIECES_OF_SECRETS, TYPE_ALONE, UNKNOWN_IS_KEPT, WHOLE_TYPE, Wanted, ZONE_COUNTS,
};

const SECRET: &str = "open-sesame-5341";

pub fn scenarios() -> Vec<Scenario> {
    vec![kept(), clusters(), called(), changed(), leaving()]
}

fn connector(kind: &str, method: &str, configuration: &Value, more: Value) -> String {
    let body = json!({
        "name": format!("{kind} {method}"), "connector_type": kind, "auth_method": method,
        "configuration": configuration,
    });
    merged(body, more).to_string()
}

/// After it each server's store is looked at: no answer shows what its connector leaves there.
pub const LEAVING: &str = "a connector that has no secrets any longer";
/// The beginning of the name of that connector's secret.
pub const LEFT: &str = "connector-left-behind-";

/// Of types that no server here serves.
fn kept() -> Scenario {
    let id = "6f9619ff-8b86-d011-b42d-00cf4fc964f0";
    let account = json!({
        "type": "service_account", "project_id": "p", "private_key_id": "i", "private_key": SECRET, "client_email": "e",
        "client_id": "c", "auth_uri": "u", "token_uri": "http://169.254.169.254/", "auth_provider_x509_cert_url": "u",
        "client_x509_cert_url": "u",
    });
    let aws = json!({"aws_access_key_id": SECRET, "aws_secret_access_key": SECRET, "region": "eu-west-1"});
    let gcp = json!({"service_account_json": account.to_string()});
    let azure = json!({"tenant_id": id, "client_id": id, "client_secret": SECRET});
    let hyperai = json!({"base64_ssh_key": SECRET, "hostnames": ["h"], "username": "u"});
    let unknown = json!({"key": SECRET});
    let of: [(&str, &str, &str, &Value, &'static Wanted); 5] = [
        ("aws", "secret-key", "aws-generic", &aws, &AWS_IS_KEPT),
        ("gcp", "service-account", "gcp-generic", &gcp, &GCP_IS_KEPT),
        ("azure", "service-principal", "azure-generic", &azure, &AZURE_IS_KEPT),
        ("hyperai", "rsa-key", "hyperai-instance", &hyperai, &HYPERAI_IS_KEPT),
        ("elsewhere", "somehow", "something", &unknown, &UNKNOWN_IS_KEPT),
    ];
    let mut steps = Vec::new();
    for (kind, method, resource, configuration, wanted) in of {
        let more = json!({"resource_types": [resource], "supports_instances": kind == "hyperai"});
        let body = connector(kind, method, configuration, more);
        steps.extend([
            ADMIN.post("/service_connectors", &body).keep("kept"),
            ADMIN.get("/service_connectors/{kept.id}"),
            ADMIN.get("/service_connectors/{kept.id}?expand_secrets=false").wanted(&IN_THE_OPEN),
            ADMIN.post("/service_connectors/verify", &body).wanted(wanted),
            ADMIN.send("PUT", "/service_connectors/{kept.id}/verify").wanted(wanted),
            ADMIN.get("/service_connectors/{kept.id}/client").wanted(wanted),
            ADMIN
                .get(&format!("/service_connectors/resources?connector_type={kind}&resource_type={resource}"))
                .wanted(&ONE_FOR_EACH_TYPE),
            ADMIN.delete("/service_connectors/{kept.id}"),
        ]);
    }
    let token = connector("azure", "access-token", &json!({"token": SECRET}), json!({}));
    steps.push(ADMIN.post("/service_connectors", &token).keep("odd").wanted(&ENDS_UNSAID));
    steps.push(ADMIN.delete("/service_connectors/{odd.id}").tidies());
    Scenario { name: "connectors that are kept only", steps }
}

fn clusters() -> Scenario {
    let cluster = json!({"server": "https://127.0.0.1:1", "cluster_name": "c", "token": SECRET});
    let body = connector("kubernetes", "token", &cluster, json!({}));
    scenario(
        "connectors to clusters",
        [
            ADMIN.post("/service_connectors/verify", &body).wanted(&KUBERNETES_IS_ASKED),
            ADMIN.post("/service_connectors/verify?list_resources=false", &body).wanted(&KUBERNETES_IS_ASKED),
            ADMIN.post("/service_connectors", &body).keep("cluster").compared_elsewhere(),
            ADMIN.send("PUT", "/service_connectors/{cluster.id}/verify").wanted(&KUBERNETES_IS_ASKED),
            ADMIN.get("/service_connectors/{cluster.id}/client").wanted(&KUBERNETES_IS_HANDED_OUT),
            ADMIN.delete("/service_connectors/{cluster.id}"),
        ],
    )
}

/// Each server is led to itself, where only those on its machine may come.
fn called() -> Scenario {
    let client = json!({
        "api_url": "https://api.example", "token_url": "{server.url}/api/v1/users", "client_id": "c",
        "client_secret": SECRET,
    });
    let client = &connector("oauth2", "client-credentials", &client, json!({}));
    let verify = |body: &str| ADMIN.post("/service_connectors/verify", body);
    let described = |step: Step| step.wanted(&OWN_DESCRIPTION);
    let listed = connector("docker", "password", &json!({"username": "u", "password": [SECRET]}), json!({}));
    scenario(
        "what connectors call",
        [
            described(verify(client)).wanted(&CALLED_WITHIN),
            ADMIN.post("/service_connectors", client).keep("calling").compared_elsewhere(),
            described(ADMIN.send("PUT", "/service_connectors/{calling.id}/verify")).wanted(&CALLED_WITHIN),
            ADMIN.get("/service_connectors/{calling.id}/client"),
            verify(&listed).wanted(&PIECES_OF_SECRETS),
            ADMIN.delete("/service_connectors/{calling.id}"),
        ],
    )
}

fn changed() -> Scenario {
    let api = json!({"api_url": "https://api.example", "access_token": SECRET});
    let whole = r#"{"connector_type": {"name": "n", "connector_type": "oauth2", "description": "d", "resource_types": [],
        "auth_methods": []}}"#;
    let put = |body: &str| ADMIN.put("/service_connectors/{api.id}", body);
    let ends = json!({"expires_at": "2090-01-01T01:00:00+02:00"});
    scenario(
        "connectors that are changed in part",
        [
            ADMIN
                .post("/service_connectors", &connector("oauth2", "token", &api, ends))
                .keep("api")
                .wanted(&OWN_DESCRIPTION)
                .wanted(&ZONE_COUNTS),
            put(whole).wanted(&WHOLE_TYPE),
            put(r#"{"auth_method": "client-credentials"}"#).wanted(&METHOD_ALONE),
            ADMIN.delete("/service_connectors/{api.id}"),
        ],
    )
}

fn leaving() -> Scenario {
    let docker = connector(
        "docker",
        "password",
        &json!({"username": "u", "password": SECRET}),
        json!({"name": "Left behind"}),
    );
    let implicit = json!({
        "connector_type": "aws", "auth_method": "implicit", "resource_types": ["aws-generic"],
        "configuration": {"region": "eu-west-1"},
    });
    let implicit = implicit.to_string();
    let put = |body: &str| ADMIN.put("/service_connectors/{left.id}", body);
    scenario(
        LEAVING,
        [
            ADMIN.post("/service_connectors", &docker).keep("left").wanted(&OWN_DESCRIPTION),
            // Without this one the reference takes no other configuration.
            put(r#"{"connector_type": "aws"}"#).wanted(&TYPE_ALONE),
            put(&implicit),
            ADMIN.delete("/service_connectors/{left.id}"),
        ],
    )
}
