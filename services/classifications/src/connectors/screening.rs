//! Sanctions, by gda-audit's `PUT /checkrisk`, which keeps the debtor and screens it again when its lists change.

use common::client::{Answer, CallError, Client, Repeat, ServiceToken};
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::json;

use super::{Unavailable, request, under};
use crate::domain::debtor::{DebtorId, Sanctions};

/// The connector.
pub struct Screening {
    client: Client,
    token: ServiceToken,
    url: Url,
}

impl Screening {
    /// gda-audit at `base`, called with tokens of the scope `screening:write`.
    pub fn new(client: Client, token: ServiceToken, base: &Url, flow: &str) -> Self {
        let mut url = under(base, &["checkrisk"]);
        url.query_pairs_mut().append_pair("flowName", flow);
        Self { client, token, url }
    }

    /// What gda-audit says of a debtor of this registered name.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub async fn screen(
        &self,
        debtor: &DebtorId,
        name: &str,
        is_natural_person: bool,
    ) -> Result<Sanctions, Unavailable> {
        let body = json!({
            "externalRef": { "externalRefId": debtor.reference() },
            "identity": { "lastName": name },
            "personType": if is_natural_person { "NATURAL" } else { "LEGAL" },
        });
        let mut request = request(Method::PUT, self.url.clone(), &body)?;
        let bearer = self.token.bearer().await?;
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        let outcome = self.client.call(request, Repeat::Safe, read).await?;
        if outcome == Err(Unavailable::Status(401)) {
            self.token.forget(&bearer).await;
        }
        outcome
    }
}

#[derive(Deserialize)]
struct CheckedBody {
    risks: Vec<RiskBody>,
}

#[derive(Deserialize)]
struct RiskBody {
    r#type: String,
    status: String,
}

/// Lists of politically exposed persons are no reason to deny a limit.
fn read(answer: Answer) -> Result<Result<Sanctions, Unavailable>, CallError> {
    if answer.status != reqwest::StatusCode::OK {
        return Ok(Err(Unavailable::Status(answer.status.as_u16())));
    }
    let CheckedBody { risks } = answer.json()?;
    let risk = risks.iter().find(|risk| risk.r#type == "BLACKLIST").ok_or(CallError::Unreadable)?;
    match Sanctions::of_state(&risk.status) {
        Sanctions::Unavailable => Err(CallError::Unreadable),
        sanctions => Ok(Ok(sanctions)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::Value;
    use wiremock::matchers::{body_json, header, method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::super::{Connectors, ConnectorsConfig};
    use super::*;
    use crate::domain::country::Country;

    async fn peer() -> (MockServer, Screening) {
        let server = MockServer::start().await;
        let token = json!({"access_token": "t", "token_type": "Bearer", "expires_in": 300});
        let issued = ResponseTemplate::new(200).set_body_json(token);
        Mock::given(path("/token")).respond_with(issued).mount(&server).await;
        let mut config = ConnectorsConfig::default();
        config.screening.url = Some(server.uri().parse().unwrap());
        config.screening.token_url = Some(format!("{}/token", server.uri()).parse().unwrap());
        config.screening.client_id = "classifications".to_owned();
        (server, Connectors::new(&config).unwrap().screening.unwrap())
    }

    fn debtor() -> DebtorId {
        DebtorId { country: Country::ES, tax_code: "A00000018".to_owned() }
    }

    async fn finding(answer: ResponseTemplate) -> Result<Sanctions, Unavailable> {
        let (server, screening) = peer().await;
        Mock::given(path("/checkrisk")).respond_with(answer).mount(&server).await;
        screening.screen(&debtor(), "Uno SA", false).await
    }

    fn risks(risks: Value) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(json!({"personId": "1", "risks": risks}))
    }

    #[tokio::test]
    async fn a_debtor_is_screened_under_its_reference_with_our_token() {
        let (server, screening) = peer().await;
        let body = json!({"externalRef": {"externalRefId": "ES:A00000018"}, "identity": {"lastName": "Uno SA"},
            "personType": "LEGAL"});
        Mock::given(method("PUT"))
            .and(path("/checkrisk"))
            .and(query_param("flowName", "classifications"))
            .and(header("authorization", "Bearer t"))
            .and(body_json(body))
            .respond_with(risks(json!([{"type": "BLACKLIST", "status": "MATCH", "id": "1_B", "hits": []}])))
            .expect(1)
            .mount(&server)
            .await;
        assert_eq!(screening.screen(&debtor(), "Uno SA", false).await, Ok(Sanctions::Confirmed));
    }

    #[tokio::test]
    async fn only_the_blacklists_status_counts_and_anything_else_is_no_answer() {
        let of = |kind: &str, status: &str| json!([{"type": kind, "status": status}]);
        assert_eq!(finding(risks(of("BLACKLIST", "NO_RISK_FOUND"))).await, Ok(Sanctions::Clear));
        assert_eq!(finding(risks(of("BLACKLIST", "POTENTIAL_RISK"))).await, Ok(Sanctions::Possible));
        let unreadable = Err(Unavailable::Call(CallError::Unreadable));
        assert_eq!(finding(risks(of("PEP", "NO_RISK_FOUND"))).await, unreadable);
        assert_eq!(finding(risks(of("BLACKLIST", "FINE"))).await, unreadable);
        assert_eq!(finding(risks(json!([]))).await, unreadable);
        assert_eq!(finding(ResponseTemplate::new(200).set_body_string("<html>")).await, unreadable);
        assert_eq!(finding(ResponseTemplate::new(404)).await, Err(Unavailable::Status(404)));
        assert_eq!(finding(ResponseTemplate::new(500)).await, Err(Unavailable::Status(500)));
    }
}
