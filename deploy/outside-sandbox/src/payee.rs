//! Verification of payee: whether a name is that of an account's holder.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use common::body::parse_json;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::Endpoint;
use crate::tables::{ACCOUNTS, words};
use crate::{Answer, State, respond};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    iban: String,
    name: String,
}

pub(crate) async fn verify(request: HttpRequest, body: Bytes, state: Data<State>) -> HttpResponse {
    let (asked, answer) = match parse_json::<Verify>(&body) {
        Ok(Verify { iban, name }) => (format!("{iban} {name}"), Answer::ok(result(&iban, &name))),
        Err(_) => (String::new(), Answer::of(400, json!({"error": "the body must be {\"iban\",\"name\"}"}))),
    };
    respond(&request, &state, Endpoint::PayeeVerification, asked, answer).await
}

/// The same words in any order match; the last word of a name alone is close, and the holder is told.
fn result(iban: &str, name: &str) -> Value {
    let account = ACCOUNTS.iter().find(|account| account.iban == iban);
    let holders = account.map(|account| account.holders).unwrap_or_default();
    let mut asked = words(name);
    asked.sort();
    let is_same = |holder: &&str| {
        let mut known = words(holder);
        known.sort();
        known == asked
    };
    let is_close = |holder: &&&str| words(holder).last().is_some_and(|surname| asked.contains(surname));
    if holders.is_empty() {
        json!({"result": "NOAP"})
    } else if holders.iter().any(is_same) {
        json!({"result": "MTCH"})
    } else if let Some(holder) = holders.iter().find(is_close) {
        json!({"result": "CMTC", "name": holder})
    } else {
        json!({"result": "NMTC"})
    }
}
