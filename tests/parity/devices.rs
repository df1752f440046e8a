//! Devices: asked for by a machine, approved by a person.

use super::step::{ADMIN, ANYONE, By, Scenario, Step, scenario};
use super::wanted::{GOES_ON, ITS_OWN_PLACE, NO_LONGER_OWN, TAKEN_OVER_400, TAKEN_OVER_404};

const ONE: &str = "11111111-1111-4111-8111-111111111111";
const NONE: &str = "/devices/00000000-0000-0000-0000-000000000001";
const AUTHORIZE: &str = "/device_authorization";
const DEVICE: &str = "/devices/{asked.verification_uri_complete.device_id}";
const VERIFY: &str = "/devices/{asked.verification_uri_complete.device_id}/verify";
const CODE: &str = r#"{"user_code": "{asked.user_code}"}"#;
const MACHINE: By = By("machine");
const BOB: By = By("bob");

pub fn scenarios() -> Vec<Scenario> {
    vec![flow(), refused(), changing(), wrong_codes(), of_another()]
}

fn asks(client: &str) -> Step {
    ANYONE
        .form(AUTHORIZE, &format!("client_id={client}"))
        .header("user-agent", "Host/my-host ZenML/0.98.0 Python/3.11.2 OS/linux")
        .keep("asked")
}

fn grant(client: &str) -> Step {
    let fields = "grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code={asked.device_code}";
    ANYONE.form("/login", &format!("{fields}&client_id={client}"))
}

fn flow() -> Scenario {
    scenario(
        "a device's way",
        [
            ADMIN.get("/devices"),
            asks(ONE),
            ADMIN.get(DEVICE),
            ADMIN.get(&format!("{DEVICE}?user_code={{asked.user_code}}")),
            ADMIN.get(&format!("{DEVICE}?user_code={{asked.user_code}}&hydrate=false")),
            ADMIN.get(&format!("{DEVICE}?user_code=wrong")),
            ANYONE.get(&format!("{DEVICE}?user_code={{asked.user_code}}")),
            ADMIN.get("/devices"),
            grant(ONE),
            ADMIN.put(VERIFY, CODE).after(10),
            ADMIN.put(VERIFY, CODE),
            ADMIN.get(DEVICE),
            ADMIN.get("/devices?hydrate=true"),
            grant("22222222-2222-4222-8222-222222222222").after(10),
            grant(ONE).after(10).keep("machine"),
            grant(ONE).after(10),
            ADMIN.get(DEVICE),
            MACHINE.get("/current-user"),
            MACHINE.get("/devices"),
            MACHINE.get("/api_token?expires_in=60").keep("script"),
            By("script").get("/current-user"),
            ADMIN.get("/devices?status=active&trusted_device=false"),
            ADMIN.get("/devices?status=locked"),
            ADMIN.get("/devices?status=contains:act"),
            ADMIN.get(&format!("/devices?client_id={ONE}")),
            ADMIN.get("/devices?client_id=x"),
            ADMIN.get("/devices?user=default"),
            ADMIN.get("/devices?expires=isnull:"),
            ADMIN.get("/devices?failed_auth_attempts=0"),
            ADMIN.get("/devices?failed_auth_attempts=gt:0"),
            ADMIN.get("/devices?failed_auth_attempts=x"),
            ADMIN.get("/devices?sort_by=desc:last_login"),
            ADMIN.get("/devices?sort_by=hostname"),
            ADMIN.get("/devices?sort_by=device_code"),
            ADMIN.get("/devices?page=2"),
            asks(ONE).after(10),
            MACHINE.get("/current-user").wanted(&GOES_ON),
            ADMIN.get(DEVICE).wanted(&NO_LONGER_OWN),
            ADMIN
                .put(VERIFY, r#"{"user_code": "{asked.user_code}", "trusted_device": true}"#)
                .wanted(&ITS_OWN_PLACE),
            grant(ONE).after(10).keep("machine"),
            MACHINE.get("/current-user"),
            ADMIN.get("/devices").keep("own"),
            ADMIN.delete("/devices/{own.items.0.id}"),
            MACHINE.get("/current-user"),
            By("script").get("/current-user"),
            ADMIN.get("/devices/{own.items.0.id}"),
            ADMIN.delete("/devices/{own.items.0.id}"),
            grant(ONE).after(10),
            ADMIN.get("/onboarding_state"),
        ],
    )
}

fn refused() -> Scenario {
    scenario(
        "what is no device",
        [
            ANYONE.form(AUTHORIZE, ""),
            ANYONE.form(AUTHORIZE, "client_id="),
            ANYONE.form(AUTHORIZE, "client_id=x"),
            ANYONE.post(AUTHORIZE, r#"{"client_id": "11111111-1111-4111-8111-111111111111"}"#),
            ANYONE.send("POST", AUTHORIZE),
            ANYONE.get(AUTHORIZE),
            ADMIN.get(NONE),
            ADMIN.put(NONE, "{}"),
            ADMIN.delete(NONE),
            ADMIN.put(&format!("{NONE}/verify"), r#"{"user_code": "x"}"#),
            ADMIN.get("/devices/x"),
            ADMIN.put("/devices/x", "{}"),
            ADMIN.delete("/devices/x"),
            ADMIN.put("/devices/x/verify", r#"{"user_code": "x"}"#),
            ADMIN.get("/devices/x?hydrate=perhaps"),
            ADMIN.put("/devices/x", "[]"),
            ANYONE.get("/devices"),
            ANYONE.get(NONE),
            ANYONE.put(NONE, "{}"),
            ANYONE.delete(NONE),
            ANYONE.put(&format!("{NONE}/verify"), r#"{"user_code": "x"}"#),
            ADMIN.send("POST", "/devices"),
            ADMIN.send("POST", NONE),
            ADMIN.get(&format!("{NONE}/verify")),
        ],
    )
}

fn changing() -> Scenario {
    scenario(
        "changing a device",
        [
            asks(ONE),
            ADMIN.put(DEVICE, "{}"),
            ADMIN.put(VERIFY, "{}"),
            ADMIN.put(VERIFY, r#"{"user_code": 5}"#),
            ADMIN.put(VERIFY, "[]"),
            ADMIN.put(VERIFY, r#"{"user_code": "{asked.user_code}", "trusted_device": "perhaps"}"#),
            ADMIN.put(VERIFY, r#"{"user_code": "{asked.user_code}", "trusted_device": null}"#),
            ADMIN.put(VERIFY, CODE),
            grant(ONE).after(10).keep("machine"),
            ADMIN.put(DEVICE, "{}"),
            ADMIN.put(DEVICE, r#"{"locked": true}"#),
            MACHINE.get("/current-user"),
            ADMIN.get(DEVICE),
            ADMIN.put(DEVICE, r#"{"locked": true}"#),
            ADMIN.put(DEVICE, r#"{"locked": null}"#),
            ADMIN.put(DEVICE, r#"{"locked": false}"#),
            MACHINE.get("/current-user"),
            ADMIN.put(DEVICE, r#"{"locked": false, "unknown": 1, "status": "locked"}"#),
            ADMIN.put(DEVICE, r#"{"locked": "perhaps"}"#),
            ADMIN.put(DEVICE, "[]"),
            ADMIN.put(DEVICE, ""),
            ADMIN.delete(DEVICE),
        ],
    )
}

fn wrong_codes() -> Scenario {
    const WRONG: &str = r#"{"user_code": "wrong"}"#;
    let wrong_grant = || {
        let fields = "grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code=wrong";
        ANYONE.form("/login", &format!("{fields}&client_id={ONE}")).after(10)
    };
    scenario(
        "wrong codes",
        [
            asks(ONE),
            ADMIN.put(VERIFY, WRONG),
            ADMIN.put(VERIFY, WRONG),
            ADMIN.put(VERIFY, WRONG),
            ADMIN.put(VERIFY, WRONG),
            ADMIN.put(VERIFY, CODE),
            grant(ONE).after(10),
            asks(ONE),
            ADMIN.put(VERIFY, CODE),
            wrong_grant(),
            wrong_grant(),
            wrong_grant(),
            wrong_grant(),
            grant(ONE).after(10),
            ADMIN.get(DEVICE),
            ADMIN.put(DEVICE, r#"{"locked": false}"#),
            grant(ONE).after(10),
            ADMIN.delete(DEVICE),
        ],
    )
}

fn of_another() -> Scenario {
    scenario(
        "another's device",
        [
            ADMIN.post("/users", r#"{"name": "bob", "is_admin": false, "password": "secret sauce"}"#),
            ANYONE.form("/login", "username=bob&password=secret+sauce").keep("bob"),
            asks(ONE),
            BOB.put(VERIFY, CODE),
            grant(ONE).after(10).keep("machine"),
            BOB.get("/devices"),
            BOB.get(DEVICE),
            MACHINE.get("/current-user"),
            ADMIN.get("/devices"),
            ADMIN.get(DEVICE),
            ADMIN.put(DEVICE, r#"{"locked": true}"#),
            ADMIN.delete(DEVICE),
            ADMIN.put(VERIFY, CODE),
            asks(ONE).after(10),
            ADMIN.get(&format!("{DEVICE}?user_code={{asked.user_code}}")).wanted(&TAKEN_OVER_404),
            ADMIN.put(VERIFY, CODE).wanted(&TAKEN_OVER_400),
            BOB.delete(DEVICE).wanted(&NO_LONGER_OWN),
            ADMIN.delete(DEVICE).tidies(),
            ADMIN.delete("/users/bob"),
        ],
    )
}
