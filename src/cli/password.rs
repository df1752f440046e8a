//! Passwords from a terminal or a pipe.

use std::io::{self, IsTerminal, Read};

use secrecy::{ExposeSecret, SecretString};

use super::CliError;

/// More than any password a server takes; keeps a mistaken `< /dev/zero` from filling the memory.
const MAX_BYTES: u64 = 64 * 1024;

pub(super) fn at_terminal() -> bool {
    io::stdin().is_terminal()
}

/// What standard input holds.
pub(super) fn from_stdin() -> Result<SecretString, CliError> {
    read(io::stdin().lock()).map_err(unreadable)
}

/// Asks for it, without showing what is typed.
pub(super) fn ask(prompt: &str) -> Result<SecretString, CliError> {
    rpassword::prompt_password(prompt).map(SecretString::from).map_err(unreadable)
}

/// Asks for a new one, twice, since nobody sees what they type.
pub(super) fn ask_for_new(prompt: &str) -> Result<SecretString, CliError> {
    let password = ask(prompt)?;
    if ask("The same again: ")?.expose_secret() != password.expose_secret() {
        return Err(CliError::usage("these are two different passwords; nothing was changed"));
    }
    Ok(password)
}

fn unreadable(error: io::Error) -> CliError {
    CliError::failure(format!("the password cannot be read: {error}"))
}

/// All of `input` but the line break at its end, which `echo` and editors add.
pub(super) fn read(input: impl Read) -> io::Result<SecretString> {
    let mut text = String::new();
    input.take(MAX_BYTES).read_to_string(&mut text)?;
    let end = text.strip_suffix('\n').map_or(text.len(), |line| line.trim_end_matches('\r').len());
    text.truncate(end);
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_break_at_the_end_is_not_part_of_the_password() {
        for (input, expected) in [
            ("pw", "pw"),
            ("pw\n", "pw"),
            ("pw\r\n", "pw"),
            (" p w \n", " p w "),
            ("a\nb\n", "a\nb"),
            ("", ""),
        ] {
            assert_eq!(read(input.as_bytes()).unwrap().expose_secret(), expected);
        }
    }
}
