//! Rules for text that is stored, and the folding under which names are compared.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The longest text that a field may hold, in characters.
pub const MAX_TEXT: usize = 256;

/// Why a text cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// More characters than the field holds.
    #[error("longer than {0} characters")]
    TooLong(usize),
    /// PostgreSQL's text cannot hold NUL, and no identifier, name or number has a use for the others.
    #[error("holds a control character")]
    ControlCharacter,
}

/// Checks a text against a length in characters and for control characters.
///
/// # Errors
/// [`TextError`], which never quotes the text.
pub fn check_text(text: &str, max: usize) -> Result<(), TextError> {
    if text.chars().any(char::is_control) {
        Err(TextError::ControlCharacter)
    } else if text.chars().nth(max).is_some() {
        Err(TextError::TooLong(max))
    } else {
        Ok(())
    }
}

/// Folds a header's name or a status word for comparison: byte order mark, surrounding blanks, case and
/// accents are taken away (contract, "Conventions").
pub fn fold_header(name: &str) -> String {
    let trimmed = name.trim_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    if trimmed.is_ascii() {
        return trimmed.to_ascii_lowercase();
    }
    trimmed.to_lowercase().nfd().filter(|c| !is_combining_mark(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_differ_only_by_what_folding_keeps() {
        assert_eq!(fold_header("\u{feff} Référence "), "reference");
        assert_eq!(fold_header("Re\u{301}fe\u{301}rence"), "reference");
        assert_eq!(fold_header("ÉCHOUÉ\u{a0}"), "echoue");
        assert_ne!(fold_header("trans_id"), fold_header("trans id"));
    }

    #[test]
    fn stored_text_is_bounded_and_free_of_control_characters() {
        assert_eq!(check_text(&"é".repeat(256), MAX_TEXT), Ok(()));
        assert_eq!(check_text(&"é".repeat(257), MAX_TEXT), Err(TextError::TooLong(256)));
        assert_eq!(check_text("a\0b", MAX_TEXT), Err(TextError::ControlCharacter));
        assert_eq!(check_text("a\u{85}b", MAX_TEXT), Err(TextError::ControlCharacter));
    }
}
