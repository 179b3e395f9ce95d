//! Signing in without a client, and who gets in where.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestApp, app, body};

async fn post(app: &TestApp, path: &str, request: Value) -> (StatusCode, Value) {
    let response = app.request(Method::POST, path).json(&request).send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_user_registers_signs_in_refreshes_and_revokes() {
    let app = app().await;
    let credentials = json!({"username": "awa", "password": "a password"});
    let (status, registered) = post(&app, "/authentication/register/", credentials.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(keys(&registered), ["access_token", "expires_in", "token_type", "scope", "refresh_token"]);
    assert_eq!(
        (&registered["expires_in"], &registered["token_type"], &registered["scope"]),
        (&json!(36000), &json!("Bearer"), &json!("read write"))
    );

    let (status, signed_in) = post(&app, "/authentication/token/", credentials).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(keys(&signed_in), ["token", "profile"]);
    assert_eq!(signed_in["profile"], json!([]));

    let refresh = json!({"refresh_token": signed_in["token"]["refresh_token"]});
    let (status, refreshed) = post(&app, "/authentication/token/refresh/", refresh.clone()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(keys(&refreshed), keys(&registered));
    let access = refreshed["access_token"].as_str().unwrap();
    assert_eq!(app.get("/taches/", access).send().await.unwrap().status(), StatusCode::OK);

    let (status, reused) = post(&app, "/authentication/token/refresh/", refresh).await;
    assert_eq!((status, &reused["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));
    let after = app.get("/taches/", access).send().await.unwrap();
    assert_eq!(after.status(), StatusCode::UNAUTHORIZED, "reuse revokes what came of the sign-in");

    let (status, revoked) =
        post(&app, "/authentication/token/revoke/", json!({"token": registered["access_token"]})).await;
    assert_eq!((status, revoked), (StatusCode::OK, json!({})));
    assert_eq!(post(&app, "/authentication/token/revoke/", json!({"token": "unknown"})).await.1, json!({}));
}

#[tokio::test]
async fn bad_registrations_name_the_field() {
    let app = app().await;
    for (request, status, field) in [
        (json!({"username": "demo1", "password": "a password"}), StatusCode::CONFLICT, "username"),
        (json!({"username": "a b", "password": "a password"}), StatusCode::BAD_REQUEST, "username"),
        (json!({"username": "awa", "password": "short"}), StatusCode::BAD_REQUEST, "password"),
        (json!({"username": "awa"}), StatusCode::BAD_REQUEST, "password"),
        (
            json!({"username": "awa", "password": "a password", "admin": true}),
            StatusCode::BAD_REQUEST,
            "admin",
        ),
    ] {
        let (actual, answer) = post(&app, "/authentication/register/", request).await;
        assert_eq!((actual, &answer["field"]), (status, &json!(field)), "{answer}");
    }
}

#[tokio::test]
async fn registration_is_off_unless_it_is_switched_on() {
    let app = crate::support::app_with(|config| config.identity.registration = false).await;
    let request = json!({"username": "awa", "password": "a password"});
    let (status, answer) = post(&app, "/authentication/register/", request).await;
    assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("registration_disabled")));
}

#[tokio::test]
async fn every_operation_but_the_contracts_open_ones_asks_for_a_token() {
    let app = app().await;
    let document = reconciliation::api::openapi::document();
    let document = serde_json::to_value(document).unwrap();
    let open = [
        "/authentication/register/",
        "/authentication/token/",
        "/authentication/token/refresh/",
        "/authentication/token/revoke/",
        "/o/token/",
        "/o/revoke_token/",
        "/o/introspect/",
        "/o/.well-known/jwks.json",
        "/operateurs/",
    ];
    let mut closed = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            if open.contains(&path.as_str()) || (path == "/operateurs/{id}" && method == "get") {
                continue;
            }
            let method: Method = method.to_uppercase().parse().unwrap();
            let url = path.replace("{id}", "1").replace("{id_tache}", "1");
            for wrong in [None, Some("nonsense")] {
                let mut request = app.request(method.clone(), &url);
                if let Some(token) = wrong {
                    request = request.bearer_auth(token);
                }
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
                let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
                let expected = if wrong.is_some() { "Bearer error=\"invalid_token\"" } else { "Bearer" };
                assert_eq!(challenge, expected, "{method} {path}");
                let shape = body(response, StatusCode::UNAUTHORIZED).await;
                assert_eq!(keys(&shape), ["detail", "code"]);
            }
            closed += 1;
        }
    }
    assert_eq!(closed, 16, "a new operation must be listed as open or be closed");
}

#[tokio::test]
async fn a_revoked_token_is_refused_within_a_second() {
    let app = app().await;
    let token = app.token().await;
    assert_eq!(app.get("/taches/", &token).send().await.unwrap().status(), StatusCode::OK);
    let form = [("token", token.as_str()), ("client_id", "sandbox"), ("client_secret", "sandbox-secret")];
    let revoked = app.request(Method::POST, "/o/revoke_token/").form(&form).send().await.unwrap();
    assert_eq!(revoked.status(), StatusCode::OK);
    let deadline = Instant::now() + Duration::from_secs(1);
    while app.get("/taches/", &token).send().await.unwrap().status() == StatusCode::OK {
        assert!(Instant::now() < deadline, "still accepted after a second");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_frameworks_own_errors_have_the_contracts_shape() {
    let app = app().await;
    let unknown = app.request(Method::GET, "/nowhere").send().await.unwrap();
    assert_eq!(body(unknown, StatusCode::NOT_FOUND).await["code"], "not_found");
    let method = app.request(Method::DELETE, "/operateurs/").send().await.unwrap();
    assert_eq!(method.headers()["allow"], "GET");
    assert_eq!(body(method, StatusCode::METHOD_NOT_ALLOWED).await["code"], "method_not_allowed");
    let malformed =
        app.request(Method::POST, "/authentication/token/").header("content-type", "application/json");
    let malformed = malformed.body("{").send().await.unwrap();
    assert_eq!(body(malformed, StatusCode::BAD_REQUEST).await["code"], "invalid");
    let large = app.request(Method::POST, "/authentication/token/").json(&"x".repeat(2_000_000));
    assert_eq!(body(large.send().await.unwrap(), StatusCode::PAYLOAD_TOO_LARGE).await["code"], "too_large");
}

#[tokio::test]
async fn the_correlation_id_is_echoed_or_made() {
    let app = app().await;
    let id = "0192f0c1-2345-7abc-8def-0123456789ab";
    for name in ["Correlationid", "X-Correlation-Id"] {
        let response = app.request(Method::GET, "/operateurs/").header(name, id).send().await.unwrap();
        assert_eq!(response.headers()["x-correlation-id"], id);
        assert_eq!(response.headers()["correlationid"], id);
    }
    let made =
        app.request(Method::GET, "/operateurs/").header("Correlationid", "no uuid").send().await.unwrap();
    let made = made.headers()["x-correlation-id"].to_str().unwrap();
    assert!(uuid::Uuid::parse_str(made).is_ok(), "{made}");
}
