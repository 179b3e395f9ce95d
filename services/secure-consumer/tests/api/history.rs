//! Who was seen on which IBAN.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{TestApp, app, genuine, genuine_but};

async fn persons(app: &TestApp, last_name: &str) -> String {
    let (_, outcomes) = app.scored(&genuine_but(json!({"consumer_last_name": last_name}))).await;
    outcomes["persons_on_iban"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn persons_on_an_iban_are_counted_once_each_across_replicas_and_restarts() {
    let app = app().await;
    assert_eq!(persons(&app, "Lemoine").await, "one");
    assert_eq!(persons(&app, "LEMOINE").await, "one", "the same again counts once");
    assert_eq!(persons(&app, "Garnier").await, "two");
    let other = app.another_replica(|_| ()).await;
    assert_eq!(persons(&other, "Fabre").await, "three");
    assert_eq!(persons(&app, "Lemoine").await, "three");
    assert_eq!(persons(&other, "Roux").await, "many");
    let (points, outcomes) = app.scored(&genuine()).await;
    assert!(points <= 60 && outcomes["persons_on_iban"] == "many", "{points}");
}

#[tokio::test]
async fn of_persons_who_come_at_once_each_is_seen() {
    let app = app().await;
    let other = app.another_replica(|_| ()).await;
    let names = ["Lemoine", "Garnier", "Fabre", "Roux", "Blanc", "Noir"];
    let asked =
        names.iter().enumerate().map(|(n, name)| persons(if n % 2 == 0 { &app } else { &other }, name));
    let counts = join_all(asked).await;
    // Who is recorded together sees one another, so nobody sees fewer than if they had come one by one.
    let at_most = |fewer: &[&str]| counts.iter().filter(|count| fewer.contains(&count.as_str())).count();
    assert!(
        at_most(&["one"]) <= 1 && at_most(&["one", "two"]) <= 2 && at_most(&["one", "two", "three"]) <= 3,
        "{counts:?}"
    );
}

#[tokio::test]
async fn a_new_secret_forgets_nobody_and_counts_nobody_twice() {
    let app = app().await;
    assert_eq!(persons(&app, "Lemoine").await, "one");
    assert_eq!(persons(&app, "Garnier").await, "two");
    let rotated = app
        .another_replica(|config| {
            config.history.also_read = vec![config.history.secret.clone()];
            config.history.secret = "another secret of the tests, long enough".into();
        })
        .await;
    assert_eq!(persons(&rotated, "Lemoine").await, "two", "known under the old secret");
    assert_eq!(persons(&rotated, "Lemoine").await, "two");
    assert_eq!(persons(&rotated, "Fabre").await, "three");
    let unread =
        app.another_replica(|config| config.history.secret = "a third secret, of nobody's knowledge".into());
    assert_eq!(persons(&unread.await, "Lemoine").await, "one");
}

#[tokio::test]
async fn whoever_was_seen_ninety_days_ago_no_longer_counts() {
    let app = app().await;
    assert_eq!(persons(&app, "Lemoine").await, "one");
    let older = "UPDATE consumer.sightings SET last_seen = last_seen - interval '91 days'";
    sqlx::query(older).execute(&app.pool).await.unwrap();
    assert_eq!(persons(&app, "Garnier").await, "one");
}

#[tokio::test]
async fn nothing_of_a_consumer_lies_readable_in_the_database() {
    let app = app().await;
    app.scored(&genuine()).await;
    let row: String =
        sqlx::query_scalar("SELECT s::text || d::text FROM consumer.sightings s, consumer.decisions d")
            .fetch_one(&app.pool)
            .await
            .unwrap();
    for value in genuine().as_object().unwrap().values().filter_map(|value| value.as_str()) {
        let is_found = value.len() > 2 && row.to_lowercase().contains(&value.to_lowercase());
        assert!(!is_found, "{value} in {row}");
    }
    let no_account = genuine_but(json!({"iban": ""}));
    app.scored(&no_account).await;
    let seen: i64 =
        sqlx::query_scalar("SELECT count(*) FROM consumer.sightings").fetch_one(&app.pool).await.unwrap();
    assert_eq!(seen, 1, "without an account there is nothing to remember");
}
