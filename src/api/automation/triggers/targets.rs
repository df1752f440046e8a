//! Which of a webhook's events a trigger waits for. What each provider's events can be filtered by is data.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

use super::paths;
use crate::http::lax;
use crate::intake::Provider;

const MOST_EVENTS: usize = 10;
const MOST_EXPRESSIONS: usize = 10;
const MOST_CHOICES: usize = 10;
const MOST_PATHS: usize = 10;
/// Characters of an expression.
const LONGEST: usize = 512;
const OPERATORS: [&str; 8] =
    ["equals", "notequals", "contains", "notcontains", "startswith", "endswith", "oneof", "notoneof"];
const DYNAMIC: &str = "dynamic";

type Fields<'a> = IndexMap<Cow<'a, str>, &'a RawValue>;

/// What a field of an event takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Expressions about a text, or null.
    Filter,
    /// A flag, or null.
    MaybeFlag,
    /// A flag, which is false when nobody says it.
    Flag,
}

/// An event of a provider's: its name, and its fields in their order.
type Event = (&'static str, &'static [(&'static str, Takes)]);

/// Fields that take expressions.
macro_rules! filters {
    ($($name:literal),*) => { &[$(($name, Takes::Filter)),*] };
}

const TASK: &[(&str, Takes)] = filters!["list_id", "space_id", "folder_id", "task_id"];
const TASK_STATUS: &[(&str, Takes)] = filters!["list_id", "space_id", "folder_id", "task_id", "status"];
const LIST: &[(&str, Takes)] = filters!["list_id", "space_id", "folder_id"];
const REACTION: &[(&str, Takes)] =
    filters!["team_id", "channel_id", "user_id", "reaction", "item_user_id", "item_type", "item_id"];
const MESSAGE_METADATA: &[(&str, Takes)] =
    filters!["team_id", "channel_id", "user_id", "app_id", "bot_id", "metadata_event_type"];

const GITHUB: &[Event] = &[
    ("merged_pull_request", filters!["repo", "target_branch", "source_branch", "author"]),
    ("workflow_run_completed", filters!["workflow", "conclusion", "actor"]),
    ("push", filters!["repo", "branch", "actor"]),
    ("release_published", filters!["repo", "tag", "target_branch", "actor"]),
    ("issue_opened", filters!["repo", "author", "author_association", "labels", "assignees", "milestone"]),
];
const CLICKUP: &[Event] = &[
    ("taskCreated", TASK),
    ("taskUpdated", TASK),
    ("taskDeleted", TASK),
    ("taskStatusUpdated", TASK_STATUS),
    ("taskMoved", TASK),
    ("taskAssigneeUpdated", TASK),
    ("taskCommentPosted", TASK),
    ("listCreated", LIST),
    ("listUpdated", LIST),
    ("listDeleted", LIST),
];
const SLACK: &[Event] = &[
    (
        "app_mention",
        &[
            ("team_id", Takes::Filter),
            ("channel_id", Takes::Filter),
            ("user_id", Takes::Filter),
            ("text", Takes::Filter),
            ("threaded", Takes::MaybeFlag),
        ],
    ),
    (
        "message",
        &[
            ("team_id", Takes::Filter),
            ("channel_id", Takes::Filter),
            ("user_id", Takes::Filter),
            ("channel_type", Takes::Filter),
            ("text", Takes::Filter),
            ("subtype", Takes::Filter),
            ("include_subtypes", Takes::Flag),
            ("threaded", Takes::MaybeFlag),
        ],
    ),
    ("reaction_added", REACTION),
    ("reaction_removed", REACTION),
    ("message_metadata_posted", MESSAGE_METADATA),
    ("message_metadata_updated", MESSAGE_METADATA),
    ("file_shared", filters!["team_id", "channel_id", "user_id", "file_id"]),
];

/// Checks what a webhook's trigger is configured with, and writes it as it is kept: whole, with nulls for what wasn't said.
///
/// # Errors
/// What is wrong with it, for people.
pub(super) fn normal_form(provider: Provider, configuration: &RawValue) -> Result<String, String> {
    let fields: Fields<'_> =
        serde_json::from_str(configuration.get()).map_err(|_| "it is no JSON object".to_owned())?;
    let sent = fields.get("target_events").copied();
    let is_custom = provider == Provider::Custom;
    let events = match sent.filter(|json| json.get() != "null") {
        None if is_custom => return Ok(r#"{"target_events":null}"#.to_owned()),
        None => return Err("target_events: it has to be there".to_owned()),
        Some(json) => serde_json::from_str::<Vec<&RawValue>>(json.get())
            .map_err(|_| "target_events: it is no list".to_owned())?,
    };
    if events.len() > MOST_EVENTS || (events.is_empty() && !is_custom) {
        return Err(format!("target_events: there are 1 to {MOST_EVENTS} of them"));
    }
    let mut written = Vec::with_capacity(events.len());
    for (index, json) in events.into_iter().enumerate() {
        written.push(event(provider, json).map_err(|wrong| format!("target_events.{index}{wrong}"))?);
    }
    Ok(format!(r#"{{"target_events":[{}]}}"#, written.join(",")))
}

/// One event, as it is kept.
fn event(provider: Provider, json: &RawValue) -> Result<String, String> {
    let mut fields: Fields<'_> =
        serde_json::from_str(json.get()).map_err(|_| ": it is no JSON object".to_owned())?;
    let kind = match fields.shift_remove("type") {
        Some(json) => {
            serde_json::from_str::<String>(json.get()).map_err(|_| ".type: it is no text".to_owned())?
        }
        None if provider == Provider::Custom => DYNAMIC.to_owned(),
        None => return Err(".type: it has to be there".to_owned()),
    };
    if kind == DYNAMIC {
        return dynamic(fields);
    }
    let events = match provider {
        Provider::Custom => &[],
        Provider::Github => GITHUB,
        Provider::Clickup => CLICKUP,
        Provider::Slack => SLACK,
    };
    let event = events.iter().find(|(name, _)| *name == kind);
    let (name, known) = event.ok_or_else(|| format!(".type: there is no such event as '{kind}'"))?;
    let mut written = vec![format!(r#""type":"{name}""#)];
    for (field, takes) in *known {
        let json = fields.shift_remove(*field);
        let value = value(*takes, json).map_err(|wrong| format!(".{field}: {wrong}"))?;
        written.push(format!(r#""{field}":{value}"#));
    }
    refuse_more(&fields)?;
    let says = |part: &str| written.iter().any(|written| written == part);
    if says(r#""include_subtypes":true"#) && !says(r#""subtype":null"#) {
        return Err(": include_subtypes and subtype don't go together".to_owned());
    }
    Ok(format!("{{{}}}", written.join(",")))
}

/// An event by its provider's own name, filtered by what its body says.
fn dynamic(mut fields: Fields<'_>) -> Result<String, String> {
    let event_type = fields.shift_remove("event_type").ok_or(".event_type: it has to be there")?;
    let event_type = expressions(event_type).map_err(|wrong| format!(".event_type: {wrong}"))?;
    let filters = match fields.shift_remove("filters") {
        None => Fields::new(),
        Some(json) => {
            serde_json::from_str(json.get()).map_err(|_| ".filters: it is no JSON object".to_owned())?
        }
    };
    refuse_more(&fields)?;
    if filters.len() > MOST_PATHS {
        return Err(format!(".filters: there are at most {MOST_PATHS} of them"));
    }
    let mut written = Vec::with_capacity(filters.len());
    for (path, json) in filters {
        let wrong = |wrong: &str| format!(".filters: {wrong}");
        let expressions = expressions(json).map_err(wrong)?;
        paths::check(&path).map_err(wrong)?;
        written.push(format!("{}:{expressions}", Value::from(path.as_ref())));
    }
    let filters = written.join(",");
    Ok(format!(r#"{{"type":"{DYNAMIC}","event_type":{event_type},"filters":{{{filters}}}}}"#))
}

fn refuse_more(fields: &Fields<'_>) -> Result<(), String> {
    match fields.keys().next() {
        Some(name) => Err(format!(".{name}: there is no such field")),
        None => Ok(()),
    }
}

fn value(takes: Takes, json: Option<&RawValue>) -> Result<String, &'static str> {
    let sent = json.filter(|json| json.get() != "null");
    let flag =
        |json: &RawValue| lax::from_str::<bool>(json.get()).map_err(|_| "it is neither true nor false");
    match (takes, sent) {
        (Takes::Filter, Some(json)) => expressions(json),
        (Takes::Flag, None) if json.is_some() => Err("it is neither true nor false"),
        (Takes::Flag, None) => Ok("false".to_owned()),
        (Takes::Flag | Takes::MaybeFlag, Some(json)) => Ok(flag(json)?.to_string()),
        (Takes::Filter | Takes::MaybeFlag, None) => Ok("null".to_owned()),
    }
}

/// One expression, or several of which one is enough; as they are kept.
fn expressions(json: &RawValue) -> Result<String, &'static str> {
    let text: Result<String, _> = serde_json::from_str(json.get());
    if let Ok(text) = text {
        check(&text)?;
        return Ok(Value::from(text).to_string());
    }
    let texts: Vec<String> =
        serde_json::from_str(json.get()).map_err(|_| "it is neither a text nor a list of texts")?;
    if texts.is_empty() || texts.len() > MOST_EXPRESSIONS {
        return Err("a filter has 1 to 10 expressions");
    }
    texts.iter().try_for_each(|text| check(text))?;
    Ok(Value::from(texts).to_string())
}

/// `operator:operand`, or a text that is meant as it is.
fn check(expression: &str) -> Result<(), &'static str> {
    if expression.is_empty() {
        return Err("an expression says something");
    }
    if expression.chars().count() > LONGEST {
        return Err("an expression has at most 512 characters");
    }
    let operation = expression.split_once(':').filter(|(operator, _)| OPERATORS.contains(operator));
    let Some((operator, operand)) = operation else { return Ok(()) };
    if operand.is_empty() {
        return Err("an operator needs something to compare with");
    }
    if !operator.ends_with("oneof") {
        return Ok(());
    }
    let choices: Option<Vec<String>> = serde_json::from_str(operand).ok();
    let is_list = choices.is_some_and(|choices| {
        (1..=MOST_CHOICES).contains(&choices.len()) && choices.iter().all(|choice| !choice.is_empty())
    });
    if is_list { Ok(()) } else { Err("oneof and notoneof take a JSON list of 1 to 10 texts") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn kept(provider: Provider, configuration: &Value) -> Option<Value> {
        let json = serde_json::value::to_raw_value(configuration).unwrap();
        let kept = normal_form(provider, &json).ok()?;
        Some(serde_json::from_str(&kept).unwrap())
    }

    fn events(events: Value) -> Value {
        json!({"target_events": events})
    }

    #[test]
    fn what_is_not_said_is_null() {
        for (provider, sent, expected) in [
            (Provider::Custom, json!({}), events(Value::Null)),
            (Provider::Custom, json!({"x": 1}), events(Value::Null)),
            (Provider::Custom, events(json!([])), events(json!([]))),
            (
                Provider::Custom,
                events(json!([{"event_type": "a"}])),
                events(json!([{"type": "dynamic", "event_type": "a", "filters": {}}])),
            ),
            (
                Provider::Github,
                events(json!([{"type": "push", "repo": ["a", "endswith:b"]}])),
                events(json!([{"type": "push", "repo": ["a", "endswith:b"], "branch": null, "actor": null}])),
            ),
            (
                Provider::Clickup,
                events(json!([{"type": "listCreated"}])),
                events(
                    json!([{"type": "listCreated", "list_id": null, "space_id": null, "folder_id": null}]),
                ),
            ),
            (
                Provider::Slack,
                events(json!([{"type": "message", "include_subtypes": "yes", "threaded": 1}])),
                events(json!([{"type": "message", "team_id": null, "channel_id": null, "user_id": null,
                    "channel_type": null, "text": null, "subtype": null, "include_subtypes": true, "threaded": true}])),
            ),
        ] {
            assert_eq!(kept(provider, &sent), Some(expected), "{sent}");
        }
    }

    #[test]
    fn what_no_event_has_is_refused() {
        let dynamic = |more: Value| {
            let mut event = json!({"type": "dynamic", "event_type": "a"});
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            event
        };
        let many = |number: usize| Value::from(vec!["a"; number]);
        for wrong in [
            json!([{"type": "push"}]),
            json!([dynamic(json!({"x": 1}))]),
            json!([{"type": "dynamic"}]),
            json!([dynamic(json!({"event_type": null}))]),
            json!([dynamic(json!({"event_type": []}))]),
            json!([dynamic(json!({"event_type": many(11)}))]),
            json!([dynamic(json!({"event_type": [5]}))]),
            json!([dynamic(json!({"filters": null}))]),
            json!([dynamic(json!({"filters": {"a": null}}))]),
            json!([dynamic(json!({"filters": {"a..b": "x"}}))]),
            Value::from(vec![dynamic(json!({})); 11]),
            json!("x"),
            json!([5]),
        ] {
            assert_eq!(kept(Provider::Custom, &events(wrong.clone())), None, "{wrong}");
        }
        for (provider, wrong) in [
            (Provider::Github, Value::Null),
            (Provider::Github, json!([])),
            (Provider::Github, json!([{"repo": "a"}])),
            (Provider::Github, json!([{"type": "issue_opened", "milestone": ""}])),
            (Provider::Clickup, json!([{"type": "listCreated", "task_id": "x"}])),
            (Provider::Slack, json!([{"type": "message", "include_subtypes": true, "subtype": "a"}])),
            (Provider::Slack, json!([{"type": "message", "include_subtypes": null}])),
            (Provider::Slack, json!([{"type": "message", "threaded": "x"}])),
        ] {
            assert_eq!(kept(provider, &events(wrong.clone())), None, "{wrong}");
        }
    }

    #[test]
    fn expressions_are_those_of_the_reference() {
        for good in
            ["a", "foo:", "gt:1", "isnull:", " equals:", "EQUALS:", "equals:a:b", r#"oneof:["a"]"#, ":"]
        {
            assert!(check(good).is_ok(), "{good}");
        }
        let (long, many) = ("x".repeat(513), format!("oneof:{}", Value::from(vec!["a"; 11])));
        for wrong in [
            "",
            "equals:",
            "oneof:",
            "oneof:[]",
            "oneof:[1]",
            r#"oneof:["a",""]"#,
            "oneof:x",
            r#"notoneof:{"a":1}"#,
            &long,
            &many,
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn an_operator_needs_an_operand_and_any_other_prefix_is_text(
            operator in prop::sample::select(&OPERATORS[..6]), operand in "[^\u{0}]{1,100}", prefix in "[a-z]{1,12}",
        ) {
            let with_operand = format!("{operator}:{operand}");
            let without = format!("{operator}:");
            prop_assert!(check(&with_operand).is_ok() && check(&without).is_err());
            prop_assume!(!OPERATORS.contains(&prefix.as_str()));
            let other = format!("{prefix}:");
            prop_assert!(check(&other).is_ok());
        }

        #[test]
        fn what_is_kept_is_kept_as_it_is(event_type in "[a-z]{1,5}", path in "[a-z]{1,3}(\\.[a-z]{1,3}|\\[[0-9]\\]){0,3}", text in ".{1,50}") {
            let sent = events(json!([{"type": "dynamic", "event_type": event_type, "filters": {path: text}}]));
            if let Some(once) = kept(Provider::Custom, &sent) {
                prop_assert_eq!(kept(Provider::Custom, &once), Some(once.clone()));
                prop_assert_eq!(once, sent);
            }
        }
    }
}
