//! The order of what the first start makes, which is ZenML's: lists go by when each was made, and then by the id.

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Query, SelectStatement};

use super::{COMPONENT_TYPES, DEFAULT, FLAVORS, built_in_flavors};
use crate::env::random::Randomness;
use crate::store::{Id, Store, StoreError, Timestamp, Transaction, Update};

/// The ids and moments of rows that are made one after the other.
pub(super) struct Sequence<'a> {
    random: &'a dyn Randomness,
    next: DateTime<Utc>,
}

impl<'a> Sequence<'a> {
    pub(super) fn from(start: Timestamp, random: &'a dyn Randomness) -> Self {
        Self { random, next: start.to_utc() }
    }

    /// Later than the one before. Where the store keeps whole seconds alone, the id still is greater.
    pub(super) fn next_row(&mut self) -> (Id, Timestamp) {
        let moment = self.next;
        self.next += TimeDelta::microseconds(1);
        (self.random.id_in_time(moment), Timestamp::new(moment))
    }
}

/// A row by what it is, with its id and when it was made.
type Made = (String, String, Id, Timestamp);

/// Brings built-in flavors and the default components into their order where an older version has made all of them at
/// one moment: a second apart from each other, before what people have made since.
///
/// # Errors
/// When the database doesn't answer or refuses a row.
pub(crate) async fn order_built_ins(store: &Store) -> Result<(), StoreError> {
    let (flavors, components) =
        (store.fetch_all(&of_flavors()).await?, store.fetch_all(&of_components()).await?);
    let needed = [
        ("flavor", moves(&flavors, order_of_flavors)?),
        ("stack_component", moves(&components, || Ok(COMPONENT_TYPES.map(of_default).to_vec()))?),
    ];
    if needed.iter().all(|(_, moves)| moves.is_empty()) {
        return Ok(());
    }
    let needed = &needed;
    store
        .write(|mut tx| async move {
            for (table, moves) in needed {
                move_all(&mut tx, table, moves).await?;
            }
            tx.commit(()).await
        })
        .await
}

async fn move_all(
    tx: &mut Transaction,
    table: &'static str,
    moves: &[(Id, Timestamp)],
) -> Result<(), StoreError> {
    for (id, created) in moves {
        Update::unnoted(table, *id).set("created", *created).run(tx).await?;
    }
    Ok(())
}

fn of_flavors() -> SelectStatement {
    Query::select()
        .columns(["name", "type", "id", "created"])
        .from("flavor")
        .and_where(Expr::col("is_custom").eq(false))
        .to_owned()
}

fn of_components() -> SelectStatement {
    Query::select()
        .columns(["name", "type", "id", "created"])
        .from("stack_component")
        .and_where(Expr::col("name").eq(DEFAULT))
        .and_where(Expr::col("flavor").eq("local"))
        .and_where(Expr::col("user_id").is_null())
        .to_owned()
}

/// A name and a type.
type Kind = (String, String);

fn order_of_flavors() -> Result<Vec<Kind>, StoreError> {
    let flavors = FLAVORS.bytes()?;
    let flavors = built_in_flavors(&flavors)?;
    Ok(flavors.iter().map(|flavor| (flavor.name.to_owned(), flavor.r#type.to_owned())).collect())
}

fn of_default(kind: &str) -> Kind {
    (DEFAULT.to_owned(), kind.to_owned())
}

/// When each is to have been made, of most of them that share one moment and are in another order by their ids.
fn moves(
    made: &[Made],
    order: impl FnOnce() -> Result<Vec<Kind>, StoreError>,
) -> Result<Vec<(Id, Timestamp)>, StoreError> {
    let is_of_most =
        |moment: &Timestamp| made.iter().filter(|(.., created)| created == moment).count() * 2 > made.len();
    let Some((.., shared)) = made.iter().find(|(.., created)| is_of_most(created)) else {
        return Ok(Vec::new());
    };
    let sharing = |(name, kind): &Kind| {
        let is_it = |row: &&Made| row.0 == *name && row.1 == *kind && row.3 == *shared;
        made.iter().find(is_it).map(|(.., id, _)| *id)
    };
    let in_order: Vec<Id> = order()?.iter().filter_map(sharing).collect();
    if in_order.is_sorted() {
        return Ok(Vec::new());
    }
    let before = |seconds: i64| Timestamp::new(shared.to_utc() - TimeDelta::seconds(seconds));
    Ok((1..).zip(in_order.into_iter().rev()).map(|(seconds, id)| (id, before(seconds))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(kind: &str, id: u128, second: i64) -> Made {
        let moment = Timestamp::new(DateTime::from_timestamp(second, 0).unwrap());
        ("default".to_owned(), kind.to_owned(), Id(uuid::Uuid::from_u128(id)), moment)
    }

    #[test]
    fn what_shares_a_moment_in_another_order_moves_apart() {
        let moved = |all: &[Made]| {
            let moves = moves(all, || Ok(["a", "b", "c"].map(of_default).to_vec())).unwrap().into_iter();
            moves.map(|(id, created)| (id.0.as_u128(), created.to_utc().timestamp())).collect::<Vec<_>>()
        };
        assert_eq!(
            moved(&[made("c", 1, 50), made("b", 2, 50), made("a", 3, 50)]),
            [(1, 49), (2, 48), (3, 47)]
        );
        assert_eq!(
            moved(&[made("c", 3, 50), made("b", 2, 50), made("a", 1, 50)]),
            [],
            "in order by their ids"
        );
        assert_eq!(
            moved(&[made("a", 3, 50), made("b", 2, 51), made("c", 1, 52)]),
            [],
            "each at its own moment"
        );
        assert_eq!(moved(&[made("a", 3, 50), made("b", 2, 50), made("c", 1, 90)]), [(2, 49), (3, 48)]);
        assert_eq!(moved(&[]), []);
    }
}
