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
];

/// One line for each variable of `variables` that looks like a setting and is none here.
pub(super) fn warnings(variables: &[(String, String)]) -> Vec<String> {
    let known = super::variable_names();
    let of_interest = |name: &str| {
        ["ZENML_SERVER_", "ZENML_SECRETS_STORE_", "ZENDO_"].iter().any(|prefix| name.starts_with(prefix))
    };
    variables
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| of_interest(name) && !known.iter().any(|known| known == name))
        .map(|name| match WITHOUT_EFFECT.contains(&name) {
            true => format!("{name} is set but has no effect in this version of zendo"),
            false => {
                format!("{name} is not a known setting; did you mean {}?", nearest(name, &known))
            }
        })
        .collect()
}

fn nearest<'a>(name: &str, known: &'a [String]) -> &'a str {
    let all = known.iter().map(String::as_str).chain(WITHOUT_EFFECT.iter().copied());
    all.min_by_key(|candidate| strsim::damerau_levenshtein(name, candidate)).unwrap_or_default()
}
