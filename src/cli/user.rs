//! `zendo user`: users, made and changed on the store itself, for the operator who has lost the way in.

use std::fmt::Write;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use uuid::Uuid;

use super::output::{self, Output};
use super::{CliError, password, program, store};
use crate::accounts::users::UserRow;
use crate::api::identity::users::operator::{Made, Operator};
use crate::api::identity::users::{NewPassword, UserRequest};
use crate::auth::password::make;
use crate::client::error::printable;
use crate::env::Environment;
use crate::env::random::SystemRandomness;
use crate::http::error::ApiError;
use crate::http::values::{Name, ShortText};
use crate::store::Timestamp;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo user list --data-dir /var/lib/zendo\n  \
                        zendo user passwd default\n  \
                        zendo user create ada --admin --password-stdin < password.txt\n  \
                        ZENML_STORE_URL=mysql://db.example.com/zenml zendo user deactivate eve")]
pub(super) struct UserArgs {
    /// Folder of the embedded database [env: ZENDO_DATA_DIR] [default: zendo-data]
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a user who can sign in
    ///
    /// The password is asked for at a terminal. Without a terminal and --password-stdin one is made and printed.
    ///
    /// On a server that waits for its activation (ZENML_SERVER_AUTO_ACTIVATE=false) an admin made this way
    /// activates it, as PUT /api/v1/activate would; other users can be made after that.
    Create(CreateArgs),
    /// List the users; service accounts, which have no password, are left out
    List(ListArgs),
    /// Set a user's password, which ends their tokens
    ///
    /// The password is asked for at a terminal. Without a terminal and --password-stdin one is made and printed.
    Passwd(PasswdArgs),
    /// Deactivate a user, which ends their tokens and their sign-ins
    ///
    /// The last active admin stays. `zendo user passwd NAME --activate` brings a user back.
    Deactivate(DeactivateArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo user create ada --admin\n  \
                        zendo user create ada --password-stdin < password.txt")]
struct CreateArgs {
    /// The new user's name
    name: String,
    /// Make the user an admin
    #[arg(long)]
    admin: bool,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo user list\n  zendo user list --output json")]
struct ListArgs {
    /// A table for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo user passwd default\n  \
                        zendo user passwd ada --activate --password-stdin < password.txt")]
struct PasswdArgs {
    /// The user's name or id
    name: String,
    /// Activate the user too
    #[arg(long)]
    activate: bool,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  zendo user deactivate eve")]
struct DeactivateArgs {
    /// The user's name or id
    name: String,
}

/// Runs one of the commands on the store that the settings name.
///
/// # Errors
/// Exit code 2 for an invalid name, password or setting, 1 for what the store or a rule refuses.
pub(super) fn run(args: UserArgs, program: &'static str) -> Result<(), CliError> {
    program::print(&program::runtime()?.block_on(execute(args, program))?)
}

async fn execute(args: UserArgs, program: &'static str) -> Result<String, CliError> {
    let operator = open(&args, program).await?;
    let done = match args.command {
        Command::Create(args) => create(&operator, args).await,
        Command::List(args) => list(&operator, args).await,
        Command::Passwd(args) => set_password(&operator, args).await,
        Command::Deactivate(args) => deactivate(&operator, args, program).await,
    };
    operator.close().await;
    done
}

async fn create(operator: &Operator, args: CreateArgs) -> Result<String, CliError> {
    let name = ShortText::try_from(args.name).and_then(|text| Name::try_from(text).map_err(str::to_owned));
    let name = name.map_err(|problem| CliError::usage(format!("NAME: {problem}")))?;
    let request = UserRequest::new(name, args.admin);
    // Found out before anybody thinks of a password.
    operator.check_new(&request).await.map_err(refused)?;
    let name = printable(request.name.as_str());
    let password = new_password(&name, args.password_stdin)?;
    let made = operator.create(&request, password.new).await.map_err(refused)?;
    let (kind, place) = (if args.admin { "admin" } else { "user" }, operator.store().description());
    let mut text = format!("Made the {kind} {name} in {place}.\n");
    if made == Made::FirstAdmin {
        text.push_str("The server is active now.\n");
    }
    text.push_str(&password.to_show);
    Ok(text)
}

async fn set_password(operator: &Operator, args: PasswdArgs) -> Result<String, CliError> {
    let user = operator.find(&args.name).await.map_err(refused)?;
    let name = printable(&user.name);
    let password = new_password(&name, args.password_stdin)?;
    operator.set_password(&user, password.new, args.activate).await.map_err(refused)?;
    let mut text = format!("Set the password of {name}; tokens from before it end.\n");
    match (user.body.active, args.activate) {
        (true, _) => {}
        (false, true) => text.push_str("The user is active again.\n"),
        (false, false) => {
            program::complain(&format!("{name} is inactive and can't sign in; activate with --activate"));
        }
    }
    text.push_str(&password.to_show);
    Ok(text)
}

async fn deactivate(operator: &Operator, args: DeactivateArgs, program: &str) -> Result<String, CliError> {
    let user = operator.find(&args.name).await.map_err(refused)?;
    operator.deactivate(&user).await.map_err(refused)?;
    let name = printable(&user.name);
    Ok(format!("Deactivated {name}; `{program} user passwd {name} --activate` brings them back.\n"))
}

async fn list(operator: &Operator, args: ListArgs) -> Result<String, CliError> {
    let users = operator.list().await.map_err(|error| refused(error.into()))?;
    match args.output {
        Output::Table => Ok(table(&users)),
        Output::Json => {
            let users: Vec<Listed> = users.iter().map(Listed::from).collect();
            output::json(&users)
        }
    }
}

/// A user as programs read it.
#[derive(Serialize)]
struct Listed<'a> {
    id: Uuid,
    name: &'a str,
    full_name: &'a str,
    is_admin: bool,
    active: bool,
    created: DateTime<Utc>,
    password_changed_at: Option<DateTime<Utc>>,
}

impl<'a> From<&'a UserRow> for Listed<'a> {
    fn from(user: &'a UserRow) -> Self {
        Self {
            id: user.id.0,
            name: &user.name,
            full_name: &user.body.full_name,
            is_admin: user.body.is_admin,
            active: user.body.active,
            created: user.body.created.to_utc(),
            password_changed_at: user.password_changed_at.map(Timestamp::to_utc),
        }
    }
}

fn table(users: &[UserRow]) -> String {
    let yes = |flag| if flag { "yes" } else { "no" };
    let time = |moment: Timestamp| output::moment(moment.to_utc());
    let names: Vec<String> = users.iter().map(|user| printable(&user.name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("NAME".len());
    let mut text = format!("{:width$}  ADMIN  ACTIVE  {:19}  PASSWORD SET (UTC)\n", "NAME", "CREATED (UTC)");
    for (user, name) in users.iter().zip(&names) {
        let (admin, active, created) =
            (yes(user.body.is_admin), yes(user.body.active), time(user.body.created));
        let set = user.password_changed_at.map_or_else(|| "never".to_owned(), time);
        let _ = writeln!(text, "{name:width$}  {admin:5}  {active:6}  {created}  {set}");
    }
    text
}

/// A password to set, and what to print about it.
struct Password {
    new: NewPassword,
    to_show: String,
}

fn new_password(name: &str, is_on_stdin: bool) -> Result<Password, CliError> {
    let (password, to_show) = if is_on_stdin {
        (password::from_stdin()?, String::new())
    } else if password::at_terminal() {
        (password::ask_for_new(&format!("New password of {name}: "))?, String::new())
    } else {
        let password = make(&SystemRandomness);
        let to_show = shown(&password);
        (password, to_show)
    };
    let new = NewPassword::try_from(password).map_err(|problem| CliError::usage(problem.to_string()))?;
    Ok(Password { new, to_show })
}

/// As the first start shows the one it made.
fn shown(password: &SecretString) -> String {
    format!("password: {}   (made now and shown only this once)\n", password.expose_secret())
}

async fn open(args: &UserArgs, program: &str) -> Result<Operator, CliError> {
    let is_to_change = !matches!(args.command, Command::List(_));
    let (store, config) = store::open(args.data_dir.as_deref(), is_to_change, program).await?;
    let environment = Environment::of_the_machine();
    let audit = store::open_audit(&store, &config, &environment)?;
    Ok(Operator::new(store, &config, audit, environment))
}

fn refused(error: ApiError) -> CliError {
    CliError::failure(error.to_string())
}
