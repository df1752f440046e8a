//! The promises of zendo, each checked against a real server on a free port with a store of its own.

#![expect(unreachable_pub, reason = "nothing of a test is for others")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]
#![allow(clippy::disallowed_methods, reason = "a server's clock is the machine's, moved by what a test says")]

#[macro_use]
mod support;

mod api_keys;
mod api_tokens;
mod audit;
mod authentication;
mod borders;
mod browsing;
mod buildkite_jobs;
mod component_configurations;
mod compression;
mod configuration;
mod connector_credentials;
mod connectors;
mod console;
mod console_times;
mod contract;
mod dashboard;
mod deployments;
mod device_sign_in;
mod devices;
mod documents;
mod ending_keys;
mod exchange_renewal;
mod first_start;
mod guarded_service;
mod hostile;
mod http;
mod interop;
mod job_examples;
mod key_sign_in;
mod leaks;
mod lists;
mod long_lists;
mod many_revocations;
mod narrowing;
mod new_names;
mod oauth;
mod oauth_grants;
mod oauth_refusals;
mod official_client;
mod official_connectors;
mod official_identity;
mod oidc;
mod openapi;
mod own_statistics;
#[path = "../parity/mod.rs"]
mod parity;
mod pipelines;
mod pipelines_under_load;
mod plans;
mod query_counts;
mod replay;
mod resource_commands;
mod resource_requests;
mod run_configurations;
mod runs;
mod schedules;
mod schema;
mod schemes;
mod secrets;
mod server_settings;
mod service_accounts;
mod services;
mod serving;
mod sessions;
mod settings;
mod sign_in_limits;
mod signing_keys;
mod spellings;
mod stack_deployment;
mod stacks;
mod store_url;
mod terminal;
mod terminal_tokens;
mod token_addresses;
mod token_dates;
mod token_exchange;
mod tokens;
mod triggers;
mod trust_changes;
mod trust_claims;
mod trusts;
mod user_command;
mod users;
mod versions;
mod warning_webhooks;
mod warnings;
mod webhook_signatures;
mod webhooks;
mod workload_identities;
mod workload_tokens;
mod written_models;
