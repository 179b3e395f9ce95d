use futures_util::future::join_all;

use crate::support::*;

#[actix_web::test]
async fn a_refresh_token_is_good_for_one_use_and_a_second_revokes_the_family() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let other_family = login(&app, "demo1", "sandbox").await;
    let first = login(&app, "demo1", "sandbox").await;
    let second = refresh(&app, &first.text("refresh_token")).await;
    assert_eq!(second.body["scope"], "read write");
    assert_ne!(second.text("refresh_token"), first.text("refresh_token"));
    assert_eq!(whoami_with(&app, &first.text("access_token")).await.status, 200, "rotation revokes nothing");

    let reuse = refresh(&app, &first.text("refresh_token")).await;
    assert_eq!(reuse.refusal(), (400, "invalid_grant".to_owned()));
    for answer in [&first, &second] {
        assert_eq!(whoami_with(&app, &answer.text("access_token")).await.status, 401);
    }
    assert_eq!(refresh(&app, &second.text("refresh_token")).await.status, 400);
    assert_eq!(whoami_with(&app, &other_family.text("access_token")).await.status, 200);
    assert_eq!(refresh(&app, &other_family.text("refresh_token")).await.status, 200);
}

#[actix_web::test]
async fn of_sixteen_refreshes_at_once_one_succeeds() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let token = login(&app, "demo1", "sandbox").await.text("refresh_token");
    let answers = join_all((0..16).map(|_| refresh(&app, &token))).await;
    let succeeded: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(succeeded.len(), 1);
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.status == 400));
    let won = succeeded[0].text("access_token");
    assert_eq!(whoami_with(&app, &won).await.status, 401, "the others were reuse");
}

#[actix_web::test]
async fn a_refresh_may_narrow_the_scope_and_the_grant_stays_as_wide() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let first = login(&app, "demo1", "sandbox").await;
    let refreshed = async |token: &str, scope| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        post(&app, "/token", &fields).await
    };
    let wider = refreshed(&first.text("refresh_token"), "read tasks:all").await;
    assert_eq!(wider.refusal(), (400, "invalid_scope".to_owned()));
    let narrow = refreshed(&first.text("refresh_token"), "read").await;
    assert_eq!(narrow.body["scope"], "read", "the refused request did not use the token up");
    assert_eq!(refresh(&app, &narrow.text("refresh_token")).await.body["scope"], "read write");
}

#[actix_web::test]
async fn a_refresh_token_is_its_clients_and_expires() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let created = test
        .clients(&["create", "Other", "--client-id", "other", "--grant", "password", "--scope", "read"])
        .await
        .unwrap();
    let token = login(&app, "demo1", "sandbox").await.text("refresh_token");
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &token),
        ("client_id", "other"),
        ("client_secret", printed(&created, "client_secret")),
    ];
    assert_eq!(call(&app, form("/token", &fields)).await.refusal(), (400, "invalid_grant".to_owned()));
    assert!(test.server.refresh(&token, None, None).await.is_err(), "nor is it the service's own");

    let next = refresh(&app, &token).await.text("refresh_token");
    test.clock.advance(chrono::TimeDelta::days(30));
    assert_eq!(refresh(&app, &next).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[actix_web::test]
async fn expired_rows_are_deleted_and_living_ones_kept() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    login(&app, "demo1", "sandbox").await;
    login(&app, "demo1", "wrong").await;
    test.clock.advance(chrono::TimeDelta::days(20));
    let living = login(&app, "demo2", "sandbox").await.text("refresh_token");
    test.clock.advance(chrono::TimeDelta::days(11));
    test.server.purge().await.unwrap();
    let count = async |table: &str| -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM identity.{table}"));
        sqlx::query_scalar(sql).fetch_one(&test.pool).await.unwrap()
    };
    assert_eq!((count("grants").await, count("refresh_tokens").await, count("attempts").await), (1, 1, 0));
    assert_eq!(refresh(&app, &living).await.status, 200);
}
