//! `zendo trust`: whose tokens are taken in exchange for one of a service account.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::output::{self, Output};
use super::{CliError, EXIT_FAILURE, password, program};
use crate::client::claims::Unverified;
use crate::client::config_file::ConfigFile;
use crate::client::error::printable;
use crate::client::trusts::{self, Trust, TrustTest};
use crate::client::{ClientError, Environment, ServerUrl, Session, target};
use crate::env::clock::{Clock, SystemClock};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo trust add train --account ci --github acme/app --branch main\n  \
                        zendo trust add nightly --account ci --gitlab acme/app --branch main --scope runs:write\n  \
                        zendo trust list\n  zendo trust test token.txt\n  zendo trust remove nightly")]
pub(super) struct TrustArgs {
    /// The server to ask, among those signed in to [default: the active one]
    #[arg(long, value_name = "URL", global = true)]
    server: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take the tokens of somebody, as a service account
    ///
    /// Say whose with one of --github, --gitlab, --kubernetes and --buildkite, or with --issuer and --condition. What is
    /// said beside a form narrows it. Warnings say when a rule trusts more people than it should.
    Add(Box<AddArgs>),
    /// List the rules
    List(ListArgs),
    /// Delete a rule; the tokens that it has given end at once
    Remove(RemoveArgs),
    /// Tell which rule takes a token, and why the others don't
    ///
    /// The token is not exchanged. The exit code is 0 when a rule takes it, 1 when none does.
    Test(TestArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo trust add train --account ci --github acme/app --branch main\n  \
                        zendo trust add pods --account ci --kubernetes ml/trainer --issuer https://k8s.example.com\n  \
                        zendo trust add own --account ci --issuer https://id.example.com --condition 'sub=job-*'")]
struct AddArgs {
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
    /// Who issues the tokens, as they say (iss); for the forms, an own server
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// What a token has to say; `*` stands for any text; can be repeated
    ///
    /// Several for one claim are choices. Claims within others have / between their names: kubernetes.io/namespace.
    #[arg(long = "condition", value_name = "CLAIM=TEXT")]
    conditions: Vec<String>,
    /// A file with the issuer's keys (a JWK Set), where the server can't reach it
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Who the tokens have to be for [default: the server itself]
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
#[command(after_help = "Examples:\n  zendo trust list\n  zendo trust list --output json")]
struct ListArgs {
    /// A table for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  zendo trust remove nightly")]
struct RemoveArgs {
    /// The rule's name or id
    name: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo trust test token.txt\n  zendo trust test - < token.txt")]
struct TestArgs {
    /// The token, the file that holds it, or `-` for standard input
    #[arg(value_name = "TOKEN")]
    source: String,
    /// Words for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Runs one of the commands.
pub(super) fn run(args: &TrustArgs, program: &'static str) -> Result<ExitCode, CliError> {
    let explain = |error: ClientError| program::explain(&error, program);
    let rule = match &args.command {
        Command::Add(add) => Some(add.rule()?),
        _ => None,
    };
    let token = match &args.command {
        Command::Test(test) => Some(token_of(&test.source)?),
        _ => None,
    };
    let mut session = session(args.server.as_deref()).map_err(explain)?;
    match &args.command {
        Command::Add(_) => {
            let made = trusts::add(&mut session, &rule.unwrap_or_default()).map_err(explain)?;
            for warning in &made.body.warnings {
                program::complain(&format!("warning: {}", printable(warning)));
            }
            let (name, issuer, audience) = (&made.name, &made.body.issuer, &made.body.audience);
            let text =
                format!("Made {name}: tokens of {issuer} for {audience} are taken as {}.\n", made.account());
            program::print(&printable_lines(&text))
        }
        Command::List(list) => {
            let rules = trusts::list(&mut session).map_err(explain)?;
            program::print(&match list.output {
                Output::Json => output::json(&rules)?,
                Output::Table => {
                    let rules: Result<Vec<Trust>, _> =
                        rules.into_iter().map(|rule| trusts::of(&session, rule)).collect();
                    table(&rules.map_err(explain)?)
                }
            })
        }
        Command::Remove(remove) => {
            trusts::remove(&mut session, &remove.name).map_err(explain)?;
            program::print(&format!("Removed {}; the tokens that it has given are refused.\n", remove.name))
        }
        Command::Test(test) => {
            let told = trusts::test(&mut session, &token.unwrap_or_default()).map_err(explain)?;
            program::print(&match test.output {
                Output::Json => output::json(&told)?,
                Output::Table => words(&told),
            })?;
            return Ok(match told.trust_id.is_some() && !told.used {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(EXIT_FAILURE),
            });
        }
    }
    .map(|()| ExitCode::SUCCESS)
}

fn session(server: Option<&str>) -> Result<Session, ClientError> {
    let environment = Environment::from_process()?;
    let config = ConfigFile::load(&environment.config_file())?;
    let requested = server.map(ServerUrl::parse).transpose()?;
    let target = target::resolve(requested, &environment.store, &config.store())?;
    Session::open(&environment, &target, SystemClock.now())
}

/// The token itself, or what a file or standard input has.
fn token_of(given: &str) -> Result<SecretString, CliError> {
    if given == "-" {
        return password::from_stdin();
    }
    if Unverified::read(given.trim()).is_some() {
        return Ok(given.trim().to_owned().into());
    }
    let unreadable = |error| CliError::failure(format!("{given}: {error}"));
    password::read(fs::File::open(Path::new(given)).map_err(unreadable)?).map_err(unreadable)
}

impl AddArgs {
    /// As the API takes it.
    fn rule(&self) -> Result<Value, CliError> {
        let mut rule = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            rule.extend(value.map(|value| (name.to_owned(), value)));
        };
        let list = |texts: &[String]| (!texts.is_empty()).then(|| json!(texts));
        let form = self.form()?;
        // A cluster's issuer is part of its form.
        put("issuer", self.issuer.as_ref().filter(|_| self.kubernetes.is_none()).map(|issuer| json!(issuer)));
        put("form", form);
        put("name", Some(json!(self.name)));
        put("service_account", Some(json!(self.account)));
        put("conditions", self.conditions()?);
        put("audience", self.audience.as_ref().map(|audience| json!(audience)));
        put("scope", (!self.scopes.is_empty()).then(|| json!(self.scopes.join(" "))));
        put("projects", list(&self.projects));
        put("addresses", list(&self.addresses));
        put("expires_in", self.expires_in.map(|seconds| json!(seconds)));
        put("description", self.description.as_ref().map(|description| json!(description)));
        if let Some(path) = &self.jwks {
            let failed = |reason: String| CliError::failure(format!("{}: {reason}", path.display()));
            let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
            put("jwks", Some(serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?));
        }
        Ok(Value::Object(rule))
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
            let issuer = self.issuer.as_ref();
            let issuer =
                issuer.ok_or_else(|| CliError::usage("--kubernetes needs the cluster's --issuer"))?;
            json!({"kind": "kubernetes", "issuer": issuer, "namespace": namespace, "service_account": account})
        } else if let Some(pipeline) = &self.buildkite {
            let (organization, pipeline) = two(pipeline, "ORGANIZATION/PIPELINE")?;
            json!({"kind": "buildkite", "organization": organization, "pipeline": pipeline})
        } else {
            let said = [
                ("--branch", &self.branch),
                ("--environment", &self.environment),
                ("--workflow", &self.workflow),
            ];
            return match said.iter().find(|(_, value)| value.is_some()) {
                Some((name, _)) => {
                    Err(CliError::usage(format!("{name} goes with --github, --gitlab or --buildkite")))
                }
                None => Ok(None),
            };
        };
        let parts =
            [("branch", &self.branch), ("environment", &self.environment), ("workflow", &self.workflow)];
        for (name, value) in parts {
            if let Some(value) = value {
                form[name] = json!(value);
            }
        }
        Ok(Some(form))
    }
}

fn printable_lines(text: &str) -> String {
    text.lines().map(|line| printable(line) + "\n").collect()
}

fn table(rules: &[Trust]) -> String {
    if rules.is_empty() {
        return "There are no trust rules.\n".to_owned();
    }
    rules.iter().map(rule_in_words).collect::<Vec<_>>().join("\n")
}

fn rule_in_words(rule: &Trust) -> String {
    let body = &rule.body;
    let state = if body.active { "" } else { " (inactive)" };
    let mut text = format!("{}{state}\n", printable(&rule.name));
    let mut line = |label: &str, value: &str| text += &format!("  {label:<10} {}\n", printable(value));
    line("Id", &rule.id.to_string());
    line("Tokens of", &body.issuer);
    line("For", &body.audience);
    for (claim, texts) in &body.conditions {
        let texts: Vec<&str> = texts.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        line("If", &format!("{claim} is {}", texts.join(" or ")));
    }
    line("As", &rule.account());
    line("May", body.scope.as_deref().unwrap_or("all that the account may"));
    line("Last used", body.last_used.as_deref().unwrap_or("never"));
    body.warnings.iter().for_each(|warning| line("Warning", warning));
    text
}

fn words(told: &TrustTest) -> String {
    let mut text = String::new();
    for result in &told.results {
        let verdict = if result.matches { "takes it" } else { "doesn't take it" };
        text += &format!("{} {verdict}\n", printable(&result.name));
        for reason in &result.reasons {
            text += &format!("  {}\n", printable(reason));
        }
    }
    match (told.trust_id, told.used) {
        (None, _) if told.results.is_empty() => text += "There are no trust rules.\n",
        (None, _) => text += "No rule takes it.\n",
        (Some(_), true) => text += "It was exchanged before, and each token is once.\n",
        (Some(_), false) => text += "It can be exchanged.\n",
    }
    text
}
