//! Types whose content never reaches a log line, a span or a metric label.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Personal data (a name, a phone number, an account). `Debug` prints `***` and there is no `Display`: whoever
/// wants the content must write [`Personal::expose`], which a reviewer can search for.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal<T>(T);

impl<T> Personal<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the wire or the database, never for telemetry.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Personal<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_value_at_any_depth() {
        #[derive(Debug)]
        struct Row {
            #[allow(dead_code)]
            phone: Option<Personal<String>>,
        }
        let row = Row { phone: Some(Personal::new("0143705651".to_owned())) };
        assert_eq!(format!("{row:?}"), "Row { phone: Some(***) }");
    }
}
