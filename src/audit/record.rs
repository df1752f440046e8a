//! A record of the audit, as the store has it and as it is shown.

use chrono::TimeDelta;
use sea_query::{Expr, ExprTrait, Query, SelectStatement, SimpleExpr};
use serde::{Serialize, Serializer};
use sqlx_macros::FromRow;
use utoipa::ToSchema;

use crate::http::error::ApiResult;
use crate::http::fields::{Field, FieldKind, Fields, Listed, Sort};
use crate::http::filter::Filter;
use crate::store::{Cells, Id, JsonText, Timestamp};

/// One record. Its JSON is the same in the API, from the terminal and in the lines that are shipped. On its way to the
/// store its texts are borrowed: tokens are issued by the ten thousand.
#[derive(Debug, Clone, FromRow, Serialize, ToSchema)]
#[schema(as = AuditRecord, description = "What was done, and by whom.")]
pub struct Record<Text = String> {
    #[schema(value_type = Uuid)]
    pub id: Id,
    /// When it was done (RFC 3339).
    #[schema(value_type = String, pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]
    #[serde(serialize_with = "with_offset")]
    pub created: Timestamp,
    #[schema(value_type = String)]
    pub action: Text,
    #[schema(value_type = Outcome, inline)]
    pub result: Text,
    /// Why it was refused.
    #[schema(value_type = Option<String>, required)]
    pub reason: Option<Text>,
    /// How often: more than once where a flood of refusals was counted.
    pub times: i64,
    /// Whose account did it, or was to be signed in to.
    #[schema(value_type = Option<Uuid>, required)]
    pub user_id: Option<Id>,
    #[schema(value_type = Option<String>, required)]
    pub user_name: Option<Text>,
    /// What the account was proved with: `password`, `api_key`, `device_code`, `external`, `activation_token`, `token`,
    /// `basic`, `operator` for a terminal beside the store, or `none`.
    #[schema(value_type = String)]
    pub credential: Text,
    /// The `jti` of the token that was used, or that a sign-in made.
    #[schema(value_type = Option<Uuid>, required)]
    pub token_id: Option<Id>,
    /// The API key that was used, or that the token was made from.
    #[schema(value_type = Option<Uuid>, required)]
    pub api_key_id: Option<Id>,
    #[schema(value_type = Option<Uuid>, required)]
    pub device_id: Option<Id>,
    /// What it was done to: `user`, `service_account`, `api_key`, `device`, `api_token`, `signing_key`, `server`.
    #[schema(value_type = Option<String>, required)]
    pub subject_kind: Option<Text>,
    #[schema(value_type = Option<Uuid>, required)]
    pub subject_id: Option<Id>,
    #[schema(value_type = Option<String>, required)]
    pub subject_name: Option<Text>,
    #[schema(value_type = Option<String>, required)]
    pub address: Option<Text>,
    #[schema(value_type = Option<String>, required)]
    pub user_agent: Option<Text>,
    /// The answer's `X-Request-ID`.
    #[schema(value_type = Option<String>, required)]
    pub request_id: Option<Text>,
    /// What else is to be known, such as which fields were changed.
    #[schema(value_type = Option<Object>, required)]
    pub details: Option<JsonText>,
}

/// Whether it was done: what `result` says.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is described, not made: the row has the word")]
enum Outcome {
    Success,
    Refused,
}

impl Record {
    pub const TABLE: &'static str = "zendo_audit";
    pub const COLUMNS: [&'static str; 19] = [
        "id",
        "created",
        "action",
        "result",
        "reason",
        "times",
        "user_id",
        "user_name",
        "credential",
        "token_id",
        "api_key_id",
        "device_id",
        "subject_kind",
        "subject_id",
        "subject_name",
        "address",
        "user_agent",
        "request_id",
        "details",
    ];

    /// All records.
    pub fn select() -> SelectStatement {
        Query::select().columns(Self::COLUMNS).from(Self::TABLE).to_owned()
    }
}

impl<Text: AsRef<str>> Record<Text> {
    /// Puts the columns in their order.
    pub(crate) fn put(&self, cells: &mut Cells) {
        cells.id(self.id);
        cells.timestamp(self.created);
        cells.text(self.action.as_ref());
        cells.text(self.result.as_ref());
        cells.maybe_text(maybe(&self.reason));
        cells.integer(self.times);
        cells.maybe_id(self.user_id);
        cells.maybe_text(maybe(&self.user_name));
        cells.text(self.credential.as_ref());
        cells.maybe_id(self.token_id);
        cells.maybe_id(self.api_key_id);
        cells.maybe_id(self.device_id);
        cells.maybe_text(maybe(&self.subject_kind));
        cells.maybe_id(self.subject_id);
        cells.maybe_text(maybe(&self.subject_name));
        cells.maybe_text(maybe(&self.address));
        cells.maybe_text(maybe(&self.user_agent));
        cells.maybe_text(maybe(&self.request_id));
        cells.maybe_text(self.details.as_ref().map(|JsonText(json)| json.get()));
    }
}

fn maybe<Text: AsRef<str>>(text: &Option<Text>) -> Option<&str> {
    text.as_ref().map(AsRef::as_ref)
}

impl Listed for Record {
    const FIELDS: Fields = &[&[
        Field::id(),
        Field { sort: Sort::By(|| Expr::col("id")), ..Field::custom("created", created) },
        Field::word("action"),
        Field::word("result"),
        Field::text("reason"),
        Field::number("times"),
        Field::custom("user", |filter| by_name_or_id(filter, "user_name", "user_id")),
        Field::reference("user_id", "user_id"),
        Field::text("user_name"),
        Field::text("credential"),
        Field::reference("token_id", "token_id"),
        Field::reference("api_key_id", "api_key_id"),
        Field::reference("device_id", "device_id"),
        Field::custom("subject", |filter| by_name_or_id(filter, "subject_name", "subject_id")),
        Field::text("subject_kind"),
        Field::reference("subject_id", "subject_id"),
        Field::text("subject_name"),
        Field::text("address"),
        Field::text("user_agent"),
        Field::text("request_id"),
    ]];
    const DEFAULT_SORT: &'static str = "desc:created";
}

/// The ids are in the order of time, and the table in theirs, so that `created` needs no index of its own.
fn created(filter: &Filter<'_>) -> ApiResult<SimpleExpr> {
    // MySQL's column has whole seconds, and the nearest one.
    let second = TimeDelta::seconds(1);
    let (earliest, latest) = filter.span()?;
    let condition = filter.condition(Expr::col("created"), FieldKind::Time)?;
    let from = earliest.map(|moment| Expr::col("id").gte(Id::first_of(moment.and_utc() - second)));
    let to = latest.map(|moment| Expr::col("id").lt(Id::first_of(moment.and_utc() + second * 2)));
    Ok([from, to].into_iter().flatten().fold(condition, ExprTrait::and))
}

fn by_name_or_id(filter: &Filter<'_>, name: &'static str, id: &'static str) -> ApiResult<SimpleExpr> {
    let by_name = filter.condition(Expr::col(name), FieldKind::Text)?;
    Ok(by_name.or(filter.condition(Expr::col(id), FieldKind::Id)?))
}

fn with_offset<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    moment.to_utc().serialize(serializer)
}
