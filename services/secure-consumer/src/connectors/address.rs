//! The French national address base (`GET /geocodage/search`): how well a text is an address that exists.

use common::client::{Answer, CallError, Client, Repeat};
use reqwest::{Method, Request};
use serde::Deserialize;
use url::Url;

use super::{Unavailable, ok, under};

/// Characters of a text that the API searches for, at least and at most.
const LENGTH: std::ops::RangeInclusive<usize> = 3..=200;

/// The best correspondence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geocoded {
    /// 0 (nothing alike) to 1 (the same).
    pub score: f64,
    /// How exact a place it is.
    pub kind: Kind,
}

/// How exact a place an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A house.
    HouseNumber,
    /// A street, without the house.
    Street,
    /// A hamlet.
    Locality,
    /// A commune.
    Municipality,
    /// Something newer than this list.
    #[serde(other)]
    Other,
}

/// The connector.
#[derive(Clone)]
pub struct AddressApi {
    client: Client,
    base: Url,
}

impl AddressApi {
    /// The API at `base` (`https://data.geopf.fr`).
    pub fn new(client: Client, base: &Url) -> Self {
        Self { client, base: base.clone() }
    }

    /// What is most like `text` (number, street, city) in a French postcode; none where nothing is, or where the text
    /// is none that the API searches for.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub async fn best(&self, text: &str, postcode: &str) -> Result<Option<Geocoded>, Unavailable> {
        // The API answers 400 to a text that does not begin with a letter or a digit.
        let text: String =
            text.trim_start_matches(|c: char| !c.is_alphanumeric()).chars().take(*LENGTH.end()).collect();
        let is_postcode = postcode.len() == 5 && postcode.bytes().all(|byte| byte.is_ascii_digit());
        if text.chars().count() < *LENGTH.start() || !is_postcode {
            return Ok(None);
        }
        let mut url = under(&self.base, &["geocodage", "search"]);
        url.query_pairs_mut()
            .append_pair("q", &text)
            .append_pair("postcode", postcode)
            .append_pair("limit", "1")
            .append_pair("autocomplete", "0");
        self.client.call(Request::new(Method::GET, url), Repeat::Safe, |answer| ok(&answer, best)).await?
    }
}

#[derive(Deserialize)]
struct SearchBody {
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    properties: Properties,
}

#[derive(Deserialize)]
struct Properties {
    score: f64,
    r#type: Kind,
}

fn best(answer: &Answer) -> Result<Option<Geocoded>, CallError> {
    let body: SearchBody = answer.json()?;
    let Some(Feature { properties: Properties { score, r#type: kind } }) = body.features.into_iter().next()
    else {
        return Ok(None);
    };
    if (0.0..=1.0).contains(&score) { Ok(Some(Geocoded { score, kind })) } else { Err(CallError::Unreadable) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wiremock::matchers::{path, query_param};
    use wiremock::{Mock, MockServer};

    use super::super::tests::{json, nonsense, peer};
    use super::*;

    fn at(url: &Url) -> AddressApi {
        AddressApi::new(Client::new("address", &super::super::call()).unwrap(), url)
    }

    fn found(score: Value, kind: &str) -> Value {
        json!({"type": "FeatureCollection", "features": [{"type": "Feature", "properties":
            {"score": score, "type": kind, "postcode": "75002", "citycode": "75102", "city": "Paris"}}]})
    }

    #[tokio::test]
    async fn the_text_and_its_postcode_are_asked_for_without_autocompletion() {
        let server = MockServer::start().await;
        Mock::given(path("/ban/geocodage/search"))
            .and(query_param("q", "10 rue de l'Été & Cie Paris"))
            .and(query_param("postcode", "75002"))
            .and(query_param("limit", "1"))
            .and(query_param("autocomplete", "0"))
            .respond_with(json(found(json!(0.97), "housenumber")))
            .mount(&server)
            .await;
        let api = at(&format!("{}/ban/", server.uri()).parse().unwrap());
        let expected = Geocoded { score: 0.97, kind: Kind::HouseNumber };
        assert_eq!(api.best("- 10 rue de l'Été & Cie Paris", "75002").await, Ok(Some(expected)));
    }

    #[tokio::test]
    async fn a_kind_that_is_new_is_other_and_a_score_that_is_none_is_unreadable() {
        let (_server, url) = peer(json(found(json!(1), "poi"))).await;
        let expected = Geocoded { score: 1.0, kind: Kind::Other };
        assert_eq!(at(&url).best("1 place du Puits", "75002").await, Ok(Some(expected)));
        for score in [json!(1.01), json!(-0.5), json!("0.9"), Value::Null] {
            let (_server, url) = peer(json(found(score, "street"))).await;
            assert_eq!(at(&url).best("1 place du Puits", "75002").await, Err(CallError::Unreadable.into()));
        }
    }

    #[tokio::test]
    async fn nothing_alike_is_none() {
        let (_server, url) = peer(json(json!({"type": "FeatureCollection", "features": []}))).await;
        assert_eq!(at(&url).best("1 place du Puits", "75002").await, Ok(None));
    }

    #[tokio::test]
    async fn what_the_api_refuses_is_not_asked() {
        let (server, url) = peer(json(found(json!(1), "street"))).await;
        for (text, postcode) in
            [("a", "75002"), ("---", "75002"), ("1 rue", "7500"), ("1 rue", "7500x"), ("1 rue", "٧٥٠٠٢")]
        {
            assert_eq!(at(&url).best(text, postcode).await, Ok(None), "{text} {postcode}");
        }
        assert!(server.received_requests().await.unwrap().is_empty());
        at(&url).best(&"é".repeat(500), "75002").await.unwrap();
        let sent = server.received_requests().await.unwrap();
        assert_eq!(sent[0].url.query_pairs().next().unwrap().1.chars().count(), 200);
    }

    #[tokio::test]
    async fn what_is_no_answer_is_no_finding() {
        for (answer, expected) in nonsense() {
            let (_server, url) = peer(answer).await;
            assert_eq!(at(&url).best("1 place du Puits", "75002").await, Err(expected));
        }
    }
}
