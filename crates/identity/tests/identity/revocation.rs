use std::time::{Duration, Instant};

use common::server::Profile;
use identity::OAuthError;
use serde_json::{Value, json};
use sqlx::Connection;

use crate::support::*;

#[actix_web::test]
async fn revoking_a_refresh_token_ends_its_family_and_an_access_token_only_itself() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let tokens = login(&app, "demo1", "sandbox").await;
    let (access, refresh_token) = (tokens.text("access_token"), tokens.text("refresh_token"));

    let revoked = post(&app, "/revoke", &[("token", &access), ("token_type_hint", "refresh_token")]).await;
    assert_eq!((revoked.status, revoked.body), (200, Value::Null));
    assert_eq!(whoami_with(&app, &access).await.status, 401);
    let next = refresh(&app, &refresh_token).await;
    assert_eq!(next.status, 200);

    post(&app, "/revoke", &[("token", &next.text("refresh_token"))]).await;
    assert_eq!(whoami_with(&app, &next.text("access_token")).await.status, 401);
    assert_eq!(refresh(&app, &next.text("refresh_token")).await.status, 400);
    for unknown in ["unknown", "a.b.c", &"x".repeat(8192)] {
        assert_eq!(
            post(&app, "/revoke", &[("token", unknown)]).await.status,
            200,
            "unknown tokens need no revoking"
        );
    }
    assert_eq!(post(&app, "/revoke", &[]).await.refusal(), (400, "invalid_request".to_owned()));
}

#[actix_web::test]
async fn a_client_may_revoke_only_its_own_tokens_and_the_service_any() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let created = test
        .clients(&["create", "Other", "--client-id", "other", "--grant", "password", "--scope", "read"])
        .await
        .unwrap();
    let tokens = login(&app, "demo1", "sandbox").await;
    for token in [tokens.text("access_token"), tokens.text("refresh_token")] {
        let client = [("client_id", "other"), ("client_secret", printed(&created, "client_secret"))];
        let answer = call(&app, form("/revoke", &[&client[..], &[("token", &token)]].concat())).await;
        assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()));
    }
    let access = tokens.text("access_token");
    assert_eq!(call(&app, form("/revoke", &[("token", &access)])).await.refusal().0, 401);
    assert_eq!(whoami_with(&app, &access).await.status, 200);
    test.server.revoke(&access, None).await.unwrap();
    assert_eq!(whoami_with(&app, &access).await.status, 401);
}

#[actix_web::test]
async fn every_replica_honours_a_revocation_within_a_second() {
    let test = TestServer::start().await;
    let here = app(&test).await;
    let replica = test.replica().await;
    let _background = replica.spawn_background();
    let there = app_of(&replica, &test.clock, SERVICE).await;
    let by_token = login(&here, "demo1", "sandbox").await;
    let by_user = login(&here, "demo2", "sandbox").await;
    let by_client = post(&here, "/token", &[("grant_type", "client_credentials")]).await.text("access_token");

    let assert_refused_soon = async |token: &str| {
        let began = Instant::now();
        while whoami_with(&there, token).await.status != 401 {
            assert!(began.elapsed() < Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let access = by_token.text("access_token");
    assert_eq!(whoami_with(&there, &access).await.status, 200);
    post(&here, "/revoke", &[("token", &by_token.text("refresh_token"))]).await;
    assert_refused_soon(&access).await;

    let access = by_user.text("access_token");
    assert_eq!(whoami_with(&there, &access).await.status, 200);
    test.users(&["disable", "demo2"]).await.unwrap();
    assert_refused_soon(&access).await;
    assert_eq!(refresh(&here, &by_user.text("refresh_token")).await.status, 400);

    assert_eq!(whoami_with(&there, &by_client).await.status, 200);
    test.clients(&["disable", "sandbox"]).await.unwrap();
    assert_refused_soon(&by_client).await;
}

#[actix_web::test]
async fn a_row_that_is_committed_late_is_not_missed() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let _background = test.server.spawn_background();
    let token = login(&app, "demo1", "sandbox").await.text("access_token");
    let claims = whoami_with(&app, &token).await.body;

    let mut late = test.pool.begin().await.unwrap();
    sqlx::query(
        "INSERT INTO identity.revocations (kind, value, issued_until, expires_at)
         VALUES ('token', $1, now(), '2100-01-01')",
    )
    .bind(claims["jti"].as_str())
    .execute(&mut *late)
    .await
    .unwrap();
    // Later transactions commit and are seen in the meantime.
    for _ in 0..3 {
        let other = login(&app, "demo2", "sandbox").await.text("refresh_token");
        post(&app, "/revoke", &[("token", &other)]).await;
        tokio::time::sleep(Duration::from_millis(350)).await;
    }
    assert_eq!(whoami_with(&app, &token).await.status, 200);
    late.commit().await.unwrap();
    let began = Instant::now();
    while whoami_with(&app, &token).await.status != 401 {
        assert!(began.elapsed() < Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[actix_web::test]
async fn a_row_of_another_history_is_found_within_a_minute() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let _background = test.server.spawn_background();
    let token = login(&app, "demo1", "sandbox").await.text("access_token");
    let claims = whoami_with(&app, &token).await.body;
    sqlx::query(
        "INSERT INTO identity.revocations (kind, value, issued_until, expires_at, transaction)
         VALUES ('token', $1, now(), '2100-01-01', 1)",
    )
    .bind(claims["jti"].as_str())
    .execute(&test.pool)
    .await
    .unwrap();
    test.clock.advance(chrono::TimeDelta::seconds(60));
    let began = Instant::now();
    while whoami_with(&app, &token).await.status != 401 {
        assert!(began.elapsed() < Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[actix_web::test]
async fn a_replica_that_cannot_know_of_revocations_lets_nobody_in() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let token = login(&app, "demo1", "sandbox").await.text("access_token");
    assert_eq!(whoami_with(&app, &token).await.status, 200);

    let mut url = url::Url::parse(&test.database.superuser_url).unwrap();
    url.set_path("postgres");
    let mut server = sqlx::PgConnection::connect(url.as_str()).await.unwrap();
    let name = &test.database.name;
    let stop = format!(
        "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(stop)).execute(&mut server).await.unwrap();
    let began = Instant::now();
    loop {
        let answer = whoami_with(&app, &token).await;
        if answer.status == 503 {
            break;
        }
        assert_eq!(answer.status, 200, "while the last look is fresh");
        assert!(began.elapsed() < Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[actix_web::test]
async fn introspection_tells_an_authenticated_client_and_of_an_inactive_token_nothing() {
    let test = TestServer::start_with(|_, host| host.profile = Profile::Production).await;
    let app = app(&test).await;
    let tokens = login(&app, "demo1", "sandbox").await;
    let (access, refresh_token) = (tokens.text("access_token"), tokens.text("refresh_token"));

    let active = post(&app, "/introspect", &[("token", &access)]).await.body;
    assert_eq!(active["active"], true);
    assert_eq!(active["username"], "demo1");
    assert_eq!(active["scope"], "read write");
    assert_eq!(active["client_id"], "sandbox");
    assert_eq!(active["aud"], json!(["reconciliation", "gda-audit"]));
    assert_eq!(active["exp"].as_i64().unwrap() - active["iat"].as_i64().unwrap(), 300);
    let active = post(&app, "/introspect", &[("token", &refresh_token)]).await.body;
    assert_eq!((&active["active"], &active["username"]), (&json!(true), &json!("demo1")));

    let inactive = json!({ "active": false });
    refresh(&app, &refresh_token).await;
    test.server.revoke(&access, None).await.unwrap();
    for token in [&access, &refresh_token, "unknown", "a.b.c"] {
        assert_eq!(post(&app, "/introspect", &[("token", token)]).await.body, inactive);
    }
    test.clients(&[
        "create",
        "App",
        "--client-id",
        "app",
        "--grant",
        "password",
        "--scope",
        "read",
        "--public",
    ])
    .await
    .unwrap();
    for client in [&[][..], &[("client_id", "app")], &[("client_id", "sandbox"), ("client_secret", "wrong")]]
    {
        let answer = call(&app, form("/introspect", &[client, &[("token", access.as_str())]].concat())).await;
        assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()));
    }
}

#[actix_web::test]
async fn another_password_ends_what_the_old_one_signed_in() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let tokens = login(&app, "demo1", "sandbox").await;
    let session = test.server.open_session("demo1", &"sandbox".into(), [127, 0, 0, 1].into()).await.unwrap();
    assert_eq!(test.server.session(session.expose()).await.unwrap().unwrap().username.expose(), "demo1");

    let rotated = test.users(&["rotate", "demo1"]).await.unwrap();
    assert_eq!(refresh(&app, &tokens.text("refresh_token")).await.status, 400);
    assert!(test.server.session(session.expose()).await.unwrap().is_none());
    assert_eq!(login(&app, "demo1", "sandbox").await.status, 400);
    assert_eq!(login(&app, "demo1", printed(&rotated, "password")).await.status, 200);
}

#[actix_web::test]
async fn a_password_that_changes_during_a_sign_in_ends_it() {
    let test = TestServer::start().await;
    let (password, here) = ("sandbox".into(), [127, 0, 0, 1].into());
    let mut change = test.pool.begin().await.unwrap();
    sqlx::query("UPDATE identity.users SET password_hash = 'another' WHERE username = 'demo1'")
        .execute(&mut *change)
        .await
        .unwrap();
    let change_once_both_wait = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&test.pool).await.unwrap() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        change.commit().await.unwrap();
    };
    let (session, tokens, ()) = futures_util::join!(
        test.server.open_session("demo1", &password, here),
        test.server.password_login("demo1", &password, here),
        change_once_both_wait
    );
    assert!(matches!(session, Err(OAuthError::InvalidGrant(_))));
    assert!(matches!(tokens, Err(OAuthError::InvalidGrant(_))));
}

#[actix_web::test]
async fn disabling_a_user_ends_access_tokens_that_outlive_their_refresh_token() {
    let test = TestServer::start_with(|config, _| config.refresh_token_s = 60).await;
    let app = app(&test).await;
    let first = login(&app, "demo1", "sandbox").await;
    test.clock.advance(chrono::TimeDelta::seconds(50));
    let token = refresh(&app, &first.text("refresh_token")).await.text("access_token");
    test.clock.advance(chrono::TimeDelta::seconds(36_000 - 10));
    test.server.purge().await.unwrap();
    assert_eq!(whoami_with(&app, &token).await.status, 200);
    test.users(&["disable", "demo1"]).await.unwrap();
    let replica = app_of(&test.replica().await, &test.clock, SERVICE).await;
    assert_eq!(whoami_with(&replica, &token).await.status, 401);
}

#[actix_web::test]
async fn a_browser_session_ends_when_closed_and_after_eight_hours() {
    let test = TestServer::start().await;
    let open = async || test.server.open_session("demo1", &"sandbox".into(), [127, 0, 0, 1].into()).await;
    let (closed, expired) = (open().await.unwrap(), open().await.unwrap());
    test.server.close_session(closed.expose()).await.unwrap();
    assert!(test.server.session(closed.expose()).await.unwrap().is_none());
    assert!(test.server.session(expired.expose()).await.unwrap().is_some());
    test.clock.advance(chrono::TimeDelta::hours(8));
    assert!(test.server.session(expired.expose()).await.unwrap().is_none());
}
