//! `zendo openapi` and its table of what is there: made from the routes, so that neither can be out of date.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{CliError, program};
use crate::http::openapi::document;
use crate::routes;
use crate::routes::unimplemented::operations;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zendo openapi > openapi.json")]
pub struct OpenApiArgs {
    /// Print the table of ZenML's operations and which of them are there, instead of the document
    #[arg(long)]
    pub coverage: bool,
}

/// Prints the OpenAPI document, or the coverage table.
///
/// # Errors
/// When it can't be written.
pub fn run(args: OpenApiArgs) -> Result<(), CliError> {
    let text = match args.coverage {
        true => coverage(),
        false => {
            let document = document(&routes::operations()).and_then(|it| serde_json::to_string_pretty(&it));
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
    let mut table =
        format!("{done} of {total} operations answer; every other one answers 501 with its name.\n\n");
    table.push_str("| group | there | operations that answer |\n| --- | --- | --- |\n");
    for (name, (all, there)) in groups {
        let _ = writeln!(table, "| {name} | {} of {all} | {} |", there.len(), there.join(", "));
    }
    table
}
