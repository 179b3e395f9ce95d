//! The decision engine, version 1: a pure function of a snapshot, that explains each of its rules (contract, "Decision
//! engine v1").

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy, dec};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::canonical;
use super::country::Country;
use super::date::plus_months;
use super::debtor::{Accounts, ConsumerCheck, Profile, Sanctions};
use super::money::{Amount, Currency, Fx};
use super::reason::DecisionReason;

/// This engine, as decisions name it.
pub const VERSION: &str = "1";

/// The engine's numbers. The defaults are the contract's, uncalibrated ones; decimals are written as strings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "snake_case", deny_unknown_fields)]
pub struct Parameters {
    /// Above so many euros a request is referred.
    pub refer_above: Decimal,
    /// A company younger than so many months is referred.
    pub min_age_months: u32,
    /// Altman's weights of WC/TA, RE/TA, EBIT/TA and BVE/TL (Z″, 1995).
    pub z_weights: [Decimal; 4],
    /// Below which Z″ a debtor has which grade, ascending.
    pub grade_bounds: Vec<(Decimal, u8)>,
    /// The grade above all bounds.
    pub top_grade: u8,
    /// Up to how many days beyond terms the grade changes by how much, ascending.
    pub lateness_bounds: Vec<(i32, i8)>,
    /// By how much above all bounds.
    pub worst_lateness: i8,
    /// A debtor up to this grade is denied.
    pub denied_grade: u8,
    /// A debtor up to this grade costs a premium.
    pub premium_grade: u8,
    /// The premium, in basis points of the grant a year.
    pub premium_bps: u32,
    /// Which part of its equity may be at risk on a debtor of grade 4, 5, … 10.
    pub equity_shares: [Decimal; 7],
    /// Which part of its turnover may be.
    pub turnover_share: Decimal,
    /// Grants are multiples of it.
    pub grant_step: Decimal,
    /// For how many months a limit is valid, no longer than its contract.
    pub validity_months: u32,
    /// Countries off cover.
    pub off_cover: BTreeSet<Country>,
    /// The best grade of a country's debtors.
    pub country_ceilings: BTreeMap<Country, u8>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            refer_above: dec!(500_000),
            min_age_months: 24,
            z_weights: [dec!(6.56), dec!(3.26), dec!(6.72), dec!(1.05)],
            grade_bounds: vec![
                (dec!(0), 1),
                (dec!(1.1), 3),
                (dec!(1.75), 4),
                (dec!(2.6), 5),
                (dec!(4), 6),
                (dec!(5.5), 7),
                (dec!(7), 8),
            ],
            top_grade: 9,
            lateness_bounds: vec![(0, 1), (15, 0), (30, -1), (60, -2)],
            worst_lateness: -3,
            denied_grade: 3,
            premium_grade: 4,
            premium_bps: 60,
            equity_shares: [
                dec!(0.05),
                dec!(0.10),
                dec!(0.15),
                dec!(0.20),
                dec!(0.25),
                dec!(0.30),
                dec!(0.30),
            ],
            turnover_share: dec!(0.10),
            grant_step: dec!(1000),
            validity_months: 12,
            off_cover: BTreeSet::new(),
            country_ceilings: BTreeMap::new(),
        }
    }
}

impl Parameters {
    /// What is wrong with them, if anything: a better debtor must never be worse off.
    ///
    /// # Errors
    /// The parameter's name.
    pub fn check(&self) -> Result<(), &'static str> {
        let is_grade = |grade: &u8| (1..=10).contains(grade);
        let grades: Vec<u8> =
            self.grade_bounds.iter().map(|(_, grade)| *grade).chain([self.top_grade]).collect();
        let changes: Vec<i8> =
            self.lateness_bounds.iter().map(|(_, change)| *change).chain([self.worst_lateness]).collect();
        let is_share = |share: &Decimal| (Decimal::ZERO..=Decimal::ONE).contains(share);
        let checks = [
            ("refer_above", self.refer_above > Decimal::ZERO),
            ("z_weights", self.z_weights.iter().all(|weight| *weight > Decimal::ZERO)),
            ("grade_bounds", self.grade_bounds.is_sorted_by_key(|(bound, _)| *bound)),
            ("grade_bounds", grades.is_sorted() && grades.iter().all(is_grade)),
            ("lateness_bounds", self.lateness_bounds.is_sorted_by_key(|(bound, _)| *bound)),
            ("lateness_bounds", changes.is_sorted_by(|a, b| a >= b)),
            ("equity_shares", self.equity_shares.is_sorted() && self.equity_shares.iter().all(is_share)),
            ("turnover_share", is_share(&self.turnover_share)),
            ("premium_bps", self.premium_bps <= 10_000),
            ("grant_step", self.grant_step >= Decimal::ONE && self.grant_step.is_integer()),
            ("validity_months", (1..=120).contains(&self.validity_months)),
            ("min_age_months", self.min_age_months <= 1_200),
            ("country_ceilings", self.country_ceilings.values().all(is_grade)),
        ];
        checks.into_iter().find(|(_, is_right)| !is_right).map_or(Ok(()), |(name, _)| Err(name))
    }

    /// The premium of a grant to a debtor of a grade, if it costs one.
    pub fn premium(&self, grant: Amount, grade: Option<u8>, currency: Currency) -> Option<Price> {
        grade.filter(|grade| *grade <= self.premium_grade)?;
        let annual = grant.value().saturating_mul(Decimal::new(i64::from(self.premium_bps), 4));
        Some(Price { rate_bps: self.premium_bps, annual_amount: Amount::nearest(annual, currency) })
    }

    /// The greatest amount up to a limit that can be granted.
    pub fn grantable(&self, limit: Decimal) -> Decimal {
        limit - limit.checked_rem(self.grant_step).unwrap_or_default()
    }

    fn base_grade(&self, z: Decimal) -> u8 {
        self.grade_bounds.iter().find(|(bound, _)| z < *bound).map_or(self.top_grade, |(_, grade)| *grade)
    }

    fn lateness(&self, days: i32) -> i8 {
        self.lateness_bounds
            .iter()
            .find(|(bound, _)| days <= *bound)
            .map_or(self.worst_lateness, |(_, it)| *it)
    }

    fn equity_share(&self, grade: u8) -> Decimal {
        usize::from(grade)
            .checked_sub(4)
            .and_then(|at| self.equity_shares.get(at))
            .copied()
            .unwrap_or_default()
    }
}

/// Why the engine is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Occasion {
    /// A request.
    Request,
    /// A limit is to be put into force again. What its request was referred for was settled when it was granted: amount,
    /// terms and comments are not looked at again, and the amount is not rounded.
    Activation,
}

/// All that a decision depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inputs {
    /// Why the engine is asked.
    pub occasion: Occasion,
    /// The day, in Madrid.
    pub day: NaiveDate,
    /// The debtor's country.
    pub country: Country,
    /// Whether the debtor is a natural person.
    pub is_natural_person: bool,
    /// What is known of the debtor.
    pub debtor: Profile,
    /// What screening says.
    pub sanctions: Sanctions,
    /// What secure-consumer says of a French debtor; it is not asked of others.
    pub consumer_check: Option<ConsumerCheck>,
    /// What the insurer has at risk on the debtor, in euros, without the limit that this request would replace.
    pub exposure: Decimal,
    /// The request's currency, which is the contract's.
    pub currency: Currency,
    /// Its rate.
    pub fx: Fx,
    /// What is asked for; at an activation, the limit.
    pub requested: Amount,
    /// The least that helps: more than the limit in force for an increase, all that is asked for for a prolongation.
    /// Nothing less is granted.
    pub at_least: Option<Amount>,
    /// Payment terms asked for, in days.
    pub terms_days: u16,
    /// The longest that the contract covers.
    pub contract_terms_days: u16,
    /// Whether the request has comments, which only people can read.
    pub has_comments: bool,
    /// The most that the contract covers on one debtor.
    pub debtor_cap: Amount,
    /// What is left of the contract's aggregate, without the limit that this request would replace.
    pub aggregate_left: Decimal,
}

/// What the engine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// Granted, all or in part.
    Granted,
    /// Granted if a premium is accepted.
    Offered,
    /// Not granted.
    Denied,
    /// An underwriter must decide.
    Referred,
}

/// What a limit costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// Basis points of the grant a year.
    pub rate_bps: u32,
    /// Of the grant, a year.
    pub annual_amount: Amount,
}

/// What a rule did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    /// Which rule.
    pub id: String,
    /// What it looked at.
    pub input: String,
    /// With what it compared it.
    pub threshold: String,
    /// `PASS`, `DENY`, `REFER`, or the value that it contributed.
    pub effect: String,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The answer.
    pub outcome: Outcome,
    /// 1–10, 10 best; none where it could not be computed or did not count.
    pub grade: Option<u8>,
    /// Altman's Z″, to four decimals.
    pub z: Option<Decimal>,
    /// What more the insurer would have at risk on the debtor, in euros.
    pub capacity: Option<Decimal>,
    /// What is granted or offered.
    pub grant: Option<Amount>,
    /// What the insured is told.
    pub reason_codes: Vec<DecisionReason>,
    /// Of an offer.
    pub premium: Option<Price>,
    /// Every rule, for underwriters only.
    pub explanation: Vec<Rule>,
}

/// What is stored of a decision so that it can be made again: parameters too, since they change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// [`VERSION`] when it was made.
    pub engine_version: String,
    /// What the decision was about.
    pub inputs: Inputs,
    /// The engine's numbers.
    pub parameters: Parameters,
}

/// A decision with what proves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionRecord {
    /// Which engine decided.
    pub engine_version: String,
    /// SHA-256 of the snapshot's canonical JSON, in hexadecimal.
    pub inputs_hash: String,
    /// What it decided.
    pub decision: Decision,
}

impl Snapshot {
    /// Of inputs and the parameters in force, for this engine.
    pub fn new(inputs: Inputs, parameters: Parameters) -> Self {
        Self { engine_version: VERSION.to_owned(), inputs, parameters }
    }

    /// Makes the decision, and makes a past one again.
    ///
    /// # Errors
    /// None that can occur: nothing in a snapshot has no JSON.
    pub fn decide(&self) -> serde_json::Result<DecisionRecord> {
        Ok(DecisionRecord {
            engine_version: self.engine_version.clone(),
            inputs_hash: canonical::sha256(&canonical::json(self)?),
            decision: evaluate(&self.inputs, &self.parameters),
        })
    }
}

/// Decides (contract, "Decision engine v1"): a denial comes before a referral, and that before what the figures say.
pub fn evaluate(inputs: &Inputs, parameters: &Parameters) -> Decision {
    let mut rules = Rules::default();
    facts(inputs, parameters, &mut rules);
    if rules.is_denied {
        return rules.decision(Outcome::Denied, None);
    }
    requests(inputs, parameters, &mut rules);
    let figures = figures(inputs, parameters, &mut rules);
    if rules.is_referred {
        return rules.decision(Outcome::Referred, figures);
    }
    let denial = match &figures {
        // Without figures it was referred.
        None => Some(DecisionReason::NO_ACCOUNTS),
        Some(figures) if figures.grade <= parameters.denied_grade => Some(DecisionReason::OTHER),
        Some(figures) if figures.grant.is_none() => Some(DecisionReason::LIMIT_FULL),
        Some(_) => None,
    };
    if let Some(reason) = denial {
        if inputs.is_natural_person {
            rules.refer("natural-person", "denied on figures", "GDPR art. 22", true, None);
            return rules.decision(Outcome::Referred, figures);
        }
        rules.reasons.insert(reason);
        return rules.decision(Outcome::Denied, figures);
    }
    let premium = figures.as_ref().and_then(|figures| {
        let grant = figures.grant?;
        let price = parameters.premium(grant, Some(figures.grade), inputs.currency);
        let effect = price.map_or("none".to_owned(), |it| format!("{} a year", it.annual_amount));
        let threshold = format!("≤ {}: {} bps", parameters.premium_grade, parameters.premium_bps);
        rules.add("premium", figures.grade, threshold, effect);
        price
    });
    let mut decision =
        rules.decision(if premium.is_some() { Outcome::Offered } else { Outcome::Granted }, figures.clone());
    decision.grant = figures.and_then(|figures| figures.grant);
    decision.premium = premium;
    decision
}

/// What denies or refers whatever the figures say.
fn facts(inputs: &Inputs, parameters: &Parameters, rules: &mut Rules) {
    let sanctions = inputs.sanctions;
    let is_listed = sanctions == Sanctions::Confirmed;
    rules.deny("sanctions", word(&sanctions), "CONFIRMED", is_listed, DecisionReason::NO_COMMENT);
    let is_insolvent = inputs.debtor.is_insolvent;
    rules.deny("insolvency", is_insolvent, "open", is_insolvent, DecisionReason::INSOLVENT);
    let is_off = parameters.off_cover.contains(&inputs.country);
    rules.deny("country", inputs.country, "off cover", is_off, DecisionReason::OTHER);
}

/// What an underwriter must look at.
fn requests(inputs: &Inputs, parameters: &Parameters, rules: &mut Rules) {
    let is_doubtful = inputs.sanctions != Sanctions::Clear;
    rules.refer("screening", word(&inputs.sanctions), "not CLEAR", is_doubtful, None);
    let consumer = inputs.consumer_check;
    let is_doubtful = match consumer {
        Some(check) => matches!(check, ConsumerCheck::Red | ConsumerCheck::Unavailable),
        None => inputs.country == Country::FR,
    };
    let shown = consumer.map_or("not asked".to_owned(), |it| word(&it));
    rules.refer("consumer-check", shown, "RED or no answer", is_doubtful, None);
    if inputs.occasion == Occasion::Request {
        let euros = inputs.fx.to_eur(inputs.requested.value());
        let threshold = format!("> {} EUR", parameters.refer_above);
        rules.refer("amount", format!("{euros} EUR"), threshold, euros > parameters.refer_above, None);
        let is_long = inputs.terms_days > inputs.contract_terms_days;
        rules.refer("terms", inputs.terms_days, format!("> {}", inputs.contract_terms_days), is_long, None);
        rules.refer("comments", inputs.has_comments, "any", inputs.has_comments, None);
    }
    let threshold = format!("younger than {} months", parameters.min_age_months);
    match inputs.debtor.founded {
        Some(founded) => {
            let is_young = plus_months(founded, parameters.min_age_months) > inputs.day;
            rules.refer("age", founded, threshold, is_young, Some(DecisionReason::NEW_COMPANY));
        }
        // A person has not been founded.
        None => {
            let is_company = !inputs.is_natural_person;
            rules.refer("age", "unknown", threshold, is_company, Some(DecisionReason::NO_ACCOUNTS));
        }
    }
}

/// What accounts and payments say.
#[derive(Clone)]
struct Figures {
    z: Decimal,
    grade: u8,
    capacity: Decimal,
    grant: Option<Amount>,
}

fn figures(inputs: &Inputs, parameters: &Parameters, rules: &mut Rules) -> Option<Figures> {
    let accounts = inputs.debtor.accounts.as_ref();
    rules.refer(
        "accounts",
        accounts.is_some(),
        "none",
        accounts.is_none(),
        Some(DecisionReason::NO_ACCOUNTS),
    );
    let accounts = accounts?;
    let z = z(accounts, &parameters.z_weights);
    let shown = format!("TA {}, TL {}", accounts.total_assets, accounts.total_liabilities);
    rules.refer("balance-sheet", shown, "TA ≤ 0 or TL ≤ 0", z.is_none(), Some(DecisionReason::NO_ACCOUNTS));
    let z = z?;

    let base = parameters.base_grade(z);
    let bounds: Vec<String> =
        parameters.grade_bounds.iter().map(|(bound, grade)| format!("< {bound}: {grade}")).collect();
    rules.add(
        "z",
        z,
        format!("{}, else {}", bounds.join(", "), parameters.top_grade),
        format!("grade {base}"),
    );
    let late = inputs.debtor.days_beyond_terms;
    let change = late.map_or(0, |days| parameters.lateness(days));
    let bounds: Vec<String> =
        parameters.lateness_bounds.iter().map(|(bound, change)| format!("≤ {bound}: {change:+}")).collect();
    let shown = late.map_or("unknown".to_owned(), |days| days.to_string());
    let threshold = format!("{}, else {:+}", bounds.join(", "), parameters.worst_lateness);
    rules.add("days-beyond-terms", shown, threshold, format!("{change:+}"));
    let grade = base.saturating_add_signed(change).clamp(1, 10);
    let ceiling = parameters.country_ceilings.get(&inputs.country).copied();
    let grade = grade.min(ceiling.unwrap_or(10));
    let shown = ceiling.map_or("none".to_owned(), |ceiling| ceiling.to_string());
    rules.add("country-ceiling", inputs.country, shown, format!("grade {grade}"));
    let effect = if grade <= parameters.denied_grade { "DENY" } else { "PASS" };
    rules.add("grade", grade, format!("≤ {}", parameters.denied_grade), effect);

    let share = parameters.equity_share(grade);
    let thousands =
        |value: Decimal, share: Decimal| value.saturating_mul(share).saturating_mul(dec!(1000)).normalize();
    let of_equity = thousands(accounts.equity, share);
    rules.add("equity", accounts.equity, format!("{share} of it"), format!("{of_equity} EUR"));
    let of_turnover = thousands(accounts.turnover, parameters.turnover_share);
    let threshold = format!("{} of it", parameters.turnover_share);
    rules.add("turnover", accounts.turnover, threshold, format!("{of_turnover} EUR"));
    let capacity = of_equity.min(of_turnover).saturating_sub(inputs.exposure).max(Decimal::ZERO);
    rules.add(
        "capacity",
        format!("{} EUR at risk", inputs.exposure),
        "the lesser of both",
        format!("{capacity} EUR"),
    );

    let limits = [
        ("requested", inputs.requested.value()),
        ("capacity", inputs.fx.of_eur(capacity)),
        ("debtor cap", inputs.debtor_cap.value()),
        ("aggregate left", inputs.aggregate_left),
    ];
    let least = limits.iter().map(|(_, limit)| *limit).min().unwrap_or_default();
    let least = match inputs.occasion {
        Occasion::Request => parameters.grantable(least),
        Occasion::Activation => least,
    };
    let grant = Amount::down(least, inputs.currency);
    let enough = inputs.at_least.map_or(Decimal::ZERO, Amount::value);
    let is_enough = grant.value() > Decimal::ZERO && grant.value() >= enough;
    let shown = limits.map(|(name, limit)| format!("{name} {}", limit.normalize())).join(", ");
    let effect = if is_enough { format!("{grant} {}", inputs.currency) } else { "DENY".to_owned() };
    rules.add("grant", shown, format!("multiple of {}, ≥ {enough}, > 0", parameters.grant_step), effect);
    Some(Figures { z, grade, capacity, grant: Some(grant).filter(|_| is_enough) })
}

/// Altman's Z″, to four decimals; none where assets or liabilities are not above zero, or where a figure is absurd.
fn z(accounts: &Accounts, weights: &[Decimal; 4]) -> Option<Decimal> {
    let (assets, liabilities) = (accounts.total_assets, accounts.total_liabilities);
    if assets <= Decimal::ZERO || liabilities <= Decimal::ZERO {
        return None;
    }
    let ratios = [
        accounts.working_capital.checked_div(assets)?,
        accounts.retained_earnings.checked_div(assets)?,
        accounts.ebit.checked_div(assets)?,
        accounts.equity.checked_div(liabilities)?,
    ];
    let terms = ratios.into_iter().zip(weights).map(|(ratio, weight)| ratio.checked_mul(*weight));
    let z = terms.reduce(|sum, term| sum?.checked_add(term?))??;
    let mut z = z.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero);
    z.rescale(4);
    Some(z)
}

/// A value's word on the wire.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// What the rules have said so far.
#[derive(Default)]
struct Rules {
    is_denied: bool,
    is_referred: bool,
    reasons: BTreeSet<DecisionReason>,
    explanation: Vec<Rule>,
}

impl Rules {
    fn add(&mut self, id: &str, input: impl Display, threshold: impl Display, effect: impl Display) {
        self.explanation.push(Rule {
            id: id.to_owned(),
            input: input.to_string(),
            threshold: threshold.to_string(),
            effect: effect.to_string(),
        });
    }

    fn deny(
        &mut self,
        id: &str,
        input: impl Display,
        threshold: &str,
        applies: bool,
        reason: DecisionReason,
    ) {
        self.add(id, input, threshold, if applies { "DENY" } else { "PASS" });
        if applies {
            self.is_denied = true;
            self.reasons.insert(reason);
        }
    }

    fn refer(
        &mut self,
        id: &str,
        input: impl Display,
        threshold: impl Display,
        applies: bool,
        reason: Option<DecisionReason>,
    ) {
        self.add(id, input, threshold, if applies { "REFER" } else { "PASS" });
        if applies {
            self.is_referred = true;
            self.reasons.extend(reason);
        }
    }

    fn decision(&mut self, outcome: Outcome, figures: Option<Figures>) -> Decision {
        Decision {
            outcome,
            grade: figures.as_ref().map(|it| it.grade),
            z: figures.as_ref().map(|it| it.z),
            capacity: figures.as_ref().map(|it| it.capacity),
            grant: None,
            reason_codes: self.reasons.iter().copied().collect(),
            premium: None,
            explanation: std::mem::take(&mut self.explanation),
        }
    }
}

#[cfg(test)]
mod tests;
