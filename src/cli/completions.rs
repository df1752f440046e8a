//! `zendo completions`: a completion script for the caller's shell.

use super::{CliError, program};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  zendo completions bash > ~/.local/share/bash-completion/completions/zendo"
)]
pub(super) struct CompletionsArgs {
    /// The shell to complete in
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

pub(super) fn run(args: CompletionsArgs, mut command: clap::Command) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "zendo", &mut script);
    program::print(&String::from_utf8_lossy(&script))
}
