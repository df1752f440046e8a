//! Rules and their changes as they are said at the terminal, and as the API takes them.

use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use strum::IntoStaticStr;

use super::super::CliError;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo trust add train --account ci --github acme/app --branch main\n  \
                        zendo trust add pods --account ci --kubernetes ml/trainer --issuer https://k8s.example.com\n  \
                        zendo trust add own --account ci --issuer https://id.example.com --condition 'sub=job-*'")]
pub(super) struct AddArgs {
    /// What to call the rule
    name: String,
    /// The service account that the tokens are of, by name or id
    #[arg(long)]
    account: String,
    /// GitHub Actions of this repository
    #[arg(long, value_name = "OWNER/NAME", conflicts_with_all = ["gitlab", "kubernetes", "buildkite"])]
    github: Option<String>,
    /// GitLab jobs of this project
    #[arg(long, value_name = "GROUP/PROJECT", conflicts_with_all = ["kubernetes", "buildkite"])]
    gitlab: Option<String>,
    /// Kubernetes pods of this service account; --issuer is the cluster's
    #[arg(long, value_name = "NAMESPACE/ACCOUNT", conflicts_with = "buildkite")]
    kubernetes: Option<String>,
    /// Buildkite jobs of this pipeline
    #[arg(long, value_name = "ORGANIZATION/PIPELINE")]
    buildkite: Option<String>,
    /// Only of this branch
    #[arg(long)]
    branch: Option<String>,
    /// Only of this environment, of GitHub or GitLab
    #[arg(long)]
    environment: Option<String>,
    /// Only of this workflow of GitHub, by its file: train.yml
    #[arg(long, value_name = "FILE")]
    workflow: Option<String>,
    #[command(flatten)]
    parts: Parts,
}

/// What both a new rule and a change may say.
#[derive(Debug, Args)]
struct Parts {
    /// Who issues the tokens, as they say (iss); for the forms, an own server
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// What a token has to say; `*` stands for any text; can be repeated
    ///
    /// Several for one claim are choices. In a change these take the place of all that the rule has. Claims within others
    /// have / between their names: kubernetes.io/namespace.
    #[arg(long = "condition", value_name = "CLAIM=TEXT")]
    conditions: Vec<String>,
    /// A file with the issuer's keys (a JWK Set), where the server can't reach it
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Who the tokens have to be for; the server itself, unless a rule says otherwise
    #[arg(long)]
    audience: Option<String>,
    /// What they may do, such as `runs:write`; can be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// The projects that they are for; can be repeated
    #[arg(long = "project", value_name = "PROJECT")]
    projects: Vec<String>,
    /// Networks that they are taken from; can be repeated
    #[arg(long = "address", value_name = "CIDR")]
    addresses: Vec<String>,
    /// How long they live, at most
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    expires_in: Option<u64>,
    /// What the rule is for
    #[arg(long)]
    description: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  zendo trust update train --condition repository=acme/app --condition ref=refs/heads/main\n  \
                        zendo trust update train --scope runs:write --without addresses\n  \
                        zendo trust update train --deactivate"
)]
pub(super) struct UpdateArgs {
    /// The rule's name or id
    pub name: String,
    /// What to call it from now on
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
    /// The service account that the tokens are of, by name or id
    #[arg(long)]
    account: Option<String>,
    #[command(flatten)]
    parts: Parts,
    /// Take a limit away; can be repeated
    #[arg(long, value_name = "PART")]
    without: Vec<Part>,
    /// Take tokens by it again
    #[arg(long, conflicts_with = "deactivate")]
    activate: bool,
    /// Take no tokens by it until it is activated
    #[arg(long)]
    deactivate: bool,
}

/// What a rule may do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
enum Part {
    /// The tokens may do all that the account may
    Scope,
    /// They are for all projects
    Projects,
    /// They are taken from everywhere
    Addresses,
    /// They live as long as the server lets them
    ExpiresIn,
    /// The issuer's keys are looked up
    Jwks,
    Description,
}

impl Part {
    /// Its name in the API.
    fn name(self) -> &'static str {
        self.into()
    }
}

impl Parts {
    /// As the API takes them.
    fn fields(&self) -> Result<Map<String, Value>, CliError> {
        let list = |texts: &[String]| (!texts.is_empty()).then(|| json!(texts));
        let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
        let fields = [
            ("issuer", text(&self.issuer)),
            ("conditions", self.conditions()?),
            ("jwks", self.jwks.as_ref().map(read_json).transpose()?),
            ("audience", text(&self.audience)),
            ("scope", (!self.scopes.is_empty()).then(|| json!(self.scopes.join(" ")))),
            ("projects", list(&self.projects)),
            ("addresses", list(&self.addresses)),
            ("expires_in", self.expires_in.map(|seconds| json!(seconds))),
            ("description", text(&self.description)),
        ];
        Ok(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }

    fn conditions(&self) -> Result<Option<Value>, CliError> {
        let mut conditions: Map<String, Value> = Map::new();
        for text in &self.conditions {
            let (claim, value) = text
                .split_once('=')
                .ok_or_else(|| CliError::usage(format!("--condition {text}: it has to be CLAIM=TEXT")))?;
            let texts = conditions.entry(claim).or_insert_with(|| json!([]));
            if let Some(texts) = texts.as_array_mut() {
                texts.push(json!(value));
            }
        }
        Ok((!conditions.is_empty()).then_some(Value::Object(conditions)))
    }
}

fn read_json(path: &PathBuf) -> Result<Value, CliError> {
    let failed = |reason: String| CliError::failure(format!("{}: {reason}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}

impl UpdateArgs {
    /// What is to change, as the API takes it.
    pub(super) fn changes(&self) -> Result<Value, CliError> {
        let mut changes = self.parts.fields()?;
        for part in &self.without {
            let nothing = if *part == Part::Description { json!("") } else { Value::Null };
            if changes.insert(part.name().to_owned(), nothing).is_some() {
                let text = format!("{} is said, and --without it, too", part.name().replace('_', "-"));
                return Err(CliError::usage(text));
            }
        }
        let more = [
            ("name", self.rename.as_ref().map(|name| json!(name))),
            ("service_account", self.account.as_ref().map(|account| json!(account))),
            ("active", (self.activate || self.deactivate).then(|| json!(self.activate))),
        ];
        changes.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        match changes.is_empty() {
            true => Err(CliError::usage("nothing is said that is to change; `--help` lists what may")),
            false => Ok(Value::Object(changes)),
        }
    }
}

impl AddArgs {
    /// As the API takes it.
    pub(super) fn rule(&self) -> Result<Value, CliError> {
        let mut rule = self.parts.fields()?;
        if let Some(form) = self.form()? {
            rule.insert("form".to_owned(), form);
        }
        // A cluster's issuer is part of its form.
        if self.kubernetes.is_some() {
            rule.remove("issuer");
        }
        rule.insert("name".to_owned(), json!(self.name));
        rule.insert("service_account".to_owned(), json!(self.account));
        Ok(Value::Object(rule))
    }

    fn form(&self) -> Result<Option<Value>, CliError> {
        let two = |text: &str, what: &str| match text.split_once('/') {
            Some((first, second)) => Ok((first.to_owned(), second.to_owned())),
            None => Err(CliError::usage(format!("{text}: it has to be {what}"))),
        };
        let mut form = if let Some(repository) = &self.github {
            json!({"kind": "github", "repository": repository})
        } else if let Some(project) = &self.gitlab {
            json!({"kind": "gitlab", "project": project})
        } else if let Some(account) = &self.kubernetes {
            let (namespace, account) = two(account, "NAMESPACE/ACCOUNT")?;
            let issuer = self.parts.issuer.as_ref();
            let issuer =
                issuer.ok_or_else(|| CliError::usage("--kubernetes needs the cluster's --issuer"))?;
            json!({"kind": "kubernetes", "issuer": issuer, "namespace": namespace, "service_account": account})
        } else if let Some(pipeline) = &self.buildkite {
            let (organization, pipeline) = two(pipeline, "ORGANIZATION/PIPELINE")?;
            json!({"kind": "buildkite", "organization": organization, "pipeline": pipeline})
        } else {
            Value::Null
        };
        let parts = [
            ("branch", &self.branch, &["github", "gitlab", "buildkite"][..]),
            ("environment", &self.environment, &["github", "gitlab"]),
            ("workflow", &self.workflow, &["github"]),
        ];
        for (name, value, kinds) in parts {
            let Some(value) = value else { continue };
            if !kinds.iter().any(|kind| form["kind"] == *kind) {
                let forms: Vec<String> = kinds.iter().map(|kind| format!("--{kind}")).collect();
                return Err(CliError::usage(format!("--{name} goes with {}", forms.join(" or "))));
            }
            form[name] = json!(value);
        }
        Ok((!form.is_null()).then_some(form))
    }
}
