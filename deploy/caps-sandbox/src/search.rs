//! `POST /v1/proxy-indicators/search`

use std::collections::HashSet;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use common::body::parse_json;
use serde::{Deserialize, Serialize};

use crate::directory::{Flags, ProxyHash};
use crate::faults::{Asked, Body, Error, Fault, Items, Value};
use crate::journal::Call;
use crate::wire::{drip, reset};
use crate::{Read, Refusal, State};

/// Hashes in a call.
pub const MAX_HASHES: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    proxy_hashes: Vec<String>,
}

/// What a call asks and, if CAPS refuses it, why, without quoting a hash: connectors pass it on.
fn read(body: &[u8]) -> (Vec<ProxyHash>, Result<(), String>) {
    let Ok(Search { proxy_hashes }) = parse_json(body) else {
        return (Vec::new(), Err("the body must be {\"proxy_hashes\":[…]}".to_owned()));
    };
    let hashes: Vec<ProxyHash> = proxy_hashes.iter().filter_map(|hash| hash.parse().ok()).collect();
    let refusal = if !(1..=MAX_HASHES).contains(&proxy_hashes.len()) {
        Err(format!("proxy_hashes: must be 1 to {MAX_HASHES} hashes"))
    } else if hashes.len() < proxy_hashes.len() {
        Err("proxy_hashes: each must be 32 bytes in canonical, padded base64url".to_owned())
    } else if hashes.iter().collect::<HashSet<_>>().len() < hashes.len() {
        Err("proxy_hashes: must be unique".to_owned())
    } else {
        Ok(())
    };
    (hashes, refusal)
}

/// Answers from the directory, unless a fault befalls the call. A refused call is not one that a fault is for.
pub(crate) async fn search(request: HttpRequest, body: Read, state: Data<State>) -> HttpResponse {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let correlation_id = header("x-correlation-id");
    let (hashes, refusal) = match body {
        Ok(body) => read(&body),
        Err(_) => (Vec::new(), Err("the body is too large or incomplete".to_owned())),
    };
    let fault = match refusal {
        Ok(()) => state.faults.befall(Asked { hashes: &hashes, correlation_id }).unwrap_or_default(),
        Err(_) => Fault::default(),
    };
    let status = match (&refusal, &fault) {
        (Err(_), _) => Some(400),
        (_, Fault { reset: true, .. }) => None,
        (_, Fault { status, .. }) => Some(status.map_or(200, |status| status.get())),
    };
    let found = state.directory.find(&hashes);
    state.journal.record(Call {
        at: state.clock.now(),
        correlation_id: correlation_id.map(str::to_owned),
        requester_ref: header("x-requester-ref").map(str::to_owned),
        hashes,
        status,
    });
    if let Err(message) = refusal {
        return Refusal::Invalid(message).error_response();
    }
    if let Some(latency) = fault.latency_ms {
        tokio::time::sleep(Duration::from_millis(latency.into())).await;
    }
    answer(&request, found, &fault)
}

#[derive(Serialize)]
struct Answer {
    results: Vec<Indicators>,
    truncated: bool,
}

#[derive(Serialize)]
struct ErrorAnswer<'a> {
    error: &'a Error,
}

#[derive(Serialize)]
struct Indicators {
    proxy_hash: ProxyHash,
    #[serde(skip_serializing_if = "Bit::is_missing")]
    can_be_payer: Bit,
    pro: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Bit {
    Boolean(bool),
    Text(&'static str),
    Null,
    Missing,
}

impl Bit {
    fn new(bit: bool, fault: Option<Value>) -> Self {
        match fault {
            None => Self::Boolean(bit),
            Some(Value::String) => Self::Text(if bit { "true" } else { "false" }),
            Some(Value::Null) => Self::Null,
            Some(Value::Missing) => Self::Missing,
        }
    }

    fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

fn results(mut found: Vec<(ProxyHash, Flags)>, fault: &Fault) -> Answer {
    let truncated = fault.truncate_to.is_some_and(|limit| limit < found.len());
    found.truncate(fault.truncate_to.unwrap_or(usize::MAX));
    match fault.items {
        None => {}
        Some(Items::Unrequested) => {
            found.push((ProxyHash::random(), Flags { can_be_payer: true, pro: true }));
        }
        Some(Items::Duplicated) => {
            let twice = |(hash, flags): (ProxyHash, Flags)| {
                [(hash, flags), (hash, Flags { can_be_payer: !flags.can_be_payer, pro: !flags.pro })]
            };
            found = found.into_iter().flat_map(twice).collect();
        }
        Some(Items::Shuffled) => found.reverse(),
    }
    let results = found
        .into_iter()
        .map(|(proxy_hash, Flags { can_be_payer, pro })| Indicators {
            proxy_hash,
            can_be_payer: Bit::new(can_be_payer, fault.value),
            pro,
        })
        .collect();
    Answer { results, truncated }
}

fn answer(request: &HttpRequest, found: Vec<(ProxyHash, Flags)>, fault: &Fault) -> HttpResponse {
    if fault.reset {
        return reset(request);
    }
    let status = fault.status.and_then(|status| StatusCode::from_u16(status.get()).ok()).unwrap_or_default();
    let json = match &fault.error {
        Some(error) => serde_json::to_vec(&ErrorAnswer { error }),
        None if status == StatusCode::OK => serde_json::to_vec(&results(found, fault)),
        None => Ok(Vec::new()),
    };
    let Ok(mut body) = json else {
        return HttpResponse::InternalServerError().finish();
    };
    let mut content_type = "application/json";
    match fault.body {
        None => {}
        Some(Body::Cut) => body.truncate(body.len() / 2),
        Some(Body::Html) => {
            body = b"<!DOCTYPE html><title>CAPS</title><p>Service momentan\xc3\xa9ment indisponible".to_vec();
            content_type = "text/html; charset=utf-8";
        }
    }

    let mut response = HttpResponse::build(status);
    if let Some(seconds) = fault.retry_after_s {
        response.insert_header((RETRY_AFTER, seconds));
    }
    if let Some(seconds) = fault.max_age_s {
        response.insert_header((CACHE_CONTROL, format!("max-age={seconds}")));
    }
    if body.is_empty() {
        return response.finish();
    }
    response.content_type(content_type);
    if fault.drip { response.body(drip(body)) } else { response.body(body) }
}
