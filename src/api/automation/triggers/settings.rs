//! What is sent of triggers: each type has fields of its own.

use serde::{Deserialize, Serialize};
use serde_json::from_str;
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::schedule::ScheduleTimes;
use crate::api::automation::supported_events::SourceType;
use crate::http::contract::{Fault, Tagged};
use crate::http::timestamps::SentTimestamp;
use crate::http::values::{JsonObject, ShortText, at_most};
use crate::store::Id;

/// What makes a trigger go off (contract schema TriggerType): the word in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(super) enum TriggerType {
    Schedule,
    PlatformEvent,
    Webhook,
}

impl TriggerType {
    /// A second word for it, of which there is one for each.
    pub(super) fn flavor(self) -> &'static str {
        match self {
            Self::Schedule => "native schedule",
            Self::PlatformEvent => "platform event",
            Self::Webhook => "webhook",
        }
    }
}

/// What becomes of a run while another one of the same trigger goes on.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub(super) enum Concurrency {
    #[default]
    Skip,
    Submit,
}

/// A new trigger.
#[derive(Debug)]
pub(super) struct TriggerRequest {
    pub project: Id,
    pub name: ShortText,
    pub active: bool,
    pub concurrency: Concurrency,
    pub settings: Settings,
    /// Whose events a webhook's trigger waits for.
    pub webhook: Option<Id>,
}

/// A trigger as it is to be from now on; what isn't said of these stays.
#[derive(Debug)]
pub(super) struct TriggerUpdate {
    pub name: ShortText,
    pub active: Option<bool>,
    pub concurrency: Option<Concurrency>,
    pub settings: Settings,
}

/// What its type adds to a trigger.
#[derive(Debug)]
pub(super) enum Settings {
    Schedule {
        times: ScheduleTimes,
        /// The next time, where whoever changes it knows better.
        next: Option<SentTimestamp>,
    },
    PlatformEvent(PlatformEvents),
    Webhook(JsonObject),
}

/// Events of something here.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct PlatformEvents {
    pub source_entity: SourceEntity,
    #[serde(deserialize_with = "at_most::<100, _, _>")]
    pub target_events: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
pub(super) struct SourceEntity {
    pub r#type: SourceType,
    pub id: Id,
}

/// What all types have.
#[derive(Debug, Deserialize)]
struct Common {
    name: ShortText,
    active: Option<bool>,
    concurrency: Option<Concurrency>,
}

#[derive(Debug, Deserialize)]
struct Project {
    project: Id,
}

#[derive(Debug, Deserialize)]
struct OfWebhook {
    webhook_id: Id,
}

#[derive(Debug, Deserialize)]
struct Configured {
    configuration: JsonObject,
}

#[derive(Debug, Deserialize)]
struct Next {
    next_occurrence: Option<SentTimestamp>,
}

impl Settings {
    pub(super) fn kind(&self) -> TriggerType {
        match self {
            Self::Schedule { .. } => TriggerType::Schedule,
            Self::PlatformEvent(_) => TriggerType::PlatformEvent,
            Self::Webhook(_) => TriggerType::Webhook,
        }
    }

    fn read(tag: &str, json: &str) -> serde_json::Result<Self> {
        Ok(match tag {
            "schedule" => Self::Schedule { times: from_str(json)?, next: None },
            "platform_event" => Self::PlatformEvent(from_str(json)?),
            _ => Self::Webhook(from_str::<Configured>(json)?.configuration),
        })
    }

    fn faults(&self) -> Vec<Fault> {
        match self {
            Self::Schedule { times, .. } => {
                times.check().err().map(|wrong| Fault::new("value_error", wrong)).into_iter().collect()
            }
            Self::PlatformEvent(events) => events.fault().into_iter().collect(),
            Self::Webhook(_) => Vec::new(),
        }
    }
}

impl PlatformEvents {
    fn fault(&self) -> Option<Fault> {
        if self.target_events.is_empty() {
            let message = "List should have at least 1 item";
            return Some(Fault::under(&["target_events"], "too_short", message));
        }
        let known = self.source_entity.r#type.events();
        let is_other = |event: &&String| known.iter().all(|known| known.value != **event);
        let other = self.target_events.iter().find(is_other)?;
        Some(Fault::new("value_error", format!("There is no event {other:?} of such a source")))
    }
}

impl Tagged for TriggerRequest {
    const MODELS: &'static [(&'static str, &'static str)] = &[
        ("schedule", "ScheduleTriggerRequest"),
        ("platform_event", "PlatformEventTriggerRequest"),
        ("webhook", "WebhookTriggerRequest"),
    ];

    fn read(tag: &str, json: &str) -> serde_json::Result<Self> {
        let Common { name, active, concurrency } = from_str(json)?;
        let Project { project } = from_str(json)?;
        let settings = Settings::read(tag, json)?;
        let webhook = match settings.kind() {
            TriggerType::Webhook => Some(from_str::<OfWebhook>(json)?.webhook_id),
            TriggerType::Schedule | TriggerType::PlatformEvent => None,
        };
        let (active, concurrency) = (active.unwrap_or(true), concurrency.unwrap_or_default());
        Ok(Self { project, name, active, concurrency, settings, webhook })
    }

    fn faults(&self) -> Vec<Fault> {
        self.settings.faults()
    }
}

impl Tagged for TriggerUpdate {
    const MODELS: &'static [(&'static str, &'static str)] = &[
        ("schedule", "ScheduleTriggerUpdate"),
        ("platform_event", "PlatformEventTriggerUpdate"),
        ("webhook", "WebhookTriggerUpdate"),
    ];

    fn read(tag: &str, json: &str) -> serde_json::Result<Self> {
        let Common { name, active, concurrency } = from_str(json)?;
        let mut settings = Settings::read(tag, json)?;
        if let Settings::Schedule { next, .. } = &mut settings {
            *next = from_str::<Next>(json)?.next_occurrence;
        }
        Ok(Self { name, active, concurrency, settings })
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults = self.settings.faults();
        let is_whole = self.active.is_some() && self.concurrency.is_some();
        if self.settings.kind() == TriggerType::Webhook && !is_whole {
            let message = "A webhook's trigger is changed as a whole: say active and concurrency, too";
            faults.push(Fault::new("value_error", message));
        }
        faults
    }
}
