//! The aggregator's side.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{TestApp, app, body, transaction};

async fn post(app: &TestApp, token: &str, media_type: &str, content: String) -> Value {
    let request = app.post("/transactions/", token).header("content-type", media_type).body(content);
    body(request.send().await.unwrap(), StatusCode::OK).await
}

fn counts(answer: &Value) -> [u64; 4] {
    ["received", "inserted", "updated", "unchanged"].map(|key| answer[key].as_u64().unwrap())
}

#[tokio::test]
async fn ingest_is_idempotent_and_keeps_every_version() {
    let app = app().await;
    let token = app.token().await;
    let first = transaction("T1", "P1", "ACCEPTED", 5000);
    assert_eq!(counts(&app.ingest(&token, std::slice::from_ref(&first)).await), [1, 1, 0, 0]);
    assert_eq!(counts(&app.ingest(&token, std::slice::from_ref(&first)).await), [1, 0, 0, 1]);
    let changed = transaction("T1", "P1", "ACCEPTED", 4000);
    // Changed, the same again, and back: three versions in the end.
    assert_eq!(counts(&app.ingest(&token, &[changed.clone(), changed, first]).await), [3, 0, 2, 1]);
    let amounts: Vec<(i32, i64, bool)> = sqlx::query_as(
        "SELECT version, amount, superseded_at IS NULL FROM reconciliation.transactions ORDER BY version",
    )
    .fetch_all(&app.pool)
    .await
    .unwrap();
    assert_eq!(amounts, [(1, 5000, false), (2, 4000, false), (3, 5000, true)]);
}

#[tokio::test]
async fn bad_rows_are_listed_by_line_and_the_good_ones_stored() {
    let app = app().await;
    let token = app.token().await;
    let good = transaction("T1", "P1", "ACCEPTED", 5000).to_string();
    let answer = post(
        &app,
        &token,
        "application/x-ndjson",
        format!("{good}\n\nnot json\n{{\"cpm_trans_id\":\"T2\"}}\n"),
    )
    .await;
    assert_eq!(counts(&answer), [3, 1, 0, 0]);
    assert_eq!(answer["rejected"][0]["line"], 3);
    assert_eq!(answer["rejected"][1]["line"], 4);

    let csv = "cpm_trans_id,payment_method,status,cpm_amount,currency,cpm_payment_date,payid\n\
               T3,OM,ACCEPTED,100,XOF,2021-05-24T07:52:30Z,P3\n\
               T4,OM,ACCEPTED,1.5,XOF,2021-05-24T07:52:30Z,P4\n";
    let answer = post(&app, &token, "text/csv", csv.to_owned()).await;
    assert_eq!(counts(&answer), [2, 1, 0, 0]);
    assert_eq!(answer["rejected"][0]["line"], 3);
}

#[tokio::test]
async fn a_malformed_upload_stores_nothing() {
    let app = app().await;
    let token = app.token().await;
    let good = transaction("T1", "P1", "ACCEPTED", 5000);
    let cut = format!("[{good},");
    let request = app.post("/transactions/", &token).header("content-type", "application/json").body(cut);
    let refused = body(request.send().await.unwrap(), StatusCode::BAD_REQUEST).await;
    assert_eq!(refused["code"], "invalid");
    assert_eq!(app.count("reconciliation.transactions").await, 0);
}

#[tokio::test]
async fn one_transaction_may_come_as_an_object() {
    let app = app().await;
    let token = app.token().await;
    let one = transaction("T1", "P1", "ACCEPTED", 5000);
    let answer = post(&app, &token, "application/json", one.to_string()).await;
    assert_eq!(counts(&answer), [1, 1, 0, 0]);
}

#[tokio::test]
async fn twenty_uploads_of_the_same_transactions_at_once_store_them_once() {
    let app = crate::support::app_with(|config| config.upload.concurrency = 20).await;
    let token = app.token().await;
    let forward: Vec<Value> =
        (0..300).map(|n| transaction(&format!("T{n}"), &format!("P{n}"), "ACCEPTED", n)).collect();
    let backward: Vec<Value> = forward.iter().rev().cloned().collect();
    let uploads = (0..20).map(|n| {
        let rows = if n % 2 == 0 { &forward } else { &backward };
        app.ingest(&token, rows)
    });
    let answers = futures_util::future::join_all(uploads).await;
    let inserted: u64 = answers.iter().map(|answer| answer["inserted"].as_u64().unwrap()).sum();
    assert_eq!(inserted, 300);
    assert_eq!(app.count("reconciliation.transactions").await, 300);
}

#[tokio::test]
async fn the_scope_is_asked_for() {
    let app = app().await;
    let token = app.token_of("demo1", Some("read write")).await;
    let refused = app.post("/transactions/", &token).json(&json!([])).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}
