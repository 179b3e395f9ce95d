//! The company register by both of its APIs: the public search and INSEE's Sirene 3.11.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::Endpoint;
use crate::tables::{COMPANIES, Company, words};
use crate::{Answer, State, respond};

#[derive(Deserialize)]
pub(crate) struct Search {
    #[serde(default)]
    q: String,
}

pub(crate) async fn search(
    request: HttpRequest,
    Query(Search { q }): Query<Search>,
    state: Data<State>,
) -> HttpResponse {
    let answer = if !state.may_search() {
        let refusal = json!({"erreur": "Trop de requêtes"});
        Answer { retry_after_s: Some(1), ..Answer::of(429, refusal) }
    } else if q.chars().count() < 3 {
        let refusal = "3 caractères minimum pour les termes de la requête";
        Answer::of(400, json!({"erreur": refusal}))
    } else {
        let results: Vec<Value> = COMPANIES.iter().filter(|it| is_found(it, &q)).map(result).collect();
        let total = results.len();
        Answer::ok(json!({"results": results, "total_results": total, "page": 1, "per_page": 10,
                          "total_pages": total.min(1)}))
    };
    respond(&request, &state, Endpoint::CompanyRegister, q, answer).await
}

impl State {
    /// Whether fewer searches than the rate came within the last second; if so, one more did.
    fn may_search(&self) -> bool {
        let mut searches = self.searches.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while searches.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1)) {
            searches.pop_front();
        }
        let may = self.register_rate == 0 || searches.len() < self.register_rate;
        if may && self.register_rate > 0 {
            searches.push_back(now);
        }
        may
    }
}

/// By its SIREN, or by all words of a name that may be shown.
fn is_found(company: &Company, q: &str) -> bool {
    let Company { corporate_name, trader, usual_name, .. } = *company;
    let (first_name, surname) = trader.unwrap_or_default();
    let name =
        [corporate_name.unwrap_or_default(), first_name, surname, usual_name.unwrap_or_default()].join(" ");
    let (known, asked) = (words(&name), words(q));
    company.siren == q
        || (company.is_diffusible && !asked.is_empty() && asked.iter().all(|word| known.contains(word)))
}

fn result(company: &Company) -> Value {
    let Company { siren, corporate_name, trader, usual_name, sigle, active, is_diffusible } = *company;
    let trader = trader.map(|(first_name, surname)| format!("{first_name} {surname}"));
    let name = corporate_name.map(str::to_owned).or(trader).unwrap_or_default();
    let whole = usual_name.map_or(name.clone(), |usual| format!("{name} ({usual})"));
    let hidden = || json!("[NON-DIFFUSIBLE]");
    json!({
        "siren": siren,
        "nom_complet": if is_diffusible { json!(whole) } else { hidden() },
        "nom_raison_sociale": match corporate_name {
            Some(name) if is_diffusible => json!(name),
            Some(_) => hidden(),
            None => Value::Null,
        },
        "sigle": sigle.filter(|_| is_diffusible),
        "nombre_etablissements": 1,
        "nombre_etablissements_ouverts": u8::from(active),
        "activite_principale": "95.29Z",
        "date_creation": "2015-03-02",
        "date_fermeture": (!active).then_some("2023-06-30"),
        "dirigeants": [],
        "etat_administratif": if active { "A" } else { "C" },
        "nature_juridique": if corporate_name.is_some() { "5499" } else { "1000" },
        "section_activite_principale": "S",
        "statut_diffusion": if is_diffusible { "O" } else { "P" },
        "siege": {"siret": format!("{siren}00001"), "est_siege": true},
        "matching_etablissements": [],
        "complements": {"est_entrepreneur_individuel": corporate_name.is_none()},
    })
}

pub(crate) async fn sirene(request: HttpRequest, siren: Path<String>, state: Data<State>) -> HttpResponse {
    let siren = siren.into_inner();
    let key = request.headers().get("x-insee-api-key-integration");
    let refusal = |status: u16, message: String| {
        Answer::of(status, json!({"header": {"statut": status, "message": message}}))
    };
    let answer = if key.is_none_or(|key| key.is_empty()) {
        Answer::of(401, json!({"message": "Unauthorized", "http_status_code": 401}))
    } else if siren.len() != 9 || !siren.bytes().all(|byte| byte.is_ascii_digit()) {
        refusal(400, format!("Erreur de syntaxe dans le paramètre siren={siren}"))
    } else {
        match COMPANIES.iter().find(|company| company.siren == siren) {
            Some(company) => {
                Answer::ok(json!({"header": {"statut": 200, "message": "OK"}, "uniteLegale": unit(company)}))
            }
            None => refusal(404, format!("Aucun élément trouvé pour le siren {siren}")),
        }
    };
    respond(&request, &state, Endpoint::Sirene, siren, answer).await
}

/// A legal unit with its periods: the current one, and a former one of another name.
fn unit(company: &Company) -> Value {
    let Company { siren, corporate_name, trader, usual_name, sigle, active, is_diffusible } = *company;
    let shown =
        |text: Option<&str>| text.map(|text| if is_diffusible { text.to_owned() } else { "[ND]".to_owned() });
    let (first_name, surname) = trader.unzip();
    let period = |end: Option<&str>, begin: &str, state: &str, corporate_name: Option<&str>| {
        json!({
            "dateFin": end, "dateDebut": begin, "etatAdministratifUniteLegale": state,
            "nomUniteLegale": shown(surname), "nomUsageUniteLegale": null,
            "denominationUniteLegale": shown(corporate_name),
            "denominationUsuelle1UniteLegale": shown(usual_name),
            "denominationUsuelle2UniteLegale": null, "denominationUsuelle3UniteLegale": null,
            "categorieJuridiqueUniteLegale": if corporate_name.is_some() { "5499" } else { "1000" },
            "activitePrincipaleUniteLegale": "95.29Z", "nicSiegeUniteLegale": "00001",
        })
    };
    let former = corporate_name.map(|_| "ANCIEN NOM");
    json!({
        "siren": siren,
        "statutDiffusionUniteLegale": if is_diffusible { "O" } else { "P" },
        "dateCreationUniteLegale": "2015-03-02",
        "sigleUniteLegale": shown(sigle),
        "prenom1UniteLegale": shown(first_name), "prenomUsuelUniteLegale": shown(first_name),
        "nombrePeriodesUniteLegale": 2,
        "periodesUniteLegale": [
            period(None, "2023-07-01", if active { "A" } else { "C" }, corporate_name),
            period(Some("2023-06-30"), "2015-03-02", "A", former),
        ],
    })
}
