//! A merchant's questions: the outside sandbox's genuine consumer, the same with what gives a fraud away, and a person on the
//! sandbox's sanctions list, whom gda-audit finds.

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Caller, text};

/// Of gda-audit's sandbox lists.
const LISTED: (&str, &str) = ("Farazan Quillab", "Al-Mustana");
const PATH: &str = "/ssp/secure_consumer";

pub(super) async fn run(caller: &Caller) -> Result<()> {
    let genuine = genuine();
    let (points, _) = ask(caller, "a genuine consumer and company", &genuine).await?;
    ensure!(points > 80, "a genuine consumer scores {points}");

    let mut fraud = genuine.clone();
    for (field, value) in [
        ("consumer_last_name", "test"),
        ("consumer_email", "cm2291@mailinator.com"),
        ("consumer_zip_code", "00000"),
        ("iban", "FR4930004008280000123456704"),
    ] {
        fraud[field] = value.into();
    }
    let (points, answer) =
        ask(caller, "with a false RIB key, a disposable address, no such zip code", &fraud).await?;
    ensure!(points < 20, "a made-up consumer scores {points}");
    println!("\n{}", reasons(&answer)?);

    let mut listed = genuine;
    let (first, last) = LISTED;
    (listed["consumer_first_name"], listed["consumer_last_name"]) = (first.into(), last.into());
    let (points, answer) = ask(caller, "a person on the sandbox's sanctions list", &listed).await?;
    ensure!(points < 20, "a listed person scores {points}");
    let is_hit = reasons(&answer)?.contains("listed person");
    ensure!(is_hit, "gda-audit was not asked: {answer}");

    let refused = json!({"consumer_last_name": "Moreau"});
    let refused = call(caller, "an identity that is not whole", &refused).await?;
    ensure!(refused["code"] == "MAND_002", "{refused}");
    Ok(())
}

async fn ask(caller: &Caller, note: &str, body: &Value) -> Result<(u8, Value)> {
    let answer = call(caller, note, body).await?;
    Ok((text(&answer, "score")?.parse()?, answer))
}

async fn call(caller: &Caller, note: &str, body: &Value) -> Result<Value> {
    let (login, password) = secure_consumer::SANDBOX;
    caller
        .call(Method::POST, &format!("{PATH}?detail=1"), note, StatusCode::OK, |request| {
            request.basic_auth(login, Some(password)).json(body)
        })
        .await
}

/// What spoke against it, in words.
fn reasons(answer: &Value) -> Result<String> {
    let reasons = answer["reasons"].as_array().context("no reasons")?;
    let against = reasons.iter().filter(|reason| {
        reason["cap"].is_number() || reason["weight"].as_f64().is_some_and(|weight| weight < 0.0)
    });
    let lines: Vec<String> =
        against.map(|reason| Ok(format!("  - {}", text(reason, "says")?))).collect::<Result<_>>()?;
    Ok(lines.join("\n"))
}

fn genuine() -> Value {
    json!({
        "consumer_last_name": "Moreau",
        "consumer_first_name": "Camille",
        "consumer_address_street_number": "10",
        "consumer_address_street_type": "rue",
        "consumer_address_street_name": "de la Paix",
        "consumer_zip_code": "75002",
        "consumer_city": "Paris",
        "consumer_country": "FR",
        "consumer_email": "camille.moreau@orange.fr",
        "consumer_phone_number": "06 12 34 56 78",
        "iban": "FR76 1001 1000 2000 0000 0000 151",
        "social_reference": "Atelier Moreau",
        "siren": "100 000 009",
    })
}
