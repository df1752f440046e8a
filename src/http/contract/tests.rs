use serde_json::{Value, json};

use super::*;

fn read(model: &str, body: Value) -> Result<Value, Vec<(&'static str, String)>> {
    let body = serde_json::value::to_raw_value(&body).unwrap();
    check(model, &body)
        .map(|kept| serde_json::from_str(&kept).unwrap())
        .map_err(|faults| faults.into_iter().map(|fault| (fault.kind, fault.location)).collect())
}

fn snapshot(more: Value) -> Value {
    let id = "00000000-0000-0000-0000-000000000001";
    let mut body = json!({
        "project": id, "stack": id, "pipeline": id, "run_name_template": "x",
        "pipeline_configuration": {"name": "p"},
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// The kinds and places of what is wrong with a snapshot, as ZenML's server tells them.
fn wrong(more: Value) -> Vec<(&'static str, String)> {
    read("PipelineSnapshotRequest", snapshot(more)).expect_err("it is right")
}

fn kept(more: Value) -> Value {
    read("PipelineSnapshotRequest", snapshot(more)).expect("it is wrong")
}

#[test]
fn every_model_is_in_the_contract() {
    for name in MODEL_NAMES {
        let index = MODELS.by_name.get(name).unwrap_or_else(|| panic!("{name}"));
        assert!(!MODELS.models[*index].fields.is_empty(), "{name}");
    }
    assert!(check("Nothing", &RawValue::from_string("{}".to_owned()).unwrap()).is_err());
}

#[test]
fn what_is_wrong_is_told_as_the_reference_tells_it() {
    let of = "'body', 'pipeline_configuration'";
    for (body, expected) in [
        (json!({"pipeline_configuration": {}}), vec![("missing", format!("{of}, 'name'"))]),
        (
            json!({"pipeline_configuration": {"name": 5, "enable_cache": "maybe"}}),
            vec![("bool_parsing", format!("{of}, 'enable_cache'")), ("string_type", format!("{of}, 'name'"))],
        ),
        (
            json!({"pipeline_configuration": {"name": "x", "tags": ["a", {"color": "mauve"}], "secrets": [5],
                "retry": {"max_retries": 0, "backoff": 1.5}, "substitutions": {"it's": 1}}}),
            vec![
                ("uuid_type", format!("{of}, 'secrets', 0, 'uuid'")),
                ("string_type", format!("{of}, 'secrets', 0, 'str'")),
                ("string_type", format!("{of}, 'tags', 1, 'str'")),
                ("missing", format!("{of}, 'tags', 1, 'Tag', 'name'")),
                ("enum", format!("{of}, 'tags', 1, 'Tag', 'color'")),
                ("greater_than", format!("{of}, 'retry', 'max_retries'")),
                ("int_from_float", format!("{of}, 'retry', 'backoff'")),
                ("string_type", format!("{of}, 'substitutions', 'it\\\\\\'s'")),
            ],
        ),
        (
            json!({"pipeline_configuration": {"name": "x", "model": {"name": "m", "version": 1.5}}}),
            vec![
                ("enum", format!("{of}, 'model', 'version', 'str-enum[ModelStages]'")),
                ("int_from_float", format!("{of}, 'model', 'version', 'int'")),
                ("string_type", format!("{of}, 'model', 'version', 'str'")),
            ],
        ),
        (json!({"pipeline_configuration": []}), vec![("model_attributes_type", of.to_owned())]),
        (json!({"pipeline_spec": {}}), vec![("missing", "'body', 'pipeline_spec', 'steps'".to_owned())]),
        (
            json!({"pipeline_spec": {"steps": 5}}),
            vec![("list_type", "'body', 'pipeline_spec', 'steps'".to_owned())],
        ),
        (
            json!({"pipeline_spec": {"steps": [{"upstream_steps": []}]}}),
            vec![("missing", "'body', 'pipeline_spec', 'steps', 0, 'source'".to_owned())],
        ),
        (json!({"client_environment": 5}), vec![("dict_type", "'body', 'client_environment'".to_owned())]),
        (
            json!({"step_configurations": {"a.b": {"spec": 5, "config": {}}}}),
            vec![
                ("model_attributes_type", "'body', 'step_configurations', 'a.b', 'spec'".to_owned()),
                ("missing", "'body', 'step_configurations', 'a.b', 'config', 'name'".to_owned()),
                (
                    "missing",
                    "'body', 'step_configurations', 'a.b', 'step_config_overrides', 'name'".to_owned(),
                ),
            ],
        ),
    ] {
        assert_eq!(wrong(body.clone()), expected, "{body}");
    }
    let source = |source: Value| {
        wrong(json!({"pipeline_configuration": {"name": "x", "init_hook_source": source}}))
            .into_iter()
            .map(|(kind, _)| kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(source(json!({"module": "a"})), ["missing"]);
    assert_eq!(
        source(json!({"module": 5, "type": "x", "attribute": []})),
        ["string_type", "string_type", "enum"]
    );
    assert_eq!(source(json!("")), ["value_error"]);
    assert_eq!(source(json!(5)), ["model_attributes_type"]);
}

#[test]
fn a_model_is_kept_whole_and_a_body_as_it_was_sent() {
    let body = kept(json!({"zz": 1, "pipeline_configuration": {
        "name": "x", "enable_cache": "yes", "retry": {"delay": "3"}, "cache_policy": "default", "zz": 1,
        "success_hook_source": "a.b", "init_hook_source": {"module": "m", "type": "user", "zz": 3},
        "steps_to_skip": ["b", "a", "a"], "step_input_overrides": {"a": {"b": "0".repeat(32)}},
        "model": {"name": "m", "version": 2.0}, "settings": {"docker": {"a": null}},
    }}));
    assert_eq!(body["zz"], 1);
    assert!(body.get("replace").is_none());
    let configuration = &body["pipeline_configuration"];
    for (field, expected) in [
        ("enable_cache", json!(true)),
        ("retry", json!({"max_retries": 1, "delay": 3, "backoff": 0})),
        ("success_hook_source", json!({"module": "a", "attribute": "b", "type": "unknown"})),
        ("init_hook_source", json!({"module": "m", "attribute": null, "type": "user", "zz": 3})),
        ("steps_to_skip", json!(["b", "a"])),
        ("step_input_overrides", json!({"a": {"b": "00000000-0000-0000-0000-000000000000"}})),
        ("settings", json!({"docker": {"a": null}})),
        ("execution_mode", json!("continue_on_failure")),
        ("environment", json!({})),
        ("tags", json!(null)),
    ] {
        assert_eq!(configuration[field], expected, "{field}");
    }
    assert_eq!(configuration["model"]["version"], 2);
    assert_eq!(configuration["model"]["suppress_class_validation_warnings"], true);
    assert_eq!(configuration["cache_policy"]["include_step_code"], true);
    assert_eq!(configuration["cache_policy"]["expires_after"], json!(null));
    assert!(configuration.get("zz").is_none());
}

#[test]
fn steps_in_older_forms_become_steps_of_today() {
    let steps = json!({"load": {
        "spec": {"source": "a.b", "upstream_steps": [], "pipeline_parameter_name": "pp"},
        "config": {"name": "load", "outputs": {
            "one": {"materializer_source": "m.n", "artifact_config": {"is_model_artifact": true, "version": 3}},
            "two": {"materializer_source": [{"module": "m", "type": "user"}]},
        }},
    }});
    let step = &kept(json!({"step_configurations": steps}))["step_configurations"]["load"];
    assert_eq!(step["spec"]["invocation_id"], "pp");
    assert_eq!(step["spec"]["source"], json!({"module": "a", "attribute": "b", "type": "unknown"}));
    assert_eq!(step["config"], step["step_config_overrides"]);
    assert_eq!(step["config"]["heartbeat_healthy_threshold"], 30);
    assert_eq!(step["config"]["cache_policy"]["include_artifact_ids"], true);
    let one = &step["config"]["outputs"]["one"];
    assert_eq!(one["materializer_source"], json!([{"module": "m", "attribute": "n", "type": "unknown"}]));
    assert_eq!(one["artifact_config"]["artifact_type"], "ModelArtifact");
    assert_eq!(one["artifact_config"]["version"], 3);
}

#[test]
fn what_can_be_anything_stays_the_text_that_was_sent() {
    let parameters = r#"{"n": 123456789012345678901234567890, "x": 1.10}"#;
    let body = snapshot(json!({"pipeline_spec": {"steps": [], "parameters": 0}})).to_string();
    let body =
        RawValue::from_string(body.replace("\"parameters\":0", &format!("\"parameters\":{parameters}")));
    let kept = check("PipelineSnapshotRequest", &body.unwrap()).unwrap();
    assert!(kept.contains(parameters), "{kept}");
}

#[test]
fn faults_are_bounded_and_so_are_the_names_in_them() {
    let name = "n".repeat(100_000);
    let faults = wrong(json!({"pipeline_configuration": {"name": "x", "substitutions": {name: 1}}}));
    assert!(faults[0].1.len() < 300);
    let steps: serde_json::Map<String, Value> = (0..5000).map(|n| (n.to_string(), json!(5))).collect();
    assert_eq!(wrong(json!({"step_configurations": steps})).len(), 100);
}

#[test]
fn what_goes_without_saying_is_left_out() {
    let json = json!({
        "name": "x", "enable_cache": false, "retry": {"max_retries": 1, "delay": 3, "backoff": 0}, "tags": null,
        "extra": {"k": null}, "execution_mode": "continue_on_failure",
        "tags": [{"name": "b", "color": null, "exclusive": null, "cascade": true}, "a"],
    });
    let json = RawValue::from_string(json.to_string()).unwrap();
    let said = as_object(&sparse("PipelineConfiguration-Input", &json, |field| field != "name"));
    let expected = json!({
        "enable_cache": false, "retry": {"delay": 3}, "extra": {"k": null}, "tags": [{"name": "b", "cascade": true}, "a"],
    });
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), expected);
}

/// A schema of its own, as a flavor has one.
fn by_schema(body: Value, whole: &[&str], left_to_right: &[&str]) -> Result<Value, Vec<&'static str>> {
    let schema = json!({
        "title": "Config", "type": "object", "required": ["name"],
        "$defs": {
            "Inner": {"type": "object", "properties": {"a": {"type": "integer", "default": 1}, "b": {"type": "string", "default": "x"}}},
            "Strict": {"type": "object", "additionalProperties": false, "properties": {"a": {"type": "boolean"}}},
        },
        "properties": {
            "name": {"type": "string"}, "size": {"type": "integer", "default": 3},
            "inner": {"anyOf": [{"$ref": "#/$defs/Inner"}, {"type": "null"}]},
            "strict": {"type": "array", "items": {"$ref": "#/$defs/Strict"}},
            "range": {"type": "array", "minItems": 2, "maxItems": 2, "prefixItems": [{"type": "integer"}, {"type": "number"}]},
            "many": {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
        },
    });
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let raw = |value: &Value| serde_json::value::to_raw_value(value).unwrap();
    let (whole, left_to_right) = (names(whole), names(left_to_right));
    let ways = Ways { whole: &whole, left_to_right: &left_to_right };
    read_by(&raw(&schema), &raw(&body), ways)
        .map(|kept| serde_json::from_str(&kept).unwrap())
        .map_err(|faults| faults.into_iter().map(|fault| fault.kind).collect())
}

#[test]
fn a_schema_of_its_own_is_read_without_what_was_not_sent() {
    let sent =
        json!({"name": "n", "size": "5", "inner": {"a": "2", "zz": 1}, "range": ["1", 2.5], "many": "4"});
    let expected = json!({"name": "n", "size": 5, "inner": {"a": 2}, "range": [1, 2.5], "many": "4"});
    assert_eq!(
        by_schema(json!({"name": "n", "range": [1, 2]}), &[], &[]),
        Ok(json!({"name": "n", "range": [1, 2.0]}))
    );
    assert_eq!(by_schema(sent.clone(), &[], &[]), Ok(expected));
    let whole = by_schema(sent, &["inner"], &["many"]).unwrap();
    assert_eq!((&whole["inner"], &whole["many"]), (&json!({"a": 2, "b": "x"}), &json!(4)));
    assert_eq!(by_schema(json!({"name": "n"}), &["inner"], &[]), Ok(json!({"name": "n"})));
}

#[test]
fn what_a_schema_of_its_own_does_not_take_is_refused() {
    for (sent, kinds) in [
        (json!({}), vec!["missing"]),
        (json!({"name": null}), vec!["string_type"]),
        (json!({"name": "n", "strict": [{"a": "yes"}, {"a": true, "b": 1}]}), vec!["extra_forbidden"]),
        (json!({"name": "n", "range": [1]}), vec!["missing"]),
        (json!({"name": "n", "range": [1, 2, 3]}), vec!["too_long"]),
        (json!({"name": "n", "range": "[1, 2]"}), vec!["tuple_type"]),
    ] {
        assert_eq!(by_schema(sent.clone(), &[], &[]), Err(kinds), "{sent}");
    }
}
