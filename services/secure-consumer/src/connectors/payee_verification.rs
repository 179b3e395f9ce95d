//! Verification of payee (`POST /verify`): whether an account is the named person's, as its bank says.

use common::client::{Answer, CallError, Client, Repeat};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Unavailable, ok, post, under};

/// What the bank says of a name. The name that it knows instead is not read: nobody may be told whose an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The account is this person's.
    Match,
    /// Nearly the name.
    Close,
    /// Another name.
    NoMatch,
}

/// The connector.
#[derive(Clone)]
pub struct PayeeVerification {
    client: Client,
    url: Url,
}

impl PayeeVerification {
    /// The service at `base`.
    pub fn new(client: Client, base: &Url) -> Self {
        Self { client, url: under(base, &["verify"]) }
    }

    /// Whether `name` holds `iban` (without spaces); none where the bank does not say.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub async fn verify(&self, iban: &str, name: &str) -> Result<Option<Holder>, Unavailable> {
        let request = post(self.url.clone(), &VerifyBody { iban, name })?;
        // It changes nothing at the peer, so it may be asked twice.
        self.client.call(request, Repeat::Safe, |answer| ok(&answer, holder)).await?
    }
}

#[derive(Serialize)]
struct VerifyBody<'a> {
    iban: &'a str,
    name: &'a str,
}

#[derive(Deserialize)]
struct VerifiedBody {
    result: Code,
}

/// The codes of the EPC's scheme.
#[derive(Deserialize)]
enum Code {
    #[serde(rename = "MTCH")]
    Match,
    #[serde(rename = "CMTC")]
    Close,
    #[serde(rename = "NMTC")]
    NoMatch,
    #[serde(rename = "NOAP")]
    NotApplicable,
}

fn holder(answer: &Answer) -> Result<Option<Holder>, CallError> {
    let body: VerifiedBody = answer.json()?;
    Ok(match body.result {
        Code::Match => Some(Holder::Match),
        Code::Close => Some(Holder::Close),
        Code::NoMatch => Some(Holder::NoMatch),
        Code::NotApplicable => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::{body_json, method, path};
    use wiremock::{Mock, MockServer};

    use super::super::tests::{json, nonsense, peer};
    use super::*;

    fn at(url: &Url) -> PayeeVerification {
        PayeeVerification::new(Client::new("payee_verification", &super::super::call()).unwrap(), url)
    }

    #[tokio::test]
    async fn each_code_is_a_finding_or_an_abstention() {
        for (code, expected) in [
            ("MTCH", Some(Holder::Match)),
            ("CMTC", Some(Holder::Close)),
            ("NMTC", Some(Holder::NoMatch)),
            ("NOAP", None),
        ] {
            let server = MockServer::start().await;
            Mock::given(method("POST"))
                .and(path("/pay/verify"))
                .and(body_json(json!({"iban": "FR00", "name": "Ada Exemple"})))
                .respond_with(json(json!({"result": code, "name": "A. EXEMPLE"})))
                .mount(&server)
                .await;
            let verification = at(&format!("{}/pay/", server.uri()).parse().unwrap());
            assert_eq!(verification.verify("FR00", "Ada Exemple").await, Ok(expected), "{code}");
        }
    }

    #[tokio::test]
    async fn what_is_no_answer_is_no_finding() {
        let other = json(json!({"result": "MAYBE"}));
        let unreadable = Unavailable::Call(CallError::Unreadable);
        for (answer, expected) in nonsense().into_iter().chain([(other, unreadable)]) {
            let (_server, url) = peer(answer).await;
            assert_eq!(at(&url).verify("FR00", "Ada Exemple").await, Err(expected));
        }
    }
}
