//! Others who are asked: what they say, what their silence does, and that it costs nobody else anything.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use secure_consumer::config::Config;
use serde_json::{Value, json};
use testkit::outside::OutsideSandbox;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{TestApp, app_with, genuine_but};

/// The made-up consumer of the sandbox, with her company.
fn known() -> Value {
    genuine_but(json!({
        "consumer_last_name": "Moreau",
        "consumer_first_name": "Camille",
        "consumer_address_street_number": "10",
        "consumer_address_street_type": "rue",
        "consumer_address_street_name": "de la Paix",
        "consumer_zip_code": "75002",
        "consumer_city": "Paris",
        "consumer_email": "camille.moreau@orange.fr",
        "iban": "FR7610011000200000000000151",
        "social_reference": "Atelier Moreau",
        "siren": "100000009",
    }))
}

fn known_but(changes: Value) -> Value {
    let mut body = known();
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

fn all_on(config: &mut Config, outside: &OutsideSandbox) {
    let url = || Some(outside.base_url().parse().unwrap());
    config.connectors.company_register.url = url();
    config.connectors.address.url = url();
    config.connectors.payee_verification.url = url();
    config.connectors.mx.resolver = Some(outside.resolver());
}

async fn started() -> (OutsideSandbox, TestApp) {
    let outside = OutsideSandbox::start().await.unwrap();
    let app = app_with(|config| all_on(config, &outside)).await;
    (outside, app)
}

#[tokio::test]
async fn a_genuine_consumer_with_everybodys_word_is_green() {
    let (_outside, app) = started().await;
    let (points, outcomes) = app.scored(&known()).await;
    assert!(points > 95, "{points} {outcomes}");
    for (check, outcome) in [
        ("company", "active"),
        ("company_name", "match"),
        ("street", "found"),
        ("payee", "match"),
        ("email", "deliverable"),
    ] {
        assert_eq!(outcomes[check], outcome, "{outcomes}");
    }
}

#[tokio::test]
async fn a_sole_trader_is_known_by_the_own_and_the_usual_name_and_one_who_may_not_be_shown_by_none() {
    let (_outside, app) = started().await;
    for (siren, name, outcome) in [
        ("100000033", "Benali Fatima", json!("match")),
        ("100000033", "Couture Benali", json!("match")),
        ("100000033", "Jean Garnier", json!("mismatch")),
        ("100000041", "Jean Garnier", Value::Null),
    ] {
        let (_, outcomes) = app.scored(&json!({"siren": siren, "social_reference": name})).await;
        assert_eq!((&outcomes["company"], &outcomes["company_name"]), (&json!("active"), &outcome), "{name}");
    }
}

#[tokio::test]
async fn what_others_say_against_it_caps_the_score() {
    let (_outside, app) = started().await;
    for (changes, check, outcome, most) in [
        (json!({"siren": "100000025", "social_reference": "Au dernier rideau"}), "company", "not_active", 15),
        (json!({"siren": "732829320"}), "company", "not_active", 15),
        (json!({"social_reference": "Les Ours Bleus"}), "company_name", "mismatch", 15),
        (json!({"iban": "FR7610011000200000000000442"}), "payee", "mismatch", 15),
        (json!({"consumer_email": "camille.moreau@no-such-domain.fr"}), "email", "undeliverable", 40),
        (
            json!({"consumer_address_street_name": "Introuvable", "consumer_address_street_type": "avenue",
                "consumer_address_street_number": "99", "consumer_zip_code": "13001", "consumer_city": "Marseille"}),
            "street",
            "not_found",
            100,
        ),
    ] {
        let (points, outcomes) = app.scored(&known_but(changes)).await;
        assert_eq!(outcomes[check], outcome, "{outcomes}");
        assert!(points <= most, "{check}: {points}");
    }
}

#[tokio::test]
async fn silence_is_marked_and_never_green() {
    let (outside, app) = started().await;
    for (endpoint, connector, fault) in [
        ("company_register", "company_register", json!({"status": 500})),
        ("company_register", "company_register", json!({"status": 429, "retry_after_s": 1})),
        ("address", "address", json!({"body": "html"})),
        ("address", "address", json!({"body": "cut"})),
        ("payee_verification", "payee_verification", json!({"reset": true})),
        ("payee_verification", "payee_verification", json!({"drip": true})),
        ("dns", "mx", json!({"dns": "servfail"})),
        ("dns", "mx", json!({"dns": "drop"})),
    ] {
        outside.clear().await.unwrap();
        outside.fault(json!({"match": {"endpoint": endpoint}, "fault": fault})).await.unwrap();
        let started = Instant::now();
        // A domain whose answer is not known from before.
        let domain = if fault["dns"] == "servfail" { "sfr.fr" } else { "free.fr" };
        let domain = if connector == "mx" { domain } else { "laposte.net" };
        let body = known_but(json!({"consumer_email": format!("camille.moreau@{domain}")}));
        let answer = app.check(&body).await;
        assert!(started.elapsed() < Duration::from_millis(2_500), "{endpoint} {fault}");
        assert_eq!(answer.headers()["x-degraded"], connector, "{endpoint} {fault}");
        assert_eq!(answer.headers()["x-score-colour"], "orange", "{endpoint} {fault}");
        let id = answer.headers()["x-decision-id"].to_str().unwrap().to_owned();
        let shown = app.request(reqwest::Method::GET, &format!("/ssp/secure_consumer/{id}"));
        let shown: Value = shown.send().await.unwrap().json().await.unwrap();
        assert_eq!(shown["degraded"], json!([connector]));
        // The register's pause.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    outside.clear().await.unwrap();
}

#[tokio::test]
async fn a_hanging_connector_costs_its_budget_and_requests_without_it_nothing() {
    let outside = OutsideSandbox::start().await.unwrap();
    let url = Some(outside.base_url().parse().unwrap());
    let app = app_with(|config| config.connectors.payee_verification.url = url).await;
    outside
        .fault(json!({"match": {"endpoint": "payee_verification"}, "fault": {"drip": true}}))
        .await
        .unwrap();
    let hanging = join_all((0..30).map(async |_| {
        let started = Instant::now();
        let answer = app.check(&known()).await;
        (answer.headers().contains_key("x-degraded"), started.elapsed())
    }));
    let others = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let started = Instant::now();
        let asked = (0..100).map(async |_| {
            let company = json!({"siren": "100000009", "social_reference": "Atelier Moreau"});
            app.check(&company).await.status().is_success()
        });
        assert!(join_all(asked).await.into_iter().all(|success| success));
        started.elapsed()
    };
    let (hanging, others) = futures_util::join!(hanging, others);
    for (degraded, took) in hanging {
        assert!(degraded && took < Duration::from_millis(2_500), "{took:?}");
    }
    assert!(others < Duration::from_millis(1_000), "{others:?}");
}

#[tokio::test]
async fn gda_audits_hits_cap_the_score() {
    let gda = MockServer::start().await;
    let token = json!({"access_token": "t1", "token_type": "Bearer", "expires_in": 300});
    let issued = ResponseTemplate::new(200).set_body_json(token);
    Mock::given(method("POST")).and(path("/o/token/")).respond_with(issued).mount(&gda).await;
    let app = app_with(|config| {
        config.connectors.screening.url = Some(gda.uri().parse().unwrap());
        config.connectors.screening.token_url = Some(format!("{}/o/token/", gda.uri()).parse().unwrap());
        config.connectors.screening.client_id = "secure-consumer".to_owned();
        config.connectors.screening.client_secret = "secret".into();
    })
    .await;
    for (score, outcome, most) in [(None, "clear", 100), (Some(80.0), "review", 69), (Some(97.5), "hit", 10)]
    {
        let hits: Vec<Value> = score
            .map(|score| {
                json!({"list": "UN", "recordId": "1", "caption": "x", "controlType": "BLACKLIST", "score": score})
            })
            .into_iter()
            .collect();
        let edition = json!({"source": "UN", "id": "1", "controlType": "BLACKLIST"});
        let screened = json!({"editions": [edition], "results": [{"hits": hits}, {"hits": []}]});
        let _answers = Mock::given(method("POST"))
            .and(path("/screen"))
            .and(header("authorization", "Bearer t1"))
            .respond_with(ResponseTemplate::new(200).set_body_json(screened))
            .mount_as_scoped(&gda)
            .await;
        let (points, outcomes) = app.scored(&known()).await;
        assert_eq!(outcomes["sanctions"], outcome, "{outcomes}");
        assert!(points <= most, "{outcome}: {points}");
    }
}
