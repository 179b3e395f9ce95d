//! Nothing of a consumer, no password and no digest in a log, a span or a metric at any level: over a whole run of the
//! binary at TRACE.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::outside::OutsideSandbox;
use testkit::peers::Collector;
use testkit::postgres::Postgres;
use testkit::process::{Service, command, free_port};

use crate::support::PATH;

const LOGIN: &str = "boutique-des-hiboux";
const PASSWORD: &str = "trois-hiboux-sur-le-toit";
const WRONG_PASSWORD: &str = "quatre-hiboux-sur-le-toit";

fn consumer() -> Value {
    json!({
        "consumer_last_name": "Zqyxandros",
        "consumer_first_name": "Vlumbertine",
        "consumer_address_street_number": "7731",
        "consumer_address_street_type": "boulevardion",
        "consumer_address_street_name": "Qwertholm",
        "consumer_zip_code": "35000",
        "consumer_city": "Yttrebourg",
        "consumer_country": "FR",
        "consumer_email": "zqy.vlum@farazan-mail.fr",
        "consumer_phone_number": "0698765432",
        "iban": "FR7630004008280000123456703",
        "social_reference": "Prixolotl Participations",
        "siren": "732829320",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_logged() {
    let (collector, outside) = (Collector::start().await, OutsideSandbox::start().await.unwrap());
    let directory = tempfile::tempdir().unwrap();
    let database = Postgres::shared().await.unwrap().database("secure_consumer").await.unwrap();
    let (port, management_port) = (free_port().unwrap(), free_port().unwrap());
    let environment: BTreeMap<String, String> = [
        ("DATABASE__URL", database.app_url.clone()),
        ("DATABASE__OWNER_URL", database.owner_url.clone()),
        ("DATABASE__APP_ROLE", database.app_role.clone()),
        ("HISTORY__SECRET", "a secret of the tests, 32 characters or more".to_owned()),
        ("CONNECTORS__COMPANY_REGISTER__URL", outside.base_url().to_owned()),
        ("CONNECTORS__ADDRESS__URL", outside.base_url().to_owned()),
        ("CONNECTORS__PAYEE_VERIFICATION__URL", outside.base_url().to_owned()),
        ("CONNECTORS__MX__RESOLVER", outside.resolver()),
        ("TELEMETRY__LEVEL", "trace".to_owned()),
        ("TELEMETRY__OTLP_ENDPOINT", collector.endpoint()),
        ("SERVER__LISTEN", format!("127.0.0.1:{port}")),
        ("SERVER__DRAIN_DELAY_MS", "0".to_owned()),
        ("MANAGEMENT__LISTEN", format!("127.0.0.1:{management_port}")),
    ]
    .map(|(key, value)| (format!("GARANT__{key}"), value))
    .into();
    let binary = Path::new(env!("CARGO_BIN_EXE_secure-consumer"));
    assert!(command(binary, "migrate", &environment).status().unwrap().success());
    let mut create = command(binary, "accounts", &environment);
    create.args(["create", LOGIN, "--password-stdin"]).stdin(Stdio::piped());
    let mut created = create.spawn().unwrap();
    created.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(created.wait().unwrap().success());
    let log = directory.path().join("service.log");
    let mut service = Service::start(binary, environment, management_port, &log).await.unwrap();

    let http = testkit::http::client().unwrap();
    let post = |path: &str, password: &str| {
        http.post(format!("http://127.0.0.1:{port}{path}")).basic_auth(LOGIN, Some(password))
    };
    let status = async |request: RequestBuilder| request.send().await.unwrap().status();
    let body = consumer();
    assert_eq!(status(post(PATH, PASSWORD).json(&body)).await, StatusCode::OK);
    assert_eq!(status(post(PATH, WRONG_PASSWORD).json(&body)).await, StatusCode::UNAUTHORIZED);
    for (field, value) in [
        ("consumer_city", json!("Yttrebourg\u{7}")),
        ("iban", json!(7_731)),
        ("consumer_last_name", json!("Zqyxandros".repeat(10))),
        ("siren", json!("")),
        ("consumer_country", json!("Qw")),
    ] {
        let mut wrong = body.clone();
        wrong[field] = value;
        assert_eq!(status(post(PATH, PASSWORD).json(&wrong)).await, StatusCode::OK);
    }
    let cut = &body.to_string()[..200];
    status(post(PATH, PASSWORD).header("content-type", "application/json").body(cut.to_owned())).await;
    status(post("/ssp/Zqyxandros?iban=FR7630004008280000123456703", PASSWORD)).await;
    // Connectors that fail.
    outside.fault(json!({"fault": {"reset": true}})).await.unwrap();
    assert_eq!(status(post(PATH, PASSWORD).json(&body)).await, StatusCode::OK);
    // A database that quotes what it refuses.
    let pool = sqlx::PgPool::connect(&database.superuser_url).await.unwrap();
    let refuse = "ALTER TABLE consumer.sightings ADD CHECK (length(person) < 5) NOT VALID";
    sqlx::query(refuse).execute(&pool).await.unwrap();
    let refused = status(post(PATH, PASSWORD).json(&body)).await;
    assert_eq!(refused, StatusCode::SERVICE_UNAVAILABLE);
    let digests: Vec<String> = sqlx::query_scalar("SELECT encode(iban, 'hex') FROM consumer.sightings")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(digests.len(), 1);
    tokio::time::sleep(Duration::from_millis(100)).await;

    let metrics = http.get(format!("http://127.0.0.1:{management_port}/metrics")).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(service.terminate().await.unwrap().status.success());
    let received =
        async |path| String::from_utf8_lossy(&collector.received(path).await.unwrap()).into_owned();
    let places = [
        ("log", service.log().unwrap(), ["request served", "cannot be stored", "has no answer"].as_slice()),
        ("traces", received("/v1/traces").await, &["POST /ssp/secure_consumer"]),
        ("exported metrics", received("/v1/metrics").await, &["garant.secure_consumer.decisions"]),
        (
            "/metrics",
            metrics,
            &["garant_secure_consumer_decisions_total", "garant_secure_consumer_outcomes_total"],
        ),
    ];
    let secrets =
        body.as_object().unwrap().values().filter_map(|value| value.as_str()).filter(|it| it.len() > 5);
    let secrets = secrets.chain([PASSWORD, WRONG_PASSWORD]).chain(digests.iter().map(String::as_str));
    let secrets: Vec<&str> = secrets.collect();
    for (place, text, markers) in &places {
        for marker in *markers {
            assert!(text.contains(marker), "{place} lacks {marker}: {text:.4000}");
        }
        let lower = text.to_lowercase();
        let found: Vec<_> = secrets.iter().filter(|secret| lower.contains(&secret.to_lowercase())).collect();
        assert!(found.is_empty(), "{place} holds {found:?}");
    }
}
