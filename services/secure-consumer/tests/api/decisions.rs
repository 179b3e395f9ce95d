//! Decisions are stored, and shown to their maker.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::support::{PATH, TestApp, app, genuine, refusal};

async fn decide(app: &TestApp) -> (String, Value) {
    let request = app.request(Method::POST, &format!("{PATH}?detail=1")).json(&genuine());
    let answer = request.send().await.unwrap();
    let id = answer.headers()["x-decision-id"].to_str().unwrap().to_owned();
    (id, answer.json().await.unwrap())
}

#[tokio::test]
async fn a_decision_is_shown_as_it_was_told_and_to_nobody_else() {
    let app = app().await;
    app.add_account("other", "other-password-here", &[]).await;
    let (id, told) = decide(&app).await;
    let shown: Value =
        app.request(Method::GET, &format!("{PATH}/{id}")).send().await.unwrap().json().await.unwrap();
    for field in ["score", "raw", "reasons", "result"] {
        assert_eq!(shown[field], told[field], "{field}");
    }
    assert_eq!(shown["decisionId"], id);
    assert_eq!(shown["colour"], "green");
    assert_eq!(shown["degraded"], serde_json::json!([]));
    assert!(shown["decidedAt"].as_str().unwrap().ends_with('Z'));

    let url = format!("{}{PATH}/{id}", app.base);
    let other = app.http.get(url).basic_auth("other", Some("other-password-here")).send().await.unwrap();
    assert_eq!(refusal(other).await, (StatusCode::NOT_FOUND, "FIND_001".to_owned()));
    for unknown in [uuid::Uuid::now_v7().to_string(), "x".to_owned(), id.replace('-', "")] {
        let answer = app.request(Method::GET, &format!("{PATH}/{unknown}")).send().await.unwrap();
        assert_eq!(refusal(answer).await.0, StatusCode::NOT_FOUND, "{unknown}");
    }
    let wrong_method = app.request(Method::PUT, PATH).send().await.unwrap();
    assert_eq!(refusal(wrong_method).await, (StatusCode::METHOD_NOT_ALLOWED, "FORM_007".to_owned()));
    let no_path = app.request(Method::GET, "/ssp/nothing").send().await.unwrap();
    assert_eq!(refusal(no_path).await, (StatusCode::NOT_FOUND, "FIND_001".to_owned()));
}

#[tokio::test]
async fn reasons_say_what_each_check_weighed_and_can_be_read_out() {
    let app = app().await;
    let (_, told) = decide(&app).await;
    let reasons = told["reasons"].as_array().unwrap();
    let sum: f64 = reasons.iter().map(|reason| reason["weight"].as_f64().unwrap()).sum();
    assert_eq!(told["raw"], (100.0 / (1.0 + (-sum).exp())).round() as u64);
    for reason in reasons {
        assert!(reason["says"].as_str().unwrap().ends_with('.'), "{reason}");
    }
}

#[tokio::test]
async fn what_is_kept_for_so_long_is_deleted_after_it() {
    let app = app().await;
    let (id, _) = decide(&app).await;
    let clock = common::clock::SystemClock::shared();
    let count = async |table: &str| -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM consumer.{table}"));
        sqlx::query_scalar(sql).fetch_one(&app.pool).await.unwrap()
    };
    secure_consumer::work::expiry::expire(&app.pool, &clock, 400).await.unwrap();
    assert_eq!((count("decisions").await, count("sightings").await), (1, 1));
    for sql in [
        "UPDATE consumer.decisions SET decided_at = decided_at - interval '401 days'",
        "UPDATE consumer.sightings SET last_seen = last_seen - interval '91 days'",
    ] {
        sqlx::query(sql).execute(&app.pool).await.unwrap();
    }
    secure_consumer::work::expiry::expire(&app.pool, &clock, 400).await.unwrap();
    assert_eq!((count("decisions").await, count("sightings").await), (0, 0));
    let gone = app.request(Method::GET, &format!("{PATH}/{id}")).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
}
