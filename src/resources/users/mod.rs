//! Accounts: users, and service accounts, which share their table.

mod credentials;
mod requests;
pub mod routes;
mod rows;
mod rules;

pub use rows::{
    PasswordRow, UserResponse, UserResponseBody, UserResponseMetadata, UserResponseResources, UserRow,
    find_account, find_accounts, find_password,
};
pub use rules::{admins_only, owns_anything};
