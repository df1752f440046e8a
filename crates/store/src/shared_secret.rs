//! Secrets that all replicas share.

use chrono::{DateTime, Utc};
use sea_query::{Expr, ExprTrait, OnConflict, Query};
use secrecy::SecretString;

use super::{Store, StoreError, Timestamp};

impl Store {
    /// The secret of that name, made by `make` when there is none yet; all replicas get the same.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn shared_secret(
        &self,
        name: &'static str,
        now: DateTime<Utc>,
        make: impl Fn() -> String + Sync,
    ) -> Result<SecretString, StoreError> {
        let existing = Query::select()
            .column("value")
            .from("zendo_secret")
            .and_where(Expr::col("name").eq(name))
            .to_owned();
        if let Some((value,)) = self.fetch_optional::<(String,)>(&existing).await? {
            return Ok(value.into());
        }
        let insert = Query::insert()
            .into_table("zendo_secret")
            .columns(["name", "value", "created"])
            .values_panic([name.into(), make().into(), Timestamp::new(now).into()])
            .on_conflict(OnConflict::column("name").do_nothing_on(["name"]).to_owned())
            .to_owned();
        self.execute(&insert).await?;
        match self.fetch_optional::<(String,)>(&existing).await? {
            Some((value,)) => Ok(value.into()),
            None => Err(StoreError::RowNotFound),
        }
    }
}
