use std::process::ExitCode;

fn main() -> ExitCode {
    zendo::cli::run(std::env::args_os())
}
