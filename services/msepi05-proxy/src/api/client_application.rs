//! Who calls: a client application, by its token or by the certificate that it showed to the gateway.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use common::auth::{AuthError, Caller, Identity, Scope};
use common::error::{Problem, ToProblem};
use ipnet::IpNet;

use crate::State;
use crate::config::{ClientApplicationConfig, Config};
use crate::domain::pseudonym::Pepper;
use crate::limits::ClientBucket;

/// `proxies:read`
#[derive(Debug)]
pub struct ProxiesRead;

impl Scope for ProxiesRead {
    const NAME: &'static str = "proxies:read";
}

/// Where the gateway says which certificate it has checked (Envoy's `x-forwarded-client-cert`).
const CERTIFICATE: &str = "x-forwarded-client-cert";

/// A client application that may use the service. As an extractor it answers 401.
#[derive(Debug)]
pub struct ClientApplication {
    /// Its name, for metrics.
    pub name: Arc<str>,
    /// Its bucket.
    pub bucket: ClientBucket,
}

/// The client application may not use this service: 401 without a body, whatever is wrong (contract); 500 where that
/// cannot be told now.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct NotAllowed(#[from] AuthError);

impl ToProblem for NotAllowed {
    fn problem(&self) -> Problem {
        let problem = self.0.problem();
        let status = match self.0 {
            AuthError::Unavailable => StatusCode::INTERNAL_SERVER_ERROR,
            AuthError::Missing | AuthError::Invalid | AuthError::Scope(_) => StatusCode::UNAUTHORIZED,
        };
        Problem { status, retry_after: None, ..problem }
    }
}

common::error_response!(NotAllowed);

impl FromRequest for ClientApplication {
    type Error = NotAllowed;
    type Future = Ready<Result<Self, NotAllowed>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let Some(state) = request.app_data::<web::Data<State>>() else {
            return ready(Err(AuthError::Unavailable.into()));
        };
        let caller = Caller::<ProxiesRead>::from_request(request, payload).into_inner();
        ready(match caller {
            Ok(caller) => Ok(state.clients.by_token(&caller, &state.pepper)),
            // A token that was sent decides; without one the certificate does.
            Err(AuthError::Missing) => state.clients.by_certificate(request).ok_or(AuthError::Missing.into()),
            Err(error) => Err(error.into()),
        })
    }
}

/// The client applications that the configuration knows, and what holds for the others.
pub struct Clients {
    known: Vec<Known>,
    trusted_proxies: Vec<IpNet>,
    per_minute: u32,
}

struct Known {
    config: ClientApplicationConfig,
    name: Arc<str>,
    bucket: ClientBucket,
}

impl Known {
    fn application(&self) -> ClientApplication {
        ClientApplication { name: self.name.clone(), bucket: self.bucket.clone() }
    }
}

impl Clients {
    /// The clients of the configuration.
    pub fn new(config: &Config) -> Self {
        let known = config.clients.iter().map(|client| Known {
            name: client.name.as_str().into(),
            bucket: ClientBucket {
                key: format!("name:{}", client.name).into(),
                per_minute: client.hashes_per_minute,
            },
            config: client.clone(),
        });
        Self {
            known: known.collect(),
            trusted_proxies: config.server.trusted_proxies.clone(),
            per_minute: config.limits.client_hashes_per_minute,
        }
    }

    fn by_token(&self, caller: &Identity, pepper: &Pepper) -> ClientApplication {
        let (issuer, client_id) = (caller.issuer(), caller.claims().client_id.as_str());
        let known = self.known.iter().find(|known| {
            known.config.issuer.as_deref() == Some(issuer)
                && known.config.client_id.as_deref() == Some(client_id)
        });
        known.map(Known::application).unwrap_or_else(|| ClientApplication {
            name: "other".into(),
            bucket: ClientBucket {
                key: pepper.client(issuer, client_id).into(),
                per_minute: self.per_minute,
            },
        })
    }

    /// Only the gateway may say so, and only of a certificate that the configuration names.
    fn by_certificate(&self, request: &HttpRequest) -> Option<ClientApplication> {
        if !common::server::is_trusted(request.peer_addr(), &self.trusted_proxies) {
            return None;
        }
        let header = request.headers().get_all(CERTIFICATE).last()?.to_str().ok()?;
        let fields = nearest_certificate(header);
        let known = self
            .known
            .iter()
            .find(|known| known.config.certificate.as_ref().is_some_and(|wanted| fields.contains(wanted)));
        known.map(Known::application)
    }
}

/// The `Key=value` fields of the header's last element, which the nearest proxy has written, with quotes resolved.
fn nearest_certificate(header: &str) -> Vec<String> {
    let (mut fields, mut field) = (Vec::new(), String::new());
    let (mut quoted, mut escaped) = (false, false);
    for character in header.chars() {
        match character {
            _ if escaped => {
                field.push(character);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => fields.push(std::mem::take(&mut field)),
            ',' if !quoted => {
                fields.clear();
                field.clear();
            }
            _ => field.push(character),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_nearest_proxys_element_counts_and_quotes_hide_separators() {
        let header = r#"URI=spiffe://far,By=spiffe://gw;Hash=ab;Subject="CN=a\"b;URI=spiffe://x,O=c";URI=spiffe://near;URI=spiffe://second"#;
        let fields = nearest_certificate(header);
        for field in
            ["Hash=ab", "URI=spiffe://near", "URI=spiffe://second", r#"Subject=CN=a"b;URI=spiffe://x,O=c"#]
        {
            assert!(fields.contains(&field.to_owned()), "{field}: {fields:?}");
        }
        for field in ["URI=spiffe://far", "URI=spiffe://x"] {
            assert!(!fields.contains(&field.to_owned()), "{field}");
        }
    }
}
