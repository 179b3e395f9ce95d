//! What a control is for.

use serde::{Deserialize, Serialize};

/// Which lists a control is made against (contract, `controlType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ControlType {
    /// Asset freezes (GDA).
    Blacklist,
    /// Politically exposed persons (PPE).
    Pep,
}
