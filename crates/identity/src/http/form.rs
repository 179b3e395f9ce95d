use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::web::Payload;
use common::body;
use common::redact::Personal;
use secrecy::SecretString;
use url::form_urlencoded;

use crate::error::OAuthError;

const FORM: &str = "application/x-www-form-urlencoded";
const MAX_PARAMETERS: usize = 32;

/// What the endpoints read, with the longest value of each in bytes.
const PARAMETERS: [(&str, usize); 9] = [
    ("grant_type", 64),
    ("client_id", 128),
    ("client_secret", 256),
    ("scope", 1024),
    ("username", 600),
    ("password", 256),
    ("refresh_token", 512),
    ("token", 8192),
    ("token_type_hint", 64),
];

/// The parameters of a request, each given once (RFC 6749 §3.2); those that we don't read are dropped.
#[derive(Debug)]
pub(super) struct Form(BTreeMap<&'static str, Personal<String>>);

impl Form {
    /// Reads the body; a parameter of ours in the query is refused, it would be in somebody's log by now.
    pub(super) async fn read(request: &HttpRequest, payload: Payload) -> Result<Self, OAuthError> {
        let known = |name: &str| PARAMETERS.iter().any(|(parameter, _)| *parameter == name);
        if form_urlencoded::parse(request.query_string().as_bytes()).any(|(name, _)| known(&name)) {
            return Err(invalid("parameters belong in the body, not in the query"));
        }
        if !body::has_media_type(request, FORM) {
            return Err(invalid("the body must be application/x-www-form-urlencoded"));
        }
        Self::parse(&body::bytes(payload).await?)
    }

    fn parse(body: &[u8]) -> Result<Self, OAuthError> {
        let mut seen = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            if seen.len() == MAX_PARAMETERS {
                return Err(invalid("there are too many parameters"));
            }
            // Bytes that are not UTF-8 have become replacement characters.
            if value.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
                return Err(invalid("a parameter holds a control character or is not UTF-8"));
            }
            if seen.insert(name, value).is_some() {
                return Err(invalid("a parameter is given twice"));
            }
        }
        let mut parameters = BTreeMap::new();
        for (name, longest) in PARAMETERS {
            // RFC 6749 §3.2: a parameter without a value is as if it were not there.
            let Some(value) = seen.remove(name).filter(|value| !value.is_empty()) else { continue };
            if value.len() > longest {
                return Err(OAuthError::InvalidRequest(format!("{name} is too long")));
            }
            parameters.insert(name, Personal::new(value.into_owned()));
        }
        Ok(Self(parameters))
    }

    pub(super) fn get(&self, name: &'static str) -> Option<&str> {
        self.0.get(name).map(|value| value.expose().as_str())
    }

    pub(super) fn secret(&self, name: &'static str) -> Option<SecretString> {
        self.get(name).map(SecretString::from)
    }

    pub(super) fn require(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::InvalidRequest(format!("{name} is missing")))
    }
}

pub(super) fn invalid(description: &str) -> OAuthError {
    OAuthError::InvalidRequest(description.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_parameter_is_given_once_and_an_empty_one_not_at_all() {
        let form = Form::parse(b"grant_type=password&username=a%2Bb+c&scope=&other=1").unwrap();
        assert_eq!(form.get("username"), Some("a+b c"));
        assert_eq!(form.get("scope"), None);
        for refused in ["scope=a&scope=a", "x=1&x=2", "scope=&scope=", "username=%00", "username=%ff"] {
            assert!(
                matches!(Form::parse(refused.as_bytes()), Err(OAuthError::InvalidRequest(_))),
                "{refused}"
            );
        }
        let long = format!("grant_type={}", "x".repeat(65));
        assert!(matches!(Form::parse(long.as_bytes()), Err(OAuthError::InvalidRequest(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_form_or_an_invalid_request(body in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(matches!(Form::parse(&body), Ok(_) | Err(OAuthError::InvalidRequest(_))));
        }

        #[test]
        fn what_a_client_encodes_reads_back(username in "[^\\p{Cc}\u{fffd}]{1,100}") {
            let body = form_urlencoded::Serializer::new(String::new()).append_pair("username", &username).finish();
            let form = Form::parse(body.as_bytes()).unwrap();
            prop_assert_eq!(form.get("username"), Some(username.as_str()));
        }
    }
}
