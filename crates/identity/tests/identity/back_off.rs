use actix_web::http::header::RETRY_AFTER;
use actix_web::test::TestRequest;
use chrono::TimeDelta;
use futures_util::future::join_all;

use crate::support::*;

#[actix_web::test]
async fn five_failures_block_known_and_unknown_accounts_alike_and_blocks_double() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    for name in ["demo1", "nobody"] {
        for _ in 0..5 {
            assert_eq!(login(&app, name, "wrong").await.refusal(), (400, "invalid_grant".to_owned()));
        }
        let blocked = login(&app, name, "sandbox").await;
        assert_eq!(
            blocked.refusal(),
            (429, "too_many_requests".to_owned()),
            "{name}: the right password, too"
        );
        assert_eq!(blocked.header(RETRY_AFTER), "30");
    }
    test.clock.advance(TimeDelta::seconds(30));
    assert_eq!(login(&app, "demo1", "wrong").await.status, 400);
    assert_eq!(login(&app, "demo1", "wrong").await.header(RETRY_AFTER), "60");
    test.clock.advance(TimeDelta::seconds(60));
    assert_eq!(login(&app, "demo1", "sandbox").await.status, 200);
    for _ in 0..4 {
        assert_eq!(login(&app, "demo1", "wrong").await.status, 400, "success starts the count anew");
    }
}

#[actix_web::test]
async fn parallel_guesses_and_other_replicas_do_not_get_around_it() {
    let test = TestServer::start().await;
    let (here, replica) = (app(&test).await, test.replica().await);
    let there = app_of(&replica, &test.clock, SERVICE).await;
    let guesses = (0..20).map(|i| {
        let (here, there) = (&here, &there);
        async move {
            if i % 2 == 0 {
                login(here, "demo1", "wrong").await
            } else {
                login(there, "demo1", "wrong").await
            }
        }
    });
    let answers = join_all(guesses).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 400).count(), 5);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 15);
    assert_eq!(login(&here, "demo2", "sandbox").await.status, 200, "other accounts are not concerned");
}

#[actix_web::test]
async fn parallel_sign_ins_with_the_right_password_all_succeed() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let answers = join_all((0..20).map(|_| login(&app, "demo1", "sandbox"))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
}

/// Whoever signs in from an address, through the trusted proxy.
fn sign_in_from(address: &str, username: &str, password: &str) -> TestRequest {
    let fields = [("grant_type", "password"), ("username", username), ("password", password)];
    form("/token", &[&fields[..], &SANDBOX].concat()).insert_header(("x-forwarded-for", address))
}

#[actix_web::test]
async fn another_address_may_still_sign_in_until_the_account_itself_is_blocked_for_a_minute() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let from = async |address: &str, password| call(&app, sign_in_from(address, "demo1", password)).await;
    for _ in 0..5 {
        assert_eq!(from("198.51.100.1", "wrong").await.status, 400);
    }
    assert_eq!(from("198.51.100.1", "sandbox").await.status, 429);
    assert_eq!(from("198.51.100.2", "sandbox").await.status, 200);
    for i in 0..50 {
        assert_eq!(from(&format!("203.0.113.{i}"), "wrong").await.status, 400);
    }
    assert_eq!(from("198.51.100.3", "sandbox").await.status, 429);
    for i in 50..55 {
        test.clock.advance(TimeDelta::seconds(60));
        assert_eq!(from(&format!("203.0.113.{i}"), "wrong").await.status, 400);
        assert_eq!(from("198.51.100.3", "sandbox").await.header(RETRY_AFTER), "60");
    }
}

#[actix_web::test]
async fn one_address_cannot_try_name_after_name() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let guess = async |i: i32| {
        let mine = call(&app, sign_in_from("203.0.113.1", "demo1", "sandbox")).await.status;
        (mine, call(&app, sign_in_from("203.0.113.1", &format!("name{i}"), "wrong")).await.status)
    };
    for i in 0..99 {
        assert_eq!(guess(i).await, (200, 400), "{i}");
    }
    assert_eq!(call(&app, sign_in_from("203.0.113.1", "name99", "wrong")).await.status, 400);
    assert_eq!(guess(100).await, (429, 429), "an account of one's own does not help");
    assert_eq!(call(&app, sign_in_from("203.0.113.2", "demo1", "sandbox")).await.status, 200);
    test.clock.advance(TimeDelta::hours(1));
    assert_eq!(guess(101).await, (200, 400));
    assert_eq!(guess(102).await, (200, 400), "the count began anew");
}

#[actix_web::test]
async fn wrong_client_secrets_back_off_and_lock_nobody_else_out() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let with_secret = async |address: String, id, secret| {
        let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        call(&app, form("/token", &fields).insert_header(("x-forwarded-for", address))).await.status
    };
    let (thief, owner) = (|| "203.0.113.1".to_owned(), || "198.51.100.1".to_owned());
    for client in ["sandbox", "unknown"] {
        for _ in 0..5 {
            assert_eq!(with_secret(thief(), client, "wrong").await, 401);
        }
        assert_eq!(with_secret(thief(), client, "wrong").await, 429);
    }
    for i in 2..80 {
        assert_eq!(with_secret(format!("203.0.113.{i}"), "sandbox", "wrong").await, 401);
    }
    assert_eq!(with_secret(owner(), "sandbox", "sandbox-secret").await, 200, "ids are public");
    for _ in 0..5 {
        assert_eq!(with_secret(owner(), "sandbox", "wrong").await, 401);
    }
    assert_eq!(with_secret(owner(), "sandbox", "sandbox-secret").await, 200, "known to be right");
}

#[actix_web::test]
async fn the_table_of_attempts_names_nobody() {
    let test = TestServer::start().await;
    login(&app(&test).await, "a-stranger", "wrong").await;
    let keys: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT key FROM identity.attempts").fetch_all(&test.pool).await.unwrap();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| key.len() == 32));
}
