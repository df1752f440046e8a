//! Whatever is made from whatever, and ended in whatever way, across restarts: nothing works whose ancestor is over,
//! nothing that should work is refused, and nothing may do what its ancestor may not.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

use super::parties::{self, CURRENT_USER, Robot, claims, token_of};
use crate::support::{Caller, Database, PASSWORD, TestApp};

on_each_store! {
    no_credential_works_whose_ancestor_is_over,
}

/// Sequences that are tried; `ZENDO_TEST_SEQUENCES` asks for more.
const SEQUENCES: u8 = 5;
const STEPS: usize = 40;
/// Run 1 is nested in run 0.
const RUNS: [&str; 3] = [
    "00000000-0000-0000-0000-00000000aa00",
    "00000000-0000-0000-0000-00000000aa01",
    "00000000-0000-0000-0000-00000000aa02",
];
const BOB: usize = 0;
const ROBOT: usize = 1;

/// What happens next, to which of the credentials there are, and how.
type Step = (u8, usize, usize);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Session,
    Generic,
    Workload,
}

/// A token as a model has it.
#[derive(Debug, Clone)]
struct Held {
    kind: Kind,
    text: String,
    account: usize,
    /// How often all of its account's had ended when its proof was given.
    era: u32,
    /// How often the key had ended by then.
    key_era: Option<u32>,
    device: Option<usize>,
    runs: Vec<usize>,
    parent: Option<usize>,
    /// By the test's clock.
    expires: Option<i64>,
    read_only: bool,
    revoked: bool,
    signed_out: bool,
    /// Of a session of the console, whose token is a cookie: what proves its page.
    csrf_token: Option<String>,
}

impl Held {
    fn may_make_ending_keys(&self) -> bool {
        self.kind == Kind::Generic && self.account == BOB && self.runs.is_empty() && !self.read_only
    }

    /// What no child of it outlives: a session's end is its own, but for one of a key that ends.
    fn childrens_end(&self) -> Option<i64> {
        self.expires.filter(|_| self.kind != Kind::Session || self.parent.is_some())
    }
}

/// A link to a download.
struct Link {
    token: String,
    /// The credential that it was asked for with.
    parent: usize,
    expires: i64,
}

struct World {
    folder: tempfile::TempDir,
    /// The path of what can be downloaded.
    artifact: String,
    links: Vec<Link>,
    database: Database,
    app: TestApp,
    admin: Caller,
    robot: Robot,
    held: Vec<Held>,
    eras: [u32; 2],
    key_era: u32,
    /// Ids of devices, and whether they are good.
    devices: Vec<(String, bool)>,
    runs_go_on: [bool; 3],
    clock: i64,
    password: String,
}

impl World {
    async fn new(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = start(&database, &folder).await;
        app.new_user("bob", true).await;
        parties::add_run(&database, RUNS[0], None).await;
        parties::add_run(&database, RUNS[1], Some(RUNS[0])).await;
        parties::add_run(&database, RUNS[2], None).await;
        let robot = Robot::make(&app, "robot").await;
        let artifact = downloadable(&robot.admin, &folder).await;
        Self {
            folder,
            artifact,
            links: Vec::new(),
            admin: robot.admin.clone(),
            robot,
            app,
            database,
            held: Vec::new(),
            eras: [0; 2],
            key_era: 0,
            devices: Vec::new(),
            runs_go_on: [true; 3],
            clock: 0,
            password: PASSWORD.to_owned(),
        }
    }

    fn caller(&self, index: usize) -> Caller {
        self.caller_with(&self.held[index])
    }

    fn caller_with(&self, held: &Held) -> Caller {
        let anonymous = self.app.anonymous();
        match &held.csrf_token {
            None => anonymous.with_token(&held.text),
            Some(csrf_token) => anonymous
                .with("cookie", &format!("{}={}", console_cookie(&self.app), held.text))
                .with("x-zendo-session", "console")
                .with("x-csrf-token", csrf_token),
        }
    }

    fn is_good(&self, held: &Held) -> bool {
        let is_over = held.era != self.eras[held.account]
            || held.key_era.is_some_and(|era| era != self.key_era)
            || held.device.is_some_and(|device| !self.devices[device].1)
            || held.runs.iter().any(|run| !self.runs_go_on[*run])
            // The leeway of a token's end is ten seconds, and steps of the clock are larger.
            || held.expires.is_some_and(|expires| expires <= self.clock)
            || held.revoked
            || held.signed_out;
        let mut ancestor = held.parent;
        while let Some(index) = ancestor {
            let of = &self.held[index];
            // A session's own end is its own; being told as stolen is not.
            if of.revoked || (of.kind != Kind::Session && !self.is_good(of)) {
                return false;
            }
            ancestor = of.parent;
        }
        !is_over
    }

    fn session(&self, account: usize, text: String) -> Held {
        Held {
            kind: Kind::Session,
            text,
            account,
            era: self.eras[account],
            key_era: (account == ROBOT).then_some(self.key_era),
            device: None,
            runs: Vec::new(),
            parent: None,
            expires: None,
            read_only: false,
            revoked: false,
            signed_out: false,
            csrf_token: None,
        }
    }

    async fn bob_signs_in(&mut self) {
        let text = token_of(&self.app.anonymous().login("bob", &self.password).await.expect_ok());
        self.held.push(self.session(BOB, text));
    }

    /// Does what the step says, as far as there is something to do it to.
    async fn step(&mut self, (what, which, how): Step) -> String {
        if self.held.is_empty() {
            self.bob_signs_in().await;
        }
        let index = which % self.held.len();
        match what {
            0 => self.bob_signs_in().await,
            1 => {
                let text = self.robot.session(&self.app).await;
                self.held.push(self.session(ROBOT, text));
            }
            2 => self.approve_device(index).await,
            3..=6 => self.derive_generic(index, how).await,
            7 | 8 => self.derive_workload(index, how % 3).await,
            9 => {
                self.caller(index).get("/api/v1/logout").await;
                let is_good = self.is_good(&self.held[index]);
                let held = &mut self.held[index];
                held.signed_out |= held.kind == Kind::Session && is_good;
            }
            10 => {
                let text = json!({"token": self.held[index].text});
                let answer = self.app.anonymous().post("/api/v1/api_tokens/revoke", text).await;
                self.held[index].revoked |= answer.expect_ok()["revoked"] == true;
            }
            11 => self.delete_by_id(index).await,
            12 => self.revoke_all(index).await,
            13..=18 => self.end_something(what, which, how).await,
            19 => self.restart().await,
            20 => self.bob_signs_in_to_the_console().await,
            21 => self.make_key(index).await,
            22 => {
                let can = |held: &Held| self.is_good(held) && held.may_make_ending_keys();
                self.make_key(self.held.iter().rposition(can).unwrap_or(index)).await;
            }
            _ => self.ask_for_link(index).await,
        }
        format!("{what} {index} {how}")
    }

    async fn bob_signs_in_to_the_console(&mut self) {
        let page = self.app.anonymous().with("x-zendo-session", "console").with("origin", &self.app.url());
        let login = page.login("bob", &self.password).await;
        let cookie = login.header("set-cookie").unwrap().split_once('=').unwrap().1;
        let text = cookie.split(';').next().unwrap().to_owned();
        let csrf_token = login.expect_ok()["csrf_token"].as_str().map(str::to_owned);
        assert!(csrf_token.is_some());
        self.held.push(Held { csrf_token, ..self.session(BOB, text) });
    }

    async fn ask_for_link(&mut self, index: usize) {
        let answer = self.caller(index).get(&format!("{}/download-token", self.artifact)).await;
        if !self.is_good(&self.held[index]) {
            assert_eq!(answer.status, 401, "{:?}: {answer:?}", self.held[index]);
            return;
        }
        let token = answer.expect_ok().as_str().unwrap().to_owned();
        self.links.push(Link { token, parent: index, expires: self.clock + 30 });
    }

    async fn approve_device(&mut self, index: usize) {
        let client = format!("00000000-0000-0000-0000-0000000d{:04x}", self.held.len());
        let approved = parties::device_session(&self.app, &self.caller(index), &client).await;
        let by = self.held[index].clone();
        let is_own = by.kind == Kind::Session && by.account == BOB && by.device.is_none();
        match approved {
            Ok(text) => {
                assert!(is_own && self.is_good(&by), "{by:?} approved a device");
                let id = claims(&text)["device_id"].as_str().unwrap().to_owned();
                self.devices.push((id, true));
                let device = Some(self.devices.len() - 1);
                self.held.push(Held { device, ..self.session(BOB, text) });
            }
            Err(answer) if self.is_good(&by) => assert!(answer.status == 403 && !is_own, "{answer:?}"),
            Err(answer) => assert_eq!(answer.status, 401, "{answer:?}"),
        }
    }

    /// A key has no end of its own, and what was made with has one with it.
    async fn make_key(&mut self, index: usize) {
        let keys = format!("{}/api_keys", self.robot.account);
        let name = format!("of {}", self.held.len());
        let answer = self.caller(index).post(&keys, json!({"name": name})).await;
        let by = self.held[index].clone();
        let may = by.account == BOB && by.runs.is_empty() && !by.read_only;
        match answer.status {
            200 => assert!(may && self.is_good(&by), "{by:?} made a key"),
            403 => assert!(self.is_good(&by) && (!may || by.parent.is_some()), "{by:?}: {answer:?}"),
            _ => assert!(answer.status == 401 && !self.is_good(&by), "{by:?}: {answer:?}"),
        }
        if answer.status != 200 {
            return;
        }
        let answer = answer.json();
        let form = [("username", ""), ("password", answer["body"]["key"].as_str().unwrap())];
        let text = token_of(&self.app.anonymous().post_form("/api/v1/login", &form).await.expect_ok());
        // No end of the robot's first key is one of this one.
        let made = Held { key_era: None, ..self.session(ROBOT, text) };
        self.held.push(match by.kind {
            Kind::Session => made,
            _ => Held { parent: Some(index), expires: by.expires, ..made },
        });
    }

    async fn derive_generic(&mut self, index: usize, how: usize) {
        let read_only = how.is_multiple_of(4);
        let lifetime = if how.is_multiple_of(3) { 600 } else { 3600 };
        let query = format!("expires_in={lifetime}&read_only={read_only}");
        let answer = self.caller(index).get(&format!("/api/v1/api_token?{query}")).await;
        let parent = self.held[index].clone();
        if !self.is_good(&parent) {
            assert_eq!(answer.status, 401, "{parent:?}: {answer:?}");
        } else if answer.status == 200 {
            let text = answer.json().as_str().unwrap().to_owned();
            let end = self.clock + lifetime;
            self.held.push(Held {
                kind: Kind::Generic,
                text,
                parent: Some(index),
                expires: Some(parent.childrens_end().map_or(end, |of| of.min(end))),
                read_only: read_only || parent.read_only,
                revoked: false,
                signed_out: false,
                csrf_token: None,
                ..parent
            });
        } else {
            answer.expect(403, "made from 8 others");
        }
    }

    async fn derive_workload(&mut self, index: usize, run: usize) {
        let path = format!("/api/v1/api_token?token_type=workload&pipeline_run_id={}", RUNS[run]);
        let answer = self.caller(index).get(&path).await;
        let parent = self.held[index].clone();
        if !self.is_good(&parent) {
            assert_eq!(answer.status, 401, "{parent:?}: {answer:?}");
            return;
        }
        let may = match parent.runs.first() {
            None => self.runs_go_on[run],
            Some(bound) => self.runs_go_on[run] && (*bound == run || (*bound == 0 && run == 1)),
        };
        if !may || answer.status == 403 {
            assert!(matches!(answer.status, 400 | 401 | 403), "{answer:?}");
            return;
        }
        let mut runs = vec![run];
        runs.extend(parent.runs.iter().copied().filter(|bound| *bound != run));
        self.held.push(Held {
            kind: Kind::Workload,
            text: answer.expect_ok().as_str().unwrap().to_owned(),
            parent: Some(index),
            runs,
            expires: parent.childrens_end(),
            revoked: false,
            signed_out: false,
            csrf_token: None,
            ..parent
        });
    }

    async fn delete_by_id(&mut self, index: usize) {
        let id = claims(&self.held[index].text)["jti"].as_str().unwrap().to_owned();
        let answer = self.admin.delete(&format!("/api/v1/api_tokens/{id}")).await;
        match self.held[index].kind {
            Kind::Session => answer.expect(404, "No API token"),
            _ => {
                answer.expect_ok();
                self.held[index].revoked = true;
            }
        }
    }

    async fn revoke_all(&mut self, index: usize) {
        let answer = self.caller(index).post("/api/v1/api_tokens/revoke", json!({"all": true})).await;
        let held = &self.held[index];
        match (self.is_good(held), held.read_only || !held.runs.is_empty()) {
            (false, _) => assert_eq!(answer.status, 401, "{held:?}: {answer:?}"),
            (true, true) => assert_eq!(answer.status, 403, "{held:?}: {answer:?}"),
            (true, false) => {
                answer.expect_ok();
                self.eras[held.account] += 1;
            }
        }
    }

    async fn end_something(&mut self, what: u8, which: usize, how: usize) {
        match what {
            13 => {
                let (name, account) = [("bob", BOB), ("robot", ROBOT)][which % 2];
                self.admin.post("/api/v1/api_tokens/revoke", json!({"user": name})).await.expect_ok();
                self.eras[account] += 1;
            }
            14 => {
                let rotate = format!("{}/rotate", self.robot.key_path);
                let rotated = self.admin.put(&rotate, json!({"retain_period_minutes": 0})).await.expect_ok();
                self.robot.key = rotated["body"]["key"].as_str().unwrap().to_owned();
                self.key_era += 1;
            }
            15 => {
                for active in [false, true] {
                    self.admin.put(&self.robot.account, json!({"active": active})).await.expect_ok();
                }
                self.eras[ROBOT] += 1;
            }
            16 if self.devices.iter().any(|(_, is_good)| *is_good) => self.end_device(how).await,
            16 => {
                let new = format!("{PASSWORD} {}", self.held.len());
                let bob = self.app.anonymous().login("bob", &self.password).await.expect_ok();
                let change = json!({"password": new, "old_password": self.password});
                let bob = self.app.anonymous().with_token(&token_of(&bob));
                bob.put(CURRENT_USER, change).await.expect_ok();
                self.password = new;
                self.eras[BOB] += 1;
            }
            17 => {
                let run = how % 3;
                parties::end_run(&self.database, RUNS[run]).await;
                self.runs_go_on[run] = false;
                let bound = self.held.iter().position(|held| held.runs.contains(&run));
                if let Some(bound) = bound {
                    // Behind the server's back, so that it's known within a second.
                    let caller = self.caller(bound);
                    crate::support::wait_until(
                        "the run's end is known",
                        std::time::Duration::from_secs(5),
                        async || caller.get(CURRENT_USER).await.status == 401,
                    )
                    .await;
                }
            }
            _ => {
                self.app.clock.advance(400);
                self.clock += 400;
            }
        }
    }

    async fn end_device(&mut self, how: usize) {
        let devices = self.devices.iter_mut().filter(|(_, is_good)| *is_good);
        let (id, is_good) = devices.last().unwrap();
        // Its owner ends it: with a sign-in of their own, which ends nothing else.
        let bob = token_of(&self.app.anonymous().login("bob", &self.password).await.expect_ok());
        let bob = self.app.anonymous().with_token(&bob);
        let path = format!("/api/v1/devices/{id}");
        match how % 2 {
            0 => bob.put(&path, json!({"locked": true})).await.expect_ok(),
            _ => bob.delete(&path).await.expect_ok(),
        };
        *is_good = false;
    }

    async fn restart(&mut self) {
        let again = start(&self.database, &self.folder).await;
        again.clock.advance(self.clock);
        std::mem::replace(&mut self.app, again).stop().await;
        self.admin = self.app.signed_in().await;
    }

    async fn check(&self, history: &[String]) {
        for held in &self.held {
            let caller = self.caller_with(held);
            let answer = caller.get(CURRENT_USER).await;
            let expected = if self.is_good(held) { 200 } else { 401 };
            assert_eq!(answer.status, expected, "{held:?}: {answer:?} after {history:?}");
            if held.read_only && expected == 200 {
                caller.post("/api/v1/tags", json!({"name": "x"})).await.expect(403, "tags:create");
            }
        }
        for Link { token, parent, expires } in &self.links {
            let answer = self.app.anonymous().get(&format!("{}/data?token={token}", self.artifact)).await;
            let of = &self.held[*parent];
            let expected = if self.is_good(of) && self.clock < *expires { 200 } else { 401 };
            assert_eq!(answer.status, expected, "link of {of:?}: {answer:?} after {history:?}");
        }
    }
}

async fn start(database: &Database, folder: &tempfile::TempDir) -> TestApp {
    TestApp::start_with(database, &[("ZENDO_LOCAL_FILES_ROOT", folder.path().to_str().unwrap())]).await
}

fn console_cookie(app: &TestApp) -> String {
    format!("{}-console", app.state.server.cookie_name)
}

/// The path of an artifact version whose data can be downloaded.
async fn downloadable(admin: &Caller, folder: &tempfile::TempDir) -> String {
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(at("store")).unwrap();
    std::fs::write(at("store/a"), "x").unwrap();
    let store = json!({
        "name": "here", "type": "artifact_store", "flavor": "local", "configuration": {"path": at("store")},
    });
    let store = admin.post("/api/v1/components", store).await.expect_ok();
    let project = admin.get("/api/v1/projects/default").await.expect_ok();
    let source = json!({"module": "m", "attribute": "A", "type": "user"});
    let version = json!({
        "project": project["id"], "artifact_name": "a", "type": "DataArtifact", "artifact_store_id": store["id"],
        "uri": at("store/a"), "materializer": source, "data_type": source, "save_type": "step_output",
    });
    let version = admin.post("/api/v1/artifact_versions", version).await.expect_ok();
    format!("/api/v1/artifact_versions/{}", version["id"].as_str().unwrap())
}

async fn no_credential_works_whose_ancestor_is_over(database: Database) {
    let mut world = World::new(database).await;
    let sequences = std::env::var("ZENDO_TEST_SEQUENCES").map_or(SEQUENCES, |number| number.parse().unwrap());
    for seed in 0..sequences {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let steps = proptest::collection::vec((0u8..24, any::<usize>(), any::<usize>()), STEPS);
        let mut history = vec![format!("seed {seed}")];
        for step in steps.new_tree(&mut runner).unwrap().current() {
            history.push(world.step(step).await);
            world.check(&history).await;
        }
        let good = world.held.iter().filter(|held| world.is_good(held)).count();
        println!("seed {seed}: {} credentials, {good} of them good at the end", world.held.len());
        // The next sequence goes on with the sign-ins.
        world.held.retain(|held| held.parent.is_none());
        world.links.clear();
    }
}
