use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::*;

fn method(kind: &str, word: &str) -> &'static AuthMethod {
    find(kind).unwrap().method(word).unwrap()
}

fn sent(json: Value) -> SentConfiguration {
    serde_json::from_value(json).unwrap()
}

/// The settings and the secrets that are read, or the refusal.
fn read(kind: &str, word: &str, json: Value) -> Result<(Value, Value), String> {
    let read = method(kind, word).read(sent(json)).map_err(|error| error.to_string())?;
    let secrets = read.secrets.iter().map(|(name, secret)| (name.clone(), secret.expose_secret().into()));
    Ok((Value::Object(read.settings), Value::Object(secrets.collect())))
}

#[test]
fn what_is_listed_is_what_is_served() {
    assert_eq!(listed().map(|known| known.word).collect::<Vec<_>>(), ["docker", "kubernetes", "oauth2"]);
    for kind in ["aws", "gcp", "azure", "hyperai"] {
        assert!(find(kind).is_some() && find_listed(kind).is_none(), "{kind}");
        assert!(matches!(TypeAnswer::of(kind), TypeAnswer::Word(word) if word == kind));
    }
    assert!(find("Docker").is_none() && find("").is_none());
}

#[test]
fn a_type_is_described_as_clients_read_it() {
    let described: Value =
        serde_json::from_str(find("oauth2").unwrap().description().unwrap().get()).unwrap();
    let [resource] = described["resource_types"].as_array().unwrap().as_slice() else {
        panic!("{described}")
    };
    assert_eq!(resource["auth_methods"], json!(["client-credentials", "refresh-token", "token"]));
    let schema = &described["auth_methods"][1]["config_schema"];
    let properties = &schema["properties"];
    assert_eq!(properties["refresh_token"]["format"], "password");
    assert_eq!(properties["refresh_token"]["writeOnly"], true);
    let optional = json!([{"type": "string", "format": "password", "writeOnly": true}, {"type": "null"}]);
    assert_eq!(
        (&properties["client_secret"]["anyOf"], &properties["client_secret"]["default"]),
        (&optional, &Value::Null)
    );
    assert_eq!(schema["required"], json!(["api_url", "token_url", "client_id", "refresh_token"]));
    let reference = properties["client_auth_method"]["$ref"].as_str().unwrap().trim_start_matches("#/$defs/");
    assert_eq!(schema["$defs"][reference]["enum"], json!(["client_secret_basic", "client_secret_post"]));
    assert_eq!(properties["token_params"]["additionalProperties"], json!({"type": "string"}));
    // Forms and options are in this order.
    let text = find("docker").unwrap().description().unwrap().get();
    let places = ["\"username\"", "\"password\":", "\"registry\""].map(|name| text.find(name).unwrap());
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn every_attribute_of_every_method_is_said_once_and_is_labelled() {
    for known in TYPES {
        assert!(!known.description.is_empty() && known.logo_url.starts_with("https://"), "{}", known.word);
        for method in known.methods {
            let mut names: Vec<&str> = method.attributes.iter().map(|it| it.name).collect();
            names.sort_unstable();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{}: {names:?}", method.word);
            assert!(method.attributes.iter().all(|it| !it.title.is_empty()));
        }
    }
}

#[test]
fn secrets_are_read_apart_and_what_is_unknown_is_dropped() {
    let docker =
        json!({"username": "u", "password": "p", "registry": "r.example:5000", "other": 1, "username2": "s"});
    let expected = (json!({"registry": "r.example:5000"}), json!({"username": "u", "password": "p"}));
    assert_eq!(read("docker", "password", docker), Ok(expected));
    let aws = json!({"aws_access_key_id": "AKIA", "aws_secret_access_key": "k", "aws_session_token": "t", "region": "eu"});
    let (settings, secrets) = read("aws", "sts-token", aws.clone()).unwrap();
    assert_eq!((settings, secrets.as_object().unwrap().len()), (json!({"region": "eu"}), 3));
    // What is no attribute of the method isn't kept, in the open or otherwise.
    let (settings, secrets) = read("aws", "secret-key", aws).unwrap();
    assert_eq!((settings, secrets.get("aws_session_token")), (json!({"region": "eu"}), None));
}

#[test]
fn values_are_read_in_their_forms() {
    let oauth2 = |name: &str, value: Value| {
        let all =
            json!({"api_url": "a", "token_url": "t", "client_id": "c", "client_secret": "s", name: value});
        read("oauth2", "client-credentials", all).map(|(settings, _)| settings.get(name).cloned())
    };
    for (name, value, kept) in [
        ("client_auth_method", json!("client_secret_post"), Some(json!("client_secret_post"))),
        ("client_auth_method", Value::Null, None),
        ("client_auth_method", json!(""), None),
        ("token_params", json!({"a": "b"}), Some(json!({"a": "b"}))),
        ("token_params", json!(r#"{"a": "b"}"#), Some(json!({"a": "b"}))),
        ("scope", json!(""), Some(json!(""))),
    ] {
        assert_eq!(oauth2(name, value.clone()), Ok(kept), "{name} {value}");
    }
    for (name, value) in [
        ("client_auth_method", json!("none")),
        ("client_auth_method", json!(1)),
        ("token_params", json!({"a": 1})),
        ("token_params", json!(["a"])),
        ("token_params", json!("a=b")),
        ("token_params", json!({"grant_type": "password"})),
        ("token_params", json!({"SCOPE": "all"})),
        ("token_headers", json!({"authorization": "Basic x"})),
        ("scope", json!(["a"])),
        ("api_url", json!(7)),
        ("client_secret", json!(7)),
        ("client_secret", Value::Null),
    ] {
        assert!(oauth2(name, value.clone()).is_err(), "{name} {value}");
    }
    let insecure = |value: Value| {
        let all = json!({"token": "t", "server": "s", "cluster_name": "c", "insecure": value});
        read("kubernetes", "token", all).map(|(settings, _)| settings.get("insecure").cloned())
    };
    assert_eq!(insecure(json!("True")), Ok(Some(json!(true))));
    assert_eq!(insecure(json!(0)), Ok(Some(json!(false))));
    assert!(
        insecure(json!("perhaps")).is_err() && insecure(json!(2)).is_err() && insecure(json!([])).is_err()
    );
    let hosts = |value: Value| {
        let all = json!({"base64_ssh_key": "k", "username": "u", "hostnames": value});
        read("hyperai", "rsa-key", all).map(|(settings, _)| settings["hostnames"].clone())
    };
    assert_eq!(hosts(json!("a, b")), Ok(json!(["a", "b"])));
    assert_eq!(hosts(json!(r#"["a"]"#)), Ok(json!(["a"])));
    assert!(hosts(json!([1])).is_err() && hosts(json!([])).is_err() && hosts(json!({"a": 1})).is_err());
    let tenant = |value: Value| {
        let all = json!({"client_secret": "s", "client_id": "6f9619ff8b86d011b42d00cf4fc964f0", "tenant_id": value});
        read("azure", "service-principal", all).map(|(settings, _)| settings["client_id"].clone())
    };
    let id = "6f9619ff-8b86-d011-b42d-00cf4fc964f0";
    assert_eq!(tenant(json!(id)), Ok(json!(id)));
    assert!(tenant(json!("contoso")).is_err() && tenant(json!("")).is_err());
}

#[test]
fn the_json_of_an_account_is_one() {
    let user =
        json!({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"});
    let account = |json: String| {
        let all = json!({"user_account_json": json, "project_id": "p"});
        read("gcp", "user-account", all).map(|(settings, _)| settings)
    };
    for json in [user.to_string(), STANDARD.encode(user.to_string())] {
        assert_eq!(account(json), Ok(json!({"project_id": "p"})));
    }
    let of_service =
        json!({"type": "service_account", "client_id": "c", "client_secret": "s", "refresh_token": "r"});
    for wrong in
        [of_service.to_string(), "{}".into(), "secret5341".into(), String::new(), STANDARD.encode("[]")]
    {
        let refusal = account(wrong).unwrap_err();
        assert!(refusal.contains("authorized_user") && !refusal.contains("5341"), "{refusal}");
    }
}

#[test]
fn a_refusal_repeats_nothing_that_was_sent() {
    let wrong = json!({"username": ["5341"], "password": "5341", "5341": "5341"});
    let refusal = read("docker", "password", wrong.clone()).unwrap_err();
    assert!(refusal.contains("username") && !refusal.contains("5341"), "{refusal}");
    assert!(!format!("{:?}", sent(wrong)).contains("5341"));
}

#[test]
fn credentials_end_within_the_bounds_of_their_method() {
    let fits = |kind, word, ends, seconds| method(kind, word).check_expiry(ends, seconds).is_ok();
    assert!(fits("docker", "password", false, None) && fits("docker", "password", true, None));
    assert!(!fits("docker", "password", false, Some(3600)) && !fits("docker", "password", false, Some(0)));
    for (seconds, is_right) in
        [(899, false), (900, true), (129_600, true), (129_601, false), (-1, false), (0, true)]
    {
        assert_eq!(fits("aws", "session-token", false, Some(seconds)), is_right, "{seconds}");
    }
    assert!(
        fits("aws", "iam-role", false, Some(1_000_000)) && !fits("gcp", "impersonation", false, Some(3601))
    );
    assert!(!fits("azure", "access-token", false, None) && fits("azure", "access-token", true, None));
}

#[test]
fn ids_have_the_forms_of_their_resource() {
    let settings =
        json!({"region": "eu-west-1", "project_id": "p-1", "resource_group": "", "hostnames": ["h"]});
    let of = |kind: &str, word: &str, id: &str| {
        let known = find(kind).unwrap().resource_type(word).unwrap();
        known.canonical_id(settings.as_object().unwrap(), id).ok()
    };
    for (kind, word, id, expected) in [
        ("docker", "docker-registry", "https://index.docker.io/v1/", "docker.io"),
        ("docker", "docker-registry", "r.example:5000/team/image", "r.example:5000"),
        ("docker", "docker-registry", "http://localhost", "localhost"),
        ("oauth2", "oauth2-api", "any thing", "any thing"),
        ("kubernetes", "kubernetes-cluster", "c", "c"),
        ("aws", "s3-bucket", "arn:aws:s3:::my-bucket/a/b", "s3://my-bucket"),
        ("aws", "s3-bucket", "my.bucket", "s3://my.bucket"),
        ("aws", "kubernetes-cluster", "arn:aws:eks:eu-west-1:123456789012:cluster/one", "one"),
        ("aws", "kubernetes-cluster", "One_2", "One_2"),
        (
            "aws",
            "docker-registry",
            "arn:aws:ecr:eu-west-1:123456789012:repository/x",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        ),
        (
            "aws",
            "docker-registry",
            "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/x",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        ),
        ("gcp", "gcs-bucket", "gs://my_bucket/a", "gs://my_bucket"),
        ("gcp", "kubernetes-cluster", "one-2", "one-2"),
        ("gcp", "docker-registry", "https://eu-docker.pkg.dev/p-1/repo/image", "eu-docker.pkg.dev/p-1/repo"),
        (
            "gcp",
            "docker-registry",
            "projects/p-1/locations/eu/repositories/repo",
            "eu-docker.pkg.dev/p-1/repo",
        ),
        ("gcp", "docker-registry", "us.gcr.io/other", "us.gcr.io/other"),
        ("azure", "blob-container", "abfs://my-files/a", "az://my-files"),
        ("azure", "kubernetes-cluster", "group/one", "group/one"),
        ("azure", "kubernetes-cluster", "one", "one"),
        ("azure", "docker-registry", "https://one.azurecr.io/x", "one.azurecr.io"),
        ("azure", "docker-registry", "one", "one.azurecr.io"),
        ("hyperai", "hyperai-instance", "h", "h"),
    ] {
        assert_eq!(of(kind, word, id).as_deref(), Some(expected), "{kind} {id}");
    }
    for (kind, word, id) in [
        ("docker", "docker-registry", "!!"),
        ("docker", "docker-registry", ""),
        ("docker", "docker-registry", "ftp://r.example"),
        ("docker", "docker-registry", "r.example:port"),
        ("aws", "s3-bucket", "s3://Capital"),
        ("aws", "s3-bucket", "ab"),
        ("aws", "s3-bucket", "my-bucket/a"),
        ("aws", "kubernetes-cluster", "arn:aws:eks:us-east-1:123456789012:cluster/one"),
        ("aws", "kubernetes-cluster", "-one"),
        ("aws", "docker-registry", "123456789012.dkr.ecr.us-east-1.amazonaws.com"),
        ("aws", "docker-registry", "1234.dkr.ecr.eu-west-1.amazonaws.com"),
        ("gcp", "gcs-bucket", "gs://Capital"),
        ("gcp", "kubernetes-cluster", "-one"),
        ("gcp", "docker-registry", "eu-docker.pkg.dev/p-2/repo"),
        ("gcp", "docker-registry", "xx.gcr.io/p-1"),
        ("azure", "blob-container", "my--files"),
        ("azure", "kubernetes-cluster", "a/b/c"),
        ("azure", "docker-registry", "one.example"),
        ("hyperai", "hyperai-instance", "other"),
    ] {
        assert_eq!(of(kind, word, id), None, "{kind} {id}");
    }
}

#[test]
fn the_only_resource_is_known_from_the_configuration() {
    let default = |kind: &str, word: &str, settings: Value| {
        let known = find(kind).unwrap().resource_type(word).unwrap();
        (known.ids.default)(settings.as_object().unwrap())
    };
    let docker = |settings: Value| default("docker", "docker-registry", settings);
    assert_eq!(docker(json!({})).as_deref(), Some("docker.io"));
    assert_eq!(docker(json!({"registry": ""})).as_deref(), Some("docker.io"));
    assert_eq!(docker(json!({"registry": "https://r.example/x"})).as_deref(), Some("r.example"));
    assert_eq!(default("oauth2", "oauth2-api", json!({"api_url": "a"})).as_deref(), Some("a"));
    assert_eq!(
        default("kubernetes", "kubernetes-cluster", json!({"cluster_name": "c"})).as_deref(),
        Some("c")
    );
    assert_eq!(default("aws", "s3-bucket", json!({"region": "r"})), None);
}

#[test]
fn secrets_that_zenml_kept_in_the_open_are_withheld() {
    let mut settings = json!({"aws_secret_access_key": "k", "region": "eu"}).as_object().unwrap().clone();
    withhold("aws", &mut settings);
    assert_eq!(Value::Object(settings), json!({"region": "eu"}));
    let mut settings = json!({"key": "k", "count": 5}).as_object().unwrap().clone();
    withhold("elsewhere", &mut settings);
    assert_eq!(Value::Object(settings), json!({"count": 5}));
    let read = read_unknown(sent(json!({"key": "k", "count": 5})));
    assert_eq!((Value::Object(read.settings), read.secrets.len()), (json!({"count": 5}), 1));
}
