use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

use super::form::{Form, invalid};
use crate::AuthorizationServer;
use crate::domain::client::Client;
use crate::error::OAuthError;

/// What a request says of its client.
#[derive(Debug)]
struct Presented {
    client_id: String,
    client_secret: Option<SecretString>,
}

/// Authenticates the client by the one method that the request uses: HTTP Basic or the body (RFC 6749 §2.3.1).
pub(super) async fn authenticate(
    server: &AuthorizationServer,
    request: &HttpRequest,
    form: &Form,
) -> Result<Client, OAuthError> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next();
    if headers.next().is_some() {
        return Err(invalid("the client is authenticated twice"));
    }
    let credentials = match header {
        // A header that can't be read, or of another scheme, is a failed attempt (RFC 6749 §5.2).
        Some(header) => {
            let basic = header.to_str().ok().and_then(basic).ok_or(OAuthError::InvalidClient)?;
            let names_another = form.get("client_id").is_some_and(|id| id != basic.client_id);
            if names_another || form.get("client_secret").is_some() {
                return Err(invalid("the client is authenticated twice"));
            }
            basic
        }
        None => Presented {
            client_id: form.get("client_id").ok_or(OAuthError::InvalidClient)?.to_owned(),
            client_secret: form.secret("client_secret"),
        },
    };
    let Presented { client_id, client_secret } = credentials;
    server.authenticate_client(&client_id, client_secret.as_ref(), server.address_of(request)).await
}

/// `Basic base64(form-urlencoded id ":" form-urlencoded secret)`; an empty secret is none.
fn basic(header: &str) -> Option<Presented> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > 2048 {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let client_id = form_decoded(id).filter(|id| (1..=128).contains(&id.len()))?;
    let secret = form_decoded(secret).filter(|secret| secret.len() <= 256)?;
    let client_secret = (!secret.is_empty()).then(|| SecretString::from(secret));
    Some(Presented { client_id, client_secret })
}

fn form_decoded(text: &str) -> Option<String> {
    // `&` and `=` would split the text, and a client that encodes writes neither.
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    let (decoded, _) = url::form_urlencoded::parse(escaped.as_bytes()).next().unwrap_or_default();
    let is_text = |c: char| !c.is_control() && c != char::REPLACEMENT_CHARACTER;
    decoded.chars().all(is_text).then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    fn parsed(plain: &str) -> Option<(String, Option<String>)> {
        let basic = basic(&format!("Basic {}", STANDARD.encode(plain)))?;
        Some((basic.client_id, basic.client_secret.map(|secret| secret.expose_secret().to_owned())))
    }

    #[test]
    fn id_and_secret_are_form_decoded() {
        assert_eq!(parsed("a%3Ab:s+%25"), Some(("a:b".to_owned(), Some("s %".to_owned()))));
        assert_eq!(parsed("app:a=b&c"), Some(("app".to_owned(), Some("a=b&c".to_owned()))));
        assert_eq!(parsed("public:"), Some(("public".to_owned(), None)));
        for refused in ["no-colon", ":secret", "nul%00:x", "%ff:x"] {
            assert_eq!(parsed(refused), None, "{refused}");
        }
        assert!(basic("Bearer abc").is_none());
    }

    proptest! {
        #[test]
        fn no_header_is_worse_than_refused(header in "\\PC{0,80}", plain in "\\PC{0,80}") {
            let _ = basic(&header);
            let _ = parsed(&plain);
        }
    }
}
