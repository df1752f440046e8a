use serde_json::{Value, json};

use super::{Unfit, check};

fn fits(schema: Value, value: Value) -> bool {
    match check(&schema, &value) {
        Ok(()) => true,
        Err(Unfit::Value(_)) => false,
        Err(Unfit::Schema(reason)) => panic!("{schema}: {reason}"),
    }
}

/// A schema, what fits it and what doesn't.
#[test]
fn each_keyword_means_what_the_draft_says() {
    for (schema, right, wrong) in [
        (json!({"type": "integer"}), json!([0, -1, 1.0, 1e3]), json!([1.5, "1", null, true])),
        (json!({"type": ["string", "null"]}), json!(["", null]), json!([1, [], {}])),
        (json!({"type": "number"}), json!([1, 1.5]), json!([true])),
        (json!({"enum": ["a", 1, {"b": [2]}]}), json!(["a", 1, 1.0, {"b": [2.0]}]), json!(["b", 2, {}])),
        (json!({"const": {"a": 1, "b": 2}}), json!([{"b": 2, "a": 1}]), json!([{"a": 1}, null])),
        (json!({"minimum": 1, "maximum": 3}), json!([1, 3, 2.5, "x"]), json!([0, 3.1, -1])),
        (json!({"exclusiveMinimum": 1, "exclusiveMaximum": 3}), json!([1.1, 2]), json!([1, 3])),
        (
            json!({"minimum": 9_007_199_254_740_993_i64}),
            json!([9_007_199_254_740_993_i64]),
            json!([9_007_199_254_740_992_i64]),
        ),
        (json!({"multipleOf": 3}), json!([0, 3, -6, 9.0]), json!([1, 3.5])),
        (json!({"multipleOf": 0.5}), json!([1, 1.5]), json!([1.2])),
        (json!({"minLength": 2, "maxLength": 3}), json!(["äö", "abc", 1]), json!(["a", "abcd"])),
        (json!({"pattern": "^a[0-9]+$"}), json!(["a1", 5]), json!(["a", "ba1"])),
        (json!({"pattern": "b"}), json!(["abc"]), json!(["ac"])),
        (json!({"items": {"type": "integer"}}), json!([[], [1, 2]]), json!([[1, "2"]])),
        (
            json!({"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false}),
            json!([[], [1], [1, "a"]]),
            json!([["a"], [1, "a", 2]]),
        ),
        (json!({"minItems": 1, "maxItems": 2}), json!([[1], [1, 2]]), json!([[], [1, 2, 3]])),
        (json!({"uniqueItems": true}), json!([[], [1, "1", [1]]]), json!([[1, 1.0], [{"a": 1}, {"a": 1}]])),
        (json!({"contains": {"type": "integer"}}), json!([["a", 1]]), json!([[], ["a"]])),
        (
            json!({"contains": {"type": "integer"}, "minContains": 2, "maxContains": 3}),
            json!([[1, 2], [1, "a", 2, 3]]),
            json!([[1], [1, 2, 3, 4]]),
        ),
        (json!({"contains": {"type": "integer"}, "minContains": 0}), json!([[]]), json!([])),
        (json!({"required": ["a"]}), json!([{"a": null}, []]), json!([{}, {"b": 1}])),
        (json!({"properties": {"a": {"type": "integer"}}}), json!([{"a": 1}, {"b": ""}]), json!([{"a": ""}])),
        (
            json!({
                "properties": {"a": true}, "patternProperties": {"^x": {"type": "integer"}},
                "additionalProperties": {"type": "string"},
            }),
            json!([{"a": [], "x1": 1, "b": ""}]),
            json!([{"x1": ""}, {"b": 1}]),
        ),
        (json!({"additionalProperties": false}), json!([{}]), json!([{"a": 1}])),
        (json!({"propertyNames": {"maxLength": 1}}), json!([{"a": 1}]), json!([{"ab": 1}])),
        (json!({"minProperties": 1, "maxProperties": 1}), json!([{"a": 1}]), json!([{}, {"a": 1, "b": 2}])),
        (json!({"dependentRequired": {"a": ["b"]}}), json!([{"a": 1, "b": 1}, {}]), json!([{"a": 1}])),
        (json!({"dependentSchemas": {"a": {"required": ["b"]}}}), json!([{}, {"b": 1}]), json!([{"a": 1}])),
        (json!({"allOf": [{"minimum": 1}, {"maximum": 2}]}), json!([1, 2]), json!([0, 3])),
        (json!({"anyOf": [{"type": "null"}, {"minimum": 2}]}), json!([null, 2]), json!([1])),
        (json!({"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}]}), json!([2, 3]), json!([6, 1])),
        (json!({"not": {"type": "null"}}), json!([1]), json!([null])),
        (
            json!({"if": {"minimum": 5}, "then": {"multipleOf": 5}, "else": {"type": "integer"}}),
            json!([10, 3]),
            json!([6, 1.5]),
        ),
        (json!({"if": false}), json!([1]), json!([])),
        (
            json!({"$defs": {"a b": {"type": "integer"}}, "items": {"$ref": "#/$defs/a%20b"}}),
            json!([[1]]),
            json!([["a"]]),
        ),
        (
            json!({"type": "object", "properties": {"next": {"$ref": "#"}}}),
            json!([{"next": {"next": {}}}]),
            json!([{"next": {"next": 1}}]),
        ),
        (json!({"format": "email", "title": "t", "default": 1}), json!(["x"]), json!([])),
        (
            json!({"unevaluatedProperties": false, "properties": {"a": true}}),
            json!([{"a": 1}]),
            json!([{"b": 1}]),
        ),
        (
            json!({"$schema": "http://json-schema.org/draft-04/schema#", "exclusiveMinimum": 1}),
            json!([2]),
            json!([1]),
        ),
        (json!({"$ref": "#"}), json!([1]), json!([])),
        (json!(true), json!([1]), json!([])),
        (json!(false), json!([]), json!([1])),
    ] {
        for value in right.as_array().unwrap() {
            assert!(fits(schema.clone(), value.clone()), "{schema} {value}");
        }
        for value in wrong.as_array().unwrap() {
            assert!(!fits(schema.clone(), value.clone()), "{schema} {value}");
        }
    }
}

#[test]
fn what_is_no_schema_is_refused() {
    let many = vec![json!({"$ref": "#/$defs/b"}); 100];
    let wide = json!({"$defs": {"a": {"allOf": many}, "b": {"allOf": vec![json!({"$ref": "#/$defs/c"}); 100]},
        "c": {"allOf": vec![json!(true); 100]}}, "$ref": "#/$defs/a"});
    for (schema, value) in [
        (json!(5), json!(1)),
        (json!({"type": "no type"}), json!(1)),
        (json!({"type": 5}), json!(1)),
        (json!({"enum": 5}), json!(1)),
        (json!({"anyOf": {}}), json!(1)),
        (json!({"not": {"type": "no type"}}), json!(1)),
        (json!({"minimum": "1"}), json!(1)),
        (json!({"multipleOf": 0}), json!(1)),
        (json!({"minLength": "1"}), json!("a")),
        (json!({"pattern": "("}), json!("a")),
        (json!({"pattern": "(?=a)"}), json!("a")),
        (json!({"items": [true]}), json!([1])),
        (json!({"properties": []}), json!({})),
        (json!({"required": [1]}), json!({})),
        (json!({"$ref": "https://example.org/schema"}), json!(1)),
        (json!({"$ref": "#/$defs/missing"}), json!(1)),
        (json!({"$dynamicRef": "#"}), json!(1)),
        (json!({"x": {"type": "integer"}, "$ref": "#/x"}), json!(1)),
        (json!({"items": {"$id": "https://example.org/inner"}}), json!([])),
        (wide, json!(1)),
        (many_letters(), json!("a".repeat(60_000))),
        (doubled(30), json!(1)),
        (
            json!({"type": "object", "properties": {"a": {"anyOf": vec![json!({"$ref": "#"}); 3]}}}),
            nested(30),
        ),
        (json!({"anyOf": vec![json!({"pattern": "(?:a?){200}b"}); 1000]}), json!("a".repeat(60_000))),
        (json!({"items": {"enum": (0..9_000).collect::<Vec<_>>()}}), json!(vec![8_999; 9_000])),
    ] {
        assert!(matches!(check(&schema, &value), Err(Unfit::Schema(_))), "{schema}");
    }
}

/// Whatever it says, it says so, and neither the stack nor the time is without an end.
#[test]
fn a_schema_that_asks_itself_ends() {
    let asks_itself =
        json!({"$defs": {"a": {"not": {"allOf": [{"$ref": "#/$defs/a"}, true]}}}, "$ref": "#/$defs/a"});
    let said = check(&asks_itself, &json!(1)).map_err(|unfit| matches!(unfit, Unfit::Schema(_)));
    println!("{said:?}");
}

/// The attack that was seen: a short pattern that looks ten thousand times at each letter.
fn many_letters() -> Value {
    json!({"pattern": "(?:(?:a?){200}){50}b"})
}

/// Each schema asks the next one twice.
fn doubled(times: usize) -> Value {
    let twice = |next: usize| vec![json!({"$ref": format!("#/$defs/{next}")}); 2];
    let mut definitions: serde_json::Map<String, Value> =
        (0..times).map(|at| (at.to_string(), json!({"allOf": twice(at + 1)}))).collect();
    definitions.insert(times.to_string(), json!({"type": "integer"}));
    json!({"$defs": definitions, "$ref": "#/$defs/0"})
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!({"a": inner}))
}
