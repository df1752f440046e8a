//! Accounts: users, and service accounts, which share their table.

mod credentials;
pub mod deactivation;
mod names;
pub mod operator;
mod requests;
pub mod routes;
mod rows;
mod rules;

pub use names::{check_name, take_name, take_turn_of_names};
pub use requests::{NewPassword, UserRequest};
pub use rows::{
    PasswordRow, UserResponse, UserResponseBody, UserResponseMetadata, UserResponseResources, UserRow,
    find_account, find_account_named, find_accounts, find_password,
};
pub use rules::{admins_only, owns_anything};
