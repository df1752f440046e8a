//! Accounts: users, and service accounts, which share their table.

mod credentials;
pub mod operator;
mod requests;
pub mod routes;
mod rules;

pub use self::requests::{NewPassword, UserRequest};
pub use self::rules::{admins_only, owns_anything};
pub use crate::accounts::names::{check_name, lock_names, take_name};
pub use crate::accounts::users::{
    PasswordRow, UserResponse, UserRow, find_account, find_account_named, find_accounts, find_password,
};
