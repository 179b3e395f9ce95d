//! A value that is not what it should be.

use std::borrow::Cow;

/// Names the field as the caller does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct FieldError {
    /// The field.
    pub field: Cow<'static, str>,
    /// What is wrong with it.
    pub detail: String,
}

impl FieldError {
    /// Something is wrong with a field.
    pub fn new(field: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}
