//! Reads that one request asks for at once, as one turn of a connection's thread.
//!
//! SQLite answers most reads in less time than it takes to wake the thread of its connection, and the caller after that;
//! and what an answer is made of are ten reads and more, which don't hang on each other. Those that wait when the request
//! can't go on by itself are one text of several statements, for one connection. On MySQL a prepared text is one statement.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use sea_query_sqlx::SqlxValues;
use sqlx::Sqlite;
use sqlx::sqlite::SqliteRow;
use tokio::sync::oneshot;

use super::StoreError;
use super::pool::{Pool, Rank};
use super::wire::Amount;

/// Values of one text at most. Long lists of ids take longer than a thread's turn, and are better read side by side.
const MOST_VALUES: usize = 512;

tokio::task_local! {
    /// Of the request that this is a part of.
    static ASKED: Arc<Asked>;
}

/// What waits to be asked.
#[derive(Default)]
struct Asked(Mutex<Vec<Asking>>);

type Answer = oneshot::Sender<Result<Vec<SqliteRow>, StoreError>>;

/// Somebody's question.
struct Asking {
    pool: Arc<Pool<Sqlite>>,
    rank: Rank,
    question: Arc<Question>,
    answer: Answer,
}

/// A read, and how many of its rows are wanted.
#[derive(Clone)]
pub(super) struct Question {
    pub sql: String,
    pub values: SqlxValues,
    pub amount: Amount,
}

impl Asked {
    fn add(&self, asking: Asking) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(asking);
    }

    fn take(&self) -> Vec<Asking> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs a request: what it reads at once from SQLite is read together.
pub async fn together<T>(request: impl Future<Output = T>) -> T {
    let asked = Arc::new(Asked::default());
    let mut request = pin!(ASKED.scope(Arc::clone(&asked), request));
    // Most requests read nothing, and need none.
    let mut under_way: Option<FuturesUnordered<_>> = None;
    poll_fn(move |cx| {
        while is_one_done(&mut under_way, cx) {}
        loop {
            if let Poll::Ready(done) = request.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            let turns = turns(asked.take());
            if !turns.is_empty() {
                under_way.get_or_insert_default().extend(turns.into_iter().map(answer));
            }
            // Most take a while, and wake the request when they are done.
            if !is_one_done(&mut under_way, cx) {
                return Poll::Pending;
            }
        }
    })
    .await
}

fn is_one_done<T: Future>(under_way: &mut Option<FuturesUnordered<T>>, cx: &mut Context<'_>) -> bool {
    under_way.as_mut().is_some_and(|turns| matches!(turns.poll_next_unpin(cx), Poll::Ready(Some(_))))
}

/// The rows of a read: together with others if it is part of a request.
///
/// # Errors
/// When the database doesn't answer.
pub(super) async fn ask(
    pool: &Arc<Pool<Sqlite>>,
    rank: Rank,
    question: Question,
) -> Result<Vec<SqliteRow>, StoreError> {
    let question = Arc::new(question);
    let asked = ASKED.try_with(|asked| {
        let (answer, answered) = oneshot::channel();
        asked.add(Asking { pool: Arc::clone(pool), rank, question: Arc::clone(&question), answer });
        answered
    });
    if let Ok(answered) = asked
        && let Ok(answer) = answered.await
    {
        return answer;
    }
    // Outside of a request, or another read that was asked with this one has failed.
    let Question { sql, values, amount } = Arc::unwrap_or_clone(question);
    pool.lease(rank).await?.fetch(sql, values, amount).await
}

/// Questions by what can answer them in one turn. One of which only the first row is wanted stays by itself, since the
/// others would have to wait for its last.
fn turns(asked: Vec<Asking>) -> Vec<Vec<Asking>> {
    let mut turns: Vec<Vec<Asking>> = Vec::new();
    for asking in asked {
        match turns.iter_mut().find(|turn| fits(&asking, turn)) {
            Some(turn) => turn.push(asking),
            None => turns.push(vec![asking]),
        }
    }
    turns
}

fn fits(asking: &Asking, turn: &[Asking]) -> bool {
    let values = |asking: &Asking| asking.question.values.0.0.len();
    let goes_with = |other: &Asking| {
        let wants_all = |asking: &Asking| asking.question.amount == Amount::All;
        let is_same_pool = other.rank == asking.rank && Arc::ptr_eq(&other.pool, &asking.pool);
        is_same_pool && wants_all(other) && wants_all(asking)
    };
    turn.iter().all(goes_with) && turn.iter().map(values).sum::<usize>() + values(asking) <= MOST_VALUES
}

/// Asks until all is answered, or somebody doesn't wait any more: whoever still does asks by themselves then, as do those
/// after a question that fails.
async fn answer(turn: Vec<Asking>) {
    let Some(first) = turn.first() else { return };
    let (pool, rank) = (Arc::clone(&first.pool), first.rank);
    let (questions, mut answers): (Vec<_>, Vec<_>) =
        turn.into_iter().map(|asking| (asking.question, asking.answer)).unzip();
    let answered = {
        let asking = pin!(async move {
            match pool.lease(rank).await {
                Ok(mut lease) => lease.fetch_each(&questions).await,
                Err(error) => vec![Err(error)],
            }
        });
        let given_up = pin!(poll_fn(|cx| any_given_up(&mut answers, cx)));
        match select(asking, given_up).await {
            Either::Left((answered, _)) => answered,
            Either::Right(_) => return,
        }
    };
    for (answer, rows) in answers.into_iter().zip(answered) {
        // Whoever doesn't wait any more needs none.
        let _ = answer.send(rows);
    }
}

fn any_given_up(answers: &mut [Answer], cx: &mut Context<'_>) -> Poll<()> {
    match answers.iter_mut().any(|answer| answer.poll_closed(cx).is_ready()) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::{join, join_all, join3};
    use sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType};

    use super::*;
    use crate::testing::unmigrated;

    const ENDLESS: &str =
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n)";

    fn select(expr: &'static str) -> SelectStatement {
        Query::select().expr(Expr::cust(expr)).to_owned()
    }

    /// A number twice, or not at all if it is 0.
    fn twice(number: i64) -> SelectStatement {
        let once = || Query::select().expr(Expr::val(number)).and_where(Expr::val(number).gt(0)).to_owned();
        once().union(UnionType::All, once()).to_owned()
    }

    #[tokio::test]
    async fn reads_at_once_have_their_own_rows_from_one_connection() {
        let (store, _folder) = unmigrated().await;
        let queries: Vec<SelectStatement> = (0..40).map(|number| twice(number % 7)).collect();
        let reads = queries.iter().map(|query| store.fetch_all::<(i64,)>(query));
        for (number, rows) in (0..40).zip(together(join_all(reads)).await) {
            let wanted = if number % 7 > 0 { vec![(number % 7,); 2] } else { vec![] };
            assert_eq!(rows.unwrap(), wanted);
        }
        let crate::Pools::Sqlite { reader, .. } = &store.pools else { panic!("it is on SQLite") };
        assert_eq!(reader.sizes().0, 1, "more than one connection was opened");
    }

    #[tokio::test]
    async fn a_read_that_fails_leaves_the_others_their_answers() {
        let (store, _folder) = unmigrated().await;
        let (one, none, two) = (select("1"), select("nothing_like_it"), select("2"));
        let reads =
            join3(store.fetch_all::<(i64,)>(&one), store.fetch_all::<(i64,)>(&none), store.fetch_all(&two));
        let (one, none, two): (_, _, Result<Vec<(i64,)>, _>) = together(reads).await;
        assert_eq!((one.unwrap(), two.unwrap()), (vec![(1,)], vec![(2,)]));
        assert!(none.unwrap_err().to_string().contains("nothing_like_it"));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_ends_and_who_still_waits_is_answered() {
        let (store, _folder) = unmigrated().await;
        let (endless, one) = (select(ENDLESS), select("1"));
        let soon = Duration::from_millis(1);
        let request = async {
            for _ in 0..20 {
                let read = tokio::time::timeout(soon, store.fetch_all::<(i64,)>(&endless));
                let (late, prompt) = join(read, store.fetch_all::<(i64,)>(&one)).await;
                assert!(late.is_err());
                assert_eq!(prompt.unwrap(), [(1,)]);
            }
        };
        // Each of them would keep a connection, and there are fewer.
        tokio::time::timeout(Duration::from_secs(60), together(request)).await.unwrap();
    }

    #[tokio::test]
    async fn a_read_that_another_request_began_is_gone_on_with_here() {
        let (store, _folder) = unmigrated().await;
        let one = select("1");
        let mut read = Box::pin(store.fetch_all::<(i64,)>(&one));
        let mut other = Box::pin(together(async { futures_util::poll!(&mut read) }));
        assert!(other.as_mut().await.is_pending());
        drop(other);
        assert_eq!(together(read).await.unwrap(), vec![(1,)]);
    }
}
