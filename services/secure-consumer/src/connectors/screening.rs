//! Sanctions, by gda-audit's `POST /screen`, which keeps nothing.

use common::client::{Answer, CallError, Client, Repeat, ServiceToken};
use reqwest::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{BUDGET, Unavailable, ok, post, under};

/// What the sanctions lists say of a person and a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScreeningFinding {
    /// Nobody like them.
    Clear,
    /// Somebody alike, at or above the alert threshold.
    Review,
    /// Somebody who is them, at or above the match threshold.
    Hit,
}

/// Scores of gda-audit, 0–100. Its flows have one threshold for each type of control, from which a hit is an alert, and
/// leave the match to an analyst; here nobody looks, so the score from which a hit is a match is ours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    alert: f32,
    matching: f32,
}

impl Thresholds {
    /// None unless 0 ≤ alert ≤ match ≤ 100.
    pub fn new(alert: f32, matching: f32) -> Option<Self> {
        let in_order = 0.0 <= alert && alert <= matching && matching <= 100.0;
        in_order.then_some(Self { alert, matching })
    }

    fn finding(self, score: f32) -> ScreeningFinding {
        if score >= self.matching {
            ScreeningFinding::Hit
        } else if score >= self.alert {
            ScreeningFinding::Review
        } else {
            ScreeningFinding::Clear
        }
    }
}

/// Whom to screen.
#[derive(Clone, Copy)]
pub enum Party<'a> {
    /// A person, without the country of the address: it is no nationality, and gda-audit would count it as one.
    Person {
        /// Given names.
        first_name: &'a str,
        /// Family name.
        last_name: &'a str,
    },
    /// A company, by its name.
    Company(&'a str),
}

/// The connector.
pub struct Screening {
    client: Client,
    token: ServiceToken,
    url: Url,
    thresholds: Thresholds,
}

impl Screening {
    /// gda-audit at `base`, called with tokens of the scope `screening:read`.
    pub fn new(client: Client, token: ServiceToken, base: &Url, thresholds: Thresholds) -> Self {
        Self { client, token, url: under(base, &["screen"]), thresholds }
    }

    /// The worst of what the sanctions lists say of the parties (1 to 1,000). Lists of politically exposed persons do not count.
    ///
    /// # Errors
    /// [`Unavailable`], also where no list is in force.
    pub async fn screen(&self, parties: &[Party<'_>]) -> Result<ScreeningFinding, Unavailable> {
        let screened = tokio::time::timeout(BUDGET, self.screened(parties)).await;
        screened.map_err(|_| CallError::Timeout)?
    }

    async fn screened(&self, parties: &[Party<'_>]) -> Result<ScreeningFinding, Unavailable> {
        let persons = parties.iter().map(PersonBody::from).collect();
        let mut request = post(self.url.clone(), &ScreenBody { persons, threshold: self.thresholds.alert })?;
        let bearer = self.token.bearer().await?;
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        let read = |answer: Answer| ok(&answer, |answer| best(answer, parties.len()));
        // Nothing is kept there, so it may be asked twice.
        let outcome = self.client.call(request, Repeat::Safe, read).await?;
        if outcome == Err(Unavailable::Status(401)) {
            self.token.forget(&bearer).await;
        }
        outcome?.map(|score| self.thresholds.finding(score)).ok_or(Unavailable::NoList)
    }
}

#[derive(Serialize)]
struct ScreenBody<'a> {
    persons: Vec<PersonBody<'a>>,
    threshold: f32,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct PersonBody<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
}

impl<'a> From<&Party<'a>> for PersonBody<'a> {
    fn from(party: &Party<'a>) -> Self {
        match *party {
            Party::Person { first_name, last_name } => Self {
                r#type: "NATURAL",
                first_name: Some(first_name),
                last_name: Some(last_name),
                ..Self::default()
            },
            Party::Company(name) => Self { r#type: "LEGAL", name: Some(name), ..Self::default() },
        }
    }
}

#[derive(Deserialize)]
struct ScreenedBody {
    editions: Vec<EditionBody>,
    results: Vec<ResultBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EditionBody {
    source: String,
    control_type: String,
}

#[derive(Deserialize)]
struct ResultBody {
    hits: Vec<HitBody>,
}

#[derive(Deserialize)]
struct HitBody {
    list: String,
    score: f32,
}

/// The best score on a sanctions list, 0 without a hit; none where no such list is in force.
fn best(answer: &Answer, parties: usize) -> Result<Option<f32>, CallError> {
    let ScreenedBody { editions, results } = answer.json()?;
    if results.len() != parties {
        return Err(CallError::Unreadable);
    }
    let is_sanctions = |list: &str| {
        editions.iter().any(|edition| edition.control_type == "BLACKLIST" && edition.source == list)
    };
    if !editions.iter().any(|edition| edition.control_type == "BLACKLIST") {
        return Ok(None);
    }
    let hits = results.iter().flat_map(|result| &result.hits).filter(|hit| is_sanctions(&hit.list));
    Ok(Some(hits.map(|hit| hit.score).fold(0.0, f32::max)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wiremock::matchers::{body_json, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::super::tests::{json, nonsense};
    use super::*;

    const ADA: Party<'_> = Party::Person { first_name: "Ada", last_name: "Exemple" };

    fn at(base: &str) -> Screening {
        let client = |peer| Client::new(peer, &super::super::call()).unwrap();
        let token_url = format!("{base}/token").parse().unwrap();
        let scope = "screening:read".to_owned();
        let token = ServiceToken::new(client("token"), token_url, "us".into(), "secret".into(), scope);
        let thresholds = Thresholds::new(75.0, 95.0).unwrap();
        Screening::new(client("screening"), token, &base.parse().unwrap(), thresholds)
    }

    /// gda-audit with this answer, and a token endpoint.
    async fn peer(answer: ResponseTemplate) -> MockServer {
        let server = MockServer::start().await;
        let token = json(json!({"access_token": "t", "token_type": "Bearer", "expires_in": 300}));
        Mock::given(path("/token")).respond_with(token).mount(&server).await;
        Mock::given(path("/screen")).respond_with(answer).mount(&server).await;
        server
    }

    fn screened(hits: Value) -> Value {
        json!({"editions": [
                {"source": "UN", "controlType": "BLACKLIST", "id": "1", "date": "2026-01-01", "totalEntries": 2},
                {"source": "PEPS", "controlType": "PEP", "id": "2", "date": "2026-01-01", "totalEntries": 2}],
            "threshold": 75.0, "results": [{"hits": hits}]})
    }

    async fn finding(body: Value) -> Result<ScreeningFinding, Unavailable> {
        at(&peer(json(body)).await.uri()).screen(&[ADA]).await
    }

    #[tokio::test]
    async fn person_and_company_are_screened_in_one_call_with_our_token_and_threshold() {
        let server = MockServer::start().await;
        let token = json(json!({"access_token": "t", "token_type": "Bearer", "expires_in": 300}));
        Mock::given(path("/token")).respond_with(token).expect(1).mount(&server).await;
        let body = json!({"persons": [{"type": "NATURAL", "firstName": "Ada", "lastName": "Exemple"},
                                      {"type": "LEGAL", "name": "Les Ours"}], "threshold": 75.0});
        let mut answer = screened(json!([]));
        answer["results"] = json!([{"hits": []}, {"hits": [{"list": "UN", "score": 96.5, "recordId": "1"}]}]);
        Mock::given(method("POST"))
            .and(path("/screen"))
            .and(header("authorization", "Bearer t"))
            .and(body_json(body))
            .respond_with(json(answer))
            .expect(2)
            .mount(&server)
            .await;
        let screening = at(&server.uri());
        for _ in 0..2 {
            let found = screening.screen(&[ADA, Party::Company("Les Ours")]).await;
            assert_eq!(found, Ok(ScreeningFinding::Hit));
        }
    }

    #[tokio::test]
    async fn the_best_hit_on_a_sanctions_list_decides() {
        use ScreeningFinding::{Clear, Hit, Review};
        let hit = |list: &str, score: f64| json!({"list": list, "score": score});
        for (hits, expected) in [
            (json!([]), Clear),
            (json!([hit("UN", 74.9)]), Clear),
            (json!([hit("UN", 75.0)]), Review),
            (json!([hit("UN", 94.9), hit("UN", 80.0)]), Review),
            (json!([hit("UN", 80.0), hit("UN", 95.0)]), Hit),
            (json!([hit("PEPS", 100.0)]), Clear),
        ] {
            assert_eq!(finding(screened(hits.clone())).await, Ok(expected), "{hits}");
        }
    }

    #[tokio::test]
    async fn without_a_sanctions_list_nobody_is_clear() {
        let mut body = screened(json!([]));
        body["editions"].as_array_mut().unwrap().remove(0);
        assert_eq!(finding(body).await, Err(Unavailable::NoList));
    }

    #[tokio::test]
    async fn an_answer_about_others_is_unreadable() {
        let mut body = screened(json!([]));
        body["results"] = json!([]);
        assert_eq!(finding(body).await, Err(CallError::Unreadable.into()));
    }

    #[tokio::test]
    async fn a_refused_token_is_fetched_anew_for_the_next_call() {
        let server = peer(ResponseTemplate::new(401)).await;
        let screening = at(&server.uri());
        for _ in 0..2 {
            assert_eq!(screening.screen(&[ADA]).await, Err(Unavailable::Status(401)));
        }
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests.iter().filter(|request| request.url.path() == "/token").count(), 2);
    }

    #[tokio::test]
    async fn without_a_token_gda_audit_is_not_asked() {
        let server = MockServer::start().await;
        Mock::given(path("/token")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
        assert_eq!(at(&server.uri()).screen(&[ADA]).await, Err(CallError::Unreadable.into()));
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_is_no_answer_is_no_finding() {
        for (answer, expected) in nonsense() {
            assert_eq!(at(&peer(answer).await.uri()).screen(&[ADA]).await, Err(expected));
        }
    }

    #[tokio::test]
    async fn token_and_screening_share_the_budget() {
        let server = MockServer::start().await;
        let token = json(json!({"access_token": "t", "token_type": "Bearer", "expires_in": 300}));
        let slowly = |answer: ResponseTemplate, ms| answer.set_delay(std::time::Duration::from_millis(ms));
        Mock::given(path("/token")).respond_with(slowly(token, 800)).mount(&server).await;
        Mock::given(path("/screen"))
            .respond_with(slowly(json(screened(json!([]))), 5_000))
            .mount(&server)
            .await;
        let started = std::time::Instant::now();
        assert_eq!(at(&server.uri()).screen(&[ADA]).await, Err(CallError::Timeout.into()));
        assert!(
            started.elapsed() < BUDGET + std::time::Duration::from_millis(300),
            "{:?}",
            started.elapsed()
        );
    }

    #[test]
    fn thresholds_are_in_order() {
        for (alert, matching) in
            [(-1.0, 50.0), (80.0, 75.0), (75.0, 101.0), (f32::NAN, 95.0), (75.0, f32::NAN)]
        {
            assert!(Thresholds::new(alert, matching).is_none());
        }
    }
}
