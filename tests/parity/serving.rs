//! What holds for every route: methods, origins, request ids, keys of repeated requests.

use super::step::{ADMIN, ANYONE, Scenario, scenario};
use super::wanted::{HEAD, NO_DASHBOARD, NO_KEY, OPTIONS, PREFLIGHT, UNLISTED_ORIGIN};

pub fn scenarios() -> Vec<Scenario> {
    const REPEATED: &str = "33333333-3333-4333-8333-333333333333";
    const FAILED: &str = "1f6f8ab8-5a5c-44cb-8d0f-8f1f1e9a3b02";
    const MAKE: &str = r#"{"name": "twice", "is_admin": false, "password": "x"}"#;
    vec![
        scenario(
            "routes and methods",
            [
                ANYONE.send_to_root("GET", "/health"),
                ANYONE.send_to_root("HEAD", "/health"),
                ANYONE.send_to_root("POST", "/health"),
                ANYONE.send_to_root("GET", "/ready"),
                ANYONE.get("/nope"),
                ADMIN.get("/nope"),
                ANYONE.send("POST", "/nope"),
                ANYONE.send("PUT", "/nope"),
                ANYONE.send("DELETE", "/nope/x"),
                ANYONE.send_to_root("GET", "/api/v2/info"),
                ANYONE.send_to_root("GET", "/api").wanted(&NO_DASHBOARD),
                ANYONE.send("HEAD", "/info").wanted(&HEAD),
                ANYONE.send("PATCH", "/info"),
                ANYONE.send("OPTIONS", "/info").wanted(&OPTIONS),
                ADMIN.send("HEAD", "/current-user").wanted(&HEAD),
                ANYONE.get("/info/"),
                ANYONE.get("/info?a=%ff"),
                ANYONE.get("//info"),
            ],
        ),
        scenario(
            "origins",
            [
                ANYONE.get("/info").header("origin", "https://dashboard.example").wanted(&UNLISTED_ORIGIN),
                ANYONE
                    .get("/current-user")
                    .header("origin", "https://dashboard.example")
                    .wanted(&UNLISTED_ORIGIN),
                ANYONE
                    .send("OPTIONS", "/users")
                    .header("origin", "https://dashboard.example")
                    .header("access-control-request-method", "PUT")
                    .wanted(&UNLISTED_ORIGIN)
                    .wanted(&PREFLIGHT),
                ANYONE
                    .send("OPTIONS", "/users")
                    .header("origin", "https://dashboard.example")
                    .header("access-control-request-method", "PUT")
                    .header("access-control-request-headers", "authorization, x-csrf-token")
                    .wanted(&UNLISTED_ORIGIN)
                    .wanted(&PREFLIGHT),
            ],
        ),
        scenario(
            "request ids",
            [
                ADMIN.get("/users/nobody").header("x-request-id", "mine"),
                ANYONE.get("/current-user").header("x-request-id", "mine"),
                ADMIN.get("/users/nobody"),
            ],
        ),
        scenario(
            "a request that is sent again",
            [
                ADMIN.post("/users", MAKE).header("idempotency-key", REPEATED).keep("user"),
                ADMIN.post("/users", MAKE).header("idempotency-key", REPEATED),
                ADMIN
                    .post("/users", r#"{"name": "other", "is_admin": false}"#)
                    .header("idempotency-key", REPEATED),
                ADMIN.post("/users?x=1", MAKE).header("idempotency-key", REPEATED),
                ADMIN
                    .post("/tags", r#"{"name": "other", "color": "red"}"#)
                    .header("idempotency-key", REPEATED)
                    .keep("tag"),
                ADMIN
                    .post("/tags", r#"{"name": "other", "color": "red"}"#)
                    .header("idempotency-key", REPEATED),
                ADMIN.post("/tags", r#"{"name": "other", "color": "red"}"#).header("idempotency-key", FAILED),
                ADMIN.delete("/tags/{tag.id}").header("idempotency-key", REPEATED),
                ADMIN.delete("/tags/{tag.id}").header("idempotency-key", REPEATED),
                ADMIN
                    .post("/tags", r#"{"name": "other", "color": "red"}"#)
                    .header("idempotency-key", FAILED)
                    .keep("tag"),
                ADMIN.put("/tags/{tag.id}", r#"{"name": "one"}"#).header("idempotency-key", FAILED),
                ADMIN.put("/tags/{tag.id}", r#"{"name": "two"}"#).header("idempotency-key", FAILED),
                ADMIN.delete("/tags/{tag.id}"),
                ADMIN.delete("/users/twice"),
                ADMIN.post("/users", MAKE).header("idempotency-key", "x").wanted(&NO_KEY),
                ADMIN.delete("/users/twice").tidies(),
            ],
        ),
    ]
}
