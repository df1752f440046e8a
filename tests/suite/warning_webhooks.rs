//! Webhooks of warnings: one receiver is nothing to another, a restart loses nothing, and there is an end to what is kept.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{Caller, Database, Program, TestApp, wait_until};
use crate::warnings::{Receiver, SECRETS, header, jobs};

on_each_store! {
    a_receiver_that_never_answers_delays_no_other_one,
    what_was_not_taken_is_sent_after_a_restart,
    the_newest_warnings_are_kept_and_no_more,
    no_writing_of_an_inner_address_is_called,
    an_inner_address_is_called_where_its_own_network_is_allowed,
}

const ACCOUNTS: &str = "/api/v1/service_accounts";

/// Keys that end in a second.
async fn ending_keys(admin: &Caller, count: usize) {
    let account = admin.post(ACCOUNTS, json!({"name": "ci", "active": true})).await.expect_ok();
    let keys = format!("{ACCOUNTS}/{}/api_keys", account["id"].as_str().unwrap());
    for number in 0..count {
        admin.post(&keys, json!({"name": format!("k{number}"), "expires_in": 1})).await.expect_ok();
    }
}

async fn a_receiver_that_never_answers_delays_no_other_one(database: Database) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let receiver = Receiver::start(0).await;
    // Whoever is named twice is told once.
    let urls = format!("http://{}/hook,{},{}", silent.local_addr().unwrap(), receiver.url, receiver.url);
    let variables = [
        ("ZENDO_WARNING_WEBHOOKS", urls.as_str()),
        ("ZENDO_WARNING_SECRET", SECRETS),
        ("ZENDO_WARNING_NETWORKS", "127.0.0.0/8"),
    ];
    let app = TestApp::start_with(&database, &variables).await;
    ending_keys(&app.signed_in().await, 40).await;
    app.clock.advance(2);
    let start = Instant::now();
    let state = app.state.clone();
    // It waits for the silent one itself.
    let round = tokio::spawn(async move { zendo::testing::do_each_job(&state).await.unwrap() });
    let what = "40 warnings are taken while another receiver says nothing";
    wait_until(what, Duration::from_secs(12), async || receiver.count().await >= 40).await;
    println!("40 webhooks beside a receiver that never answers: {:.1?}", start.elapsed());
    assert_eq!(receiver.count().await, 40);
    wait_until("those of the silent one alone wait", Duration::from_secs(10), async || {
        database.texts("SELECT id FROM zendo_warning_delivery").await.len() == 40
    })
    .await;
    round.abort();
}

async fn what_was_not_taken_is_sent_after_a_restart(database: Database) {
    let receiver = Receiver::start(1).await;
    let variables = [
        ("ZENDO_WARNING_WEBHOOKS", receiver.url.as_str()),
        ("ZENDO_WARNING_SECRET", SECRETS),
        ("ZENDO_WARNING_NETWORKS", "127.0.0.0/8"),
    ];
    let app = TestApp::start_with(&database, &variables).await;
    ending_keys(&app.signed_in().await, 1).await;
    app.clock.advance(2);
    jobs(&app).await;
    wait_until("it is refused once", Duration::from_secs(10), async || receiver.count().await == 1).await;
    app.stop().await;
    // Meanwhile somebody starts it without the setting: nothing of that is lost.
    let without = TestApp::start(&database).await;
    without.clock.advance(100);
    jobs(&without).await;
    without.stop().await;
    assert_eq!(
        (receiver.count().await, database.texts("SELECT id FROM zendo_warning_delivery").await.len()),
        (1, 1)
    );
    let again = TestApp::start_with(&database, &variables).await;
    again.clock.advance(1000);
    jobs(&again).await;
    wait_until("it is taken", Duration::from_secs(10), async || receiver.count().await == 2).await;
    let requests = receiver.requests.lock().await.clone();
    assert_eq!(header(&requests[0], "webhook-id"), header(&requests[1], "webhook-id"));
    wait_until("nothing waits", Duration::from_secs(10), async || {
        database.texts("SELECT id FROM zendo_warning_delivery").await.is_empty()
    })
    .await;
}

async fn the_newest_warnings_are_kept_and_no_more(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    ending_keys(&admin, 1).await;
    app.clock.advance(2);
    jobs(&app).await;
    let newest = admin.get("/api/v1/warnings").await.expect_ok()["items"][0].clone();
    // Before it, and not old.
    let prefix = newest["id"].as_str().unwrap().replace('-', "");
    let prefix = format!("{:010x}", u64::from_str_radix(&prefix[..10], 16).unwrap() - 1);
    for batch in 0..12 {
        let rows: Vec<String> = (0..1000)
            .map(|number| {
                let id = format!("{prefix}00{:020x}", batch * 1000 + number);
                format!("('{id}', '2026-01-01 00:00:00', '{id}', 'api_key.expired', 't', NULL, 'api_key', '{id}', 'k', '{{}}')")
            })
            .collect();
        let sql = "INSERT INTO zendo_warning (id, created, once, kind, text, user_id, subject_kind, subject_id, \
                   subject_name, details) VALUES ";
        database.execute(&format!("{sql}{}", rows.join(","))).await;
    }
    let id = format!("{prefix}00{:020x}", 5);
    let delivery = format!("INSERT INTO zendo_warning_delivery VALUES ('{id}', '{id}', 'x', 0, 0)");
    database.execute(&delivery).await;
    let count = async || database.texts("SELECT CAST(COUNT(*) AS CHAR) FROM zendo_warning").await[0].clone();
    assert_eq!(count().await, "12001");
    wait_until("the oldest are gone", Duration::from_secs(60), async || {
        jobs(&app).await;
        count().await == "10000"
    })
    .await;
    jobs(&app).await;
    assert_eq!(admin.get("/api/v1/warnings").await.expect_ok()["items"][0]["id"], newest["id"]);
    assert_eq!(database.texts("SELECT id FROM zendo_warning_delivery").await, Vec::<String>::new());
    let gone: Vec<Value> = admin.get(&format!("/api/v1/warnings?subject_id={id}")).await.expect_ok()["items"]
        .as_array()
        .unwrap()
        .clone();
    assert!(gone.is_empty());
}

/// Hosts that this machine, its network or its cloud keeps to itself, in the ways in which they can be written.
const INNER: [&str; 16] = [
    "127.0.0.1",
    "127.9.9.9",
    "2130706433",
    "0x7f.1",
    "localhost",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "169.254.169.254",
    "[::ffff:169.254.169.254]",
    "[2002:a9fe:a9fe::1]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "10.0.0.1",
];

async fn no_writing_of_an_inner_address_is_called(database: Database) {
    let receiver = Receiver::start(0).await;
    let port = receiver.url.rsplit_once(':').unwrap().1.strip_suffix("/hook").unwrap().to_owned();
    let urls = INNER.iter().enumerate().flat_map(|(number, host)| {
        ["http", "https"].map(|scheme| format!("{scheme}://{host}:{port}/hook/{number}"))
    });
    let urls: Vec<String> = urls.collect();
    let all = urls.join(",");
    let variables = [("ZENDO_WARNING_WEBHOOKS", all.as_str()), ("ZENDO_WARNING_SECRET", SECRETS)];
    let app = TestApp::start_with(&database, &variables).await;
    ending_keys(&app.signed_in().await, 1).await;
    app.clock.advance(2);
    jobs(&app).await;
    let tried = "SELECT CAST(attempts AS CHAR) FROM zendo_warning_delivery WHERE attempts > 0";
    wait_until("each was tried, and none was taken", Duration::from_secs(10), async || {
        database.texts(tried).await.len() == urls.len()
    })
    .await;
    app.stop().await;
    // It is as if they were not there: nothing is sent to them, and the log says why.
    database.execute("UPDATE zendo_warning_delivery SET due = 0").await;
    let mut program = Program::server().on(&database);
    for (name, value) in variables {
        program = program.with(name, value);
    }
    let server = program.serve().await;
    let said = || server.stderr().matches("a warning's webhook failed").count();
    wait_until("each is refused", Duration::from_secs(60), async || said() >= urls.len()).await;
    let finished = server.stop().await;
    let failures = finished.stderr.lines().filter(|line| line.contains("a warning's webhook failed"));
    for failure in failures {
        assert!(failure.contains("is an address that this server may not call"), "{failure}");
    }
    assert_eq!(receiver.count().await, 0);
    assert_eq!(database.texts("SELECT id FROM zendo_warning_delivery").await.len(), urls.len());
}

async fn an_inner_address_is_called_where_its_own_network_is_allowed(database: Database) {
    let receiver = Receiver::start(0).await;
    let urls = format!("{},{}", receiver.url, receiver.url.replace("127.0.0.1", "localhost"));
    let with = |networks: &'static str| {
        [
            ("ZENDO_WARNING_WEBHOOKS", urls.clone()),
            ("ZENDO_WARNING_SECRET", SECRETS.to_owned()),
            ("ZENDO_WARNING_NETWORKS", networks.to_owned()),
        ]
    };
    let mut later = 0;
    for (networks, taken) in
        [("169.254.0.0/16,10.0.0.0/8,fd00::/8", 0), ("127.0.0.2", 0), ("10.0.0.0/8,127.0.0.1", 2)]
    {
        let variables = with(networks);
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let app = TestApp::start_with(&database, &variables).await;
        if later == 0 {
            ending_keys(&app.signed_in().await, 1).await;
        }
        // Beyond the delay after each attempt before.
        later += 10_000;
        app.clock.advance(later);
        jobs(&app).await;
        let left = "SELECT id FROM zendo_warning_delivery WHERE attempts > 0";
        wait_until("both were tried", Duration::from_secs(10), async || {
            database.texts(left).await.len() == 2 - taken
        })
        .await;
        assert_eq!(receiver.count().await, taken, "{networks}");
        app.stop().await;
    }
}
