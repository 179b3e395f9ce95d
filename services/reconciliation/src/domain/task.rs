//! A reconciliation task's state and label.

use chrono::{DateTime, Utc};

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// Waiting for a worker.
    Attente,
    /// A worker is at it.
    EnCours,
    /// Done; the six figures are known.
    Termine,
    /// Given up, with a reason.
    Echec,
}

impl TaskState {
    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attente => "ATTENTE",
            Self::EnCours => "ENCOURS",
            Self::Termine => "TERMINE",
            Self::Echec => "ECHEC",
        }
    }

    /// The state of a name on the wire; `None` for any other text.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Attente, Self::EnCours, Self::Termine, Self::Echec]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// A task's `libelle`: `tache #2021-06-21 18:36:43.472007`.
pub fn libelle(created_at: DateTime<Utc>) -> String {
    created_at.format("tache #%Y-%m-%d %H:%M:%S%.6f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_read_as_they_are_written() {
        for name in ["ATTENTE", "ENCOURS", "TERMINE", "ECHEC"] {
            assert_eq!(TaskState::parse(name).map(TaskState::as_str), Some(name));
        }
        assert_eq!(TaskState::parse("termine"), None);
    }

    #[test]
    fn the_label_has_six_decimals_even_when_they_are_zero() {
        let created = |text: &str| libelle(text.parse().unwrap());
        assert_eq!(created("2021-06-21T18:36:43.472007Z"), "tache #2021-06-21 18:36:43.472007");
        assert_eq!(created("2021-06-21T18:36:43Z"), "tache #2021-06-21 18:36:43.000000");
    }
}
