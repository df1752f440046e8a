//! The files of artifact versions, and what is shown of them elsewhere.

use super::artifacts::{version, with_start};
use super::step::{ADMIN, ANYONE, Scenario};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![files(), curated()]
}

fn files() -> Scenario {
    with_start(
        "files of artifact versions",
        vec![
            version(r#""artifact_name": "a", "visualizations": [{"type": "html", "uri": "/data/x/a.html"}]"#)
                .keep("nowhere"),
            version(
                r#""artifact_name": "a", "artifact_store_id": "{stores.items.0.id}",
                   "visualizations": [{"type": "html", "uri": "/data/x/a.html"}]"#,
            )
            .keep("local"),
            version(r#""artifact_name": "a", "artifact_store_id": "{stores.items.0.id}""#).keep("plain"),
            ADMIN.get("/artifact_versions/{nowhere.id}/visualize"),
            ADMIN.get("/artifact_versions/{local.id}/visualize"),
            ADMIN.get("/artifact_versions/{local.id}/visualize?index=1"),
            ADMIN.get("/artifact_versions/{local.id}/visualize?index=-1"),
            ADMIN.get("/artifact_versions/{local.id}/visualize?index=x"),
            ADMIN.get("/artifact_versions/{plain.id}/visualize"),
            ADMIN.get(&format!("/artifact_versions/{NONE}/visualize")),
            ANYONE.get("/artifact_versions/{local.id}/visualize"),
            ADMIN.get("/artifact_versions/{nowhere.id}/download-token"),
            ADMIN.get("/artifact_versions/{local.id}/download-token"),
            ADMIN.get(&format!("/artifact_versions/{NONE}/download-token")),
            ANYONE.get("/artifact_versions/{local.id}/download-token"),
            ADMIN.get("/artifact_versions/{local.id}/data"),
            ADMIN.get("/artifact_versions/{local.id}/data?token=x"),
            ADMIN.get("/artifact_versions/x/data?token=x"),
            ADMIN.delete("/artifacts/{local.body.artifact.id}"),
        ],
    )
}

fn curated() -> Scenario {
    let show = |fields: &str| {
        let body = format!(r#"{{"project": "{{project.id}}", {fields}}}"#);
        ADMIN.post("/curated_visualizations", &body)
    };
    let of = r#""artifact_visualization_id": "{a.metadata.visualizations.0.id}""#;
    let on_model = format!(r#"{of}, "resource_id": "{{model.id}}", "resource_type": "model""#);
    let on_project = format!(r#"{of}, "resource_id": "{{project.id}}", "resource_type": "project""#);
    with_start(
        "curated visualizations",
        vec![
            version(
                r#""artifact_name": "a", "visualizations": [{"type": "html", "uri": "/data/x/a.html"},
                                                             {"type": "csv", "uri": "/data/x/b.csv"}]"#,
            )
            .keep("a"),
            ADMIN.post("/models", r#"{"project": "{project.id}", "name": "shown"}"#).keep("model"),
            show(&format!(r#"{on_model}, "display_name": "Curve", "display_order": 2, "layout_size": "half_width""#)).keep("shown"),
            show(&on_model),
            show(&format!(r#"{on_project}, "display_order": 0"#)).keep("on_project"),
            show(
                r#""artifact_visualization_id": "{a.metadata.visualizations.1.id}", "resource_id": "{model.id}",
                   "resource_type": "model", "display_order": 2"#,
            ),
            show(
                r#""artifact_visualization_id": "{a.metadata.visualizations.1.id}", "resource_id": "{model.id}",
                   "resource_type": "model""#,
            )
            .keep("second"),
            ADMIN.get("/curated_visualizations/{shown.id}"),
            ADMIN.get("/curated_visualizations/{shown.id}?hydrate=false"),
            ADMIN.get("/models/{model.id}"),
            ADMIN.put("/curated_visualizations/{shown.id}", "{}"),
            ADMIN.put("/curated_visualizations/{shown.id}", r#"{"display_order": 1, "display_name": null}"#),
            ADMIN.put("/curated_visualizations/{shown.id}", r#"{"display_order": null, "layout_size": "full_width"}"#),
            ADMIN.put("/curated_visualizations/{shown.id}", r#"{"display_order": -1}"#),
            ADMIN.put("/curated_visualizations/{shown.id}", r#"{"layout_size": "huge"}"#),
            ADMIN.put("/curated_visualizations/{second.id}", r#"{"display_order": 5}"#),
            ADMIN.put("/curated_visualizations/{shown.id}", r#"{"display_order": 5}"#),
            ADMIN.put(&format!("/curated_visualizations/{NONE}"), "{}"),
            ADMIN.get(&format!("/curated_visualizations/{NONE}")),
            show(&format!(r#"{of}, "resource_id": "{NONE}", "resource_type": "model""#)),
            show(&format!(r#"{of}, "resource_id": "{NONE}", "resource_type": "deployment""#)),
            show(&format!(r#"{of}, "resource_id": "{NONE}", "resource_type": "pipeline_run""#)),
            show(&format!(r#"{of}, "resource_id": "{NONE}", "resource_type": "x""#)),
            show(&format!(r#""artifact_visualization_id": "{NONE}", "resource_id": "{{model.id}}", "resource_type": "model""#)),
            ADMIN.post("/curated_visualizations", &format!(r#"{{"project": "{NONE}", {on_project}}}"#)),
            ADMIN.post("/curated_visualizations", "{}"),
            ANYONE.post("/curated_visualizations", "{}"),
            ADMIN.delete("/curated_visualizations/{on_project.id}"),
            ADMIN.delete("/curated_visualizations/{on_project.id}"),
            ADMIN.delete("/artifacts/{a.body.artifact.id}"),
            ADMIN.get("/models/{model.id}"),
            ADMIN.delete("/models/{model.id}"),
        ],
    )
}
