//! The gateway with a real Envoy and made-up services behind it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test is an outside client")]

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::certificates::{Authority, Issued};
use testkit::envoy::{Envoy, Parameters, Tls};
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
        Self::with(answer, |parameters| Parameters { requests_per_second, ..parameters }).await
    }

    async fn with(answer: ResponseTemplate, change: impl FnOnce(Parameters) -> Parameters) -> Self {
        let service = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&service).await;
        let parameters = Parameters::to("reconciliation", service.address().port(), free_port().unwrap());
        let parameters = change(parameters);
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
async fn the_clients_address_is_appended_and_what_it_forges_does_not_pass() {
    let gateway =
        Gateway::start(ResponseTemplate::new(200).insert_header("server", "secret/1.0"), 2_000).await;
    let request = gateway.get("/taches/");
    let request = request.header("X-Forwarded-For", "203.0.113.9").header("x-envoy-max-retries", "9");
    let request = request.header("x-forwarded-client-cert", "Subject=\"CN=forged\"");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["server"], "garant");
    let received = gateway.service.received_requests().await.unwrap();
    let forwarded = received[0].headers["x-forwarded-for"].to_str().unwrap();
    // For a client on this machine Envoy appends the machine's own address instead of 127.0.0.1.
    let appended = forwarded.strip_prefix("203.0.113.9,").unwrap();
    assert!(appended.parse::<std::net::IpAddr>().is_ok(), "{forwarded}");
    for removed in ["x-envoy-max-retries", "x-forwarded-client-cert"] {
        assert!(!received[0].headers.contains_key(removed), "{removed}");
    }
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

fn problem(status: u16, title: &str, detail: &str, code: &str) -> Value {
    json!({ "type": "about:blank", "title": title, "status": status, "detail": detail, "code": code })
}

#[tokio::test]
async fn a_services_paths_answer_in_the_shape_of_its_contract_whether_it_runs_or_not() {
    let refused = async |gateway: &Gateway, path: &str| {
        let answer = gateway.get(path).send().await.unwrap();
        let (status, retry_after) = (answer.status(), answer.headers().get("retry-after").cloned());
        let content_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
        let body: Value = answer.json().await.unwrap();
        let expected = if body["type"].is_null() { "application/json" } else { "application/problem+json" };
        assert_eq!(content_type, expected);
        (status.as_u16(), body, retry_after)
    };
    let subset = Gateway::start(ResponseTemplate::new(200), 2_000).await;
    for path in ["/proxies_indicators", "//proxies_indicators/?a=/", "/docs/msepi05-proxy/openapi.json"] {
        let absent = json!({ "code": "REQ0000", "message": "La ressource n'existe pas." });
        assert_eq!(refused(&subset, path).await, (404, absent, None), "{path}");
    }
    for path in ["/screen", "/lists/UN/imports?a=/", "/docs/gda-audit/openapi.json"] {
        let absent = problem(404, "Not Found", "There is nothing here.", "not_found");
        assert_eq!(refused(&subset, path).await, (404, absent, None), "{path}");
    }
    let (status, body, _) = refused(&subset, "/proxies_indicatorsX").await;
    assert_eq!((status, &body["code"]), (404, &json!("not_found")));

    let nobody = free_port().unwrap();
    let all = Gateway::with(ResponseTemplate::new(200), |parameters| Parameters {
        requests_per_second: 5,
        ..parameters.and("msepi05-proxy", nobody).and("gda-audit", nobody)
    })
    .await;
    assert_eq!(all.status("/taches/").await, StatusCode::OK);
    let away = json!({ "code": "TEC0000", "message": "Le service ne peut pas être joint." });
    assert_eq!(refused(&all, "/proxies_indicators/limits").await, (503, away, None));
    let away = problem(503, "Service Unavailable", "The service cannot be reached.", "unavailable");
    assert_eq!(refused(&all, "/lists").await, (503, away, None));
    let escaped = json!({ "code": "REQ0000", "message": "La requête est mal formée." });
    assert_eq!(refused(&all, "/proxies_indicators/%2f").await, (400, escaped, None));
    let limited = async {
        loop {
            let refused = refused(&all, "/proxies_indicators").await;
            if refused.0 == 429 {
                return refused;
            }
        }
    };
    let (_, body, retry_after) = tokio::time::timeout(Duration::from_secs(10), limited).await.unwrap();
    assert_eq!(body, json!({ "code": "LIM0001", "message": "Trop de requêtes." }));
    assert_eq!(retry_after.unwrap(), "1");
}

#[tokio::test]
async fn over_tls_the_service_hears_who_the_clients_certificate_names_and_nothing_that_the_client_says() {
    let authority = Authority::new().unwrap();
    let own = authority.issue("gateway", "127.0.0.1").unwrap();
    let tls = Tls { certificate: own.certificate, key: own.key, client_ca: authority.ca() };
    let gateway =
        Gateway::with(ResponseTemplate::new(200), |parameters| Parameters { tls: Some(tls), ..parameters })
            .await;
    let get = async |identity: Option<Issued>| {
        let client = authority.client(identity.as_ref()).unwrap();
        let request = client.get(format!("{}/taches/", gateway.envoy.base_url()));
        request.header("x-forwarded-client-cert", "Subject=\"CN=forged\"").send().await
    };
    let name = "spiffe://bank.example/mobile-app";

    assert_eq!(get(None).await.unwrap().status(), StatusCode::OK);
    let bank = authority.issue("mobile app", name).unwrap();
    assert_eq!(get(Some(bank)).await.unwrap().status(), StatusCode::OK);
    let received = gateway.service.received_requests().await.unwrap();
    assert!(!received[0].headers.contains_key("x-forwarded-client-cert"));
    let named: Vec<_> = received[1].headers.get_all("x-forwarded-client-cert").iter().collect();
    let named = named[0].to_str().unwrap().split_once(';').unwrap();
    assert!(named.0.starts_with("Hash="), "{named:?}");
    assert_eq!(named.1, r#"Subject="CN=mobile app";URI=spiffe://bank.example/mobile-app"#);

    let stranger = Authority::new().unwrap();
    assert!(get(Some(stranger.issue("mobile app", name).unwrap())).await.is_err());
}
