//! Every check, how it can come out, and what that weighs: the contract's table. Weights are priors, not fitted;
//! `score.*` of the configuration changes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a check came out. Of each check the best comes first, as in [`TABLE`]; what is missing has no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the table says what each is")]
pub enum Outcome {
    IbanValid,
    IbanInvalid,
    KeyValid,
    KeyInvalid,
    BankListed,
    BankUncurated,
    BankUnknown,
    SepaReached,
    SepaUnreached,
    AccountOrdinary,
    AccountSpecimen,
    PayeeMatch,
    PayeeClose,
    PayeeMismatch,
    PlaceMatch,
    PlaceOtherCity,
    PlaceUnknownZip,
    StreetFound,
    StreetDoubtful,
    StreetNotFound,
    PhoneValid,
    PhoneForeign,
    PhonePremiumOrVoip,
    PhoneInvalid,
    MailReached,
    MailUndeliverable,
    MailDomainOrdinary,
    MailDomainMistyped,
    MailDomainDisposable,
    MailFitsName,
    MailOtherName,
    NameOrdinary,
    NamePlaceholder,
    SirenValid,
    SirenInvalid,
    CompanyActive,
    CompanyNotActive,
    CompanyNameMatch,
    CompanyNameClose,
    CompanyNameMismatch,
    PersonsOne,
    PersonsTwo,
    PersonsThree,
    PersonsMany,
    SanctionsClear,
    SanctionsReview,
    SanctionsHit,
}

/// What an outcome does to the score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Effect {
    /// Added to the log-odds.
    pub weight: f64,
    /// The score is at most this.
    pub cap: Option<u8>,
}

impl Default for Effect {
    fn default() -> Self {
        Self { weight: 0.0, cap: None }
    }
}

/// A line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Which it is.
    pub outcome: Outcome,
    /// The check, on the wire.
    pub check: &'static str,
    /// The outcome, on the wire.
    pub name: &'static str,
    /// By default.
    pub effect: Effect,
    /// What a merchant's support can read out.
    pub says: &'static str,
}

const fn row(
    outcome: Outcome,
    check: &'static str,
    name: &'static str,
    weight: f64,
    cap: Option<u8>,
    says: &'static str,
) -> Row {
    Row { outcome, check, name, effect: Effect { weight, cap }, says }
}

use Outcome::*;

/// The table of weights and caps, in the order of [`Outcome`].
#[rustfmt::skip]
pub const TABLE: [Row; 47] = [
    row(IbanValid,            "iban",             "valid",        0.6, None,     "The IBAN has its country's structure and right check digits."),
    row(IbanInvalid,          "iban",             "invalid",      0.0, Some(10), "The IBAN does not have its country's structure or its check digits are wrong."),
    row(KeyValid,             "national_key",     "valid",        0.7, None,     "The account's national key is right."),
    row(KeyInvalid,           "national_key",     "invalid",      0.0, Some(15), "The account's national key is wrong."),
    row(BankListed,           "bank",             "listed",       0.4, None,     "The bank is on its country's list."),
    row(BankUncurated,        "bank",             "not_curated",  0.0, None,     "The bank is not on a list that is known to be incomplete."),
    row(BankUnknown,          "bank",             "unknown",     -2.0, None,     "The bank is not on its country's official list."),
    row(SepaReached,          "account_country",  "sepa",         0.0, None,     "The account's country is part of SEPA."),
    row(SepaUnreached,        "account_country",  "not_sepa",     0.0, Some(15), "The account's country is not part of SEPA: it cannot be debited."),
    row(AccountOrdinary,      "specimen",         "ordinary",     0.0, None,     "The IBAN is not a published example."),
    row(AccountSpecimen,      "specimen",         "specimen",    -1.2, None,     "The IBAN is an example from published documents."),
    row(PayeeMatch,           "payee",            "match",        3.0, None,     "The bank says that the name is the account holder's."),
    row(PayeeClose,           "payee",            "close",        1.0, None,     "The bank says that the name is close to the account holder's."),
    row(PayeeMismatch,        "payee",            "mismatch",     0.0, Some(15), "The bank says that the name is not the account holder's."),
    row(PlaceMatch,           "place",            "match",        0.6, None,     "The town has this postal code."),
    row(PlaceOtherCity,       "place",            "other_city",  -1.0, None,     "The postal code is of another town."),
    row(PlaceUnknownZip,      "place",            "unknown_zip", -1.5, None,     "There is no such postal code."),
    row(StreetFound,          "street",           "found",        0.6, None,     "The address was found."),
    row(StreetDoubtful,       "street",           "doubtful",     0.0, None,     "Only something like the address was found."),
    row(StreetNotFound,       "street",           "not_found",   -0.8, None,     "The address was not found."),
    row(PhoneValid,           "phone",            "valid",        0.4, None,     "The phone number is one of its region."),
    row(PhoneForeign,         "phone",            "foreign",      0.0, None,     "The phone number is one of another country."),
    row(PhonePremiumOrVoip,   "phone",            "premium_or_voip", -0.4, None, "The phone number is a premium, shared-cost or internet number."),
    row(PhoneInvalid,         "phone",            "invalid",     -1.2, None,     "The phone number is none of its region."),
    row(MailReached,          "email",            "deliverable",  0.3, None,     "The e-mail address is well formed and its domain takes mail."),
    row(MailUndeliverable,    "email",            "undeliverable", 0.0, Some(40), "The e-mail address is malformed or its domain takes no mail."),
    row(MailDomainOrdinary,   "email_domain",     "ordinary",     0.0, None,     "The e-mail domain is nothing special."),
    row(MailDomainMistyped,   "email_domain",     "mistyped",    -0.7, None,     "The e-mail domain looks like a misspelt provider's."),
    row(MailDomainDisposable, "email_domain",     "disposable",  -1.8, Some(60), "The e-mail address is a disposable one."),
    row(MailFitsName,         "email_name",       "fits",         0.3, None,     "The e-mail address holds the consumer's name."),
    row(MailOtherName,        "email_name",       "other",        0.0, None,     "The e-mail address does not hold the consumer's name."),
    row(NameOrdinary,         "name",             "ordinary",     0.0, None,     "The name is no placeholder."),
    row(NamePlaceholder,      "name",             "placeholder", -1.5, None,     "The name is a placeholder."),
    row(SirenValid,           "siren",            "valid",        0.3, None,     "The SIREN has a right check digit."),
    row(SirenInvalid,         "siren",            "invalid",      0.0, Some(10), "The SIREN is not one."),
    row(CompanyActive,        "company",          "active",       0.5, None,     "The company is active in the register."),
    row(CompanyNotActive,     "company",          "not_active",   0.0, Some(15), "The company is closed or not in the register."),
    row(CompanyNameMatch,     "company_name",     "match",        2.0, None,     "The corporate name is the register's."),
    row(CompanyNameClose,     "company_name",     "close",        0.8, None,     "The corporate name is close to the register's."),
    row(CompanyNameMismatch,  "company_name",     "mismatch",     0.0, Some(15), "The corporate name is not the register's."),
    row(PersonsOne,           "persons_on_iban",  "one",          0.0, None,     "Nobody else was seen on this IBAN."),
    row(PersonsTwo,           "persons_on_iban",  "two",         -0.1, None,     "Two persons were seen on this IBAN within 90 days."),
    row(PersonsThree,         "persons_on_iban",  "three",       -0.6, None,     "Three persons were seen on this IBAN within 90 days."),
    row(PersonsMany,          "persons_on_iban",  "many",        -2.0, Some(60), "Four or more persons were seen on this IBAN within 90 days."),
    row(SanctionsClear,       "sanctions",        "clear",        0.0, None,     "Screening has found nothing."),
    row(SanctionsReview,      "sanctions",        "review",       0.0, Some(69), "Screening has found somebody similar: an analyst should look."),
    row(SanctionsHit,         "sanctions",        "hit",          0.0, Some(10), "Screening has found a listed person or company."),
];

/// What a connector that is configured and does not answer does to the score.
const DOWN: Effect = Effect { weight: 0.0, cap: Some(69) };

impl Outcome {
    /// Its line of the table.
    pub fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

/// `score.*`: by check and outcome, what is to be other than in the table.
pub type Overrides = BTreeMap<String, BTreeMap<String, Effect>>;

/// The weights and caps in force.
#[derive(Debug, Clone)]
pub struct Weights {
    effects: [Effect; TABLE.len()],
    down: Effect,
}

/// Why overrides were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsFault {
    /// No check has this outcome.
    #[error("there is no such check and outcome")]
    Unknown,
    /// A better outcome would score less than a worse one.
    #[error("a better outcome of the check must not weigh less nor have a lower cap than a worse one")]
    Order,
    /// Such a cap would be a score without a colour.
    #[error("a cap must be 0 to 19, 21 to 69, or 81 to 100; a weight must be between -10 and 10")]
    Range,
}

impl Default for Weights {
    fn default() -> Self {
        Self { effects: TABLE.map(|row| row.effect), down: DOWN }
    }
}

impl Weights {
    /// The table with what the configuration changes of it.
    ///
    /// # Errors
    /// The key at fault below `score`, and why.
    pub fn with(overrides: &Overrides) -> Result<Self, (String, WeightsFault)> {
        let mut weights = Self::default();
        for (check, outcomes) in overrides {
            for (name, effect) in outcomes {
                let fault = |fault| (format!("{check}.{name}"), fault);
                let at = TABLE.iter().position(|row| row.check == check && row.name == name);
                let place = at.map(|at| &mut weights.effects[at]);
                *place.ok_or_else(|| fault(WeightsFault::Unknown))? = *effect;
                let is_coloured = effect.cap.is_none_or(|cap| matches!(cap, 0..=19 | 21..=69 | 81..=100));
                if !is_coloured || effect.weight.is_nan() || effect.weight.abs() > 10.0 {
                    return Err(fault(WeightsFault::Range));
                }
            }
        }
        for (at, pair) in TABLE.windows(2).enumerate() {
            let [better, worse] = [at, at + 1].map(|at| weights.effects[at]);
            let is_ordered =
                better.weight >= worse.weight && better.cap.unwrap_or(100) >= worse.cap.unwrap_or(100);
            if let [one, other] = pair
                && one.check == other.check
                && !is_ordered
            {
                return Err((one.check.to_owned(), WeightsFault::Order));
            }
        }
        Ok(weights)
    }

    /// Of an outcome.
    pub fn of(&self, outcome: Outcome) -> Effect {
        self.effects[outcome as usize]
    }

    /// Of a connector that is configured and does not answer.
    pub fn of_silence(&self) -> Effect {
        self.down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_outcomes_and_of_each_check_the_best_comes_first() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(row.outcome as usize, at, "{} {}", row.check, row.name);
        }
        Weights::with(&Overrides::new()).unwrap();
    }

    #[test]
    fn overrides_name_what_is_wrong_with_them() {
        let with = |check: &str, name: &str, effect| {
            let outcomes = BTreeMap::from([(name.to_owned(), effect)]);
            Weights::with(&Overrides::from([(check.to_owned(), outcomes)]))
        };
        let effect = |weight, cap| Effect { weight, cap };
        assert_eq!(with("iban", "valid", effect(0.9, None)).unwrap().of(IbanValid).weight, 0.9);
        let fault = |check: &str, name: &str, effect| with(check, name, effect).unwrap_err();
        assert_eq!(
            fault("iban", "vaild", effect(0.9, None)),
            ("iban.vaild".to_owned(), WeightsFault::Unknown)
        );
        assert_eq!(fault("payee", "close", effect(4.0, None)), ("payee".to_owned(), WeightsFault::Order));
        assert_eq!(fault("payee", "mismatch", effect(0.0, Some(75))).1, WeightsFault::Range);
    }
}
