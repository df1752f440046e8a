//! Warnings about variables that have no effect, so that a typing error doesn't pass in silence.

/// Variables of contract/config.json that ZenML reads and zendo does not read yet.
const WITHOUT_EFFECT: &[&str] = &[
    "ZENML_SERVER_RBAC_IMPLEMENTATION_SOURCE",
    "ZENML_SERVER_FEATURE_GATE_IMPLEMENTATION_SOURCE",
    "ZENML_SERVER_REPORTABLE_RESOURCES",
    "ZENML_SERVER_WORKLOAD_MANAGER_IMPLEMENTATION_SOURCE",
    "ZENML_SERVER_RESOURCE_POOL_IMPLEMENTATION_SOURCE",
    "ZENML_SERVER_STREAM_BROKER_IMPLEMENTATION_SOURCE",
    "ZENML_SERVER_SNAPSHOT_RUN_DISPATCHER_IMPLEMENTATION_SOURCE",
    "ZENML_SERVER_STREAMING_HEARTBEAT_SECONDS",
    "ZENML_SERVER_STREAMING_MAX_SUBSCRIBERS_PER_STREAM",
    "ZENML_SERVER_STREAMING_BROADCASTER_IDLE_GRACE_SECONDS",
    "ZENML_SERVER_MAX_CONCURRENT_SNAPSHOT_RUNS",
    "ZENML_SERVER_PIPELINE_RUN_AUTH_WINDOW",
    "ZENML_SERVER_THREAD_POOL_SIZE",
    "ZENML_SERVER_ARTIFACT_STORE_CACHE_ENABLED",
    "ZENML_SERVER_MEMCACHE_MAX_CAPACITY",
    "ZENML_SERVER_MEMCACHE_DEFAULT_EXPIRY",
    "ZENML_SERVER_OTEL_EXPORTER_OTLP_ENDPOINT",
    "ZENML_SERVER_OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "ZENML_SERVER_OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "ZENML_SERVER_OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    "ZENML_SERVER_OTEL_SERVICE_NAME",
    "ZENML_SERVER_OTEL_TRACES_ENABLED",
    "ZENML_SERVER_OTEL_METRICS_ENABLED",
    "ZENML_SERVER_OTEL_LOGS_ENABLED",
    "ZENML_SERVER_EVENT_HANDLER_SOURCES",
    "ZENML_SERVER_WEBHOOK_EVENT_HANDLER_SOURCES",
    "ZENML_STORE_DATABASE",
    "ZENML_STORE_AUTH_MODE",
    "ZENML_STORE_AWS_REGION",
    "ZENML_STORE_AWS_RDS_IAM_ROLE_ARN",
    "ZENML_STORE_AWS_RDS_IAM_MAX_WAIT_SECONDS",
    "ZENML_SECRETS_STORE_CLASS_PATH",
];

/// Names that something else of ZenML's reads, or that change nothing that zendo's users see: its client's, and those of
/// ZenML's own backups and drivers.
const OF_OTHERS: &[&str] = &[
    "ZENML_STORE_TYPE",
    "ZENML_STORE_DRIVER",
    "ZENML_STORE_API_KEY",
    "ZENML_STORE_API_TOKEN",
    "ZENML_STORE_VERIFY_SSL",
    "ZENML_STORE_HTTP_TIMEOUT",
    "ZENML_STORE_CONNECTION_POOL_SIZE",
    "ZENML_STORE_POOL_PRE_PING",
    "ZENML_STORE_BACKUP_STRATEGY",
    "ZENML_STORE_BACKUP_DIRECTORY",
    "ZENML_STORE_BACKUP_DATABASE",
    "ZENML_STORE_CUSTOM_BACKUP_ENGINE",
    "ZENML_STORE_CUSTOM_BACKUP_ENGINE_CONFIG",
    "ZENML_STORE_MYDUMPER_THREADS",
    "ZENML_STORE_MYDUMPER_COMPRESS",
    "ZENML_STORE_MYDUMPER_EXTRA_ARGS",
    "ZENML_STORE_MYLOADER_THREADS",
    "ZENML_STORE_MYLOADER_EXTRA_ARGS",
    "ZENML_DEFAULT_OUTPUT",
    "ZENML_DEFAULT_ANALYTICS_SOURCE",
];

/// Names that are in the configurations of older releases of ZenML, as they are still copied: since when ZenML reads
/// them no longer, and what to do instead.
const OF_OLDER_RELEASES: &[(&str, &str, &str)] = &[
    (
        "ZENML_SERVER_AUTO_CREATE_DEFAULT_USER",
        "which old compose files have and no release reads",
        "ZENML_SERVER_AUTO_ACTIVATE says whether the first admin is made",
    ),
    ("ZENML_SERVER_BASE_URL", "which ZenML reads no longer since 0.58", "set ZENML_SERVER_SERVER_URL"),
    (
        "ZENML_SERVER_USE_LEGACY_DASHBOARD",
        "which ZenML reads no longer since 0.68",
        "ZENML_SERVER_DASHBOARD_FILES_PATH names the dashboard to serve",
    ),
    (
        "ZENML_SERVER_EXTERNAL_COOKIE_NAME",
        "which ZenML reads no longer since 0.73",
        "external sign-ins need no cookie of their own",
    ),
    (
        "ZENML_SERVER_SECURE_HEADERS_XXP",
        "which ZenML reads no longer since 0.91",
        "browsers heed X-XSS-Protection no longer; ZENML_SERVER_SECURE_HEADERS_CSP has taken its place",
    ),
    (
        "ZENML_SERVER_MAX_CONCURRENT_TEMPLATE_RUNS",
        "which ZenML has renamed to ZENML_SERVER_MAX_CONCURRENT_SNAPSHOT_RUNS",
        "neither has an effect in this version of zendo",
    ),
    ("ZENML_AUTH_TYPE", "which ZenML reads no longer since 0.45", "set ZENML_SERVER_AUTH_SCHEME"),
    ("ZENML_JWT_SECRET_KEY", "which ZenML reads no longer since 0.45", "set ZENML_SERVER_JWT_SECRET_KEY"),
    (
        "ZENML_DEFAULT_WORKSPACE_NAME",
        "which ZenML reads no longer since 0.80",
        "set ZENML_DEFAULT_PROJECT_NAME",
    ),
    (
        "ZENML_SERVER_ALLOW_LOCAL_FILE_ACCESS",
        "which only ZenML's own local server reads",
        "ZENDO_LOCAL_FILES_ROOT says which files are shown",
    ),
];

/// Settings of ZenML's service, whose servers are no others' to run.
const OF_ZENML_PRO: [&str; 2] = ["ZENML_SERVER_PRO_", "ZENML_CLOUD_"];

/// One line for each variable of `variables` that looks like a setting and is none here.
pub(super) fn warnings(variables: &[(String, String)], providers: &[String]) -> Vec<String> {
    let of_providers = providers.iter().flat_map(|key| super::variable_names_of(key));
    let known: Vec<String> = super::variable_names().into_iter().chain(of_providers).collect();
    variables.iter().filter_map(|(name, _)| warning(name, &known)).collect()
}

fn warning(name: &str, known: &[String]) -> Option<String> {
    if let Some((_, why, advice)) = OF_OLDER_RELEASES.iter().find(|(old, ..)| *old == name) {
        return Some(format!("{name} is set, {why}: it has no effect; {advice}"));
    }
    if OF_ZENML_PRO.iter().any(|prefix| name.starts_with(prefix)) {
        return Some(format!("{name} is set and has no effect: it is for servers of ZenML Pro"));
    }
    let is_of_interest = super::PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if !is_of_interest || OF_OTHERS.contains(&name) || known.iter().any(|known| known == name) {
        return None;
    }
    Some(match WITHOUT_EFFECT.contains(&name) {
        true => format!("{name} is set but has no effect in this version of zendo"),
        false => format!("{name} is not a known setting; did you mean {}?", nearest(name, known)),
    })
}

fn nearest<'a>(name: &str, known: &'a [String]) -> &'a str {
    let all = known.iter().map(String::as_str).chain(WITHOUT_EFFECT.iter().copied());
    all.min_by_key(|candidate| strsim::damerau_levenshtein(name, candidate)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str) -> Option<String> {
        warning(name, &crate::config::variable_names())
    }

    #[test]
    fn a_name_of_an_older_release_is_told_as_that_and_not_as_a_misspelling() {
        for (name, _, advice) in OF_OLDER_RELEASES {
            let told = told(name).unwrap();
            assert!(told.starts_with(&format!("{name} is set, which ")) && told.ends_with(advice), "{told}");
            assert!(!told.contains("did you mean"), "{told}");
        }
        for (name, part) in [
            ("ZENML_SERVER_AUTO_CREATE_DEFAULT_USER", "ZENML_SERVER_AUTO_ACTIVATE"),
            ("ZENML_SERVER_SECURE_HEADERS_XXP", "no longer since 0.91"),
            ("ZENML_SERVER_PRO_API_URL", "ZenML Pro"),
            ("ZENML_SERVER_THREAD_POOL_SIZE", "no effect in this version"),
            ("ZENML_STORE_AUTH_MODE", "no effect in this version"),
        ] {
            let told = told(name).unwrap();
            assert!(told.contains(part) && !told.contains("did you mean"), "{told}");
        }
        // What is advised is there.
        let known = crate::config::variable_names();
        for (_, _, advice) in OF_OLDER_RELEASES {
            for name in advice.split(' ').filter(|word| word.contains('_') && word.to_uppercase() == **word) {
                assert!(known.iter().any(|known| known == name), "{name}");
            }
        }
    }

    #[test]
    fn a_misspelling_is_told_in_every_group_and_names_of_others_are_not() {
        for (name, meant) in [
            ("ZENML_STORE_PASWORD", "ZENML_STORE_PASSWORD"),
            ("ZENML_DEFAULT_USER_PASWORD", "ZENML_DEFAULT_USER_PASSWORD"),
            ("ZENML_SECRETS_STORE_ENCRYPTION", "ZENML_SECRETS_STORE_ENCRYPTION_KEY"),
            ("ZENDO_LISTENS", "ZENDO_LISTEN"),
        ] {
            assert!(told(name).unwrap().ends_with(&format!("did you mean {meant}?")), "{name}");
        }
        for name in [
            "ZENML_STORE_TYPE",
            "ZENML_STORE_BACKUP_STRATEGY",
            "ZENML_ANALYTICS_OPT_IN",
            "ZENML_SERVER",
            "PATH",
        ] {
            assert_eq!(told(name), None, "{name}");
        }
    }
}
