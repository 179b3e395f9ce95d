//! Who gets in.

use reqwest::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Method, RequestBuilder, StatusCode};
use secure_consumer::store::accounts::{self, State};

use crate::support::{LOGIN, PASSWORD, PATH, TestApp, app, app_with, genuine, refusal};

fn as_whom(app: &TestApp, login: &str, password: &str) -> RequestBuilder {
    app.http.post(format!("{}{PATH}", app.base)).basic_auth(login, Some(password)).json(&genuine())
}

async fn refused(request: RequestBuilder) -> String {
    let answer = request.send().await.unwrap();
    assert!(answer.headers()[WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic realm="));
    let (status, code) = refusal(answer).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    code
}

#[tokio::test]
async fn without_the_right_credential_nobody_learns_what_was_wrong() {
    let app = app().await;
    assert!(as_whom(&app, LOGIN, PASSWORD).send().await.unwrap().status().is_success());
    for (login, password) in [(LOGIN, "wrong"), ("nobody", PASSWORD), (LOGIN, "")] {
        assert_eq!(refused(as_whom(&app, login, password)).await, "AUTH_001", "{login}");
    }
    // The original's sample credential is no base64.
    for value in ["", "Basic", "Basic !!!", "Basic dXNlcjpwYXNz=XXXX", "Basic bm9jb2xvbg==", "Bearer abc"] {
        let request = app.http.post(format!("{}{PATH}", app.base)).header(AUTHORIZATION, value);
        assert_eq!(refused(request.json(&genuine())).await, "AUTH_001", "{value}");
    }
    assert_eq!(refused(app.http.post(format!("{}{PATH}", app.base)).body("not JSON")).await, "AUTH_001");
    let decision = format!("{}{PATH}/{}", app.base, uuid::Uuid::now_v7());
    assert_eq!(refused(app.http.get(decision)).await, "AUTH_001");
}

#[tokio::test]
async fn an_account_may_be_disabled_enabled_closed_and_rotated_while_the_service_runs() {
    let app = app().await;
    let now = chrono::DateTime::UNIX_EPOCH;
    let becomes = async |state| {
        let changed = accounts::set_state(&app.pool, LOGIN, state, now).await.unwrap();
        app.looked().await;
        changed
    };
    assert!(as_whom(&app, LOGIN, PASSWORD).send().await.unwrap().status().is_success());
    assert!(becomes(State::Inactive).await);
    assert_eq!(refused(as_whom(&app, LOGIN, PASSWORD)).await, "AUTH_004");
    assert_eq!(
        refused(as_whom(&app, LOGIN, "wrong")).await,
        "AUTH_001",
        "only who knows the password is told"
    );
    assert!(becomes(State::Active).await);
    assert!(as_whom(&app, LOGIN, PASSWORD).send().await.unwrap().status().is_success());

    let passwords = common::passwords::Passwords::new(&app.config.accounts.hashing).unwrap();
    let hash = passwords.hash(&"another-password".into()).await.unwrap();
    assert!(accounts::set_password(&app.pool, LOGIN, &hash, now).await.unwrap());
    app.looked().await;
    assert_eq!(refused(as_whom(&app, LOGIN, PASSWORD)).await, "AUTH_001", "the old password is forgotten");
    assert!(as_whom(&app, LOGIN, "another-password").send().await.unwrap().status().is_success());

    assert!(becomes(State::Closed).await);
    assert_eq!(refused(as_whom(&app, LOGIN, "another-password")).await, "AUTH_005");
    assert!(!becomes(State::Active).await, "closed is for good");
}

#[tokio::test]
async fn an_account_gets_in_from_its_networks_only() {
    let app = app().await;
    app.add_account("far", "far-away-password", &["203.0.113.0/24"]).await;
    app.add_account("near", "near-by-password", &["203.0.113.0/24", "127.0.0.0/8"]).await;
    assert_eq!(refused(as_whom(&app, "far", "far-away-password")).await, "AUTH_003");
    assert!(as_whom(&app, "near", "near-by-password").send().await.unwrap().status().is_success());
    // The gateway, from which the tests call, is trusted to say for whom.
    let forwarded =
        as_whom(&app, "far", "far-away-password").header("x-forwarded-for", "198.51.100.1, 203.0.113.7");
    assert!(forwarded.send().await.unwrap().status().is_success());
}

#[tokio::test]
async fn guessing_a_password_is_slowed_down_the_same_for_unknown_logins() {
    let app = app().await;
    for login in [LOGIN, "nobody"] {
        for _ in 0..5 {
            assert_eq!(refused(as_whom(&app, login, "guess")).await, "AUTH_001");
        }
        let answer = as_whom(&app, login, "guess").send().await.unwrap();
        assert!(answer.headers()[RETRY_AFTER].to_str().unwrap().parse::<u32>().unwrap() <= 30);
        assert_eq!(refusal(answer).await, (StatusCode::TOO_MANY_REQUESTS, "RATE_001".to_owned()), "{login}");
    }
}

#[tokio::test]
async fn an_account_has_so_many_requests_in_a_second() {
    let app = app_with(|config| config.accounts.requests_per_second = 2).await;
    let mut refusals = 0;
    for _ in 0..6 {
        let answer = app.request(Method::POST, PATH).json(&genuine()).send().await.unwrap();
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.headers().contains_key(RETRY_AFTER));
            assert_eq!(refusal(answer).await.1, "RATE_001");
            refusals += 1;
        }
    }
    assert!(refusals >= 2, "{refusals}");
}
