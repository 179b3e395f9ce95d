//! What a payment's status means.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::field_error::FieldError;
use super::text::{MAX_TEXT, check_text, fold_header};

/// The classes to which both sides' words for a status are reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusClass {
    /// Paid.
    Success,
    /// Will not be paid.
    Failed,
    /// Not known yet.
    Pending,
    /// A word that the operator's vocabulary does not have.
    Unknown,
}

impl StatusClass {
    /// The class's name in results and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
        }
    }

    /// The class of an aggregator's status (contract, "Operators and the aggregator's side").
    pub fn of_aggregator(status: &str) -> Self {
        let status = status.trim();
        if status.eq_ignore_ascii_case("ACCEPTED") {
            Self::Success
        } else if status.eq_ignore_ascii_case("PENDING")
            || status.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("WAITING"))
        {
            Self::Pending
        } else {
            Self::Failed
        }
    }
}

impl fmt::Display for StatusClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An operator's words for the classes, compared folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusVocabulary {
    success: Vec<String>,
    failed: Vec<String>,
    pending: Vec<String>,
    #[serde(skip)]
    classes: HashMap<String, StatusClass>,
}

/// The vocabulary as configured; an absent class has its default words.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VocabularyBody {
    success: Option<Vec<String>>,
    failed: Option<Vec<String>>,
    pending: Option<Vec<String>>,
}

impl StatusVocabulary {
    pub(super) fn from_body(body: VocabularyBody) -> Result<Self, FieldError> {
        let words = |given: Option<Vec<String>>, default: &[&str]| {
            given.unwrap_or_else(|| default.iter().map(|word| (*word).to_owned()).collect())
        };
        let mut vocabulary = Self {
            success: words(body.success, &["SUCCES", "SUCCESS"]),
            failed: words(body.failed, &["ECHEC", "FAILED"]),
            pending: words(body.pending, &["PENDING"]),
            classes: HashMap::new(),
        };
        for (class, words) in [
            (StatusClass::Success, &vocabulary.success),
            (StatusClass::Failed, &vocabulary.failed),
            (StatusClass::Pending, &vocabulary.pending),
        ] {
            for (index, word) in words.iter().enumerate() {
                let field = || format!("status.{class}[{index}]");
                check_text(word, MAX_TEXT).map_err(|error| FieldError::new(field(), error))?;
                let folded = fold_header(word);
                if folded.is_empty() {
                    return Err(FieldError::new(field(), "blank"));
                }
                if let Some(other) = vocabulary.classes.insert(folded, class).filter(|other| *other != class)
                {
                    return Err(FieldError::new(field(), format_args!("the same word stands under {other}")));
                }
            }
        }
        Ok(vocabulary)
    }

    /// The class of an operator's status, [`StatusClass::Unknown`] for a word that was not configured.
    pub fn classify(&self, status: &str) -> StatusClass {
        self.classes.get(&fold_header(status)).copied().unwrap_or(StatusClass::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_aggregators_words_have_their_class() {
        assert_eq!(StatusClass::of_aggregator("ACCEPTED"), StatusClass::Success);
        assert_eq!(StatusClass::of_aggregator("PENDING"), StatusClass::Pending);
        assert_eq!(StatusClass::of_aggregator("WAITING_FOR_CUSTOMER"), StatusClass::Pending);
        assert_eq!(StatusClass::of_aggregator("ERROR_FLOOZPAY_UNAVAILABLE"), StatusClass::Failed);
        assert_eq!(StatusClass::of_aggregator(""), StatusClass::Failed);
        assert_eq!(StatusClass::of_aggregator("été été"), StatusClass::Failed);
    }

    #[test]
    fn an_operators_words_are_compared_folded() {
        let vocabulary = StatusVocabulary::from_body(VocabularyBody {
            failed: Some(vec!["Échoué".to_owned()]),
            ..VocabularyBody::default()
        })
        .unwrap();
        assert_eq!(vocabulary.classify(" ECHOUE "), StatusClass::Failed);
        assert_eq!(vocabulary.classify("succès"), StatusClass::Success);
        assert_eq!(vocabulary.classify("pending"), StatusClass::Pending);
        assert_eq!(vocabulary.classify("ECHEC"), StatusClass::Unknown);
        assert_eq!(vocabulary.classify(""), StatusClass::Unknown);
    }
}
