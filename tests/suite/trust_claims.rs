//! Of all that tokens of GitHub, GitLab, Kubernetes and Buildkite say, each part that a rule names counts: whatever is drawn,
//! one that is another's is never exchanged, and one that is right in each part always is.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use proptest::test_runner::{Config as Cases, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::support::{Caller, Database, Issuer, TestApp, exchange};
use crate::trusts::service_account;

on_each_store! {
    whatever_a_token_says_each_part_that_a_rule_names_counts,
}

const TRUSTS: &str = "/api/v1/trusts";
const AUDIENCE: &str = "zendo";
/// Nothing is wrong with it.
const TAKEN: &str = "taken";
/// Draws of a batch, and batches until each part was drawn wrong alone: more than the last is never needed.
const BATCH: u32 = 100;
const FEWEST: usize = 4;
const MOST: usize = 15;

/// A part of a token: how it is right, and how it is wrong in ways that are near to that. Null stands for nothing said.
struct Part {
    /// The names on the way to the claim.
    claim: &'static [&'static str],
    right: Vec<Value>,
    wrong: Vec<Value>,
}

fn part<const W: usize>(claim: &'static [&'static str], right: &[&str], wrong: [Value; W]) -> Part {
    let right = right.iter().map(|text| json!(text)).collect();
    Part { claim, right, wrong: wrong.into_iter().chain([Value::Null, json!(""), json!("*")]).collect() }
}

/// Whose tokens have one shape.
struct Shape {
    name: &'static str,
    issuer: Issuer,
    /// Another one whose rule is for the same claims, and says something else.
    other: Issuer,
    parts: Vec<Part>,
}

/// What is said of one draw.
#[derive(Debug, Clone)]
struct Draw {
    shape: Index,
    /// What is wrong, by its place: the claims, then what is in [`SIGNED`].
    wrong: Vec<usize>,
    values: Vec<Index>,
}

/// What is wrong with a token beside its claims.
const SIGNED: [&str; 5] = ["iss", "key", "iss and key", "aud", "unknown iss"];

/// A shape, with the rule of its issuer, and that of another one for somebody else's work.
async fn shape(admin: &Caller, name: &'static str, rules: [Value; 2], parts: Vec<Part>) -> Shape {
    let issuer = Issuer::of(&format!("https://{name}.example"), 1);
    let other = Issuer::of(&format!("https://own-{name}.example"), 2);
    for (issuer, more) in [&issuer, &other].into_iter().zip(rules) {
        let mut rule = json!({
            "name": issuer.url, "service_account": "ci", "issuer": issuer.url, "jwks": issuer.jwks(), "audience": AUDIENCE,
        });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        if rule["form"]["kind"] == "kubernetes" {
            // There the issuer is a part of the form.
            rule["form"]["issuer"] = rule.as_object_mut().unwrap().remove("issuer").unwrap();
        }
        admin.post(TRUSTS, rule).await.expect_ok();
    }
    Shape { name, issuer, other, parts }
}

fn texts<const N: usize>(texts: [&str; N]) -> [Value; N] {
    texts.map(Value::from)
}

fn environment() -> Part {
    part(&["environment"], &["prod"], texts(["production", "Prod", "prod ", "staging"]))
}

async fn github(admin: &Caller) -> Shape {
    const WORKFLOW: &str = "acme/app/.github/workflows/train.yml";
    let rule = |repository: &str| {
        json!({"form": {
            "kind": "github", "repository": repository, "branch": "main", "environment": "prod", "workflow": "train.yml",
        }})
    };
    let (main, commit) = (format!("{WORKFLOW}@refs/heads/main"), format!("{WORKFLOW}@a1"));
    let other_file = format!("{WORKFLOW}.yml@refs/heads/main");
    let repositories =
        ["acme/lib", "acme/app2", "eve/app", "Acme/app", "acme/app/x", "acme", "acme/app\n", "*/app"];
    let refs = ["main", "refs/heads/main2", "refs/heads/x/main", "refs/tags/main", "refs/pull/7/merge"];
    let workflows = [WORKFLOW, &main.replace("acme", "eve"), &other_file];
    let parts = vec![
        part(&["repository"], &["acme/app"], texts(repositories)),
        part(&["ref"], &["refs/heads/main"], texts(refs)),
        environment(),
        part(&["workflow_ref"], &[&main, &commit], texts(workflows)),
    ];
    shape(admin, "github", [rule("acme/app"), rule("acme/lib")], parts).await
}

async fn gitlab(admin: &Caller) -> Shape {
    let rule = |project: &str| json!({"form": {"kind": "gitlab", "project": project, "branch": "main", "environment": "prod"}});
    let projects = ["acme/lib", "acme/app-2", "acme/sub/app", "ACME/app", "eve/app"];
    let parts = vec![
        part(&["project_path"], &["acme/app"], texts(projects)),
        part(&["ref"], &["main"], texts(["refs/heads/main", "main2", "Main", "release/main"])),
        part(&["ref_type"], &["branch"], texts(["tag", "merge_request", "branches"])),
        environment(),
    ];
    shape(admin, "gitlab", [rule("acme/app"), rule("acme/lib")], parts).await
}

async fn kubernetes(admin: &Caller) -> Shape {
    let rule = |namespace: &str| json!({"form": {"kind": "kubernetes", "namespace": namespace, "service_account": "trainer"}});
    let subject = |rest: &str| json!(format!("system:serviceaccount:{rest}"));
    let right = subject("ml:trainer");
    let subjects = [subject("ml:trainer2"), subject("web:trainer"), subject("ml:default"), subject("ml")];
    let accounts = [json!("default"), json!("trainer-2"), json!({"name": "trainer"})];
    let parts = vec![
        part(&["sub"], &[right.as_str().unwrap()], subjects),
        part(&["kubernetes.io", "namespace"], &["ml"], texts(["web", "ml2", "ML", "kube-system"])),
        part(&["kubernetes.io", "serviceaccount", "name"], &["trainer"], accounts),
    ];
    shape(admin, "kubernetes", [rule("ml"), rule("web")], parts).await
}

async fn buildkite(admin: &Caller) -> Shape {
    let rule = |pipeline: &str| json!({"form": {"kind": "buildkite", "organization": "acme", "pipeline": pipeline, "branch": "main"}});
    let parts = vec![
        part(&["organization_slug"], &["acme"], texts(["acme-2", "eve", "Acme"])),
        part(&["pipeline_slug"], &["app"], texts(["lib", "app-2", "acme/app"])),
        part(&["build_branch"], &["main"], texts(["topic", "main2", "refs/heads/main"])),
    ];
    shape(admin, "buildkite", [rule("app"), rule("lib")], parts).await
}

/// Several texts for a claim, and stars in them.
async fn starred(admin: &Caller) -> Shape {
    let rule = |library: &str| {
        let refs = ["refs/heads/main", "refs/heads/release/*"];
        let repositories = [library, &format!("{library}-*")];
        json!({"conditions": {"repository": repositories, "ref": refs, "environment": "prod-*"}})
    };
    let repositories = ["acme/lib", "acme/app2", "acme/lib-x", "evil-acme/app", "acme"];
    let releases = ["refs/heads/main", "refs/heads/release/1", "refs/heads/release/1/x"];
    let refs = ["refs/heads/release", "refs/heads/releases/1", "refs/tags/release/1", "x/refs/heads/main"];
    let parts = vec![
        part(&["repository"], &["acme/app", "acme/app-x", "acme/app-"], texts(repositories)),
        part(&["ref"], &releases, texts(refs)),
        part(&["environment"], &["prod-eu", "prod-"], texts(["prod", "staging", "x-prod-eu"])),
    ];
    shape(admin, "starred", [rule("acme/app"), rule("acme/lib")], parts).await
}

fn put(claims: &mut Value, path: &[&str], value: &Value) {
    if value.is_null() {
        return;
    }
    let claim = path.iter().fold(claims, |within, name| &mut within[*name]);
    *claim = value.clone();
}

impl Shape {
    /// Everything that can be wrong, in the order of its places.
    fn all(&self) -> Vec<String> {
        let claims = self.parts.iter().map(|part| part.claim.join("/"));
        claims.chain(SIGNED.map(str::to_owned)).collect()
    }

    /// What of the drawn places is wrong: where a token is the other issuer's, it says nothing that this one's rule is for.
    fn wrong(&self, drawn: &[usize]) -> Vec<usize> {
        let all = self.all();
        let has = |name: &str| drawn.iter().any(|place| all.get(*place).is_some_and(|wrong| wrong == name));
        let is_the_others = has("iss and key") || (has("iss") && has("key"));
        let counts = |place: &usize| *place < all.len() && (!is_the_others || *place >= self.parts.len());
        drawn.iter().copied().filter(counts).collect()
    }

    /// The token of a draw, with what it says.
    fn token(&self, app: &TestApp, wrong: &[usize], values: &[Index]) -> (String, Value) {
        let mut claims = json!({});
        for (place, part) in self.parts.iter().enumerate() {
            let choices = if wrong.contains(&place) { &part.wrong } else { &part.right };
            put(&mut claims, part.claim, &choices[values[place].index(choices.len())]);
        }
        let is_wrong = |name: &str| {
            wrong
                .iter()
                .filter_map(|place| place.checked_sub(self.parts.len()))
                .any(|place| SIGNED[place] == name)
        };
        let at = |choices: &[Value]| choices[values[self.parts.len()].index(choices.len())].clone();
        claims["aud"] = match is_wrong("aud") {
            true => {
                at(&[json!("zendo2"), json!("ZENDO"), json!(""), json!([]), json!(["other"]), json!("*")])
            }
            false => at(&[json!(AUDIENCE), json!([AUDIENCE]), json!(["other", AUDIENCE])]),
        };
        claims["iss"] = match () {
            () if is_wrong("unknown iss") => {
                at(&[json!("https://nobody.example"), json!(format!("{}/", self.issuer.url))])
            }
            () if is_wrong("iss") || is_wrong("iss and key") => json!(self.other.url),
            () => json!(self.issuer.url),
        };
        let signer = match is_wrong("key") || is_wrong("iss and key") {
            true => &self.other,
            false => &self.issuer,
        };
        (signer.token(app, claims.clone()), claims)
    }
}

fn draws() -> impl Strategy<Value = Draw> {
    // The most that a shape has; what is beyond the drawn one's is left out.
    let most = 4 + SIGNED.len();
    let places = move |count: RangeInclusive<usize>| subsequence((0..most).collect::<Vec<_>>(), count);
    let wrong = prop_oneof![2 => places(0..=0), 5 => places(1..=1), 1 => places(2..=4)];
    let values = proptest::collection::vec(any::<Index>(), most);
    (any::<Index>(), wrong, values).prop_map(|(shape, wrong, values)| Draw { shape, wrong, values })
}

async fn whatever_a_token_says_each_part_that_a_rule_names_counts(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    service_account(&admin, "ci").await;
    let shapes = [
        github(&admin).await,
        gitlab(&admin).await,
        kubernetes(&admin).await,
        buildkite(&admin).await,
        starred(&admin).await,
    ];
    // What was taken, and what was refused for one thing alone.
    let seen = RefCell::new(BTreeSet::new());
    let mut expected: BTreeSet<(&str, String)> = BTreeSet::new();
    for shape in &shapes {
        expected.extend(shape.all().into_iter().map(|wrong| (shape.name, wrong)));
        expected.insert((shape.name, TAKEN.to_owned()));
    }
    for batch in 0..MOST {
        if batch >= FEWEST && expected.is_subset(&seen.borrow()) {
            break;
        }
        let cases = Cases { cases: BATCH, failure_persistence: None, ..Cases::default() };
        let outcome = TestRunner::new(cases).run(&draws(), |draw| {
            let shape = draw.shape.get(&shapes);
            let (all, wrong) = (shape.all(), shape.wrong(&draw.wrong));
            let (token, claims) = shape.token(&app, &wrong, &draw.values);
            let answer =
                block_in_place(|| Handle::current().block_on(exchange(&app.anonymous(), &token, &[])));
            let said: Vec<&str> = wrong.iter().map(|place| all[*place].as_str()).collect();
            let expected = if wrong.is_empty() { 200 } else { 400 };
            prop_assert_eq!(answer.status, expected, "{} {:?}: {} {:?}", shape.name, said, claims, answer);
            if !wrong.is_empty() {
                prop_assert_eq!(&answer.json()["error"], "invalid_request", "{:?}", answer);
                // Failures slow down: an hour later they are forgotten.
                app.clock.advance(3700);
            }
            match said.as_slice() {
                [] => seen.borrow_mut().insert((shape.name, TAKEN.to_owned())),
                [one] => seen.borrow_mut().insert((shape.name, (*one).to_owned())),
                _ => false,
            };
            Ok(())
        });
        outcome.unwrap();
    }
    let seen = seen.into_inner();
    assert_eq!(seen, expected, "each of them was drawn");
    println!("{} ways to be refused, and {} to be taken", expected.len() - shapes.len(), shapes.len());
}
