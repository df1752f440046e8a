//! What `zendo trust` prints for people.

use chrono::TimeDelta;
use serde_json::Value;

use crate::client::error::printable;
use crate::client::expiry;
use crate::client::trusts::{Trust, TrustTest};

pub(super) fn printable_lines(text: &str) -> String {
    text.lines().map(|line| printable(line) + "\n").collect()
}

pub(super) fn table(rules: &[Trust]) -> String {
    if rules.is_empty() {
        return "There are no trust rules.\n".to_owned();
    }
    rules.iter().map(rule_in_words).collect::<Vec<_>>().join("\n")
}

fn rule_in_words(rule: &Trust) -> String {
    let body = &rule.body;
    let state = if body.active { "" } else { " (inactive)" };
    let mut text = format!("{}{state}\n", printable(&rule.name));
    let mut line = |label: &str, value: &str| text += &format!("  {label:<10} {}\n", printable(value));
    line("Id", &rule.id.to_string());
    line("Tokens of", &body.issuer);
    line("For", &body.audience);
    for (claim, texts) in &body.conditions {
        let texts: Vec<&str> = texts.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        line("If", &format!("{claim} is {}", texts.join(" or ")));
    }
    line("As", &rule.account());
    line("May", body.scope.as_deref().unwrap_or("all that the account may"));
    if let Some(seconds) = body.expires_in {
        line("For up to", &expiry::span(TimeDelta::seconds(seconds)));
    }
    if let Some(addresses) = &body.addresses {
        line("From", &addresses.join(", "));
    }
    line("Last used", body.last_used.as_deref().unwrap_or("never"));
    body.warnings.iter().for_each(|warning| line("Warning", warning));
    text
}

pub(super) fn words(told: &TrustTest) -> String {
    let mut text = String::new();
    for result in &told.results {
        let verdict = if result.matches { "takes it" } else { "doesn't take it" };
        text += &format!("{} {verdict}\n", printable(&result.name));
        for reason in &result.reasons {
            text += &format!("  {}\n", printable(reason));
        }
    }
    match (told.trust_id, told.used) {
        (None, _) if told.results.is_empty() => text += "There are no trust rules.\n",
        (None, _) => text += "No rule takes it.\n",
        (Some(_), true) => text += "It was exchanged before, and each token is once.\n",
        (Some(_), false) => text += "It can be exchanged.\n",
    }
    text
}
