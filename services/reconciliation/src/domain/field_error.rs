//! A request body's field that cannot be accepted.

use std::fmt::Display;

use serde::de::DeserializeOwned;

/// One field at fault and why, for the `field` and `detail` of a 400 answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}{}{reason}", if .field.is_empty() { "" } else { ": " })]
pub struct FieldError {
    /// Path of the field from the body's root, like `rules[1].keys`; empty for the body itself.
    pub field: String,
    /// What is wrong with it, without its value: fields may hold personal data.
    pub reason: String,
}

impl FieldError {
    /// A fault of `field`.
    pub fn new(field: impl Into<String>, reason: impl Display) -> Self {
        Self { field: field.into(), reason: reason.to_string() }
    }
}

/// Reads a JSON body into `T`, naming the path of the first field that does not fit.
///
/// # Errors
/// The first field of another type than `T` expects, or that `T` does not know.
pub(super) fn read_body<T: DeserializeOwned>(body: serde_json::Value) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(body).map_err(|error| {
        let path = error.path().to_string();
        FieldError::new(if path == "." { String::new() } else { path }, error.inner())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_the_body_itself_names_no_field() {
        assert_eq!(FieldError::new("nom", "required").to_string(), "nom: required");
        assert_eq!(FieldError::new("", "an object is expected").to_string(), "an object is expected");
    }
}
