//! A decision: our own checks, what others say, the record.

use std::sync::Arc;
use std::time::Duration;

use common::client::CallError;
use futures_util::future::{BoxFuture, FutureExt, join_all};

use super::recorder::{Application, Decided, RecordError, Recorder};
use crate::accounts::Merchant;
use crate::connectors::address::{Geocoded, Kind};
use crate::connectors::company_register::Company;
use crate::connectors::mail_exchange::Mail;
use crate::connectors::payee_verification::Holder as AccountHolder;
use crate::connectors::screening::{Party, ScreeningFinding};
use crate::connectors::{Connectors, Unavailable};
use crate::domain::company::Siren;
use crate::domain::email::EmailAddress;
use crate::domain::evidence::Offline;
use crate::domain::form::{self, Consumer, Form};
use crate::domain::history::Keys;
use crate::domain::iban::Iban;
use crate::domain::name::{self, Likeness};
use crate::domain::outcome::Outcome;
use crate::domain::score::{Connector, Evidence};
use crate::reference::Holder;

/// What all connectors together may cost a request; each has less.
const BUDGET: Duration = Duration::from_secs(3);
/// The least score of the address API for an address that exists, and the score below which none does (contract).
const FOUND: f64 = 0.8;
const NOT_FOUND: f64 = 0.4;

/// The countries, as senders name them, whose addresses the API knows.
const MAPPED: [&str; 9] = ["FR", "GP", "MQ", "GF", "RE", "PM", "YT", "BL", "MF"];

/// Where decisions are made.
pub struct Desk {
    /// Our lists.
    pub reference: Arc<Holder>,
    /// Whom to ask.
    pub connectors: Connectors,
    /// Under which digests are made.
    pub keys: Keys,
    /// Where decisions are kept.
    pub recorder: Recorder,
}

/// A decision, and who was silent.
#[derive(Debug)]
pub struct Decision {
    /// What was decided and is stored.
    pub decided: Decided,
    /// Connectors that did not answer.
    pub down: Vec<Connector>,
}

/// What a connector has to say: outcomes of its checks.
type Answer<'a> = (Connector, BoxFuture<'a, Result<Vec<Outcome>, Unavailable>>);

impl Desk {
    /// Decides, and stores the decision.
    ///
    /// # Errors
    /// [`RecordError`]
    pub async fn decide(&self, merchant: Merchant, form: &Form) -> Result<Decision, RecordError> {
        let mut offline = Offline::of(form, &self.reference.current());
        if self.connectors.mail_exchange.is_none() {
            offline.trust_mail();
        }
        let mut down = Vec::new();
        let mut outcomes = std::mem::take(&mut offline.outcomes);
        for (connector, answer) in self.ask(form, &offline).await {
            match answer {
                Ok(answer) => outcomes.extend(answer),
                Err(error) => {
                    tracing::warn!(connector = connector.name(), %error, "a connector has no answer");
                    down.push(connector);
                }
            }
        }
        let application = Application {
            account_id: merchant.account_id,
            evidence: Evidence { outcomes, down: down.clone() },
            sighting: offline.iban.as_ref().and_then(|iban| self.keys.sighting(form, iban.as_str())),
        };
        let decided = self.recorder.record(application).await?;
        Ok(Decision { decided, down })
    }

    /// Asks all that are on and concerned, at once.
    async fn ask(
        &self,
        form: &Form,
        offline: &Offline,
    ) -> Vec<(Connector, Result<Vec<Outcome>, Unavailable>)> {
        let answers: Vec<Answer<'_>> = [
            self.ask_register(form, offline.siren.as_ref()),
            self.ask_address(form.consumer.as_ref()),
            self.ask_bank(form, offline.iban.as_ref()),
            self.ask_screening(form),
            self.ask_mail(offline.email.as_ref()),
        ]
        .into_iter()
        .flatten()
        .collect();
        if answers.is_empty() {
            return Vec::new();
        }
        let bounded = answers.into_iter().map(|(connector, answer)| async move {
            // Each keeps to its own budget; this is for what a budget does not see.
            let answer = tokio::time::timeout(BUDGET, answer).await;
            (connector, answer.unwrap_or(Err(CallError::Timeout.into())))
        });
        join_all(bounded).await
    }

    fn ask_register<'a>(&'a self, form: &'a Form, siren: Option<&'a Siren>) -> Option<Answer<'a>> {
        let (register, siren) = (self.connectors.company_register.as_ref()?, siren?);
        let declared = form.company.as_ref()?.social_reference.expose();
        let answer = async move {
            let found = register.find(siren.as_str()).await;
            found.map(|company| of_register(company.as_ref(), declared))
        };
        Some((Connector::CompanyRegister, answer.boxed()))
    }

    fn ask_address<'a>(&'a self, consumer: Option<&'a Consumer>) -> Option<Answer<'a>> {
        let (api, consumer) = (self.connectors.address.as_ref()?, consumer?);
        let zip = consumer.zip_code.expose();
        if !MAPPED.contains(&consumer.country.as_str()) {
            return None;
        }
        let answer = async move { api.best(&street(consumer), zip).await.map(|best| vec![of_address(best)]) };
        Some((Connector::Address, answer.boxed()))
    }

    fn ask_bank<'a>(&'a self, form: &'a Form, iban: Option<&'a Iban>) -> Option<Answer<'a>> {
        let (bank, iban) = (self.connectors.payee_verification.as_ref()?, iban?);
        // A company's account bears its name, or that of who runs it.
        let company = form.company.as_ref().map(|company| company.social_reference.expose().clone());
        let consumer = form
            .consumer
            .as_ref()
            .map(|consumer| format!("{} {}", consumer.first_name.expose(), consumer.last_name.expose()));
        let names: Vec<String> = company.into_iter().chain(consumer).collect();
        if names.is_empty() {
            return None;
        }
        let answer = async move {
            let asked = names.iter().map(|name| bank.verify(iban.as_str(), name));
            let answers: Result<Vec<_>, _> = join_all(asked).await.into_iter().collect();
            let best = answers.map(|answers| answers.into_iter().flatten().map(of_bank).min());
            best.map(|best| best.into_iter().collect())
        };
        Some((Connector::PayeeVerification, answer.boxed()))
    }

    fn ask_screening<'a>(&'a self, form: &'a Form) -> Option<Answer<'a>> {
        let screening = self.connectors.screening.as_ref()?;
        let person = form.consumer.as_ref().map(|consumer| Party::Person {
            first_name: consumer.first_name.expose(),
            last_name: consumer.last_name.expose(),
        });
        let company = form.company.as_ref().map(|company| Party::Company(company.social_reference.expose()));
        let parties: Vec<Party<'_>> = person.into_iter().chain(company).collect();
        if parties.is_empty() {
            return None;
        }
        let answer =
            async move { screening.screen(&parties).await.map(|finding| vec![of_screening(finding)]) };
        Some((Connector::Screening, answer.boxed()))
    }

    fn ask_mail<'a>(&'a self, email: Option<&'a EmailAddress>) -> Option<Answer<'a>> {
        let (mail, email) = (self.connectors.mail_exchange.as_ref()?, email?);
        let answer = async move { mail.of(email.domain()).await.map(|finding| vec![of_mail(finding)]) };
        Some((Connector::Mx, answer.boxed()))
    }
}

fn street(consumer: &Consumer) -> String {
    let form::Consumer { street_number, street_type, street_name, city, .. } = consumer;
    [street_number, street_type, street_name, city].map(|part| part.expose().as_str()).join(" ")
}

fn of_register(company: Option<&Company>, declared: &str) -> Vec<Outcome> {
    let Some(company) = company.filter(|company| company.active) else {
        return vec![Outcome::CompanyNotActive];
    };
    let names = company.names.iter().chain(&company.sigle);
    let as_company = names.map(|registered| name::companies_alike(declared, registered));
    let as_person = company.trader.iter().map(|trader| name::persons_alike(declared, trader));
    let best = as_company.chain(as_person).max();
    let of_name = match best {
        Some(Likeness::Match) => Some(Outcome::CompanyNameMatch),
        Some(Likeness::Close) => Some(Outcome::CompanyNameClose),
        // What the register may not publish proves nothing.
        Some(Likeness::Mismatch) if company.is_diffusible => Some(Outcome::CompanyNameMismatch),
        _ => None,
    };
    std::iter::once(Outcome::CompanyActive).chain(of_name).collect()
}

fn of_address(best: Option<Geocoded>) -> Outcome {
    let is_street = |best: &Geocoded| !matches!(best.kind, Kind::Municipality);
    match best.map(|best| (best.score, is_street(&best))) {
        Some((score, true)) if score >= FOUND => Outcome::StreetFound,
        Some((score, _)) if score >= NOT_FOUND => Outcome::StreetDoubtful,
        _ => Outcome::StreetNotFound,
    }
}

fn of_bank(holder: AccountHolder) -> Outcome {
    match holder {
        AccountHolder::Match => Outcome::PayeeMatch,
        AccountHolder::Close => Outcome::PayeeClose,
        AccountHolder::NoMatch => Outcome::PayeeMismatch,
    }
}

fn of_screening(finding: ScreeningFinding) -> Outcome {
    match finding {
        ScreeningFinding::Clear => Outcome::SanctionsClear,
        ScreeningFinding::Review => Outcome::SanctionsReview,
        ScreeningFinding::Hit => Outcome::SanctionsHit,
    }
}

fn of_mail(mail: Mail) -> Outcome {
    match mail {
        Mail::Accepted => Outcome::MailReached,
        Mail::None => Outcome::MailUndeliverable,
    }
}
