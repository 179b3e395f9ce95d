//! CAPS, the scheme's directory, as we speak to it (contract, "CAPS, as the connector speaks it").

use std::time::Duration;

use common::client::{Answer, CallError, Client, Repeat};
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, StatusCode, Url};
use serde::{Deserialize, Serialize};

use crate::domain::indicators::Indicators;
use crate::domain::proxy_hash::ProxyHash;

/// Hashes in one call at most.
pub const CHUNK: usize = 100;
/// Characters of a cause at most.
const CAUSE: usize = 500;

/// What CAPS knows of the hashes of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The asked hashes that it knows, each once.
    pub indicators: Vec<(ProxyHash, Indicators)>,
    /// Whether it left some out: an absent hash is then undetermined.
    pub truncated: bool,
    /// How long the answer may be kept, where CAPS says so.
    pub max_age: Option<Duration>,
}

/// Why CAPS gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapsError {
    /// It refused the request, with this cause for people.
    #[error("CAPS refused the request")]
    Refused(String),
    /// It could not be asked, or its answer makes no sense. The label says which, for the log.
    #[error("CAPS failed: {0}")]
    Failed(&'static str),
}

/// The connector.
#[derive(Clone)]
pub struct Caps {
    client: Client,
    url: Url,
}

impl Caps {
    /// CAPS at `base`, to which the operation's path is appended.
    pub fn new(client: Client, base: &Url) -> Self {
        let mut url = base.clone();
        url.set_path(&format!("{}/v1/proxy-indicators/search", base.path().trim_end_matches('/')));
        Self { client, url }
    }

    /// Looks up to [`CHUNK`] distinct hashes up, on behalf of the customer that CAPS knows as `requester_ref`.
    pub async fn search(&self, hashes: &[ProxyHash], requester_ref: &str) -> Result<Found, CapsError> {
        let request = self.request(hashes, requester_ref).ok_or(CapsError::Failed("unsendable"))?;
        let outcome = self.client.call(request, Repeat::Safe, |answer| read(answer, hashes)).await;
        outcome.unwrap_or_else(|error| Err(CapsError::Failed(label(error))))
    }

    fn request(&self, hashes: &[ProxyHash], requester_ref: &str) -> Option<Request> {
        let proxy_hashes = hashes.iter().map(ProxyHash::spelled).collect();
        let body = serde_json::to_vec(&SearchBody { proxy_hashes }).ok()?;
        let mut requester_ref = HeaderValue::from_str(requester_ref).ok()?;
        requester_ref.set_sensitive(true);
        let mut request = Request::new(Method::POST, self.url.clone());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.headers_mut().insert("x-requester-ref", requester_ref);
        *request.body_mut() = Some(body.into());
        Some(request)
    }
}

fn label(error: CallError) -> &'static str {
    match error {
        CallError::Full => "bulkhead full",
        CallError::Open => "breaker open",
        CallError::Timeout => "timeout",
        CallError::Unreachable => "unreachable",
        CallError::Broken => "connection broke",
        CallError::TooLarge => "answer too large",
        CallError::Unreadable => "unreadable answer",
    }
}

#[derive(Serialize)]
struct SearchBody {
    proxy_hashes: Vec<String>,
}

/// Strict where a default would be a lie (a bit that is null, missing or no boolean), lenient about further members.
#[derive(Deserialize)]
struct FoundBody {
    results: Vec<FoundItem>,
    truncated: bool,
}

#[derive(Deserialize)]
struct FoundItem {
    proxy_hash: String,
    can_be_payer: bool,
    pro: bool,
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    error: Option<ErrorItem>,
}

#[derive(Deserialize)]
struct ErrorItem {
    message: Option<String>,
}

/// `Err` where the peer misbehaves (it counts for the breaker); a refusal is an answer.
fn read(answer: Answer, asked: &[ProxyHash]) -> Result<Result<Found, CapsError>, CallError> {
    match answer.status {
        StatusCode::OK => found(&answer, asked).map(Ok),
        StatusCode::BAD_REQUEST
        | StatusCode::CONFLICT
        | StatusCode::UNPROCESSABLE_ENTITY
        | StatusCode::TOO_MANY_REQUESTS => Ok(Err(CapsError::Refused(cause(&answer)))),
        status if status.is_server_error() => Ok(Err(CapsError::Failed("server error"))),
        status if status.is_client_error() => Ok(Err(CapsError::Failed("not allowed to ask"))),
        _ => Err(CallError::Unreadable),
    }
}

fn found(answer: &Answer, asked: &[ProxyHash]) -> Result<Found, CallError> {
    let body: FoundBody = answer.json()?;
    let mut found = Found {
        indicators: Vec::with_capacity(body.results.len().min(asked.len())),
        truncated: body.truncated,
        max_age: max_age(answer),
    };
    // At most a hundred of each: a scan is cheaper than a table. Unrequested and duplicate items are dropped.
    for FoundItem { proxy_hash, can_be_payer, pro } in body.results {
        let Some(hash) = ProxyHash::parse(&proxy_hash).filter(|hash| asked.contains(hash)) else { continue };
        if found.indicators.iter().all(|(known, _)| *known != hash) {
            found.indicators.push((hash, Indicators { can_be_payer, pro }));
        }
    }
    Ok(found)
}

fn cause(answer: &Answer) -> String {
    let body: ErrorBody = answer.json().unwrap_or_default();
    let message = body.error.and_then(|error| error.message).unwrap_or_default();
    let cause: String = message.chars().filter(|character| !character.is_control()).take(CAUSE).collect();
    match cause.trim() {
        "" => "code inconnu".to_owned(),
        cause => cause.to_owned(),
    }
}

/// `max-age` of `Cache-Control` (RFC 9111 §5.2.2); `no-store` and `no-cache` allow nothing.
fn max_age(answer: &Answer) -> Option<Duration> {
    let values = answer.headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let ages = values.flat_map(|value| value.split(',')).filter_map(|directive| {
        let directive = directive.trim().to_ascii_lowercase();
        match directive.split_once('=') {
            None if directive == "no-store" || directive == "no-cache" => Some(0),
            // RFC 9111 §4.2.1: what makes no sense is stale.
            Some(("max-age", seconds)) => Some(seconds.trim_matches('"').parse().unwrap_or(0)),
            _ => None,
        }
    });
    ages.min().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use common::client::Answer;
    use reqwest::header::HeaderMap;
    use serde_json::{Value, json};

    use super::*;

    fn hash(n: u8) -> ProxyHash {
        ProxyHash::from([n; 32])
    }

    fn item(n: u8) -> Value {
        json!({"proxy_hash": hash(n).spelled(), "can_be_payer": true, "pro": false})
    }

    fn answered(status: u16, body: impl ToString) -> Result<Result<Found, CapsError>, CallError> {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.to_string().into(),
        };
        read(answer, &[hash(1), hash(2)])
    }

    #[test]
    fn unrequested_and_duplicate_items_are_dropped() {
        let mut other = item(1);
        other["pro"] = true.into();
        let body = json!({"results": [item(3), item(1), other, {"proxy_hash": "x", "can_be_payer": true, "pro": true}],
                          "truncated": false, "more": 1});
        let found = answered(200, body).unwrap().unwrap();
        assert_eq!(found.indicators, [(hash(1), Indicators { can_be_payer: true, pro: false })]);
    }

    #[test]
    fn a_malformed_200_is_never_defaulted() {
        let whole = json!({"results": [item(1)], "truncated": false}).to_string();
        let mut bodies: Vec<String> = (0..whole.len()).map(|cut| whole[..cut].to_owned()).collect();
        for wrong in [Value::Null, json!("true"), json!(1)] {
            for member in ["can_be_payer", "pro", "proxy_hash"] {
                let mut item = item(1);
                item[member] = wrong.clone();
                if member != "proxy_hash" || wrong != json!("true") {
                    bodies.push(json!({"results": [item], "truncated": false}).to_string());
                }
            }
            bodies.push(json!({"results": [], "truncated": wrong}).to_string());
        }
        bodies.push(
            json!({"results": [{"proxy_hash": hash(1).spelled(), "pro": true}], "truncated": false})
                .to_string(),
        );
        bodies.extend(["<html></html>", "[]", r#"{"results":null,"truncated":false}"#].map(str::to_owned));
        for body in bodies {
            assert_eq!(answered(200, &body), Err(CallError::Unreadable), "{body}");
        }
    }

    #[test]
    fn each_status_is_a_refusal_or_a_failure() {
        let message = json!({"error": {"code": "CAPS-0042", "message": "proxy invalide"}});
        for status in [400, 409, 422, 429] {
            assert_eq!(answered(status, &message), Ok(Err(CapsError::Refused("proxy invalide".to_owned()))));
        }
        for status in [401, 403, 404, 418, 500, 503] {
            assert!(matches!(answered(status, &message), Ok(Err(CapsError::Failed(_)))), "{status}");
        }
        for status in [204, 302] {
            assert_eq!(answered(status, &message), Err(CallError::Unreadable), "{status}");
        }
    }

    #[test]
    fn a_cause_is_short_printable_and_never_blank() {
        let cause = |body: Value| match answered(422, body) {
            Ok(Err(CapsError::Refused(cause))) => cause,
            other => panic!("{other:?}"),
        };
        for body in [json!({}), json!({"error": {}}), json!({"error": {"message": " \n "}}), json!("no")] {
            assert_eq!(cause(body), "code inconnu");
        }
        assert_eq!(cause(json!({"error": {"message": "a\u{0}b\r\nc\u{85}"}})), "abc");
        assert_eq!(cause(json!({"error": {"message": "é".repeat(600)}})).chars().count(), 500);
    }

    #[test]
    fn max_age_is_read_from_any_of_its_places() {
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CACHE_CONTROL, HeaderValue::from_str(value).unwrap());
            }
            max_age(&Answer { status: StatusCode::OK, headers, body: Default::default() })
        };
        assert_eq!(with(&[]), None);
        assert_eq!(with(&["private, Max-Age=60"]), Some(Duration::from_secs(60)));
        assert_eq!(with(&["max-age=60", "max-age=30"]), Some(Duration::from_secs(30)));
        assert_eq!(with(&["no-store"]), Some(Duration::ZERO));
        assert_eq!(with(&["max-age=soon"]), Some(Duration::ZERO));
    }
}
