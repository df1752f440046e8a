//! `zendo token list`: which API tokens are out there.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use super::super::output::{self, Output};
use super::super::{CliError, program};
use super::ServerArgs;
use crate::client::api_tokens::{self, RegisteredMetadata, RegisteredToken};
use crate::client::error::printable;
use crate::client::{ClientError, Session, api, expiry};
use crate::env::clock::{Clock, SystemClock};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  zendo token list\n  zendo token list --unused\n  zendo token list --all --output json"
)]
pub(super) struct ListArgs {
    /// Those too that have expired, were taken back, or ended with what they were made for
    #[arg(long)]
    all: bool,
    /// Only those that weren't used for so many days
    #[arg(long, value_name = "DAYS", num_args = 0..=1, default_missing_value = "90",
          value_parser = clap::value_parser!(u32).range(1..=36500))]
    unused: Option<u32>,
    /// A table for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

/// Prints the tokens, the newest first.
pub(super) fn run(args: &ListArgs, program: &'static str) -> Result<(), CliError> {
    let explain = |error: ClientError| program::explain(&error, program);
    let mut session = args.server.session().map_err(explain)?;
    let tokens = api_tokens::list(&mut session, args.all, args.unused).map_err(explain)?;
    program::print(&match args.output {
        Output::Table => {
            let projects = project_names(&mut session, &tokens).map_err(explain)?;
            table(&tokens, args.all, &projects, SystemClock.now())
        }
        Output::Json => json(&tokens)?,
    })
}

/// The names of the projects, where this account may see them.
fn project_names(
    session: &mut Session,
    tokens: &[RegisteredToken],
) -> Result<HashMap<Uuid, String>, ClientError> {
    let mut names = HashMap::new();
    for id in tokens.iter().filter_map(|token| token.body.projects.as_ref()).flatten() {
        if !names.contains_key(id) {
            let project = api::find_project(session, &id.to_string())?;
            names.insert(*id, project.map_or_else(|| id.to_string(), |project| project.name));
        }
    }
    Ok(names)
}

fn table(
    tokens: &[RegisteredToken],
    with_status: bool,
    projects: &HashMap<Uuid, String>,
    now: DateTime<Utc>,
) -> String {
    let mut head = vec![
        "ID",
        "NAME",
        "USER",
        "SCOPE",
        "PROJECTS",
        "MADE FROM",
        "CREATED",
        "EXPIRES",
        "LAST USED",
        "FROM",
    ];
    head.extend(with_status.then_some("STATUS"));
    let mut lines = vec![head.into_iter().map(str::to_owned).collect()];
    let moment = |moment: Option<DateTime<Utc>>| moment.map(|moment| expiry::relative(moment, now));
    for token in tokens {
        let body = &token.body;
        let named = body.projects.as_ref().map(|ids| {
            let names: Vec<&str> = ids.iter().filter_map(|id| projects.get(id)).map(String::as_str).collect();
            names.join(" ")
        });
        let mut line = vec![
            token.id.to_string(),
            token.name.clone(),
            token.user().map_or_else(|| body.user_id.to_string(), str::to_owned),
            body.scope.clone().unwrap_or_else(|| "all".to_owned()),
            named.unwrap_or_else(|| "all".to_owned()),
            token.parent().unwrap_or_default(),
            moment(body.created).unwrap_or_default(),
            moment(body.expires).unwrap_or_else(|| "never".to_owned()),
            moment(body.last_used).unwrap_or_else(|| "never".to_owned()),
            body.address.clone().unwrap_or_default(),
        ];
        line.extend(with_status.then(|| body.status.clone()));
        lines.push(line.iter().map(|cell| printable(cell)).collect());
    }
    aligned(&lines)
}

/// Each column as wide as its widest cell.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// A token as programs see it, in one flat object.
#[derive(Serialize)]
struct Listed<'a> {
    id: Uuid,
    name: &'a str,
    user: Option<&'a str>,
    user_id: Uuid,
    token_type: &'a str,
    status: &'a str,
    parent_id: Option<Uuid>,
    descendants: u64,
    scope: Option<&'a str>,
    projects: Option<&'a [Uuid]>,
    addresses: Option<&'a [String]>,
    created: Option<DateTime<Utc>>,
    expires: Option<DateTime<Utc>>,
    last_used: Option<DateTime<Utc>>,
    address: Option<&'a str>,
    user_agent: Option<&'a str>,
    device_id: Option<Uuid>,
    api_key_id: Option<Uuid>,
    schedule_id: Option<Uuid>,
    pipeline_run_id: Option<Uuid>,
    deployment_id: Option<Uuid>,
}

fn json(tokens: &[RegisteredToken]) -> Result<String, CliError> {
    let nothing = RegisteredMetadata::default();
    let listed = tokens.iter().map(|token| {
        let (body, more) = (&token.body, token.metadata.as_ref().unwrap_or(&nothing));
        Listed {
            id: token.id,
            name: &token.name,
            user: token.user(),
            user_id: body.user_id,
            token_type: &body.token_type,
            status: &body.status,
            parent_id: body.parent_id,
            descendants: more.descendants,
            scope: body.scope.as_deref(),
            projects: body.projects.as_deref(),
            addresses: body.addresses.as_deref(),
            created: body.created,
            expires: body.expires,
            last_used: body.last_used,
            address: body.address.as_deref(),
            user_agent: more.user_agent.as_deref(),
            device_id: more.device_id,
            api_key_id: more.api_key_id,
            schedule_id: more.schedule_id,
            pipeline_run_id: more.pipeline_run_id,
            deployment_id: more.deployment_id,
        }
    });
    output::json(&listed.collect::<Vec<Listed>>())
}
