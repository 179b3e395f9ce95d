//! How the persons of a source are screened.

use std::collections::BTreeMap;

use super::control::ControlType;
use super::screening::DEFAULT_THRESHOLD;

/// A flow: made once, never changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The source whose persons it screens.
    pub source_id: i64,
    /// The source's name.
    pub source: String,
    /// What it controls, at least one.
    pub control_types: Vec<ControlType>,
    /// The lists that it screens against; none named: all of its control types.
    pub lists: Vec<String>,
    /// The least score of a hit, 0–100, where it is not the engine's.
    pub thresholds: BTreeMap<ControlType, f32>,
}

impl Flow {
    /// The least score of a hit.
    pub fn threshold(&self, control_type: ControlType) -> f32 {
        self.thresholds.get(&control_type).copied().unwrap_or(DEFAULT_THRESHOLD)
    }

    /// The least score of a hit of any of its control types.
    pub fn least_threshold(&self) -> f32 {
        self.control_types.iter().map(|it| self.threshold(*it)).fold(100.0, f32::min)
    }

    /// Whether it screens against a list of the type.
    pub fn has_list(&self, source: &str) -> bool {
        self.lists.is_empty() || self.lists.iter().any(|list| list == source)
    }
}
