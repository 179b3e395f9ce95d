//! The French company register, by either of its two APIs: the public search (`GET /search`) and INSEE's Sirene 3.11
//! (`GET /siren/{siren}`).

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::client::{Answer, CallError, Client, ClientConfig, Repeat};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use reqwest::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Method, Request};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::timeout_at;
use url::Url;

use super::{BUDGET, ConnectorsError, Unavailable, call, ok, under};

/// The search refuses an address that asks more often than this in a second.
const SEARCHES_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(6);
/// After a 429 that does not say for how long.
const PAUSE: Duration = Duration::from_secs(1);
/// A `Retry-After` longer than this is not believed.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Whose contract the register speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegisterApi {
    /// The public search, without a key.
    #[default]
    Search,
    /// INSEE's, with a key.
    Sirene,
}

/// What the register says of a SIREN. Without `Debug`: a sole trader's company has the trader's name.
#[derive(Clone, PartialEq, Eq)]
pub struct Company {
    /// Its names that may be shown: corporate, usual. Empty where none may.
    pub names: Vec<String>,
    /// The sole trader's own, first name and surname, where it is one's and may be shown.
    pub trader: Vec<String>,
    /// Its short name.
    pub sigle: Option<String>,
    /// Whether it has not ceased.
    pub active: bool,
    /// Whether the register may publish all of it; if not, a name that does not match proves nothing.
    pub is_diffusible: bool,
}

/// The connector.
pub struct CompanyRegister {
    client: Client,
    base: Url,
    /// Sirene's, where that is the API.
    key: Option<HeaderValue>,
    rate: DefaultDirectRateLimiter,
    /// Nobody calls before, because a 429 said so.
    paused_until: Mutex<Option<Instant>>,
}

impl CompanyRegister {
    /// The public search at `base`.
    ///
    /// # Errors
    /// [`ConnectorsError::Client`]
    pub fn search(base: &Url) -> Result<Self, ConnectorsError> {
        Self::new(base, None)
    }

    /// Sirene at `base` (`https://api.insee.fr/api-sirene/3.11`).
    ///
    /// # Errors
    /// [`ConnectorsError::ApiKey`] where a header cannot hold the key, [`ConnectorsError::Client`]
    pub fn sirene(base: &Url, key: &SecretString) -> Result<Self, ConnectorsError> {
        let mut key = HeaderValue::from_str(key.expose_secret()).map_err(|_| ConnectorsError::ApiKey)?;
        key.set_sensitive(true);
        Self::new(base, Some(key))
    }

    fn new(base: &Url, key: Option<HeaderValue>) -> Result<Self, ConnectorsError> {
        // Every call must pass our rate, so it is not the client that repeats it.
        let client = Client::new("company_register", &ClientConfig { max_attempts: 1, ..call() })?;
        // Evenly spread: a burst of seven before the steady seven would be fourteen in the first second.
        let quota = Quota::per_second(SEARCHES_PER_SECOND).allow_burst(NonZeroU32::MIN);
        let (rate, paused_until) = (RateLimiter::direct(quota), Mutex::default());
        Ok(Self { client, base: base.clone(), key, rate, paused_until })
    }

    /// The company of a SIREN; none where the register does not know it.
    ///
    /// # Errors
    /// [`Unavailable`], at once while a pause that the register asked for lasts.
    pub async fn find(&self, siren: &str) -> Result<Option<Company>, Unavailable> {
        let deadline = tokio::time::Instant::now() + BUDGET;
        match self.attempt(siren, deadline).await {
            Err(Unavailable::Call(CallError::Unreachable | CallError::Broken)) => {
                self.attempt(siren, deadline).await
            }
            outcome => outcome,
        }
    }

    async fn attempt(
        &self,
        siren: &str,
        deadline: tokio::time::Instant,
    ) -> Result<Option<Company>, Unavailable> {
        if self.is_paused() {
            return Err(Unavailable::Throttled);
        }
        if self.key.is_none() {
            let place = timeout_at(deadline, self.rate.until_ready()).await;
            place.map_err(|_| Unavailable::Throttled)?;
            // A pause may have begun while this call waited.
            if self.is_paused() {
                return Err(Unavailable::Throttled);
            }
        }
        let call = self.client.call(self.request(siren), Repeat::Safe, |answer| self.read(&answer, siren));
        timeout_at(deadline, call).await.map_err(|_| CallError::Timeout)??
    }

    fn request(&self, siren: &str) -> Request {
        let Some(key) = &self.key else {
            let mut url = under(&self.base, &["search"]);
            url.query_pairs_mut().append_pair("q", siren);
            return Request::new(Method::GET, url);
        };
        let mut request = Request::new(Method::GET, under(&self.base, &["siren", siren]));
        request.headers_mut().insert("x-insee-api-key-integration", key.clone());
        request
    }

    fn read(&self, answer: &Answer, siren: &str) -> Result<Result<Option<Company>, Unavailable>, CallError> {
        if answer.status == 429 {
            self.pause(answer);
        }
        match (&self.key, answer.status.as_u16()) {
            (None, _) => ok(answer, |answer| searched(answer, siren)),
            // Only Sirene's own 404 says that there is no such company; a gateway's says that there is no such path.
            (Some(_), 404) => {
                let body: SireneRefusal = answer.json()?;
                if body.header.statut == 404 { Ok(Ok(None)) } else { Err(CallError::Unreadable) }
            }
            (Some(_), _) => ok(answer, |answer| sirene(answer, siren).map(Some)),
        }
    }

    fn is_paused(&self) -> bool {
        let until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn pause(&self, answer: &Answer) {
        let asked =
            answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let pause = asked.map_or(PAUSE, |seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE));
        let until = Some(Instant::now() + pause);
        let mut paused_until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused_until = until.max(*paused_until);
    }
}

/// The search's answer, of which a full-text search may find other companies too.
#[derive(Deserialize)]
struct SearchBody {
    results: Vec<SearchItem>,
}

#[derive(Deserialize)]
struct SearchItem {
    siren: String,
    nom_complet: Option<String>,
    nom_raison_sociale: Option<String>,
    sigle: Option<String>,
    etat_administratif: State,
    statut_diffusion: Option<Diffusion>,
}

#[derive(Deserialize, PartialEq)]
enum State {
    #[serde(rename = "A")]
    Active,
    #[serde(rename = "C")]
    Ceased,
}

#[derive(Deserialize, PartialEq)]
enum Diffusion {
    #[serde(rename = "O")]
    Whole,
    #[serde(rename = "P")]
    Partial,
    #[serde(rename = "N")]
    None,
}

fn searched(answer: &Answer, siren: &str) -> Result<Option<Company>, CallError> {
    let body: SearchBody = answer.json()?;
    Ok(body.results.into_iter().find(|item| item.siren == siren).map(|item| {
        // `ATELIER DES OURS (LES OURS)`: the corporate name, or the trader's, and in brackets the usual ones.
        let whole = item.nom_complet.unwrap_or_default();
        let (first, usual) = match whole.strip_suffix(')').and_then(|name| name.split_once(" (")) {
            Some((name, usual)) => (name.to_owned(), Some(usual.to_owned())),
            None => (whole, None),
        };
        let (names, trader) = match item.nom_raison_sociale {
            None => (vec![usual], vec![Some(first)]),
            corporate => (vec![corporate, Some(first), usual], Vec::new()),
        };
        company(names, trader, item.sigle, item.etat_administratif, item.statut_diffusion)
    }))
}

#[derive(Deserialize)]
struct SireneRefusal {
    header: SireneHeader,
}

#[derive(Deserialize)]
struct SireneHeader {
    statut: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SireneBody {
    unite_legale: LegalUnit,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegalUnit {
    siren: String,
    statut_diffusion_unite_legale: Option<Diffusion>,
    sigle_unite_legale: Option<String>,
    prenom1_unite_legale: Option<String>,
    periodes_unite_legale: Vec<Period>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Period {
    date_fin: Option<String>,
    etat_administratif_unite_legale: State,
    nom_unite_legale: Option<String>,
    nom_usage_unite_legale: Option<String>,
    denomination_unite_legale: Option<String>,
    denomination_usuelle1_unite_legale: Option<String>,
    denomination_usuelle2_unite_legale: Option<String>,
    denomination_usuelle3_unite_legale: Option<String>,
}

fn sirene(answer: &Answer, siren: &str) -> Result<Company, CallError> {
    let SireneBody { unite_legale: unit } = answer.json()?;
    let current = unit.periodes_unite_legale.into_iter().find(|period| period.date_fin.is_none());
    let (Some(period), true) = (current, unit.siren == siren) else {
        return Err(CallError::Unreadable);
    };
    let (first_name, surnames) =
        (unit.prenom1_unite_legale, [period.nom_unite_legale, period.nom_usage_unite_legale]);
    let names = vec![
        period.denomination_unite_legale,
        period.denomination_usuelle1_unite_legale,
        period.denomination_usuelle2_unite_legale,
        period.denomination_usuelle3_unite_legale,
    ];
    let first_name = first_name.filter(|name| is_shown(name));
    let surnames = surnames.into_iter().flatten().filter(|name| is_shown(name));
    let trader = surnames.map(|surname| match &first_name {
        Some(first_name) => Some(format!("{first_name} {surname}")),
        None => Some(surname),
    });
    let trader = trader.collect();
    let (state, diffusion) = (period.etat_administratif_unite_legale, unit.statut_diffusion_unite_legale);
    Ok(company(names, trader, unit.sigle_unite_legale, state, diffusion))
}

fn company(
    names: Vec<Option<String>>,
    trader: Vec<Option<String>>,
    sigle: Option<String>,
    state: State,
    diffusion: Option<Diffusion>,
) -> Company {
    let shown = |names: Vec<Option<String>>| {
        let mut shown: Vec<String> = Vec::with_capacity(names.len());
        for name in names.into_iter().flatten().filter(|name| is_shown(name)) {
            if !shown.contains(&name) {
                shown.push(name);
            }
        }
        shown
    };
    let (names, trader) = (shown(names), shown(trader));
    let is_named = !names.is_empty() || !trader.is_empty();
    let is_diffusible = is_named && diffusion.is_none_or(|it| it == Diffusion::Whole);
    Company {
        names,
        trader,
        sigle: sigle.filter(|name| is_shown(name)),
        active: state == State::Active,
        is_diffusible,
    }
}

/// `[ND]` (Sirene) and `[NON-DIFFUSIBLE]` (the search) stand for what its owner does not let be published.
fn is_shown(name: &str) -> bool {
    !name.trim().is_empty() && !name.starts_with('[')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wiremock::matchers::{header, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::super::tests::{json, nonsense, peer};
    use super::*;

    const SIREN: &str = "100000009";

    fn search(url: &Url) -> CompanyRegister {
        CompanyRegister::search(url).unwrap()
    }

    fn sirene(url: &Url) -> CompanyRegister {
        CompanyRegister::sirene(url, &SecretString::from("key")).unwrap()
    }

    async fn requests(server: &MockServer) -> usize {
        server.received_requests().await.unwrap().len()
    }

    /// What a register with this answer says, as (names, short name, active, diffusible).
    async fn told(
        register: impl Fn(&Url) -> CompanyRegister,
        body: Value,
    ) -> Result<Option<(Vec<String>, Option<String>, bool, bool)>, Unavailable> {
        let (_server, url) = peer(json(body)).await;
        let found = register(&url).find(SIREN).await?;
        Ok(found.map(|company| {
            let Company { mut names, trader, sigle, active, is_diffusible } = company;
            names.extend(trader);
            (names, sigle, active, is_diffusible)
        }))
    }

    fn item(state: &str) -> Value {
        json!({"siren": SIREN, "nom_complet": "ATELIER DES OURS (LES OURS)", "nom_raison_sociale": "ATELIER DES OURS",
               "sigle": "ADO", "etat_administratif": state, "statut_diffusion": "O", "nombre_etablissements": 1})
    }

    #[tokio::test]
    async fn the_search_tells_names_short_name_and_state() {
        let found = told(search, json!({"results": [item("A")], "total_results": 1})).await.unwrap().unwrap();
        let names = ["ATELIER DES OURS", "LES OURS"].map(str::to_owned).to_vec();
        assert_eq!(found, (names, Some("ADO".to_owned()), true, true));
        let (.., active, _) = told(search, json!({"results": [item("C")]})).await.unwrap().unwrap();
        assert!(!active);
    }

    #[tokio::test]
    async fn only_the_asked_company_is_taken_from_a_full_text_search() {
        assert_eq!(told(search, json!({"results": []})).await, Ok(None));
        let mut other = item("A");
        other["siren"] = "100000017".into();
        assert_eq!(told(search, json!({"results": [other]})).await, Ok(None));
        assert!(told(search, json!({"results": [other, item("C")]})).await.unwrap().is_some_and(|it| !it.2));
    }

    #[tokio::test]
    async fn a_state_that_is_none_is_unreadable() {
        let results = json!({"results": [item("X")]});
        assert_eq!(told(search, results).await, Err(CallError::Unreadable.into()));
    }

    #[tokio::test]
    async fn names_that_may_not_be_shown_are_none() {
        let mut hidden = item("A");
        for name in ["nom_complet", "nom_raison_sociale"] {
            hidden[name] = "[NON-DIFFUSIBLE]".into();
        }
        hidden["sigle"] = Value::Null;
        hidden["statut_diffusion"] = "P".into();
        assert_eq!(told(search, json!({"results": [hidden]})).await, Ok(Some((vec![], None, true, false))));
    }

    fn unit(change: impl FnOnce(&mut Value)) -> Value {
        let mut body = json!({"header": {"statut": 200, "message": "OK"}, "uniteLegale": {
            "siren": SIREN, "statutDiffusionUniteLegale": "O", "sigleUniteLegale": "ADO", "prenom1UniteLegale": null,
            "periodesUniteLegale": [
                {"dateFin": null, "etatAdministratifUniteLegale": "A", "denominationUniteLegale": "ATELIER DES OURS",
                 "denominationUsuelle1UniteLegale": "LES OURS", "nomUniteLegale": null, "nomUsageUniteLegale": null},
                {"dateFin": "2020-01-01", "etatAdministratifUniteLegale": "C", "denominationUniteLegale": "OURS SARL"}]}});
        change(&mut body["uniteLegale"]);
        body
    }

    #[tokio::test]
    async fn sirene_tells_the_period_that_has_not_ended() {
        let names = ["ATELIER DES OURS", "LES OURS"].map(str::to_owned).to_vec();
        let found = told(sirene, unit(|_| ())).await;
        assert_eq!(found, Ok(Some((names.clone(), Some("ADO".to_owned()), true, true))));
        let swapped = unit(|unit| unit["periodesUniteLegale"].as_array_mut().unwrap().reverse());
        assert_eq!(told(sirene, swapped).await.unwrap().unwrap().0, names);
        let ended = unit(|unit| unit["periodesUniteLegale"][0]["dateFin"] = "2024-01-01".into());
        assert_eq!(told(sirene, ended).await, Err(CallError::Unreadable.into()));
    }

    #[tokio::test]
    async fn a_sole_trader_is_named_by_both_surnames() {
        let trader = unit(|unit| {
            unit["prenom1UniteLegale"] = "ADA".into();
            unit["periodesUniteLegale"][0] = json!({"dateFin": null, "etatAdministratifUniteLegale": "C",
                "nomUniteLegale": "EXEMPLE", "nomUsageUniteLegale": "MODELE", "denominationUniteLegale": null});
        });
        let (names, _, active, diffusible) = told(sirene, trader).await.unwrap().unwrap();
        assert_eq!(
            (names, active, diffusible),
            (vec!["ADA EXEMPLE".into(), "ADA MODELE".into()], false, true)
        );
    }

    #[tokio::test]
    async fn what_is_not_diffusible_has_no_name() {
        let hidden = unit(|unit| {
            unit["statutDiffusionUniteLegale"] = "P".into();
            unit["sigleUniteLegale"] = "[ND]".into();
            unit["prenom1UniteLegale"] = "[ND]".into();
            unit["periodesUniteLegale"][0] = json!({"dateFin": null, "etatAdministratifUniteLegale": "A",
                "nomUniteLegale": "[ND]", "denominationUniteLegale": "[ND]"});
        });
        assert_eq!(told(sirene, hidden).await, Ok(Some((vec![], None, true, false))));
    }

    #[tokio::test]
    async fn each_api_is_asked_by_its_own_url() {
        let server = MockServer::start().await;
        Mock::given(path("/api/search"))
            .and(query_param("q", SIREN))
            .respond_with(json(json!({"results": [item("A")]})))
            .mount(&server)
            .await;
        Mock::given(path(format!("/api/siren/{SIREN}")))
            .and(header("X-INSEE-Api-Key-Integration", "key"))
            .respond_with(json(unit(|_| ())))
            .mount(&server)
            .await;
        let url = format!("{}/api", server.uri()).parse().unwrap();
        assert!(search(&url).find(SIREN).await.is_ok_and(|found| found.is_some()));
        assert!(sirene(&url).find(SIREN).await.is_ok_and(|found| found.is_some()));
    }

    #[tokio::test]
    async fn unknown_is_sirenes_own_404_and_no_other() {
        let body = json!({"header": {"statut": 404, "message": "Aucun élément trouvé"}});
        let (_server, url) = peer(ResponseTemplate::new(404).set_body_json(body)).await;
        assert!(matches!(sirene(&url).find(SIREN).await, Ok(None)));
        assert_eq!(search(&url).find(SIREN).await.err(), Some(Unavailable::Status(404)));
        let (_server, url) = peer(ResponseTemplate::new(404).set_body_string("<html>no route</html>")).await;
        assert_eq!(sirene(&url).find(SIREN).await.err(), Some(CallError::Unreadable.into()));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_no_finding() {
        for register in [search, sirene] {
            for (answer, expected) in nonsense() {
                let (_server, url) = peer(answer).await;
                assert_eq!(register(&url).find(SIREN).await.err(), Some(expected));
            }
        }
    }

    #[tokio::test]
    async fn after_a_429_nobody_calls_before_its_retry_after_is_over() {
        let server = MockServer::start().await;
        let busy = ResponseTemplate::new(429).insert_header("retry-after", "1");
        Mock::given(wiremock::matchers::any()).respond_with(busy).up_to_n_times(1).mount(&server).await;
        let found = json(json!({"results": [item("A")]}));
        Mock::given(wiremock::matchers::any()).respond_with(found).mount(&server).await;
        let register = search(&server.uri().parse().unwrap());
        let started = Instant::now();
        for _ in 0..5 {
            assert_eq!(register.find(SIREN).await.err(), Some(Unavailable::Throttled));
        }
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
        assert_eq!(requests(&server).await, 1);
        tokio::time::sleep_until((started + Duration::from_millis(1_100)).into()).await;
        assert!(register.find(SIREN).await.is_ok_and(|found| found.is_some()));
    }

    #[tokio::test]
    async fn seven_a_second_and_who_cannot_wait_is_told() {
        let (server, url) = peer(json(json!({"results": []}))).await;
        let register = search(&url);
        let calls = futures_util::future::join_all((0..20).map(|_| register.find(SIREN))).await;
        let throttled = calls.iter().filter(|call| matches!(call, Err(Unavailable::Throttled))).count();
        let served = requests(&server).await;
        // The first at once, then one each seventh of a second for a second and a half.
        assert!((10..=11).contains(&served), "{served}");
        assert!(throttled >= 20 - 11, "{throttled}");
    }

    #[tokio::test]
    async fn a_peer_that_hangs_costs_the_budget_and_no_more() {
        let slow = json(json!({"results": []})).set_delay(Duration::from_secs(10));
        let (_server, url) = peer(slow).await;
        let started = Instant::now();
        assert_eq!(search(&url).find(SIREN).await.err(), Some(CallError::Timeout.into()));
        assert!(started.elapsed() < BUDGET + Duration::from_millis(300), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn an_error_holds_nothing_of_what_was_asked() {
        let error = search(&"http://127.0.0.1:1/".parse().unwrap()).find(SIREN).await.err().unwrap();
        assert!(!format!("{error} {error:?}").contains(SIREN));
    }
}
