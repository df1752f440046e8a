//! `zendo openapi` and its tables of what is there and what it asks of a token: made from the routes, so that neither can be out of date.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::{CliError, program};
use crate::api::server::contract_operations::operations;
use crate::api::server::docs;
use crate::auth::access::Access;
use crate::framework::Route;
use crate::routes;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zendo openapi > openapi.json")]
pub struct OpenApiArgs {
    /// Print the table of ZenML's operations and which of them are there, instead of the document
    #[arg(long)]
    pub coverage: bool,
    /// Print the table of all routes and the scopes they ask for, instead of the document
    #[arg(long, conflicts_with = "coverage")]
    pub scopes: bool,
}

/// Prints the OpenAPI document, or one of the tables.
///
/// # Errors
/// When it can't be written.
pub fn run(args: OpenApiArgs) -> Result<(), CliError> {
    let text = match args {
        OpenApiArgs { coverage: true, .. } => coverage(),
        OpenApiArgs { scopes: true, .. } => scopes(),
        _ => {
            let document =
                docs::document(&routes::operations()).and_then(|it| serde_json::to_string_pretty(&it));
            document.map_err(|error| CliError::failure(error.to_string()))?
        }
    };
    program::print(&format!("{text}\n"))
}

/// A Markdown table: for each group of paths, how many of ZenML 0.98.0's operations answer, and which.
pub fn coverage() -> String {
    let operations_there = routes::operations();
    let mut groups: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
    for operation in operations() {
        let path = operation.path.trim_start_matches("/api/v1");
        let name = path.split('/').nth(1).unwrap_or_default();
        let (all, there) = groups.entry(name).or_default();
        *all += 1;
        if operations_there.contains(&(operation.method, operation.path)) {
            there.push(format!("`{} {path}`", operation.method));
        }
    }
    let (total, done) =
        groups.values().fold((0, 0), |(total, done), (all, there)| (total + all, done + there.len()));
    let mut table = format!("{done} of {total} operations answer.\n\n");
    table.push_str("| group | there | operations that answer |\n| --- | --- | --- |\n");
    for (name, (all, there)) in groups {
        let _ = writeln!(table, "| {name} | {} of {all} | {} |", there.len(), there.join(", "));
    }
    table
}

/// A Markdown table: for each scope the routes that ask for it, of those that are there and those of ZenML that aren't.
pub fn scopes() -> String {
    let mut by_scope: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Route { operation: (method, path), policy, .. } in routes::all().iter() {
        if policy.is_open {
            continue;
        }
        let path = path.trim_start_matches("/api/v1");
        let scope = match policy.access {
            Access::Always => "any token".to_owned(),
            Access::FullScope => "all rights".to_owned(),
            Access::Needs(permission) => format!("`{permission}`"),
        };
        by_scope.entry(scope).or_default().insert(format!("`{method} {path}`"));
        for also in &policy.also {
            let routes = by_scope.entry(format!("`{}`", also.needs)).or_default();
            routes.insert(format!("`{method} {path}` {}", also.when));
        }
    }
    let mut table = "| scope | routes |\n| --- | --- |\n".to_owned();
    for (scope, routes) in by_scope {
        let routes = routes.into_iter().collect::<Vec<String>>().join(", ");
        let _ = writeln!(table, "| {scope} | {routes} |");
    }
    table
}
