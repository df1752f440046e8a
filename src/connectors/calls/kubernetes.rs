//! Whether a cluster knows whoever a connector says it is.

use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD as BASE64;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};
use url::Url;

use super::{Configuration, Refusal, authorization, post, refused, text, url};
use crate::outbound::{Answer, Identity, Outbound, Tls};

const SERVER: &str = "server";
const WHO: &str = "the cluster";
/// Questions that only those who are signed in may ask: who they are (Kubernetes 1.28 and later), and whether they may
/// do something. What is public, such as the version, tells nothing of a credential.
const REVIEWS: [(&str, &str, &str); 2] = [
    ("authentication.k8s.io/v1", "selfsubjectreviews", "SelfSubjectReview"),
    ("authorization.k8s.io/v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
];
/// What a cluster calls whoever has no credential.
const NOBODY: &str = "system:anonymous";

/// Asks the cluster whom it takes the connector for.
///
/// # Errors
/// [`Refusal`] when it takes it for nobody, or can't be asked.
pub(crate) async fn verify(outbound: &Outbound, configuration: &Configuration) -> Result<(), Refusal> {
    let server = url(configuration, SERVER)?;
    for (group, resource, kind) in REVIEWS {
        let spec = json!({"resourceAttributes": {"verb": "list", "resource": "pods"}});
        let review = match kind {
            "SelfSubjectReview" => json!({"apiVersion": group, "kind": kind}),
            _ => json!({"apiVersion": group, "kind": kind, "spec": spec}),
        };
        let url = below(&server, &format!("apis/{group}/{resource}"));
        let body = ("application/json", review.to_string().into_bytes());
        let answer =
            post(outbound, SERVER, url, credentials(configuration)?, body, tls(configuration)?).await?;
        match answer.status {
            StatusCode::NOT_FOUND => {}
            StatusCode::CREATED | StatusCode::OK => return check(&answer, kind),
            status => return Err(refused(WHO, status, None)),
        }
    }
    Err(Refusal::Answer { who: WHO, problem: "it knows none of the questions that a cluster knows" })
}

fn check(answer: &Answer, kind: &str) -> Result<(), Refusal> {
    let read: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let user = &read["status"]["userInfo"]["username"];
    if read["kind"] != kind {
        return Err(Refusal::Answer { who: WHO, problem: "it is not what a cluster answers" });
    }
    match user == NOBODY {
        true => Err(Refusal::Answer { who: WHO, problem: "it takes the connector for nobody" }),
        false => Ok(()),
    }
}

/// An address below the server's, which may have a path.
fn below(server: &Url, path: &str) -> Url {
    let mut url = server.clone();
    let base = server.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{base}/{path}"));
    url.set_query(None);
    url.set_fragment(None);
    url
}

fn credentials(configuration: &Configuration) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
    if let Some(token) = text(configuration, "token") {
        authorization(&mut headers, "token", format!("Bearer {token}").as_bytes())?;
    } else if let Some((name, password)) =
        text(configuration, "username").zip(text(configuration, "password"))
    {
        let proof = format!("Basic {}", BASE64.encode(format!("{name}:{password}")));
        authorization(&mut headers, "password", proof.as_bytes())?;
    }
    Ok(headers)
}

fn tls(configuration: &Configuration) -> Result<Tls, Refusal> {
    let (certificate, key) = (pem(configuration, "client_certificate")?, pem(configuration, "client_key")?);
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
        (None, None) => None,
        _ => {
            let problem = "a certificate and its key go together";
            return Err(Refusal::Value { attribute: "client_certificate", problem });
        }
    };
    let insecure = configuration.settings.get("insecure").and_then(Value::as_bool).unwrap_or_default();
    Ok(Tls { authority: pem(configuration, "certificate_authority")?, identity, insecure })
}

/// PEM in either alphabet of base64, as kubeconfig files and ZenML's client write it.
fn pem(configuration: &Configuration, attribute: &'static str) -> Result<Option<Vec<u8>>, Refusal> {
    let Some(written) = text(configuration, attribute) else { return Ok(None) };
    let written: String = written.split_whitespace().collect();
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let mut alphabets = [alphabet::STANDARD, alphabet::URL_SAFE].into_iter();
    let decoded = alphabets.find_map(|letters| GeneralPurpose::new(&letters, config).decode(&written).ok());
    decoded.map(Some).ok_or(Refusal::Value { attribute, problem: "it is not base64" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(settings: Value) -> Configuration {
        let Value::Object(settings) = settings else { panic!("an object") };
        Configuration { settings, secrets: Vec::new() }
    }

    #[test]
    fn a_servers_path_is_kept() {
        for (server, asked) in [
            ("https://cluster:6443", "https://cluster:6443/apis/x"),
            ("https://cluster/", "https://cluster/apis/x"),
            ("https://rancher/k8s/clusters/c-1/?a#b", "https://rancher/k8s/clusters/c-1/apis/x"),
        ] {
            assert_eq!(below(&Url::parse(server).unwrap(), "apis/x").as_str(), asked);
        }
    }

    #[test]
    fn certificates_are_read_in_either_alphabet() {
        for written in ["Pz8+", "Pz8-", "Pz8\n+", "P z8-"] {
            let configuration = configuration(json!({"certificate_authority": written}));
            assert_eq!(pem(&configuration, "certificate_authority"), Ok(Some(b"??>".to_vec())), "{written}");
        }
        assert!(pem(&configuration(json!({"certificate_authority": "?"})), "certificate_authority").is_err());
    }

    #[test]
    fn half_an_identity_is_refused() {
        assert!(tls(&configuration(json!({"client_certificate": "Pz8+"}))).is_err());
    }
}
