//! A list too long to be counted for each page is counted right all the same.

use std::ops::Range;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Database, Lab, TestApp, wait_until};

on_each_store! {
    what_was_made_or_deleted_here_is_counted_at_once,
    what_another_program_made_is_counted_soon,
    filters_find_the_same_among_few_and_among_many,
    what_nobody_has_used_is_found_among_many,
    what_is_at_the_far_end_of_a_long_list_is_found_there,
    what_several_others_find_is_counted_once_and_remembered,
}

/// More than are counted for each page.
const TAGS: usize = 1_500;
const LIST: &str = "/api/v1/tags?size=20";

/// What lets MariaDB make so many numbers; SQLite has no such bound.
fn unlimited(database: &Database) -> &'static str {
    if database.is_mariadb() { "SET max_recursive_iterations = 100000;" } else { "" }
}

/// A table of these numbers, for the query behind it.
fn numbers(range: Range<usize>) -> String {
    let Range { start, end } = range;
    format!(
        "WITH RECURSIVE numbers(n) AS (SELECT {start} UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {end}) "
    )
}

/// Makes tags as another program on the same database would.
async fn insert_tags(database: &Database, first: usize, number: usize) {
    let numbers = numbers(first..first + number);
    let unlimited = unlimited(database);
    let tags = format!(
        "{unlimited} INSERT INTO tag (id, created, updated, name, color, exclusive) \
         {numbers} \
         SELECT SUBSTR(CONCAT('{:032}', n), -32), '2026-01-02 03:04:05.000000', '2026-01-02 03:04:05.000000', \
         CONCAT('tag_', n), 'blue', FALSE FROM numbers",
        0
    );
    database.execute(&tags).await;
}

async fn what_was_made_or_deleted_here_is_counted_at_once(database: Database) {
    let app = TestApp::start(&database).await;
    insert_tags(&database, 0, TAGS).await;
    let person = app.signed_in().await;
    let total = async || person.get(LIST).await.expect_ok()["total"].as_u64().unwrap() as usize;
    let mut made = Vec::new();
    for more in 0..5 {
        assert_eq!(total().await, TAGS + more);
        let tag = person.post("/api/v1/tags", json!({"name": format!("more_{more}")})).await.expect_ok();
        made.push(tag["id"].as_str().unwrap().to_owned());
    }
    for (fewer, id) in made.iter().enumerate() {
        assert_eq!(total().await, TAGS + 5 - fewer);
        person.delete(&format!("/api/v1/tags/{id}")).await.expect_ok();
    }
    // Down to where each page is counted, and up again.
    database.execute("DELETE FROM tag WHERE name LIKE 'tag_1%'").await;
    person.post("/api/v1/tags", json!({"name": "last"})).await.expect_ok();
    let left = total().await;
    assert!(left < 1_000, "{left}");
    insert_tags(&database, 10_000, TAGS).await;
    assert_eq!(total().await, left + TAGS);
}

async fn what_another_program_made_is_counted_soon(database: Database) {
    let app = TestApp::start(&database).await;
    insert_tags(&database, 0, TAGS).await;
    let person = app.signed_in().await;
    let page = person.get(LIST).await.expect_ok();
    assert_eq!((&page["total"], &page["total_pages"]), (&json!(TAGS), &json!(TAGS / 20)));
    insert_tags(&database, TAGS, 20).await;
    wait_until("the other program's tags are counted", Duration::from_secs(5), async || {
        person.get(LIST).await.expect_ok()["total"] == json!(TAGS + 20)
    })
    .await;
    let last = person.get(&format!("{LIST}&page={}", TAGS / 20 + 1)).await.expect_ok();
    assert_eq!(last["items"].as_array().unwrap().len(), 20);
}

/// Runs of one pipeline, as another program on the same database would make them: the newest is changed first, every
/// third has failed, and all but every tenth have a tag and a snapshot. Each has logged its number; every seventh, and a
/// step with it, also under another key.
async fn insert_runs(database: &Database, lab: &Lab, number: usize) {
    let unlimited = unlimited(database);
    let id = |begin: &str| format!("CONCAT('{begin}{:026}', n)", 0);
    let numbers = numbers(10_000..10_000 + number);
    let by = if database.is_mariadb() { "DIV" } else { "/" };
    let minute = |n: &str| {
        format!(
            "CONCAT('2026-01-02 ', SUBSTR(CONCAT('0', ({n}) {by} 60), -2), ':', SUBSTR(CONCAT('0', ({n}) % 60), -2), \
             ':00.000000')"
        )
    };
    let plain = |value: &Value| value.as_str().unwrap().replace('-', "");
    let (project, pipeline) = (plain(&lab.project), plain(&lab.pipeline));
    let snapshot = plain(&lab.snapshot["id"]);
    database
        .execute(&format!(
            "{unlimited} INSERT INTO tag (id, created, updated, name, color, exclusive) VALUES \
             ('{tag}', '2026-01-02 00:00:00', '2026-01-02 00:00:00', 'many', 'blue', FALSE); \
             INSERT INTO pipeline_run (id, created, updated, name, orchestrator_run_id, project_id, pipeline_id, \
             snapshot_id, status, in_progress, {index}, enable_heartbeat) {numbers} \
             SELECT {run}, {created}, {updated}, CONCAT('run_', n), CONCAT('orchestrated_', n), '{project}', '{pipeline}', \
             CASE WHEN n % 10 = 0 THEN NULL ELSE '{snapshot}' END, \
             CASE WHEN n % 3 = 0 THEN 'failed' ELSE 'completed' END, FALSE, n, FALSE FROM numbers; \
             INSERT INTO tag_resource (id, created, updated, tag_id, resource_id, resource_type) {numbers} \
             SELECT {link}, '2026-01-02 00:00:00', '2026-01-02 00:00:00', '{tag}', {run}, 'pipeline_run' \
             FROM numbers WHERE n % 10 <> 0; \
             INSERT INTO run_metadata (id, created, updated, project_id, {key}, value, type) {numbers} \
             SELECT {metadata}, '2026-01-02 00:00:00', '2026-01-02 00:00:00', '{project}', \
             CASE WHEN n % 7 = 0 THEN 'seventh' ELSE 'number' END, \
             CASE WHEN n % 7 = 0 THEN CONCAT('\"N ', n, '\"') ELSE CONCAT(n, '.5') END, \
             CASE WHEN n % 7 = 0 THEN 'str' ELSE 'float' END FROM numbers; \
             INSERT INTO run_metadata_resource (id, resource_id, resource_type, run_metadata_id) {numbers} \
             SELECT {metadata}, {run}, 'pipeline_run', {metadata} FROM numbers; \
             INSERT INTO run_metadata_resource (id, resource_id, resource_type, run_metadata_id) {numbers} \
             SELECT {of_step}, {run}, 'step_run', {metadata} FROM numbers WHERE n % 7 <> 0",
            key = if database.is_mariadb() { "`key`" } else { "\"key\"" },
            metadata = id("c"),
            of_step = id("d"),
            tag = "7".repeat(32),
            index = if database.is_mariadb() { "`index`" } else { "\"index\"" },
            run = id("a"),
            link = id("b"),
            created = minute("n - 10000"),
            updated = minute(&format!("{} - n", 10_000 + number - 1)),
        ))
        .await;
}

/// What is found row by row and what is looked at in the list's order is the same, however many there are.
async fn filters_find_the_same_among_few_and_among_many(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::with_snapshot(&app).await;
    // No more than a day has minutes, so that each run has a time of its own.
    insert_runs(&database, &lab, 1_400).await;
    // What the other program has logged is looked for soon; one key is of steps alone, by then.
    wait_until("it is known what was logged", Duration::from_secs(120), async || {
        database.texts("SELECT CONCAT('', COUNT(*)) FROM zendo_logged_value").await == ["2600"]
    })
    .await;
    let failed = |n: &usize| n.is_multiple_of(3);
    let numbered = |n: &usize| !n.is_multiple_of(7);
    let tagged = |n: &usize| !n.is_multiple_of(10);
    type Chosen<'a> = &'a dyn Fn(&usize) -> bool;
    let stack = format!("stack_id={}", lab.stack.as_str().unwrap());
    let pipeline = format!("pipeline_id={}", lab.pipeline.as_str().unwrap());
    let all: [(&str, Chosen<'_>); 33] = [
        ("tags=many", &tagged),
        ("tags=isnull:", &|n| !tagged(n)),
        ("tags=many&status=failed", &|n| tagged(n) && failed(n)),
        ("tags=many&status=failed&logical_operator=or", &|n| tagged(n) || failed(n)),
        ("tags=many&name=oneof:[\"run_10001\",\"run_10010\",\"run_10011\"]", &|n| {
            [10_001, 10_011].contains(n)
        }),
        ("tags=none", &|_| false),
        ("status=failed", &failed),
        (&stack, &tagged),
        (&pipeline, &|_| true),
        ("pipeline=training&status=completed", &|n| !failed(n)),
        ("templatable=false", &|_| true),
        ("id=startswith:a0000000-0000-0000-0000-0000000100", &|n| *n < 10_100),
        ("name=startswith:run_1000", &|n| *n < 10_010),
        ("name=startswith:RUN_10", &|n| *n < 11_000),
        ("name=startswith:run_", &|_| true),
        ("name=startswith:run%25", &|_| false),
        ("name=startswith:", &|_| true),
        ("name=contains:UN_1", &|_| true),
        ("name=contains:0_1", &|_| false),
        ("name=contains:N_1139", &|n| *n >= 11_390),
        ("name=endswith:7&status=failed", &|n| n % 10 == 7 && failed(n)),
        ("name=contains:_10&status=failed&logical_operator=or", &|n| *n < 11_000 || failed(n)),
        ("run_metadata=number:gt:10050", &|n| numbered(n) && *n >= 10_050),
        ("run_metadata=number:gte:11390.5", &|n| numbered(n) && *n >= 11_390),
        ("run_metadata=number:gt:11390.5", &|n| numbered(n) && *n > 11_390),
        ("run_metadata=number:lt:10010.5", &|n| numbered(n) && *n < 10_010),
        ("run_metadata=number:lte:10010.5", &|n| numbered(n) && *n <= 10_010),
        ("run_metadata=number:gt:99999", &|_| false),
        ("run_metadata=number:11000.5", &|n| *n == 11_000),
        ("run_metadata=number:notequals:11000.5", &|n| numbered(n) && *n != 11_000),
        ("run_metadata=seventh:N 10003", &|n| *n == 10_003),
        ("run_metadata=seventh:startswith:N 11", &|n| !numbered(n) && *n >= 11_000),
        ("run_metadata=seventh:gt:1", &|_| false),
    ];
    for (filter, chosen) in all {
        for order in ["created", "desc:created", "updated", "desc:updated", "desc:name"] {
            let mut wanted: Vec<usize> = (10_000..11_400).filter(|n| chosen(n)).collect();
            if ["desc:created", "updated", "desc:name"].contains(&order) {
                wanted.reverse();
            }
            let last = wanted.len().div_ceil(50).max(1);
            for page in [1, last] {
                let path = format!("/api/v1/runs?size=50&page={page}&sort_by={order}&{filter}");
                let list = lab.caller.get(&path).await.expect_ok();
                let of_page: Vec<String> =
                    wanted.iter().skip((page - 1) * 50).take(50).map(|n| format!("run_{n}")).collect();
                let names: Vec<&str> = list["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|run| run["name"].as_str().unwrap())
                    .collect();
                assert_eq!(
                    (list["total"].as_u64(), names),
                    (Some(wanted.len() as u64), of_page.iter().map(String::as_str).collect()),
                    "{path}"
                );
            }
            lab.caller
                .get(&format!("/api/v1/runs?size=50&page={}&{filter}", last + 1))
                .await
                .expect(400, "Invalid page");
        }
    }
    // By a status that many share, in the order of time.
    for order in ["status", "desc:status"] {
        let (completed, with_failure): (Vec<usize>, Vec<usize>) = (10_000..11_400).partition(|n| !failed(n));
        let mut wanted: Vec<usize> = completed.into_iter().chain(with_failure).collect();
        if order.starts_with("desc") {
            wanted.reverse();
        }
        let mut names = Vec::new();
        for page in 1..=2 {
            let path = format!("/api/v1/runs?size=1000&page={page}&sort_by={order}");
            let list = lab.caller.get(&path).await.expect_ok();
            names.extend(list["items"].as_array().unwrap().iter().map(|run| run["name"].clone()));
        }
        let wanted: Vec<Value> = wanted.into_iter().map(|n| json!(format!("run_{n}"))).collect();
        assert_eq!(names, wanted, "{order}");
    }
}

/// Versions of one artifact that a step has made, as another program on the same database would.
async fn insert_outputs(database: &Database, lab: &Lab, artifact: &Value, step: &Value, number: usize) {
    let unlimited = unlimited(database);
    let plain = |value: &Value| value.as_str().unwrap().replace('-', "");
    let numbers = numbers(10_000..10_000 + number);
    let version = format!("CONCAT('e{:026}', n)", 0);
    database
        .execute(&format!(
            "{unlimited} INSERT INTO artifact_version (id, created, updated, version, version_number, type, uri, \
             materializer, data_type, save_type, artifact_id, project_id) {numbers} \
             SELECT {version}, '2026-01-02 00:00:00', '2026-01-02 00:00:00', CONCAT('', n), n, 'DataArtifact', \
             CONCAT('s3://', n), '{{}}', '{{}}', 'step_output', '{artifact}', '{project}' FROM numbers; \
             INSERT INTO step_run_output_artifact (name, step_id, artifact_id) {numbers} \
             SELECT 'output', '{step}', {version} FROM numbers",
            artifact = plain(artifact),
            project = plain(&lab.project),
            step = plain(&step["id"]),
        ))
        .await;
}

/// Versions that no step has made or read are found, whoever has made them, also once their run is gone.
async fn what_nobody_has_used_is_found_among_many(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::with_snapshot(&app).await;
    let run = lab.run("first", json!({})).await;
    let step = lab.step(&run, "load", json!({})).await;
    let store = lab.caller.get("/api/v1/components?type=artifact_store").await.expect_ok();
    let version = async |name: &str| {
        let body = json!({
            "project": lab.project, "artifact_name": name, "version": name, "type": "DataArtifact",
            "uri": format!("s3://bucket/{name}"), "materializer": {"module": "m", "type": "user"},
            "data_type": {"module": "m", "type": "user"}, "save_type": "manual",
            "artifact_store_id": store["items"][0]["id"],
        });
        lab.caller.post("/api/v1/artifact_versions", body).await.expect_ok()
    };
    let unused = async || {
        let list = lab.caller.get("/api/v1/artifact_versions?only_unused=true&size=1").await.expect_ok();
        list["total"].as_u64().unwrap()
    };
    let first = version("first").await;
    insert_outputs(&database, &lab, &first["body"]["artifact"]["id"], &step, 1_300).await;
    version("second").await;
    let is_noted = async |number: usize| {
        wait_until("it is known what nobody has used", Duration::from_secs(120), async || {
            let noted = "SELECT CONCAT('', COUNT(*)) FROM zendo_unused_version";
            database.texts(noted).await == [number.to_string()]
        })
        .await;
    };
    is_noted(2).await;
    assert_eq!(unused().await, 2);
    let inputs = json!({"inputs": {"data": [first["id"]]}});
    lab.step(&run, "train", inputs).await;
    assert_eq!(unused().await, 1);
    is_noted(1).await;
    lab.caller.delete(&format!("/api/v1/runs/{}", run["id"].as_str().unwrap())).await.expect_ok();
    assert_eq!(unused().await, 1_302);
    is_noted(1_302).await;
    // What another program has made without a note is found, and notes on what it has deleted go.
    database.execute("DELETE FROM zendo_unused_version").await;
    is_noted(1_302).await;
    assert_eq!(unused().await, 1_302);
    database.execute("DELETE FROM artifact_version WHERE version_number > 10099").await;
    is_noted(102).await;
    wait_until("the other program's deletion is felt", Duration::from_secs(5), async || {
        unused().await == 102
    })
    .await;
}

/// Runs of which the first ones have a tag or two, and those with the first tag have logged a number, as another program on
/// the same database would make them.
async fn insert_tagged_runs(database: &Database, lab: &Lab, number: usize, tagged: [(&str, usize); 2]) {
    let unlimited = unlimited(database);
    let (by, quote) = if database.is_mariadb() { ("DIV", '`') } else { ("/", '"') };
    let id = |begin: &str| format!("CONCAT('{begin}{:025}', n + 100000)", 0);
    let part = |n: String| format!("SUBSTR(CONCAT('0', {n}), -2)");
    let created = format!(
        "CONCAT('2026-01-02 ', {}, ':', {}, ':', {}, '.000000')",
        part(format!("(n {by} 3600)")),
        part(format!("(n {by} 60) % 60")),
        part("n % 60".to_owned()),
    );
    let plain = |value: &Value| value.as_str().unwrap().replace('-', "");
    let (project, pipeline) = (plain(&lab.project), plain(&lab.pipeline));
    let mut all = format!(
        "{unlimited} INSERT INTO pipeline_run (id, created, updated, name, orchestrator_run_id, project_id, \
         pipeline_id, status, in_progress, {quote}index{quote}, enable_heartbeat, end_time) {} \
         SELECT {}, {created}, {created}, CONCAT('run_', n), CONCAT('orchestrated_', n), '{project}', \
         '{pipeline}', 'completed', FALSE, n, FALSE, CASE WHEN n < 1000 THEN NULL ELSE {created} END FROM numbers; ",
        numbers(0..number),
        id("a"),
    );
    for ((tag, link), (name, number)) in [("b", "c"), ("d", "e")].into_iter().zip(tagged) {
        let tag = tag.repeat(32);
        all += &format!(
            "INSERT INTO tag (id, created, updated, name, color, exclusive) VALUES \
             ('{tag}', '2026-01-02 00:00:00', '2026-01-02 00:00:00', '{name}', 'blue', FALSE); \
             INSERT INTO tag_resource (id, created, updated, tag_id, resource_id, resource_type) {} \
             SELECT {}, '2026-01-02 00:00:00', '2026-01-02 00:00:00', '{tag}', {}, 'pipeline_run' FROM numbers; ",
            numbers(0..number),
            id(link),
            id("a"),
        );
    }
    let metadata = format!(
        "INSERT INTO run_metadata (id, created, updated, project_id, {quote}key{quote}, value, type) {first} \
         SELECT {}, '2026-01-02 00:00:00', '2026-01-02 00:00:00', '{project}', 'loss', CONCAT(n, '.5'), 'float' \
         FROM numbers; \
         INSERT INTO run_metadata_resource (id, resource_id, resource_type, run_metadata_id) {first} \
         SELECT {}, {}, 'pipeline_run', {} FROM numbers",
        id("f"),
        id("f"),
        id("a"),
        id("f"),
        first = numbers(0..tagged[0].1),
    );
    database.execute(&(all + &metadata)).await;
}

/// Few, many or most of a list's rows match, all of them at one end of its order.
async fn what_is_at_the_far_end_of_a_long_list_is_found_there(database: Database) {
    const RUNS: usize = 12_000;
    const MANY: usize = 1_210;
    let app = TestApp::start(&database).await;
    let lab = Lab::with_snapshot(&app).await;
    let tagged = [("many", MANY), ("most", 5_000)];
    insert_tagged_runs(&database, &lab, RUNS, tagged).await;
    wait_until("it is known what was logged", Duration::from_secs(120), async || {
        let noted = "SELECT CONCAT('', COUNT(*)) FROM zendo_logged_value";
        database.texts(noted).await == [MANY.to_string()]
    })
    .await;
    let filters = [("tags=many", MANY), ("tags=most", 5_000), ("run_metadata=loss:gte:0", MANY)];
    for (filter, number) in filters {
        for order in ["created", "desc:created", "desc:name", "end_time", "desc:end_time"] {
            let mut wanted: Vec<String> = (0..number).map(|n| format!("run_{n}")).collect();
            match order {
                "desc:name" => wanted.sort_by(|one, other| other.cmp(one)),
                // Those that have not ended come first, and here last.
                "desc:created" | "desc:end_time" => wanted.reverse(),
                _ => {}
            }
            for page in [1, 2, number / 100, number.div_ceil(50)] {
                let path = format!("/api/v1/runs?size=50&page={page}&{filter}&sort_by={order}");
                let list = lab.caller.get(&path).await.expect_ok();
                let names = list["items"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap());
                let of_page = wanted.iter().skip((page - 1) * 50).take(50);
                assert_eq!(names.collect::<Vec<_>>(), of_page.collect::<Vec<_>>(), "{path}");
            }
        }
        let total = format!("/api/v1/runs?size=1&{filter}&sort_by=desc:created");
        wait_until("all of them are counted", Duration::from_secs(60), async || {
            lab.caller.get(&total).await.expect_ok()["total"] == json!(number)
        })
        .await;
        let past = format!("/api/v1/runs?size=50&page={}&{filter}", number.div_ceil(50) + 1);
        lab.caller.get(&past).await.expect(400, "Invalid page");
    }
    let both = "/api/v1/runs?size=20&tags=many&tags=most&sort_by=desc:created";
    let list = lab.caller.get(both).await.expect_ok();
    assert_eq!(list["items"][0]["name"], "run_1209");
}

/// The runs of a stack are those of its snapshots, of which there are some.
async fn what_several_others_find_is_counted_once_and_remembered(database: Database) {
    const RUNS: usize = 1_200;
    const SNAPSHOTS: usize = 12;
    let app = TestApp::start(&database).await;
    let lab = Lab::with_snapshot(&app).await;
    insert_runs(&database, &lab, RUNS).await;
    for number in 0..SNAPSHOTS {
        let snapshot =
            lab.post_snapshot(json!({})).await.expect_ok()["id"].as_str().unwrap().replace('-', "");
        let these = format!("CAST(SUBSTR(name, 5) AS UNSIGNED) % {SNAPSHOTS} = {number}");
        let these = if database.is_mariadb() { these } else { these.replace("UNSIGNED", "INTEGER") };
        database.execute(&format!("UPDATE pipeline_run SET snapshot_id = '{snapshot}' WHERE {these}")).await;
    }
    let list = format!("/api/v1/runs?size=1&stack_id={}", lab.stack.as_str().unwrap());
    let reads = async || {
        let before = app.state.store.reads();
        assert_eq!(lab.caller.get(&list).await.expect_ok()["total"], json!(RUNS));
        app.state.store.reads() - before
    };
    // The server's jobs read too, now and then.
    let (mut first, mut again) = (u64::MAX, u64::MAX);
    for number in 0..5 {
        lab.caller.post("/api/v1/tags", json!({"name": format!("{number}")})).await.expect_ok();
        first = first.min(reads().await);
        again = again.min(reads().await);
    }
    assert!(again < first, "{again} queries, {first} when it was to be counted");
}
