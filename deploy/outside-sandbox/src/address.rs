//! The address base's search, as the national geocoding service answers it.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::Endpoint;
use crate::tables::{ADDRESSES, Address, words};
use crate::{Answer, State, respond};

/// What a text finds that is like nothing in the tables, in the postcode that was asked for.
const STREET: Address =
    Address { number: "", street: "Rue du Lavoir", postcode: "", citycode: "", city: "", score: 0.45 };

#[derive(Deserialize)]
pub(crate) struct Search {
    #[serde(default)]
    q: String,
    #[serde(default)]
    postcode: String,
}

pub(crate) async fn search(
    request: HttpRequest,
    Query(Search { q, postcode }): Query<Search>,
    state: Data<State>,
) -> HttpResponse {
    let refused = |detail: &str| {
        Answer::of(400, json!({"code": 400, "message": "Failed parsing query", "detail": [detail]}))
    };
    let is_postcode = postcode.len() == 5 && postcode.bytes().all(|byte| byte.is_ascii_digit());
    let answer = if !(3..=200).contains(&q.chars().count()) || !q.starts_with(char::is_alphanumeric) {
        refused("q: must contain between 3 and 200 chars and start with a number or a letter")
    } else if !postcode.is_empty() && !is_postcode {
        refused("postcode: must contain 5 digits")
    } else {
        Answer::ok(json!({"type": "FeatureCollection", "features": features(&q, &postcode), "query": q}))
    };
    respond(&request, &state, Endpoint::Address, format!("{q} {postcode}").trim_end().to_owned(), answer)
        .await
}

/// The best line of the postcode; what is like none is a street of that postcode, and none where it begins with 00.
fn features(q: &str, postcode: &str) -> Vec<Value> {
    let asked = words(q);
    let here = ADDRESSES.iter().filter(|address| postcode.is_empty() || address.postcode == postcode);
    let best = here.map(|address| (address, likeness(address, &asked))).max_by(|a, b| a.1.total_cmp(&b.1));
    match best {
        Some((address, likeness)) if likeness > 0.5 => {
            vec![feature(address, address.postcode, address.score * likeness)]
        }
        _ if postcode.starts_with("00") => vec![],
        _ => vec![feature(&STREET, postcode, STREET.score)],
    }
}

/// Words in common, of all words of both (Dice); the postcode may be said or not.
fn likeness(address: &Address, asked: &[String]) -> f64 {
    let known = words(&format!("{} {} {}", address.number, address.street, address.city));
    let asked: Vec<_> = asked.iter().filter(|word| *word != address.postcode).collect();
    let common = known.iter().filter(|word| asked.contains(word)).count();
    2.0 * common as f64 / (known.len() + asked.len()) as f64
}

fn feature(address: &Address, postcode: &str, score: f64) -> Value {
    let Address { number, street, citycode, city, .. } = *address;
    let name = format!("{number} {street}").trim_start().to_owned();
    json!({
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [2.331, 48.869]},
        "properties": {
            "label": format!("{name} {postcode} {city}").trim_end(), "score": score,
            "housenumber": (!number.is_empty()).then_some(number), "name": name, "street": street,
            "postcode": postcode, "citycode": citycode, "city": city,
            "type": if number.is_empty() { "street" } else { "housenumber" },
            "importance": 0.7, "_type": "address",
        },
    })
}
