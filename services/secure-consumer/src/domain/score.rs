//! From outcomes to a score.

use serde::{Deserialize, Serialize};

use super::outcome::{Outcome, Weights};

/// A connector: an outside system that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connector {
    /// The company register.
    CompanyRegister,
    /// The address API.
    Address,
    /// Payee verification.
    PayeeVerification,
    /// gda-audit.
    Screening,
    /// DNS.
    Mx,
}

impl Connector {
    /// As the wire and the configuration have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CompanyRegister => "company_register",
            Self::Address => "address",
            Self::PayeeVerification => "payee_verification",
            Self::Screening => "screening",
            Self::Mx => "mx",
        }
    }
}

/// All that was found out of an application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// At most one of each check.
    pub outcomes: Vec<Outcome>,
    /// Connectors that are configured and did not answer.
    pub down: Vec<Connector>,
}

/// The colour that a merchant sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// 0–19
    Red,
    /// 21–69
    Orange,
    /// 81–100
    Green,
}

impl Colour {
    /// As the wire has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Orange => "orange",
            Self::Green => "green",
        }
    }
}

/// What a check has contributed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reason {
    /// The check, or `connector` where one did not answer.
    pub check: String,
    /// How it came out, or the connector's name.
    pub outcome: String,
    /// What was added to the log-odds.
    pub weight: f64,
    /// The most that the score can be with it.
    pub cap: Option<u8>,
    /// In words.
    pub says: String,
}

/// A score with what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// 0–100, never 20 and never 70–80: those have no colour in the original.
    pub points: u8,
    /// Before the caps: `round(100·σ(Σ weights))`.
    pub raw: u8,
    /// One of each check that came out, the ones that did most against it first.
    pub reasons: Vec<Reason>,
}

impl Score {
    /// Scores evidence (contract, "The score"). It is monotone: no outcome that is better than another of its check
    /// scores less.
    pub fn of(evidence: &Evidence, weights: &Weights) -> Self {
        let sum: f64 = evidence.outcomes.iter().map(|outcome| weights.of(*outcome).weight).sum();
        let raw = (100.0 / (1.0 + (-sum).exp())).round() as u8;
        let caps = evidence.outcomes.iter().filter_map(|outcome| weights.of(*outcome).cap);
        let caps = caps.chain(evidence.down.iter().filter_map(|_| weights.of_silence().cap));
        let mut reasons: Vec<Reason> = evidence.outcomes.iter().map(|it| reason(*it, weights)).collect();
        reasons.extend(evidence.down.iter().map(|connector| silence(*connector, weights)));
        reasons.sort_by(|a, b| {
            let cap = |reason: &Reason| reason.cap.unwrap_or(100);
            cap(a).cmp(&cap(b)).then(a.weight.total_cmp(&b.weight))
        });
        Self { points: coloured(caps.fold(raw, u8::min)), raw, reasons }
    }

    /// Its colour.
    pub fn colour(&self) -> Colour {
        colour(self.points)
    }
}

/// The colour of a score.
pub fn colour(points: u8) -> Colour {
    match points {
        0..=20 => Colour::Red,
        21..=80 => Colour::Orange,
        _ => Colour::Green,
    }
}

/// No emitted score is ambiguous.
fn coloured(points: u8) -> u8 {
    match points {
        20 => 21,
        70..=80 => 69,
        points => points,
    }
}

fn reason(outcome: Outcome, weights: &Weights) -> Reason {
    let (row, effect) = (outcome.row(), weights.of(outcome));
    Reason {
        check: row.check.to_owned(),
        outcome: row.name.to_owned(),
        weight: effect.weight,
        cap: effect.cap,
        says: row.says.to_owned(),
    }
}

fn silence(connector: Connector, weights: &Weights) -> Reason {
    let effect = weights.of_silence();
    Reason {
        check: "connector".to_owned(),
        outcome: connector.name().to_owned(),
        weight: effect.weight,
        cap: effect.cap,
        says: "A system that should have been asked did not answer.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;
    use crate::domain::outcome::TABLE;

    fn score(outcomes: &[Outcome]) -> u8 {
        let evidence = Evidence { outcomes: outcomes.to_vec(), down: Vec::new() };
        Score::of(&evidence, &Weights::default()).points
    }

    #[test]
    fn weights_add_up_and_the_lowest_cap_holds() {
        use Outcome::*;
        assert_eq!(score(&[]), 50);
        assert_eq!(score(&[IbanValid, KeyValid, BankListed]), 85, "σ(1.7)");
        assert_eq!(score(&[IbanValid, KeyInvalid]), 15);
        assert_eq!(score(&[PayeeMatch, MailDomainDisposable, IbanInvalid]), 10);
        let down = Evidence { outcomes: vec![PayeeMatch], down: vec![Connector::Mx] };
        assert_eq!(Score::of(&down, &Weights::default()).points, 69, "never green by silence");
    }

    #[test]
    fn every_score_has_one_colour() {
        for raw in 0..=100 {
            let points = coloured(raw);
            let expected = match points {
                0..=19 => Colour::Red,
                21..=69 => Colour::Orange,
                81..=100 => Colour::Green,
                _ => panic!("{raw} has become {points}"),
            };
            assert_eq!(colour(points), expected);
        }
    }

    fn evidence() -> impl Strategy<Value = Vec<Outcome>> {
        subsequence(TABLE.map(|row| row.outcome).to_vec(), 0..20).prop_map(|mut outcomes| {
            outcomes.dedup_by_key(|outcome| outcome.row().check);
            outcomes
        })
    }

    proptest! {
        #[test]
        fn a_better_outcome_never_lowers_the_score(outcomes in evidence(), at: prop::sample::Index) {
            prop_assume!(!outcomes.is_empty());
            let at = at.index(outcomes.len());
            let before = score(&outcomes);
            let row = outcomes[at].row();
            for better in TABLE.iter().filter(|it| it.check == row.check && it.outcome < row.outcome) {
                let mut improved = outcomes.clone();
                improved[at] = better.outcome;
                prop_assert!(score(&improved) >= before, "{} instead of {}", better.name, row.name);
            }
        }
    }
}
