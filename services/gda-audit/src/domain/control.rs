//! A control: what was found when a person was screened against the lists of one type.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::person::Hash;
use super::screening::AppliedScore;

/// Which lists a control is made against (contract, `controlType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ControlType {
    /// Asset freezes (GDA).
    Blacklist,
    /// Politically exposed persons (PPE).
    Pep,
}

impl ControlType {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Blacklist, Self::Pep];

    /// As the contract writes it; case counts.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// As the contract writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blacklist => "BLACKLIST",
            Self::Pep => "PEP",
        }
    }

    /// As the database writes it.
    pub fn code(self) -> i8 {
        match self {
            Self::Blacklist => b'B' as i8,
            Self::Pep => b'P' as i8,
        }
    }

    /// From the database.
    pub fn of_code(code: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.code() == code)
    }
}

/// A record that reached the threshold, as the control's row keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    /// The list.
    pub list: String,
    /// The record's identifier on it.
    pub record_id: String,
    /// The record as the edition had it.
    #[serde(with = "hex")]
    pub record: Hash,
    /// 0–100
    pub score: f32,
    /// What the score is made of.
    pub applied_scores: Vec<AppliedScore>,
}

impl Hit {
    /// The one order in which hits are kept: the highest score first, then by list and record.
    pub fn cmp_order(&self, other: &Self) -> std::cmp::Ordering {
        // A list may have two records of one identifier.
        let (this, that) =
            ((&self.list, &self.record_id, &self.record), (&other.list, &other.record_id, &other.record));
        other.score.total_cmp(&self.score).then_with(|| this.cmp(&that))
    }
}

/// A hash as hexadecimal digits.
pub mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::domain::person::Hash;

    /// Lower case.
    pub fn encode(bytes: &[u8]) -> String {
        bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|d| char::from_digit(d.into(), 16))
            .collect()
    }

    /// `None` for anything but 64 digits.
    pub fn decode(text: &str) -> Option<Hash> {
        let mut hash = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(hash)
    }

    /// serde's way.
    pub fn serialize<S: Serializer>(hash: &Hash, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&encode(hash))
    }

    /// serde's way.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        decode(&text).ok_or_else(|| D::Error::custom("not a SHA-256"))
    }
}
