//! What holds for every route: methods, origins, request ids, keys of repeated requests.

use super::step::{ADMIN, ANYONE, Scenario, scenario};
use super::wanted::{HEAD, NO_DASHBOARD, NOT_YET_REFUSED, NOT_YET_REPLAYED, OPTIONS, PREFLIGHT};

pub fn scenarios() -> Vec<Scenario> {
    const REPEATED: &str = "33333333-3333-4333-8333-333333333333";
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
                ANYONE.get("/info").header("origin", "https://dashboard.example"),
                ANYONE.get("/current-user").header("origin", "https://dashboard.example"),
                ANYONE
                    .send("OPTIONS", "/users")
                    .header("origin", "https://dashboard.example")
                    .header("access-control-request-method", "PUT")
                    .wanted(&PREFLIGHT),
                ANYONE
                    .send("OPTIONS", "/users")
                    .header("origin", "https://dashboard.example")
                    .header("access-control-request-method", "PUT")
                    .header("access-control-request-headers", "authorization, x-csrf-token")
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
                ADMIN.post("/users", MAKE).header("idempotency-key", REPEATED).wanted(&NOT_YET_REPLAYED),
                ADMIN.delete("/users/twice"),
                ADMIN.post("/users", MAKE).header("idempotency-key", "x").wanted(&NOT_YET_REFUSED),
                ADMIN.delete("/users/twice").tidies(),
            ],
        ),
    ]
}
