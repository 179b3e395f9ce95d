use actix_web::http::header::{CACHE_CONTROL, PRAGMA};
use common::server::Profile;
use serde_json::json;

use crate::support::*;

#[actix_web::test]
async fn the_password_grant_answers_in_the_contracts_order_and_names_the_user() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let answer = login(&app, "demo1", "sandbox").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((answer.header(CACHE_CONTROL), answer.header(PRAGMA)), ("no-store", "no-cache"));
    assert_eq!(answer.body["expires_in"], 36_000);
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["scope"], "read write");

    let claims = whoami_with(&app, &answer.text("access_token")).await.body;
    let user = test.server.password_login("demo1", &"sandbox".into(), "203.0.113.1".parse().unwrap()).await;
    assert_eq!(claims["sub"], json!(user.unwrap().1.subject));
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["client_id"], "sandbox");
    assert_eq!(claims["preferred_username"], "demo1");
    assert_eq!(claims["roles"], json!(["insured"]));
    assert_eq!(claims["aud"], json!(["reconciliation", "gda-audit"]));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 36_000);
}

#[actix_web::test]
async fn client_credentials_name_the_client_and_come_without_refresh_token() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let answer = post(&app, "/token", &[("grant_type", "client_credentials")]).await;
    assert_eq!(answer.body["scope"], "read screening:read tasks:all write", "all that the client may have");
    assert_eq!(answer.body.get("refresh_token"), None);
    let claims = whoami_with(&app, &answer.text("access_token")).await.body;
    assert_eq!(claims["sub"], "sandbox");
    assert_eq!(claims.get("preferred_username"), None);
}

#[actix_web::test]
async fn a_user_gets_what_both_user_and_client_may_have() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    assert_eq!(login(&app, "analyst", "sandbox").await.body["scope"], "read screening:read");
    let password = [("grant_type", "password"), ("username", "analyst"), ("password", "sandbox")];
    for (scope, outcome) in [
        ("screening:read", None),
        ("lists:write", Some("invalid_scope")),
        ("tasks:all", Some("invalid_scope")),
        ("read \"", Some("invalid_scope")),
    ] {
        let answer = post(&app, "/token", &[&password[..], &[("scope", scope)]].concat()).await;
        match outcome {
            None => assert_eq!(answer.body["scope"], scope),
            Some(code) => assert_eq!(answer.refusal(), (400, code.to_owned()), "{scope}"),
        }
    }
}

#[actix_web::test]
async fn wrong_names_and_wrong_passwords_are_told_alike() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let wrong_password = login(&app, "demo1", "sandbox!").await;
    assert_eq!(wrong_password.refusal(), (400, "invalid_grant".to_owned()));
    for name in ["nobody", "no such name, ever", "demo1 "] {
        let wrong_name = login(&app, name, "sandbox").await;
        assert_eq!((wrong_name.status, &wrong_name.body), (400, &wrong_password.body), "{name}");
    }
    test.users(&["disable", "demo2"]).await.unwrap();
    assert_eq!(login(&app, "demo2", "sandbox").await.body, wrong_password.body);
}

#[actix_web::test]
async fn a_grant_must_be_served_and_enabled() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let created = test
        .clients(&[
            "create",
            "Batch",
            "--client-id",
            "batch",
            "--grant",
            "client_credentials",
            "--scope",
            "read",
        ])
        .await
        .unwrap();
    let secret = printed(&created, "client_secret");
    let as_batch = |fields: &[(&str, &str)]| {
        form("/token", &[fields, &[("client_id", "batch"), ("client_secret", secret)]].concat())
    };
    let password = [("grant_type", "password"), ("username", "demo1"), ("password", "sandbox")];
    assert_eq!(call(&app, as_batch(&password)).await.refusal(), (400, "unauthorized_client".to_owned()));
    assert_eq!(call(&app, as_batch(&[("grant_type", "client_credentials")])).await.status, 200);
    for (grant_type, code) in [
        ("authorization_code", "unsupported_grant_type"),
        ("client-credentials", "unsupported_grant_type"),
        ("", "invalid_request"),
    ] {
        let answer = call(&app, as_batch(&[("grant_type", grant_type)])).await;
        assert_eq!(answer.refusal(), (400, code.to_owned()), "{grant_type}");
    }
}

#[actix_web::test]
async fn outside_the_local_profile_a_token_for_another_service_lives_shortly() {
    let test = TestServer::start_with(|_, host| host.profile = Profile::Production).await;
    let app = app(&test).await;
    assert_eq!(login(&app, "demo1", "sandbox").await.body["expires_in"], 300);
    let (own, _) =
        test.server.password_login("demo1", &"sandbox".into(), "203.0.113.1".parse().unwrap()).await.unwrap();
    assert_eq!(own.expires_in, 36_000);
}

#[actix_web::test]
async fn a_token_is_refused_by_a_service_that_it_does_not_name_and_after_its_time() {
    let test = TestServer::start().await;
    let token = login(&app(&test).await, "demo1", "sandbox").await.text("access_token");
    let named = app_of(&test.server, &test.clock, "gda-audit").await;
    let unnamed = app_of(&test.server, &test.clock, "classifications").await;
    assert_eq!(whoami_with(&named, &token).await.status, 200);
    assert_eq!(whoami_with(&unnamed, &token).await.status, 401);
    test.clock.advance(chrono::TimeDelta::seconds(36_000));
    assert_eq!(whoami_with(&named, &token).await.status, 401);
}
