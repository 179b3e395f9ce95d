use actix_web::http::header::RETRY_AFTER;
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

#[actix_web::test]
async fn another_address_may_still_sign_in_until_the_account_itself_is_blocked() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let from = async |address: String, password| {
        let fields = [("grant_type", "password"), ("username", "demo1"), ("password", password)];
        let request = form("/token", &[&fields[..], &SANDBOX].concat());
        call(&app, request.insert_header(("x-forwarded-for", address))).await.status
    };
    for _ in 0..5 {
        assert_eq!(from("198.51.100.1".to_owned(), "wrong").await, 400);
    }
    assert_eq!(from("198.51.100.1".to_owned(), "sandbox").await, 429);
    assert_eq!(from("198.51.100.2".to_owned(), "sandbox").await, 200);
    for i in 0..50 {
        assert_eq!(from(format!("203.0.113.{i}"), "wrong").await, 400);
    }
    assert_eq!(from("198.51.100.3".to_owned(), "sandbox").await, 429);
}

#[actix_web::test]
async fn wrong_client_secrets_back_off_also_where_the_right_one_is_cached() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    assert_eq!(post(&app, "/token", &[("grant_type", "client_credentials")]).await.status, 200);
    for client in ["sandbox", "unknown"] {
        let wrong = [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", "wrong")];
        for _ in 0..5 {
            assert_eq!(call(&app, form("/token", &wrong)).await.refusal().0, 401);
        }
        assert_eq!(call(&app, form("/token", &wrong)).await.refusal().0, 429);
    }
    assert_eq!(post(&app, "/token", &[("grant_type", "client_credentials")]).await.status, 429);
}

#[actix_web::test]
async fn the_table_of_attempts_names_nobody() {
    let test = TestServer::start().await;
    login(&app(&test).await, "a-stranger", "wrong").await;
    let keys: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT key FROM identity.attempts").fetch_all(&test.pool).await.unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|key| key.len() == 32));
}
