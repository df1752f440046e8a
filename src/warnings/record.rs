//! A warning, as the store has it and as it is shown.

use sea_query::{Expr, Query, SelectStatement};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sqlx_macros::FromRow;
use strum::{EnumString, IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use crate::http::fields::{Field, Fields, Listed, Sort};
use crate::store::{Id, JsonText, Timestamp, Words};

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
pub(super) enum WarningKind {
    #[strum(serialize = "api_key.expiring")]
    ApiKeyExpiring,
    #[strum(serialize = "api_key.expired")]
    ApiKeyExpired,
    #[strum(serialize = "api_token.used_elsewhere")]
    TokenUsedElsewhere,
    #[strum(serialize = "account.many_refusals")]
    ManyRefusals,
}

impl WarningKind {
    pub(super) fn as_str(self) -> &'static str {
        Words::as_str(self)
    }
}

/// What is to be told.
#[derive(Debug)]
pub(super) struct Told {
    /// What is told once.
    pub once: String,
    pub kind: WarningKind,
    pub text: String,
    /// Whose account it is about.
    pub user_id: Option<Id>,
    pub subject: (&'static str, Id, String),
    pub details: Value,
}

/// One warning.
#[derive(Debug, Clone, FromRow, Serialize, ToSchema)]
#[schema(description = "What somebody should look at.")]
pub(crate) struct Warning {
    #[schema(value_type = Uuid)]
    pub id: Id,
    /// When it was told (RFC 3339).
    #[schema(value_type = String, pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]
    #[serde(serialize_with = "with_offset")]
    pub created: Timestamp,
    /// `api_key.expiring`, `api_key.expired`, `api_token.used_elsewhere` or `account.many_refusals`.
    pub kind: String,
    /// What it says, for people.
    pub text: String,
    /// Whose account it is about.
    #[schema(value_type = Option<Uuid>, required)]
    pub user_id: Option<Id>,
    /// `api_key`, `api_token` or `user`.
    pub subject_kind: String,
    #[schema(value_type = Uuid)]
    pub subject_id: Id,
    pub subject_name: String,
    /// What it says, for programs.
    #[schema(value_type = Object)]
    pub details: JsonText,
}

impl Warning {
    pub(crate) const TABLE: &'static str = "zendo_warning";
    const COLUMNS: [&'static str; 9] =
        ["id", "created", "kind", "text", "user_id", "subject_kind", "subject_id", "subject_name", "details"];

    /// All warnings.
    pub(crate) fn select() -> SelectStatement {
        Query::select().columns(Self::COLUMNS).from(Self::TABLE).to_owned()
    }

    /// The body of its webhook (Standard Webhooks, "Payload structure"): the same at each attempt.
    pub(super) fn payload(&self) -> String {
        let details = &self.details.0;
        let data = json!({
            "id": self.id,
            "text": self.text,
            "user_id": self.user_id,
            "subject_kind": self.subject_kind,
            "subject_id": self.subject_id,
            "subject_name": self.subject_name,
            "details": details,
        });
        json!({"type": self.kind, "timestamp": self.created.to_utc(), "data": data}).to_string()
    }
}

impl Listed for Warning {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[&[
        Field::id(),
        // The id grows with time, and is the table's order.
        Field { sort: Sort::By(|| Expr::col("id")), ..Field::time("created") },
        Field::word("kind"),
        Field::reference("user_id", "user_id"),
        Field::word("subject_kind"),
        Field::reference("subject_id", "subject_id"),
        Field::text("subject_name"),
    ]];
    const DEFAULT_SORT: &'static str = "desc:created";
}

fn with_offset<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    moment.to_utc().serialize(serializer)
}
