//! Editions from the official URL: conditional requests, a schedule, and sources that misbehave.

use std::time::{Duration, Instant};

use gda_audit::lists::Format;
use reqwest::{Method, StatusCode};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{TestApp, app_with, body, list, sandbox};

async fn app_of(source: &MockServer, every_s: Option<u32>) -> TestApp {
    let mut list = list("UN", Format::UnXml);
    list.urls = vec![format!("{}/consolidated.xml", source.uri()).parse().unwrap()];
    list.every_s = every_s;
    app_with(vec![list]).await
}

fn edition(etag: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).insert_header("etag", etag).set_body_bytes(sandbox("un.xml"))
}

#[tokio::test]
async fn is_asked_for_again_only_when_its_etag_has_changed() {
    let source = MockServer::start().await;
    let conditional = Mock::given(method("GET")).and(header("if-none-match", "\"one\""));
    conditional.respond_with(ResponseTemplate::new(304)).mount(&source).await;
    Mock::given(method("GET"))
        .and(path("/consolidated.xml"))
        .respond_with(edition("\"one\""))
        .mount(&source)
        .await;
    let app = app_of(&source, None).await;
    let renew = || app.request(Method::POST, "/lists/UN/imports");
    let first = body(renew(), StatusCode::CREATED).await;
    let second = body(renew(), StatusCode::OK).await;
    assert_eq!((&second["changed"], &second["edition"]), (&false.into(), &first["edition"]));
    assert_eq!(source.received_requests().await.unwrap().len(), 2);
    assert_eq!(app.get("/lists").await[0]["lastAttempt"]["outcome"], "UNCHANGED");
}

#[tokio::test]
async fn that_fails_or_cuts_leaves_the_edition_in_force() {
    let source = MockServer::start().await;
    let cut = sandbox("un.xml")[..2_000].to_vec();
    for (answer, times) in [
        (edition("\"one\""), 1),
        (ResponseTemplate::new(500), 1),
        (ResponseTemplate::new(404), 1),
        (ResponseTemplate::new(200).set_body_bytes(cut), 1),
        (ResponseTemplate::new(200).set_body_string("<html>maintenance</html>"), 1),
    ] {
        Mock::given(method("GET")).respond_with(answer).up_to_n_times(times).mount(&source).await;
    }
    let app = app_of(&source, None).await;
    let renew = || app.request(Method::POST, "/lists/UN/imports");
    let imported = body(renew(), StatusCode::CREATED).await;
    for (status, code, outcome) in [
        (StatusCode::BAD_GATEWAY, "source_unreachable", "UNREACHABLE"),
        (StatusCode::BAD_GATEWAY, "source_unreachable", "UNREACHABLE"),
        (StatusCode::UNPROCESSABLE_ENTITY, "list_unreadable", "REFUSED"),
        (StatusCode::UNPROCESSABLE_ENTITY, "list_unreadable", "REFUSED"),
    ] {
        assert_eq!(body(renew(), status).await["code"], code);
        let list = app.get("/lists").await[0].clone();
        assert_eq!(list["edition"]["id"], imported["edition"]["id"]);
        assert_eq!(list["lastAttempt"]["outcome"], outcome);
    }
}

#[tokio::test]
async fn is_renewed_on_schedule_by_one_replica() {
    let source = MockServer::start().await;
    Mock::given(method("GET")).respond_with(edition("\"one\"")).mount(&source).await;
    let app = app_of(&source, Some(3_600)).await;
    let another = app.another_replica().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    for base in [&app.base, &another] {
        loop {
            let screened =
                app.screen(base, serde_json::json!({"persons": [{"name": "Farazan Quillab"}]})).await;
            if screened["editions"][0]["source"] == "UN" {
                break;
            }
            assert!(Instant::now() < deadline, "{screened}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(
        source.received_requests().await.unwrap().len(),
        1,
        "one replica fetched it, both screen against it"
    );
    assert_eq!(app.get("/lists").await[0]["edition"]["importedBy"], "schedule");
}
