//! Signing in with a password, sessions of a browser, and signing out.

use super::step::{ADMIN, ANYONE, By, Scenario, scenario};
use super::wanted::{BROWSER_COOKIE, HIDDEN_ORIGIN, SIGNED_OUT, UNLISTED_ORIGIN};

pub fn scenarios() -> Vec<Scenario> {
    const KIM: By = By("kim");
    vec![
        scenario(
            "with a password",
            [
                ADMIN
                    .post("/users", r#"{"name": "kim", "is_admin": false, "password": "secret sauce"}"#)
                    .keep("user"),
                ANYONE.form("/login", "username=kim&password=secret+sauce").keep("kim"),
                KIM.get("/current-user"),
                ANYONE.form("/login", "grant_type=password&username=kim&password=secret+sauce"),
                ANYONE.form(
                    "/login",
                    "grant_type=password&username=kim&password=secret+sauce&scope=x&client_id=y",
                ),
                ANYONE.form("/login", "username={user.id}&password=secret+sauce"),
                ANYONE.form("/login", "username=kim&password=secret%20sauce"),
                ANYONE.form("/login", "username=kim&password=wrong"),
                ANYONE.form("/login", "username=kim&password="),
                ANYONE.form("/login", "username=kim"),
                ANYONE.form("/login", "username=KIM&password=secret+sauce"),
                ANYONE.form("/login", "username=nobody&password=secret+sauce"),
                ADMIN.put("/users/kim", r#"{"active": false}"#).after(60),
                ANYONE.form("/login", "username=kim&password=secret+sauce"),
                KIM.get("/current-user"),
                ADMIN.put("/users/kim", r#"{"active": true}"#),
                ANYONE.form("/login", "username=kim&password=secret+sauce"),
                ADMIN.delete("/users/kim"),
                KIM.get("/current-user"),
                ANYONE.form("/login", "username=kim&password=secret+sauce"),
            ],
        ),
        scenario(
            "what is no sign-in",
            [
                ANYONE.form("/login", ""),
                ANYONE.form("/login", "password="),
                ANYONE.form("/login", "password=x"),
                ANYONE.form("/login", "username="),
                ANYONE.form("/login", "username=&password=x"),
                ANYONE.form("/login", "grant_type=password"),
                ANYONE.form("/login", "grant_type=password&username=&password=x"),
                ANYONE.form("/login", "grant_type=client_credentials"),
                ANYONE.form("/login", "grant_type=PASSWORD&username=default&password=x"),
                ANYONE.form("/login", "grant_type=&username=default&password=wrong"),
                ANYONE.form("/login", "grant_type=zenml-external"),
                ANYONE.form("/login", "grant_type=zenml-api-key"),
                ANYONE.form("/login", "grant_type=zenml-api-key&password=x"),
                ANYONE.form("/login", "grant_type=zenml-api-key&password=ZENKEY_x"),
                ANYONE.form("/login", "grant_type=urn:ietf:params:oauth:grant-type:device_code"),
                ANYONE.form(
                    "/login",
                    "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=x&device_code=y",
                ),
                ANYONE.form("/login", "device_code=y"),
                ANYONE.form("/login", "device_code=y&client_id=00000000-0000-0000-0000-000000000001"),
                ANYONE.post("/login", r#"{"username": "default", "password": "x"}"#),
                ANYONE.send("POST", "/login"),
                ANYONE.send("POST", "/login").body("username=default&password=wrong"),
                ANYONE.send("POST", "/login").header("content-type", "text/plain").body("username=default"),
                ANYONE.send("POST", "/login").header("content-type", "multipart/form-data; boundary=x").body(
                    "--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\ndefault\r\n--x--\r\n",
                ),
                ANYONE.get("/login"),
                ANYONE.send("PUT", "/login"),
            ],
        ),
        scenario(
            "a credential that is none",
            [
                ANYONE.get("/current-user"),
                ANYONE.get("/current-user").header("authorization", "Bearer"),
                ANYONE.get("/current-user").header("authorization", "Bearer "),
                ANYONE.get("/current-user").header("authorization", "Bearer x"),
                ANYONE.get("/current-user").header("authorization", "Bearer a.b.c"),
                ANYONE.get("/current-user").header("authorization", "bearer {admin.access_token}"),
                ANYONE.get("/current-user").header("authorization", "Bearer {admin.access_token}x"),
                ANYONE.get("/current-user").header("authorization", "Bearer  {admin.access_token}"),
                ANYONE.get("/current-user").header("authorization", "Basic ZGVmYXVsdDp4"),
                ANYONE.get("/current-user").header("authorization", "Token {admin.access_token}"),
                ANYONE.get("/current-user").header("authorization", "{admin.access_token}"),
                ANYONE.get("/current-user").header("authorization", "Bearer ZENKEY_x"),
                ANYONE
                    .get("/current-user")
                    .header("authorization", "Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ4In0."),
            ],
        ),
        scenario(
            "a session of a browser",
            [
                ANYONE.get("/info").keep("info"),
                ADMIN.post("/users", r#"{"name": "kim", "is_admin": false, "password": "secret sauce"}"#),
                ANYONE.form("/login", "username=kim&password=secret+sauce").keep("kim"),
                ANYONE.get("/current-user").header("cookie", "zenml-server-{info.id}={kim.access_token}"),
                ANYONE.get("/current-user").header("cookie", "zenml-server-{info.id}=x"),
                ANYONE.get("/current-user").header("cookie", "zenml-server-{info.id}="),
                ANYONE.get("/current-user").header("cookie", "zenml-server-x={kim.access_token}"),
                ADMIN.get("/current-user").header("cookie", "zenml-server-{info.id}={kim.access_token}"),
                ADMIN.get("/current-user").header("cookie", "zenml-server-{info.id}="),
                ADMIN.get("/current-user").header("cookie", "zenml-server-{info.id}=x"),
                ANYONE.get("/logout"),
                KIM.get("/logout"),
                ANYONE.get("/logout").header("cookie", "zenml-server-{info.id}=x"),
                ANYONE.get("/logout").header("cookie", "zenml-server-{info.id}={kim.access_token}"),
                ANYONE
                    .get("/current-user")
                    .header("cookie", "zenml-server-{info.id}={kim.access_token}")
                    .wanted(&SIGNED_OUT),
                ANYONE.send("POST", "/logout"),
                ADMIN.delete("/users/kim"),
            ],
        ),
        scenario(
            "a session from another site",
            [
                ANYONE.get("/info").keep("info"),
                ANYONE
                    .form("/login", "username=default&password=correct+horse+battery+staple")
                    .header("origin", "https://dashboard.example")
                    .keep("session")
                    .wanted(&BROWSER_COOKIE)
                    .wanted(&UNLISTED_ORIGIN),
                ANYONE.get("/current-user").header("cookie", "zenml-server-{info.id}={session.access_token}"),
                ANYONE
                    .get("/current-user")
                    .header("cookie", "zenml-server-{info.id}={session.access_token}")
                    .header("x-csrf-token", "{session.csrf_token}"),
                ANYONE
                    .get("/current-user")
                    .header("cookie", "zenml-server-{info.id}={session.access_token}")
                    .header("x-csrf-token", "x"),
                By("session").get("/current-user"),
                By("session").get("/current-user").header("x-csrf-token", "{session.csrf_token}"),
                By("session").get("/api_token").header("x-csrf-token", "{session.csrf_token}").keep("script"),
                By("script").get("/current-user"),
                ANYONE
                    .form("/login", "username=default&password=correct+horse+battery+staple")
                    .header("origin", "null")
                    .wanted(&HIDDEN_ORIGIN),
            ],
        ),
    ]
}
