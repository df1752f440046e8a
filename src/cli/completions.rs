//! `zendo completions`: a completion script for the caller's shell.

use super::CliError;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  zendo completions bash > ~/.local/share/bash-completion/completions/zendo"
)]
pub struct CompletionsArgs {
    /// The shell to complete in
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

pub fn run(args: CompletionsArgs, mut command: clap::Command) -> Result<(), CliError> {
    clap_complete::generate(args.shell, &mut command, "zendo", &mut std::io::stdout());
    Ok(())
}
