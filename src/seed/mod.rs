//! What the first start leaves in an empty store: the same rows as ZenML 0.98.0.

mod order;

use chrono::{DateTime, Utc};
use sea_query::{ExprTrait, Query, SimpleExpr};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;

use self::order::Sequence;
pub(crate) use self::order::order_built_ins;
use crate::env::random::Randomness;
use crate::packed::{Packed, packed};
use crate::store::{
    Engine, Id, Insert, Store, StoreError, Timestamp, Transaction, Update, ZENML_REVISION, is_duplicate,
};

/// The built-in flavors, made from a database of ZenML 0.98.0 by contract/make_flavors.py, and described by build/flavors.rs.
const FLAVORS: Packed = packed!("flavors.json");
/// `{}` in base64, as ZenML keeps dictionaries.
const EMPTY_OBJECT: &[u8] = b"e30=";
/// `null` in base64.
const NULL: &[u8] = b"bnVsbA==";
/// Default components in the order ZenML makes them; all of flavor `local`.
const COMPONENT_TYPES: [&str; 3] = ["orchestrator", "deployer", "artifact_store"];
const DEFAULT: &str = "default";

/// What the first start is told to leave.
#[derive(Debug)]
pub(crate) struct Seed {
    pub server_name: String,
    pub display_announcements: bool,
    pub display_updates: bool,
    pub project_name: String,
    /// Without one the server waits for its activation.
    pub admin: Option<FirstAdmin>,
}

/// The first person who can sign in.
#[derive(Debug)]
pub(crate) struct FirstAdmin {
    pub name: String,
    pub password_hash: SecretString,
}

#[derive(Debug, Deserialize)]
struct Flavor<'a> {
    name: &'a str,
    r#type: &'a str,
    source: &'a str,
    display_name: Option<&'a str>,
    integration: Option<&'a str>,
    connector_type: Option<&'a str>,
    connector_resource_type: Option<&'a str>,
    connector_resource_id_attr: Option<&'a str>,
    logo_url: Option<&'a str>,
    docs_url: Option<&'a str>,
    sdk_docs_url: Option<&'a str>,
    is_custom: bool,
    /// Names and types of the fields.
    #[serde(borrow)]
    config_schema: &'a RawValue,
    /// The same with what each field is for, as it is kept.
    described_schema: String,
}

/// Leaves the first rows in one transaction; false when another start was faster.
///
/// # Errors
/// When the database doesn't answer or refuses a row.
pub(crate) async fn seed(
    store: &Store,
    seed: &Seed,
    now: DateTime<Utc>,
    random: &dyn Randomness,
) -> Result<bool, StoreError> {
    let now = Timestamp::new(now);
    let engine = store.engine();
    let seeded = store.write(|mut tx| async move {
        insert_all(&mut tx, seed, engine, now, random).await?;
        tx.commit(()).await
    });
    match seeded.await {
        Ok(()) => Ok(true),
        // The revision's row is there: another replica was faster, and all of this was undone.
        Err(error) if is_duplicate(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives the built-in flavors of an older installation the descriptions of their fields, where their schemas are as
/// that one left them.
///
/// # Errors
/// When the database doesn't answer or refuses a row.
pub(crate) async fn describe_flavors(store: &Store) -> Result<(), StoreError> {
    let bare = Query::select()
        .columns(["id", "name", "type", "config_schema"])
        .from("flavor")
        .and_where(sea_query::Expr::col("is_custom").eq(false))
        .and_where(sea_query::Expr::col("config_schema").not_like("%\"description\":%"))
        .to_owned();
    let bare: Vec<(Id, String, String, String)> = store.fetch_all(&bare).await?;
    if bare.iter().all(|(.., schema)| schema.contains("\"properties\":{}")) {
        return Ok(());
    }
    let flavors = FLAVORS.bytes()?;
    let flavors = built_in_flavors(&flavors)?;
    let bare_one = |flavor: &Flavor<'_>| {
        let is_it = |(_, name, kind, schema): &&(Id, String, String, String)| {
            name == flavor.name && kind == flavor.r#type && schema == flavor.config_schema.get()
        };
        Some((bare.iter().find(is_it)?.0, flavor.described_schema.clone()))
    };
    let described: Vec<(Id, String)> = flavors.iter().filter_map(bare_one).collect();
    let described = &described;
    store
        .write(|mut tx| async move {
            for (id, schema) in described {
                let update = Query::update()
                    .table("flavor")
                    .value("config_schema", schema.as_str())
                    .and_where(sea_query::Expr::col("id").eq(*id))
                    .to_owned();
                tx.execute(&update).await?;
            }
            tx.commit(()).await
        })
        .await
}

async fn insert_all(
    tx: &mut Transaction,
    seed: &Seed,
    engine: Engine,
    now: Timestamp,
    random: &dyn Randomness,
) -> Result<(), StoreError> {
    Insert::into("alembic_version").set("version_num", ZENML_REVISION).run(tx).await?;
    insert_flavors(tx, now, random).await?;
    insert_project(tx, seed, now, random).await?;
    insert_stack(tx, now, random).await?;
    insert_settings(tx, seed, now, random).await?;
    if let Some(admin) = &seed.admin {
        insert_admin(tx, admin, engine, now, random).await?;
    }
    Ok(())
}

async fn insert_flavors(
    tx: &mut Transaction,
    now: Timestamp,
    random: &dyn Randomness,
) -> Result<(), StoreError> {
    let flavors = FLAVORS.bytes()?;
    let mut sequence = Sequence::from(now, random);
    for flavor in built_in_flavors(&flavors)? {
        flavor.insert(sequence.next_row()).run(tx).await?;
    }
    Ok(())
}

/// Makes the built-in flavors that are missing, and the others as they were at first.
///
/// # Errors
/// When the database doesn't answer or refuses a row.
pub(crate) async fn sync_flavors(
    tx: &mut Transaction,
    now: Timestamp,
    random: &dyn Randomness,
) -> Result<(), StoreError> {
    let existing = Query::select().columns(["name", "type", "id"]).from("flavor").to_owned();
    let existing: Vec<(String, String, Id)> = tx.fetch_all(&existing).await?;
    let flavors = FLAVORS.bytes()?;
    let mut sequence = Sequence::from(now, random);
    for flavor in built_in_flavors(&flavors)? {
        let (new_id, now) = sequence.next_row();
        match existing.iter().find(|(name, kind, _)| name == flavor.name && kind == flavor.r#type) {
            None => {
                flavor.insert((new_id, now)).set("display_name", flavor.display_name).run(tx).await?;
            }
            Some((.., id)) => {
                let update = Update::of("flavor", *id, now).set("display_name", flavor.display_name);
                flavor
                    .columns()
                    .into_iter()
                    .fold(update, |u, (column, value)| u.set(column, value))
                    .run(tx)
                    .await?;
            }
        }
    }
    Ok(())
}

fn built_in_flavors(json: &[u8]) -> Result<Vec<Flavor<'_>>, StoreError> {
    serde_json::from_slice(json).map_err(|error| StoreError::Decode(error.into()))
}

impl Flavor<'_> {
    /// But for what people call it, which it is given when it is synchronized and not at first, as in ZenML.
    fn columns(&self) -> [(&'static str, SimpleExpr); 12] {
        [
            ("name", self.name.into()),
            ("type", self.r#type.into()),
            ("source", self.source.into()),
            ("config_schema", self.described_schema.as_str().into()),
            ("integration", self.integration.into()),
            ("connector_type", self.connector_type.into()),
            ("connector_resource_type", self.connector_resource_type.into()),
            ("connector_resource_id_attr", self.connector_resource_id_attr.into()),
            ("logo_url", self.logo_url.into()),
            ("docs_url", self.docs_url.into()),
            ("sdk_docs_url", self.sdk_docs_url.into()),
            ("is_custom", self.is_custom.into()),
        ]
    }

    fn insert(&self, (id, made): (Id, Timestamp)) -> Insert {
        let insert = Insert::into("flavor").stamped(id, made);
        self.columns().into_iter().fold(insert, |insert, (column, value)| insert.set(column, value))
    }
}

async fn insert_project(
    tx: &mut Transaction,
    seed: &Seed,
    now: Timestamp,
    random: &dyn Randomness,
) -> Result<(), StoreError> {
    Insert::into("project")
        .stamped(random.id(), now)
        .set("name", seed.project_name.as_str())
        .set("display_name", seed.project_name.as_str())
        .set("description", "")
        .set("project_metadata", "{}")
        .run(tx)
        .await
}

async fn insert_stack(
    tx: &mut Transaction,
    now: Timestamp,
    random: &dyn Randomness,
) -> Result<(), StoreError> {
    let stack = random.id();
    Insert::into("stack")
        .stamped(stack, now)
        .set("name", DEFAULT)
        .set("description", "")
        .set("labels", EMPTY_OBJECT)
        .set("environment", NULL)
        .run(tx)
        .await?;
    let mut sequence = Sequence::from(now, random);
    for component_type in COMPONENT_TYPES {
        let (component, made) = sequence.next_row();
        Insert::into("stack_component")
            .stamped(component, made)
            .set("name", DEFAULT)
            .set("type", component_type)
            .set("flavor", "local")
            .set("configuration", EMPTY_OBJECT)
            .set("labels", NULL)
            .set("environment", NULL)
            .run(tx)
            .await?;
        Insert::into("stack_composition")
            .set("stack_id", stack)
            .set("component_id", component)
            .set("default_for_type", component_type)
            .run(tx)
            .await?;
    }
    Ok(())
}

async fn insert_settings(
    tx: &mut Transaction,
    seed: &Seed,
    now: Timestamp,
    random: &dyn Randomness,
) -> Result<(), StoreError> {
    Insert::into("server_settings")
        .set("id", random.id())
        .set("server_name", seed.server_name.as_str())
        .set("active", seed.admin.is_some())
        .set("enable_analytics", false)
        .set("display_announcements", seed.display_announcements)
        .set("display_updates", seed.display_updates)
        .set("onboarding_state", r#"["project_created"]"#)
        .set("last_user_activity", now)
        .set("updated", now)
        .run(tx)
        .await
}

/// An admin's row, for the first start and for activation.
///
/// # Errors
/// When the name is taken or the database doesn't answer.
pub(crate) async fn insert_admin(
    tx: &mut Transaction,
    admin: &FirstAdmin,
    engine: Engine,
    now: Timestamp,
    random: &dyn Randomness,
) -> Result<Id, StoreError> {
    let id = random.id();
    Insert::into("user")
        .stamped(id, now)
        .set("name", admin.name.as_str())
        .set("is_service_account", false)
        .set("full_name", "")
        .set("active", true)
        .set("password", admin.password_hash.expose_secret())
        .set("password_changed_at", engine.not_before(now))
        .set("is_admin", true)
        .set("oidc_claims", "null")
        .run(tx)
        .await?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

    /// What is described, by `fields`, `flavors` and `definitions`.
    const DESCRIPTIONS: &str = include_str!("field_descriptions.json");

    /// The fields of a schema and of its definitions, with their descriptions.
    fn fields(schema: &Value) -> Vec<(String, String)> {
        let definitions = schema["$defs"].as_object().into_iter().flatten().map(|(_, definition)| definition);
        let described = |(name, field): (&String, &Value)| {
            (name.clone(), field["description"].as_str().unwrap_or_default().trim().to_owned())
        };
        let all = std::iter::once(schema).chain(definitions);
        all.flat_map(|part| part["properties"].as_object().into_iter().flatten().map(described)).collect()
    }

    #[test]
    fn every_field_of_every_flavor_is_described_and_nothing_else_changes() {
        let json = FLAVORS.bytes().unwrap();
        let flavors = built_in_flavors(&json).unwrap();
        assert_eq!(flavors.len(), 82);
        let mut number = 0;
        for flavor in &flavors {
            let bare: Value = serde_json::from_str(flavor.config_schema.get()).unwrap();
            let mut described: Value = serde_json::from_str(&flavor.described_schema).unwrap();
            for (field, description) in fields(&described) {
                assert!(!description.is_empty(), "{}/{}: {field}", flavor.r#type, flavor.name);
                number += 1;
            }
            for part in ["properties", "$defs"] {
                without_descriptions(&mut described[part]);
            }
            let described: Value = serde_json::from_str(&described.to_string()).unwrap();
            for (key, value) in bare.as_object().unwrap() {
                assert_eq!(&described[key], value, "{}/{}: {key}", flavor.r#type, flavor.name);
            }
        }
        assert_eq!(number, 1074);
    }

    fn without_descriptions(parts: &mut Value) {
        for part in parts.as_object_mut().into_iter().flatten().map(|(_, part)| part) {
            if part["description"].is_string() {
                part.as_object_mut().unwrap().remove("description");
            }
            if part["properties"].is_object() {
                without_descriptions(&mut part["properties"]);
            }
        }
    }

    #[test]
    fn no_description_is_of_a_field_that_is_not_there() {
        let json = FLAVORS.bytes().unwrap();
        let flavors = built_in_flavors(&json).unwrap();
        let descriptions: Value = serde_json::from_str(DESCRIPTIONS).unwrap();
        let schemas: Vec<(String, Value)> = flavors
            .iter()
            .map(|flavor| {
                let schema = serde_json::from_str(flavor.config_schema.get()).unwrap();
                (format!("{}/{}", flavor.r#type, flavor.name), schema)
            })
            .collect();
        let all: HashSet<&str> = schemas
            .iter()
            .flat_map(|(_, schema)| schema["properties"].as_object().into_iter().flatten())
            .map(|(name, _)| name.as_str())
            .collect();
        let names = |part: &Value| part.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let unknown = names(&descriptions["fields"]).into_iter().find(|name| !all.contains(name.as_str()));
        assert_eq!(unknown, None);
        for (flavor, own) in descriptions["flavors"].as_object().unwrap() {
            let (_, schema) = schemas.iter().find(|(name, _)| name == flavor).expect(flavor);
            let unknown = names(own).into_iter().find(|name| schema["properties"].get(name).is_none());
            assert_eq!(unknown, None, "{flavor}");
        }
    }
}
