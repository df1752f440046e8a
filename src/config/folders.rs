//! Where the server keeps its own files, and that nobody is shown them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zendo_store::Options;

use super::{AbsolutePath, Config, ConfigError, Destination, StoreLocation};

/// What MySQL is given to end a statement beyond a request's own time.
const STATEMENT_LEEWAY: Duration = Duration::from_secs(1);
const DATABASE_FILE: &str = "zendo.db";
/// What SQLite puts beside a database.
const BESIDE_A_DATABASE: [&str; 4] = ["-wal", "-shm", "-journal", ".made"];

impl Config {
    /// Where the database is: without a URL, in the data folder.
    pub fn store_location(&self) -> StoreLocation {
        let location = self.store.url.as_ref().map(|url| url.location.clone());
        location.unwrap_or_else(|| StoreLocation::Sqlite { path: self.zendo.data_dir.join(DATABASE_FILE) })
    }

    /// How to open the database.
    pub fn store_options(&self) -> Options {
        let statement_limit = Duration::from_secs(self.server.request_timeout.0.into()) + STATEMENT_LEEWAY;
        let plans = self.zendo.plans.as_ref().map(|path| path.0.clone());
        Options { plans, ..self.store.options(self.store_location(), statement_limit) }
    }

    /// Files and folders of the server's own. They may not be there yet.
    pub fn own_files(&self) -> Vec<PathBuf> {
        let mut own = Vec::new();
        let mut holds_data = self.zendo.data_dir.exists();
        if let StoreLocation::Sqlite { path } = self.store_location() {
            holds_data |= self.store.url.is_none();
            let beside = BESIDE_A_DATABASE.map(|end| {
                let mut beside = OsString::from(&path);
                beside.push(end);
                PathBuf::from(beside)
            });
            own.push(path);
            own.extend(beside);
        }
        if let Some(Destination::File(path)) = self.zendo.audit_log.as_ref().map(|log| &log.0) {
            own.push(path.clone());
        }
        // With a database elsewhere there is none, unless it is left from before.
        own.extend(holds_data.then(|| self.zendo.data_dir.clone()));
        own
    }

    /// Checks that nothing of the server's own is below the folder whose files are shown.
    ///
    /// # Errors
    /// [`ConfigError`] with what is.
    pub fn check_folders(&self) -> Result<(), ConfigError> {
        let Some(AbsolutePath(root)) = &self.zendo.local_files_root else { return Ok(()) };
        let shown = resolved(root);
        match self.own_files().into_iter().find(|own| resolved(own).starts_with(&shown)) {
            None => Ok(()),
            Some(own) => Err(ConfigError::new(
                "ZENDO_LOCAL_FILES_ROOT",
                format!(
                    "{} holds {}, which users could download then, and with it every secret; give a folder that holds \
                     artifact stores alone, or move the server's own files out of it",
                    root.display(),
                    own.display()
                ),
            )),
        }
    }
}

/// The path with all links followed, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path.ancestors().find_map(|ancestor| Some((ancestor, ancestor.canonicalize().ok()?)));
    match there {
        Some((ancestor, resolved)) => match path.strip_prefix(ancestor) {
            Ok(rest) if rest.as_os_str().is_empty() => resolved,
            Ok(rest) => resolved.join(rest),
            Err(_) => path,
        },
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn check(root: &Path, variables: &[(&str, &str)]) -> Result<(), ConfigError> {
        let root = root.to_str().unwrap();
        let variables = [variables, &[("ZENDO_LOCAL_FILES_ROOT", root)]].concat();
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Config::from_env(variables).unwrap().0.check_folders()
    }

    #[test]
    fn a_folder_that_holds_the_database_is_refused_by_whatever_path() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        let text = |path: &str| at(path).to_str().unwrap().to_owned();
        std::fs::create_dir_all(at("stores/data")).unwrap();
        std::fs::create_dir_all(at("elsewhere/stores")).unwrap();
        symlink(at("stores"), at("link")).unwrap();
        symlink(at("stores/data"), at("elsewhere/data")).unwrap();
        let stores = at("stores");
        for (root, data) in [
            (stores.clone(), text("stores")),
            (stores.clone(), text("stores/data")),
            (stores.clone(), text("stores/not/yet")),
            (stores.clone(), text("stores/./data/")),
            (stores.clone(), text("elsewhere/../stores/data")),
            (stores.clone(), text("link/data")),
            (stores.clone(), text("elsewhere/data")),
            (at("link"), text("stores/data")),
            (at("link/"), text("link/new")),
        ] {
            let refused = check(&root, &[("ZENDO_DATA_DIR", &data)]).unwrap_err().to_string();
            assert!(refused.starts_with("ZENDO_LOCAL_FILES_ROOT: ") && !refused.contains('\n'), "{refused}");
            let url = format!("sqlite:///{data}/zenml.db");
            let elsewhere = text("elsewhere/own");
            let variables = [("ZENML_STORE_URL", url.as_str()), ("ZENDO_DATA_DIR", &elsewhere)];
            check(&root, &variables).expect_err(&url);
        }
        let log = text("stores/audit.jsonl");
        check(&stores, &[("ZENDO_DATA_DIR", &text("own")), ("ZENDO_AUDIT_LOG", &log)]).unwrap_err();
        for data in [text("own"), text("stores-too"), text("elsewhere")] {
            assert_eq!(check(&stores, &[("ZENDO_DATA_DIR", &data)]), Ok(()), "{data}");
        }
        // A folder within the data folder doesn't hold it.
        assert_eq!(check(&at("elsewhere/stores"), &[("ZENDO_DATA_DIR", &text("elsewhere"))]), Ok(()));
        let elsewhere =
            [("ZENML_STORE_URL", "mysql://a:b@127.0.0.1/c"), ("ZENDO_DATA_DIR", &text("stores/no"))];
        assert_eq!(check(&stores, &elsewhere), Ok(()));
    }
}
