//! A service's configuration, in the one form that is kept of it: its keys in order, as ZenML's server writes JSON. So the
//! same configuration is found again, in whatever order its keys were sent.

use std::collections::BTreeMap;

use sea_query::{Expr, ExprTrait, Query as Sql};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::http::error::{ApiError, ApiResult};
use crate::http::values::JsonObject;
use crate::store::{Base64Json, Id, Transaction, python_json};

pub(super) struct Configuration {
    pub kept: Vec<u8>,
    /// As ZenML's server keeps it: with its keys as they were sent.
    as_sent: Vec<u8>,
    pub pipeline_name: Option<String>,
    pub pipeline_step_name: Option<String>,
}

impl Configuration {
    /// # Errors
    /// 422 for what is no JSON.
    pub(super) fn read(object: &JsonObject) -> ApiResult<Self> {
        let unreadable = |error: serde_json::Error| ApiError::unprocessable(error.to_string());
        let fields: BTreeMap<String, &RawValue> =
            serde_json::from_str(object.as_str()).map_err(unreadable)?;
        let stored = |json: &str| Base64Json::stored(Some(&python_json(json)));
        let text = |name: &str| match serde_json::from_str(fields.get(name)?.get()).ok()? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Ok(Self {
            kept: stored(&in_order(object.as_str()).map_err(unreadable)?),
            as_sent: stored(object.as_str()),
            pipeline_name: text("pipeline_name"),
            pipeline_step_name: text("pipeline_step_name"),
        })
    }

    /// # Errors
    /// 409 when a service of the project has it; the store's own.
    pub(super) async fn refuse_taken(&self, tx: &mut Transaction, project: Id, name: &str) -> ApiResult<()> {
        let same = Sql::select()
            .column("id")
            .from("service")
            .and_where(Expr::col("project_id").eq(project))
            .and_where(Expr::col("config").is_in([self.kept.clone(), self.as_sent.clone()]))
            .limit(1)
            .to_owned();
        match tx.fetch_optional::<(Id,)>(&same).await? {
            None => Ok(()),
            Some(_) => {
                let message = format!("The service '{name}' has the configuration of another service.");
                Err(ApiError::exists(message))
            }
        }
    }
}

/// The same JSON with the keys of each object in order. Values stay as they were written: a number may be any.
fn in_order(json: &str) -> serde_json::Result<String> {
    if json.starts_with('{') {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
        let field = |(name, value): (String, &RawValue)| {
            Ok(format!("{}:{}", Value::from(name), in_order(value.get())?))
        };
        let fields: Vec<String> = fields.into_iter().map(field).collect::<serde_json::Result<_>>()?;
        return Ok(format!("{{{}}}", fields.join(",")));
    }
    if json.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(json)?;
        let items: Vec<String> =
            items.into_iter().map(|item| in_order(item.get())).collect::<serde_json::Result<_>>()?;
        return Ok(format!("[{}]", items.join(",")));
    }
    Ok(json.to_owned())
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn keys_have_one_order_and_values_stay() {
        let json =
            r#"{"b": [{"d": 1.0, "c": 123456789012345678901234567890}], "a": {"z": "é\"", "y": null}}"#;
        let expected = r#"{"a":{"y":null,"z":"é\""},"b":[{"c":123456789012345678901234567890,"d":1.0}]}"#;
        assert_eq!(in_order(json).unwrap(), expected);
        assert_eq!(in_order(expected).unwrap(), expected);
    }
}
