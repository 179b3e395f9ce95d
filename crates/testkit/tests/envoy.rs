//! The gateway with a real Envoy and made-up services behind it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use testkit::envoy::{Envoy, Parameters};
use testkit::process::free_port;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

struct Gateway {
    envoy: Envoy,
    service: MockServer,
    client: reqwest::Client,
    _directory: tempfile::TempDir,
}

impl Gateway {
    async fn start(answer: ResponseTemplate, requests_per_second: u32) -> Self {
        let service = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&service).await;
        let mut parameters = Parameters::to("reconciliation", service.address().port(), free_port().unwrap());
        parameters.requests_per_second = requests_per_second;
        let directory = tempfile::tempdir().unwrap();
        let envoy = Envoy::start(&parameters, directory.path()).await.unwrap();
        Self { envoy, service, client: testkit::http::client().unwrap(), _directory: directory }
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.envoy.base_url()))
    }

    async fn status(&self, path: &str) -> StatusCode {
        self.get(path).send().await.unwrap().status()
    }
}

async fn code(answer: reqwest::Response) -> (StatusCode, String, String) {
    let status = answer.status();
    let content_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    let body: Value = answer.json().await.unwrap();
    assert!(body["detail"].is_string(), "{body}");
    (status, content_type, body["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_prefix_matches_itself_and_what_is_below_it_but_no_longer_word() {
    let gateway = Gateway::start(ResponseTemplate::new(200), 2_000).await;
    for path in
        ["/operateurs", "/operateurs/", "/operateurs/16", "/operateurs?limit=1", "/o/token/", "//taches//7"]
    {
        assert_eq!(gateway.status(path).await, StatusCode::OK, "{path}");
    }
    for path in ["/operateursX", "/", "/other", "/docs/", "/operateurs/../other", "/oauth2/v1/token"] {
        let answer = gateway.get(path).header("Correlationid", "11111111-2222-3333-4444-555555555555");
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.headers()["correlationid"], "11111111-2222-3333-4444-555555555555");
        assert_eq!(
            code(answer).await,
            (StatusCode::NOT_FOUND, "application/json".to_owned(), "not_found".to_owned()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_clients_address_is_appended_and_its_envoy_headers_do_not_pass() {
    let gateway =
        Gateway::start(ResponseTemplate::new(200).insert_header("server", "secret/1.0"), 2_000).await;
    let request = gateway.get("/taches/");
    let request = request.header("X-Forwarded-For", "203.0.113.9").header("x-envoy-max-retries", "9");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["server"], "garant");
    let received = gateway.service.received_requests().await.unwrap();
    let forwarded = received[0].headers["x-forwarded-for"].to_str().unwrap();
    // For a client on this machine Envoy appends the machine's own address instead of 127.0.0.1.
    let appended = forwarded.strip_prefix("203.0.113.9,").unwrap();
    assert!(appended.parse::<std::net::IpAddr>().is_ok(), "{forwarded}");
    assert!(!received[0].headers.contains_key("x-envoy-max-retries"));
    assert!(!answer.headers().contains_key("correlationid"));
}

#[tokio::test]
async fn what_the_gateway_refuses_itself_has_the_contracts_shape() {
    let gateway = Gateway::start(ResponseTemplate::new(200), 5).await;
    let huge = gateway.get("/taches/").header("x-huge", "x".repeat(40_000)).send().await.unwrap();
    assert_eq!(huge.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let underscore = gateway.get("/taches/").header("x_forwarded_for", "203.0.113.9").send().await.unwrap();
    assert_eq!(code(underscore).await.2, "bad_request");

    let mut limited = None;
    for _ in 0..50 {
        let answer = gateway.get("/taches/").send().await.unwrap();
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("a 429 among 50 requests at 5 a second");
    assert_eq!(limited.headers()["retry-after"], "1");
    assert_eq!(code(limited).await.2, "rate_limited");
}

#[tokio::test]
async fn an_absent_service_is_503_and_a_slow_one_504_except_on_transfer_routes() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(16));
    let gateway = Gateway::start(slow, 2_000).await;
    let (ordinary, transfer) =
        tokio::join!(gateway.get("/taches/").send(), gateway.get("/details_taches/1").send());
    assert_eq!(code(ordinary.unwrap()).await.2, "timeout");
    assert_eq!(transfer.unwrap().status(), StatusCode::OK);

    let nobody = Parameters::to("reconciliation", free_port().unwrap(), free_port().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let envoy = Envoy::start(&nobody, directory.path()).await.unwrap();
    let url = format!("{}/taches/", envoy.base_url());
    let answer = testkit::http::client().unwrap().get(url).send().await.unwrap();
    assert_eq!(
        code(answer).await,
        (StatusCode::SERVICE_UNAVAILABLE, "application/json".into(), "unavailable".into())
    );
}
