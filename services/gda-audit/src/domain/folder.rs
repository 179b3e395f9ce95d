//! Risk folders: what is known of a person's hits on lists of one type, and what was decided of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::person::Hash;

/// Who writes a status that nobody decided.
pub const SYSTEM: &str = "system";

/// Where a folder, or one of its hits, stands (contract, "States").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// No correspondence.
    NoRiskFound,
    /// Not yet qualified.
    PotentialRisk,
    /// An analyst says that it is the person.
    Match,
    /// An analyst says that it is not.
    NoMatch,
    /// An analyst can't tell.
    Unknown,
}

impl State {
    /// All.
    pub const ALL: [Self; 5] =
        [Self::NoRiskFound, Self::PotentialRisk, Self::Match, Self::NoMatch, Self::Unknown];

    /// As the contract writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRiskFound => "NO_RISK_FOUND",
            Self::PotentialRisk => "POTENTIAL_RISK",
            Self::Match => "MATCH",
            Self::NoMatch => "NO_MATCH",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// As the contract writes it; case counts.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A record that a folder knows.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownHit {
    /// The list.
    pub list: String,
    /// The record's identifier on it.
    pub record_id: String,
    /// The record as it was found last.
    pub record: Hash,
    /// 0–100, as it was found last.
    pub score: f32,
    /// `PotentialRisk` until it is qualified; never `NoRiskFound`.
    pub state: State,
    /// Of what tells who the record and the person are, as they were when it was found last.
    pub facts: Facts,
    /// Whether the last control found it.
    pub active: bool,
}

/// Hashes of what tells who somebody is: while both stay, so does a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The record's.
    pub record: Hash,
    /// The person's.
    pub person: Hash,
}

/// A record that a control has found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The list.
    pub list: String,
    /// The record's identifier on it.
    pub record_id: String,
    /// The record.
    pub record: Hash,
    /// 0–100
    pub score: f32,
    /// Of what tells who the record and the person are.
    pub facts: Facts,
}

/// A risk folder's hits, and what follows from them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Folder {
    /// One for each record that was ever found.
    pub hits: Vec<KnownHit>,
}

/// Why a status was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Records were found that are new, or that changed since they were qualified, or the person did.
    Found,
    /// Records have left their lists.
    Delisted,
    /// The person or the lists changed, and records no longer reach the threshold.
    NoLongerFound,
}

impl Why {
    /// For people.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Found => "records to qualify were found",
            Self::Delisted => "records have left their lists",
            Self::NoLongerFound => "records no longer correspond",
        }
    }
}

/// A decision that the folder does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// 409
    #[error("the folder has no correspondence to qualify")]
    NothingToQualify,
    /// 400
    #[error("the folder has no such correspondence")]
    NoSuchHit,
}

impl Folder {
    /// The state that follows from the hits: what is open comes first, so that a new record reopens a folder whatever
    /// was decided of others.
    pub fn state(&self) -> State {
        let has = |state| self.active().any(|hit| hit.state == state);
        [State::PotentialRisk, State::Match, State::Unknown, State::NoMatch]
            .into_iter()
            .find(|state| has(*state))
            .unwrap_or(State::NoRiskFound)
    }

    /// The highest score of the hits, 0 where there are none.
    pub fn max_score(&self) -> f32 {
        self.active().map(|hit| hit.score).fold(0.0, f32::max)
    }

    /// The hits of the last control.
    pub fn active(&self) -> impl Iterator<Item = &KnownHit> {
        self.hits.iter().filter(|hit| hit.active)
    }

    /// Takes over what a control has found. `is_listed` tells whether a record is in the editions that were screened
    /// against. Why a status must be added, if one must.
    pub fn control(&mut self, found: Vec<Found>, is_listed: impl Fn(&str, &str) -> bool) -> Option<Why> {
        let before = self.state();
        let (mut opened, mut delisted) = (false, false);
        for hit in &mut self.hits {
            let still = found.iter().any(|found| found.list == hit.list && found.record_id == hit.record_id);
            if hit.active && !still {
                hit.active = false;
                delisted |= !is_listed(&hit.list, &hit.record_id);
            }
        }
        for found in found {
            let known =
                self.hits.iter_mut().find(|hit| hit.list == found.list && hit.record_id == found.record_id);
            let Some(hit) = known else {
                opened = true;
                self.hits.push(KnownHit {
                    list: found.list,
                    record_id: found.record_id,
                    record: found.record,
                    score: found.score,
                    state: State::PotentialRisk,
                    facts: found.facts,
                    active: true,
                });
                continue;
            };
            if hit.facts != found.facts && hit.state != State::PotentialRisk {
                hit.state = State::PotentialRisk;
                opened = true;
            }
            opened |= !hit.active && hit.state == State::PotentialRisk;
            hit.record = found.record;
            hit.score = found.score;
            hit.facts = found.facts;
            hit.active = true;
        }
        match (opened, delisted, before != self.state()) {
            (true, ..) => Some(Why::Found),
            (_, true, _) => Some(Why::Delisted),
            (.., true) if self.state() == State::PotentialRisk => Some(Why::Found),
            (.., true) => Some(Why::NoLongerFound),
            _ => None,
        }
    }

    /// Qualifies hits: those named as (list, record), else those that are open, else all.
    ///
    /// # Errors
    /// [`DecisionError`]; nothing has changed.
    pub fn decide(&mut self, state: State, named: Option<&[(String, String)]>) -> Result<(), DecisionError> {
        let is_named =
            |hit: &KnownHit, (list, record): &(String, String)| hit.list == *list && hit.record_id == *record;
        if self.active().next().is_none() {
            return Err(DecisionError::NothingToQualify);
        }
        if named.is_some_and(|named| named.iter().any(|name| !self.active().any(|hit| is_named(hit, name)))) {
            return Err(DecisionError::NoSuchHit);
        }
        let is_open = self.state() == State::PotentialRisk;
        for hit in self.hits.iter_mut().filter(|hit| hit.active) {
            let meant = match named {
                Some(named) => named.iter().any(|name| is_named(hit, name)),
                None => !is_open || hit.state == State::PotentialRisk,
            };
            if meant {
                hit.state = state;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(record: &str, facts: u8) -> Found {
        Found {
            list: "UN".to_owned(),
            record_id: record.to_owned(),
            record: [facts; 32],
            score: 90.0,
            facts: Facts { record: [facts; 32], person: [0; 32] },
        }
    }

    fn all_listed(_: &str, _: &str) -> bool {
        true
    }

    #[test]
    fn a_cleared_hit_stays_cleared_until_the_record_or_the_person_changes() {
        let mut folder = Folder::default();
        assert_eq!(folder.control(vec![found("1", 1)], all_listed), Some(Why::Found));
        folder.decide(State::NoMatch, None).unwrap();
        assert_eq!(folder.control(vec![found("1", 1)], all_listed), None);
        assert_eq!(folder.state(), State::NoMatch);

        assert_eq!(folder.control(vec![found("1", 2)], all_listed), Some(Why::Found), "the record changed");
        folder.decide(State::NoMatch, None).unwrap();
        let mut other_person = found("1", 2);
        other_person.facts.person = [9; 32];
        assert_eq!(folder.control(vec![other_person], all_listed), Some(Why::Found), "the person changed");
    }

    #[test]
    fn a_new_record_reopens_a_folder_with_only_that_record_to_qualify() {
        let mut folder = Folder::default();
        folder.control(vec![found("1", 1)], all_listed);
        folder.decide(State::Match, None).unwrap();
        assert_eq!(folder.control(vec![found("1", 1), found("2", 1)], all_listed), Some(Why::Found));
        assert_eq!(folder.state(), State::PotentialRisk);
        folder.decide(State::NoMatch, None).unwrap();
        assert_eq!(folder.state(), State::Match, "the decision was of the new record alone");
        let states: Vec<State> = folder.active().map(|hit| hit.state).collect();
        assert_eq!(states, [State::Match, State::NoMatch]);
    }

    #[test]
    fn a_delisted_record_is_told_and_a_decision_outlives_its_absence() {
        let mut folder = Folder::default();
        folder.control(vec![found("1", 1)], all_listed);
        folder.decide(State::Match, None).unwrap();
        assert_eq!(folder.control(Vec::new(), |_, _| false), Some(Why::Delisted));
        assert_eq!(folder.state(), State::NoRiskFound);
        assert_eq!(folder.decide(State::NoMatch, None), Err(DecisionError::NothingToQualify));
        folder.control(vec![found("1", 1)], all_listed);
        assert_eq!(folder.state(), State::Match, "the same record is back");
        assert_eq!(folder.control(Vec::new(), all_listed), Some(Why::NoLongerFound));
    }

    #[test]
    fn a_decision_names_records_of_the_folder() {
        let mut folder = Folder::default();
        folder.control(vec![found("1", 1), found("2", 1)], all_listed);
        let named = |record: &str| vec![("UN".to_owned(), record.to_owned())];
        assert_eq!(folder.decide(State::Match, Some(&named("3"))), Err(DecisionError::NoSuchHit));
        folder.decide(State::Match, Some(&named("1"))).unwrap();
        assert_eq!(folder.state(), State::PotentialRisk);
        folder.decide(State::Unknown, Some(&named("2"))).unwrap();
        assert_eq!(folder.state(), State::Match);
    }

    proptest! {
        /// Whatever happens, a hit that is open is new or changed, and a folder without open hits says so.
        #[test]
        fn a_folder_is_open_exactly_when_a_hit_is(
            steps in prop::collection::vec((prop::collection::vec((0_u8..4, 0_u8..3), 0..4), 0_u8..4), 1..20)
        ) {
            let mut folder = Folder::default();
            for (records, decision) in steps {
                let before = folder.clone();
                let mut hits: Vec<Found> = Vec::new();
                for (record, facts) in records {
                    let hit = found(&record.to_string(), facts);
                    if hits.iter().all(|known| known.record_id != hit.record_id) {
                        hits.push(hit);
                    }
                }
                let why = folder.control(hits.clone(), all_listed);
                prop_assert_eq!(folder.active().count(), hits.len());
                prop_assert!(why.is_some() || before.state() == folder.state());
                for hit in folder.active() {
                    let known = before.hits.iter().find(|known| known.record_id == hit.record_id);
                    let is_old = known.is_some_and(|known| known.facts == hit.facts);
                    prop_assert!(!is_old || known.is_some_and(|known| known.state == hit.state));
                    prop_assert!(is_old || hit.state == State::PotentialRisk);
                }
                let decided = match decision {
                    0 => State::Match,
                    1 => State::NoMatch,
                    2 => State::Unknown,
                    _ => continue,
                };
                if folder.decide(decided, None).is_ok() {
                    prop_assert!(folder.active().all(|hit| hit.state != State::PotentialRisk));
                    prop_assert_ne!(folder.state(), State::PotentialRisk);
                }
            }
        }
    }
}
