//! The form of the body, and the codes of what is wrong with it.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{PATH, app, genuine, genuine_but, refusal};

#[tokio::test]
async fn the_default_body_has_exactly_two_keys() {
    let app = app().await;
    let answer = app.check(&genuine()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["x-score-colour"], "green");
    assert!(answer.headers().get("x-degraded").is_none());
    assert!(uuid::Uuid::parse_str(answer.headers()["x-decision-id"].to_str().unwrap()).is_ok());
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["result", "score"]);
    assert_eq!(body["result"], true);
    assert!(body["score"].as_str().unwrap().parse::<u8>().unwrap() > 80, "{body}");
}

#[tokio::test]
async fn wrong_form_is_answered_200_with_its_code_and_the_field_in_a_header() {
    let app = app().await;
    for (body, code, field) in [
        (json!({}), "MAND_001", None),
        (json!({"iban": "   "}), "MAND_001", None),
        (genuine_but(json!({"consumer_city": ""})), "MAND_002", Some("consumer_city")),
        (json!({"siren": "552100554"}), "MAND_003", Some("social_reference")),
        (json!({"iban": 12}), "FORM_002", Some("iban")),
        (json!({"iban": null}), "FORM_002", Some("iban")),
        (genuine_but(json!({"consumer_country": "FRA"})), "FORM_003", Some("consumer_country")),
        (genuine_but(json!({"consumer_city": "Ren\u{7}nes"})), "FORM_004", Some("consumer_city")),
        (genuine_but(json!({"consumer_country": "XX"})), "FORM_005", Some("consumer_country")),
    ] {
        let answer = app.check(&body).await;
        let named = answer.headers().get("x-error-field").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(named.as_deref(), field, "{body}");
        assert_eq!(refusal(answer).await, (StatusCode::OK, code.to_owned()), "{body}");
        if let Some(field) = field {
            let detailed = app.request(Method::POST, &format!("{PATH}?detail=1")).json(&body).send().await;
            let detailed: Value = detailed.unwrap().json().await.unwrap();
            assert_eq!(detailed, json!({"result": false, "code": code, "field": field}));
        }
    }
}

#[tokio::test]
async fn what_is_no_json_object_or_too_large_or_of_another_type_has_its_code() {
    let app = app().await;
    let send = async |content_type: &str, body: String| {
        let request = app.request(Method::POST, PATH).header(CONTENT_TYPE, content_type).body(body);
        refusal(request.send().await.unwrap()).await
    };
    let ok = |code: &str| (StatusCode::OK, code.to_owned());
    for body in ["", "[]", "{\"iban\":", r#"{"iban":"a","iban":"b"}"#] {
        assert_eq!(send("application/json", body.to_owned()).await, ok("FORM_001"), "{body}");
    }
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(17_000));
    assert_eq!(send("application/json; charset=utf-8", large).await, ok("FORM_003"));
    let huge = format!(r#"{{"x":"{}"}}"#, "x".repeat(2_000_000));
    assert_eq!(send("application/json", huge).await, ok("FORM_003"));
    assert_eq!(send("text/plain", genuine().to_string()).await, ok("FORM_006"));
}

#[tokio::test]
async fn bad_content_is_a_low_score_and_no_error() {
    let app = app().await;
    let score = async |changes| app.scored(&genuine_but(changes)).await;
    let (points, outcomes) = score(json!({"iban": "FR76XXXX"})).await;
    assert!(points <= 10 && outcomes["iban"] == "invalid", "{points} {outcomes}");
    // Of right mod 97, with a wrong RIB key.
    let (points, outcomes) = score(json!({"iban": "FR4930004008280000123456704"})).await;
    assert!(
        points <= 15 && outcomes["iban"] == "valid" && outcomes["national_key"] == "invalid",
        "{outcomes}"
    );
    let (_, outcomes) = score(json!({"consumer_zip_code": "00000"})).await;
    assert_eq!(outcomes["place"], "unknown_zip");
    let (points, outcomes) = score(json!({"consumer_email": "camille@"})).await;
    assert!(points <= 40 && outcomes["email"] == "undeliverable", "{points} {outcomes}");
    let (points, outcomes) = app.scored(&json!({"siren": "732829321", "social_reference": "Atelier"})).await;
    assert!(points <= 10 && outcomes["siren"] == "invalid", "{points} {outcomes}");
}

#[tokio::test]
async fn the_originals_own_sample_scores_red() {
    let app = app().await;
    let sample = json!({
        "consumer_last_name": "Prenom",
        "consumer_first_name": "Nom",
        "consumer_address_street_number": "1",
        "consumer_address_street_type": "rue",
        "consumer_address_street_name": "du test",
        "consumer_address_complement": "",
        "consumer_zip_code": "00000",
        "consumer_city": "Ville",
        "consumer_country": "FR",
        "consumer_email": "test@test.fr",
        "consumer_phone_number": "0000000000",
        "iban": "FR76XXXXXXXXXXXXXXXXXXXXXXX",
        "social_reference": "Societe",
        "siren": "123456789",
    });
    let answer = app.check(&sample).await;
    assert_eq!(answer.headers()["x-score-colour"], "red");
}
