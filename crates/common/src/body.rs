//! Request bodies, read within a size and a time, and parsed with the name of the field at fault.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use crate::error::{Problem, ToProblem};

/// The largest body that [`json`] and [`bytes`] take, in bytes; bulk operations stream instead.
pub const LIMIT: usize = 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(15);

/// Why a body was refused.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// 415
    #[error("the body must be {0}")]
    MediaType(&'static str),
    /// 413
    #[error("the body is larger than {LIMIT} bytes")]
    TooLarge,
    /// 408
    #[error("the body did not arrive in time")]
    Timeout,
    /// 400, the connection broke or the framing is wrong
    #[error("the body could not be read")]
    Broken,
    /// 400
    #[error("{detail}")]
    Invalid {
        /// Path of the field, `.` where the whole document is at fault.
        field: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl ToProblem for BodyError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::MediaType(_) => {
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
            }
            Self::TooLarge => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail),
            Self::Timeout => Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail),
            Self::Broken => Problem::new(StatusCode::BAD_REQUEST, "invalid", detail),
            Self::Invalid { field, .. } if field == "." => {
                Problem::new(StatusCode::BAD_REQUEST, "invalid", detail)
            }
            Self::Invalid { field, .. } => Problem::invalid(field, detail),
        }
    }
}

crate::error_response!(BodyError);

/// Reads a whole body of at most [`LIMIT`] bytes.
pub async fn bytes(mut payload: Payload) -> Result<Bytes, BodyError> {
    let read = async {
        let mut body = Bytes::new();
        let mut longer = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| BodyError::Broken)?;
            if body.len().max(longer.len()) + chunk.len() > LIMIT {
                return Err(BodyError::TooLarge);
            }
            // Most bodies come in one piece, which need not be copied.
            if body.is_empty() && longer.is_empty() {
                body = chunk;
                continue;
            }
            if longer.is_empty() {
                longer.extend_from_slice(&body);
            }
            longer.extend_from_slice(&chunk);
        }
        Ok(if longer.is_empty() { body } else { longer.freeze() })
    };
    tokio::time::timeout(TIMEOUT, read).await.map_err(|_| BodyError::Timeout)?
}

/// Reads a JSON body. It is a call in the handler and not an extractor so that 401 and 403 come first.
pub async fn json<T: DeserializeOwned>(request: &HttpRequest, payload: Payload) -> Result<T, BodyError> {
    if !has_media_type(request, "application/json") {
        return Err(BodyError::MediaType("application/json"));
    }
    parse_json(&bytes(payload).await?)
}

/// Parses a JSON object and names the field at fault.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BodyError> {
    // serde would also read a struct from an array of its fields.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(BodyError::Invalid { field: ".".to_owned(), detail: "must be a JSON object".to_owned() });
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let detail = error.inner().to_string();
        BodyError::Invalid { field: named_field(&error.path().to_string(), &detail), detail }
    })?;
    deserializer
        .end()
        .map_err(|error| BodyError::Invalid { field: ".".to_owned(), detail: error.to_string() })?;
    Ok(value)
}

/// serde names a missing or unknown field only in its message, in backquotes; the path ends at the parent.
fn named_field(path: &str, message: &str) -> String {
    let named = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix)?.split('`').next());
    match (path, named) {
        (path, None) => path.to_owned(),
        (".", Some(name)) => name.to_owned(),
        (path, Some(name)) if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        (path, Some(name)) => format!("{path}.{name}"),
    }
}

/// Whether the request's `Content-Type` is `expected`, parameters aside.
pub fn has_media_type(request: &HttpRequest, expected: &str) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(expected))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Login {
        username: String,
        rules: Option<Vec<Rule>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Rule {
        name: String,
    }

    fn field_at_fault(body: &str) -> String {
        match parse_json::<Login>(body.as_bytes()) {
            Err(BodyError::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_the_field_at_fault() {
        assert_eq!(field_at_fault("{}"), "username");
        assert_eq!(field_at_fault(r#"{"username":1}"#), "username");
        assert_eq!(field_at_fault(r#"{"username":"a","extra":1}"#), "extra");
        assert_eq!(field_at_fault(r#"{"username":"a","rules":[{}]}"#), "rules[0].name");
        assert_eq!(field_at_fault(r#"{"username":"a","rules":[{"name":"x","key":1}]}"#), "rules[0].key");
        assert_eq!(field_at_fault(r#"{"username":"a"} trailing"#), ".");
        assert_eq!(field_at_fault(r#"["a", null]"#), ".");
    }
}
