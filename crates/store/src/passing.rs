//! What keeps a database from its work for a time: one table of it, for both engines. Whoever asks meanwhile hears that
//! it passes, and when to come again.

use std::{fmt, io};

use super::group_commit::is_undone;
use super::{StoreError, mysql_number, sqlite_code};

const AWAY: &str = "it can't be reached";
const BUSY: &str = "other writers hold it";
const FULL: &str = "its disk is full";
const NO_IO: &str = "its disk can't be read or written";
const DAMAGED: &str = "its disk can't be read, or its file is damaged";
const NO_MEMORY: &str = "it is out of memory";
const READ_ONLY: &str = "it is read-only";
const CROWDED: &str = "it has too many connections";
const CRAMMED: &str = "it has too many prepared statements";
const NOT_READY: &str = "it is not ready yet, or is shutting down";

/// SQLite's codes, without what their extended forms add.
const OF_SQLITE: &[(i32, &str)] = &[
    (5, BUSY),      // SQLITE_BUSY
    (6, BUSY),      // SQLITE_LOCKED
    (7, NO_MEMORY), // SQLITE_NOMEM
    (8, READ_ONLY), // SQLITE_READONLY
    (10, NO_IO),    // SQLITE_IOERR
    (11, DAMAGED),  // SQLITE_CORRUPT: also what SQLite makes of the disk's EIO for a read
    (13, FULL),     // SQLITE_FULL
    (14, NO_IO),    // SQLITE_CANTOPEN: the file, its WAL or its folder
    (15, BUSY),     // SQLITE_PROTOCOL: the WAL's locks
    (22, NO_IO),    // SQLITE_NOLFS
];

/// Numbers of MySQL, MariaDB and Galera.
const OF_MYSQL: &[(u16, &str)] = &[
    (3, NO_IO),        // EE_WRITE
    (20, FULL),        // EE_DISK_FULL
    (1020, BUSY),      // ER_CHECKREAD: the row has changed since it was read
    (1021, FULL),      // ER_DISK_FULL
    (1023, NO_IO),     // ER_ERROR_ON_CLOSE
    (1024, NO_IO),     // ER_ERROR_ON_READ
    (1026, NO_IO),     // ER_ERROR_ON_WRITE
    (1028, NO_IO),     // ER_FILSORT_ABORT
    (1030, NO_IO),     // ER_GET_ERRNO: a storage engine's own, such as that the disk is full
    (1037, NO_MEMORY), // ER_OUTOFMEMORY
    (1038, NO_MEMORY), // ER_OUT_OF_SORTMEMORY
    (1040, CROWDED),   // ER_CON_COUNT_ERROR
    (1041, NO_MEMORY), // ER_OUT_OF_RESOURCES
    (1042, AWAY),      // ER_BAD_HOST_ERROR
    (1043, AWAY),      // ER_HANDSHAKE_ERROR
    (1047, NOT_READY), // ER_UNKNOWN_COM_ERROR: a Galera node that has no quorum or isn't synced
    (1053, NOT_READY), // ER_SERVER_SHUTDOWN
    (1077, NOT_READY), // ER_NORMAL_SHUTDOWN
    (1079, NOT_READY), // ER_SHUTDOWN_COMPLETE
    (1080, NOT_READY), // ER_FORCING_CLOSE
    (1114, FULL),      // ER_RECORD_FILE_FULL
    (1129, CROWDED),   // ER_HOST_IS_BLOCKED
    (1135, NO_MEMORY), // ER_CANT_CREATE_THREAD
    (1152, AWAY),      // ER_ABORTING_CONNECTION
    (1158, AWAY),      // ER_NET_READ_ERROR
    (1159, AWAY),      // ER_NET_READ_INTERRUPTED
    (1160, AWAY),      // ER_NET_ERROR_ON_WRITE
    (1161, AWAY),      // ER_NET_WRITE_INTERRUPTED
    (1180, NO_IO),     // ER_ERROR_DURING_COMMIT
    (1184, AWAY),      // ER_NEW_ABORTING_CONNECTION
    (1203, CROWDED),   // ER_TOO_MANY_USER_CONNECTIONS
    (1205, BUSY),      // ER_LOCK_WAIT_TIMEOUT
    (1206, BUSY),      // ER_LOCK_TABLE_FULL
    (1213, BUSY),      // ER_LOCK_DEADLOCK, and a certification that was lost
    (1226, CROWDED),   // ER_USER_LIMIT_REACHED
    (1290, READ_ONLY), // ER_OPTION_PREVENTS_STATEMENT: --read-only
    (1461, CRAMMED),   // ER_MAX_PREPARED_STMT_COUNT_REACHED: of all its clients together
    (1637, BUSY),      // ER_TOO_MANY_CONCURRENT_TRXS
    (1792, READ_ONLY), // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
    (1836, READ_ONLY), // ER_READ_ONLY_MODE
    (1927, AWAY),      // ER_CONNECTION_KILLED
    (2006, AWAY),      // CR_SERVER_GONE_ERROR
    (2013, AWAY),      // CR_SERVER_LOST
    (3032, NOT_READY), // ER_SERVER_OFFLINE_MODE
    (3100, NOT_READY), // ER_RUN_HOOK_ERROR: group replication
    (3101, BUSY),      // ER_TRANSACTION_ROLLBACK_DURING_COMMIT
    (3168, NOT_READY), // ER_SERVER_ISNT_AVAILABLE
    (3572, BUSY),      // ER_LOCK_NOWAIT
    (4031, AWAY),      // ER_CLIENT_INTERACTION_TIMEOUT
];

/// What keeps the database from its work, if the error is of a kind that passes: in words for whoever asks.
pub fn passing(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::Io(error) => {
            let unwritable = error.get_ref().and_then(|error| error.downcast_ref::<Unwritable>());
            Some(unwritable.map_or(AWAY, |unwritable| unwritable.0))
        }
        StoreError::Tls(_) | StoreError::WorkerCrashed | StoreError::PoolClosed => Some(AWAY),
        StoreError::PoolTimedOut => Some("all connections to it are taken"),
        error if is_undone(error) => Some(BUSY),
        error => match (mysql_number(error), sqlite_code(error)) {
            (Some(number), _) => find(OF_MYSQL, number),
            (None, Some(code)) => find(OF_SQLITE, code),
            (None, None) => None,
        },
    }
}

fn find<T: PartialEq>(table: &[(T, &'static str)], number: T) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == number).map(|(_, reason)| *reason)
}

/// The store could not be written the last time that somebody tried.
#[derive(Debug, thiserror::Error)]
pub struct Unwritable(pub(super) &'static str);

impl fmt::Display for Unwritable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the database can't be written: {}", self.0)
    }
}

impl From<Unwritable> for StoreError {
    fn from(unwritable: Unwritable) -> Self {
        Self::Io(io::Error::other(unwritable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_say_each_number_once() {
        assert!(OF_SQLITE.is_sorted_by(|(a, _), (b, _)| a < b));
        assert!(OF_MYSQL.is_sorted_by(|(a, _), (b, _)| a < b));
    }

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        for number in [1021, 1040, 1047, 1053, 1114, 1205, 1213, 1290, 1836, 2006] {
            assert!(find(OF_MYSQL, number).is_some(), "{number}");
        }
        for number in [1044, 1045, 1048, 1054, 1062, 1064, 1146, 1406, 1451, 1452] {
            assert_eq!(find(OF_MYSQL, number), None, "{number}");
        }
        for code in [5, 7, 8, 10, 11, 13] {
            assert!(find(OF_SQLITE, code).is_some(), "{code}");
        }
        // A wrong statement, a constraint, something that is no database.
        for code in [1, 19, 26] {
            assert_eq!(find(OF_SQLITE, code), None, "{code}");
        }
        let refused = StoreError::Io(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(passing(&refused), Some(AWAY));
        assert_eq!(passing(&Unwritable(FULL).into()), Some(FULL));
        assert_eq!(passing(&StoreError::RowNotFound), None);
    }

    #[tokio::test]
    async fn a_database_says_what_the_tables_know() {
        use sqlx::{Connection, SqliteConnection};
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let mut fail =
            async |sql: &'static str| sqlx::raw_sql(sql).execute(&mut connection).await.unwrap_err();
        let full = "CREATE TABLE t (a); PRAGMA max_page_count = 3; INSERT INTO t VALUES (zeroblob(100000))";
        assert_eq!(passing(&fail(full).await), Some(FULL));
        assert_eq!(passing(&fail("PRAGMA query_only = on; INSERT INTO t VALUES (1)").await), Some(READ_ONLY));
        assert_eq!(passing(&fail("SELECT 1 FROM nothing").await), None);
    }
}
