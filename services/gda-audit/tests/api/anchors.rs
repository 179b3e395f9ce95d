//! Anchors at a URL and in another database.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use gda_audit::lists::Format;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::postgres::Postgres;
use wiremock::matchers::{basic_auth, method};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::{TestApp, app_of, body, list};

async fn app_with_anchor(url: String) -> TestApp {
    let app = app_of(vec![list("UN", Format::UnXml)], Some(url)).await;
    app.import("UN", &["un.xml"]).await;
    app.add_flows(&[("gda", &["BLACKLIST"])]).await;
    app
}

/// What a sink keeps, by its path; it never overwrites.
type Kept = Arc<Mutex<BTreeMap<(i64, String), Value>>>;

/// A sink as the service's README describes it, with pages of two places.
async fn sink() -> (MockServer, Kept) {
    let server = MockServer::start().await;
    let kept = Kept::default();
    let writes = kept.clone();
    let put = move |request: &Request| {
        let mut path = request.url.path().rsplit('/');
        let (hash, seq) = (path.next().unwrap().to_owned(), path.next().unwrap().parse().unwrap());
        let head: Value = request.body_json().unwrap();
        assert_eq!((&head["seq"], &head["hash"]), (&json!(seq), &json!(hash)));
        let mut kept = writes.lock().unwrap();
        if kept.contains_key(&(seq, hash.clone())) {
            return ResponseTemplate::new(409);
        }
        kept.insert((seq, hash), head);
        ResponseTemplate::new(201)
    };
    let reads = kept.clone();
    let get = move |request: &Request| {
        let (_, after) = request.url.query_pairs().find(|(name, _)| name == "after").unwrap();
        let after: i64 = after.parse().unwrap();
        let kept = reads.lock().unwrap();
        let heads: Vec<&Value> = kept
            .iter()
            .filter(|((seq, _), _)| (after + 1..=after + 2).contains(seq))
            .map(|(_, head)| head)
            .collect();
        ResponseTemplate::new(200).set_body_json(json!({"heads": heads}))
    };
    Mock::given(method("PUT")).and(basic_auth("gda", "hu/sh")).respond_with(put).mount(&server).await;
    Mock::given(method("GET")).and(basic_auth("gda", "hu/sh")).respond_with(get).mount(&server).await;
    (server, kept)
}

#[tokio::test]
async fn heads_are_kept_at_a_url() {
    let (server, kept) = sink().await;
    let url = server.uri().replace("http://", "http://gda:hu%2Fsh@");
    let app = app_with_anchor(format!("{url}/heads/")).await;
    for n in 0..4 {
        app.checked("gda", &n.to_string(), "Jane", "Unlisted").await;
    }
    assert_eq!(kept.lock().unwrap().len(), 5);
    let report = app.get("/audit/verify").await;
    assert_eq!((&report["valid"], &report["anchor"]["seq"]), (&json!(true), &json!(5)), "{report}");
    // A replica that starts writes the head again.
    let another = app.another_replica().await;
    let request =
        app.http.put(format!("{another}/checkrisk?flowName=gda")).bearer_auth(app.token("screening:write"));
    let person = json!({"externalRef": {"externalRefId": "9"}, "identity": {"lastName": "Unlisted"}});
    body(request.json(&person), StatusCode::OK).await;
    assert_eq!(kept.lock().unwrap().len(), 6);

    server.reset().await;
    body(app.check_risk("gda", "5", "Jane", "Unlisted"), StatusCode::SERVICE_UNAVAILABLE).await;
    let answer = app.request(reqwest::Method::GET, "/audit/verify");
    body(answer, StatusCode::SERVICE_UNAVAILABLE).await;
}

#[tokio::test]
async fn heads_are_kept_in_another_database() {
    let other = Postgres::shared().await.unwrap().database("gda_anchor").await.unwrap();
    let app = app_with_anchor(other.owner_url.clone()).await;
    app.checked("gda", "1", "Jane", "Unlisted").await;
    let report = app.get("/audit/verify").await;
    assert_eq!((&report["valid"], &report["anchor"]["seq"]), (&json!(true), &json!(2)), "{report}");

    // Another head at a place stays beside the first.
    let pool = PgPool::connect(&other.owner_url).await.unwrap();
    let forged =
        "INSERT INTO garant_audit_heads SELECT seq, repeat('ab', 32), at, signature FROM garant_audit_heads";
    sqlx::query(forged).execute(&pool).await.unwrap();
    let problem = app.get("/audit/verify").await["problem"].clone();
    assert_eq!((&problem["kind"], &problem["seq"]), (&json!("ANCHOR"), &json!(1)), "{problem}");
    pool.close().await;
}
