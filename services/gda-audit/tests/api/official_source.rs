//! Editions from the official URL: conditional requests, a schedule, and sources that misbehave.

use std::time::{Duration, Instant};

use gda_audit::lists::Format;
use reqwest::{Method, StatusCode};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{TestApp, app_configured, app_with, body, list, sandbox};

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

/// What a source does after the head of its answer, one request after the other; the last one for ever.
#[derive(Clone, Copy)]
enum Sends {
    All,
    /// A byte at a time.
    Drips,
    /// Half, and then it closes the connection.
    Half,
}

async fn source(behaviour: &'static [Sends]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/consolidated.xml", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut behaviour = behaviour.iter().copied();
        let mut last = Sends::All;
        while let Ok((mut connection, _)) = listener.accept().await {
            last = behaviour.next().unwrap_or(last);
            tokio::spawn(async move {
                let (list, mut request) = (sandbox("un.xml"), Vec::new());
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(connection.read_u8().await?);
                }
                let head =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", list.len());
                connection.write_all(head.as_bytes()).await?;
                match last {
                    Sends::All => connection.write_all(&list).await?,
                    Sends::Half => connection.write_all(&list[..list.len() / 2]).await?,
                    Sends::Drips => {
                        for byte in list {
                            connection.write_all(&[byte]).await?;
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                    }
                }
                connection.shutdown().await
            });
        }
    });
    url
}

#[tokio::test]
async fn that_drips_or_breaks_off_is_unreachable() {
    for behaviour in [&[Sends::All, Sends::Drips], &[Sends::All, Sends::Half]] {
        let mut list = list("UN", Format::UnXml);
        list.urls = vec![source(behaviour).await.parse().unwrap()];
        let app = app_configured(vec![list], |config| config.renewal.fetch_timeout_s = 1).await;
        let renew = || app.request(Method::POST, "/lists/UN/imports");
        let imported = body(renew(), StatusCode::CREATED).await;
        let started = Instant::now();
        assert_eq!(body(renew(), StatusCode::BAD_GATEWAY).await["code"], "source_unreachable");
        assert!(started.elapsed() < Duration::from_secs(5), "two attempts of a second");
        let list = app.get("/lists").await[0].clone();
        assert_eq!(list["lastAttempt"]["outcome"], "UNREACHABLE");
        assert_eq!(list["edition"]["id"], imported["edition"]["id"], "the edition in force stays");
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
