//! Scopes (RFC 6749 §3.3).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A set of scopes; on the wire sorted and separated by one space.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(BTreeSet<String>);

/// A scope may hold printable ASCII but neither the quote nor the backslash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope holds a character that RFC 6749 section 3.3 doesn't allow")]
pub struct MalformedScope;

impl FromStr for Scopes {
    type Err = MalformedScope;

    fn from_str(text: &str) -> Result<Self, MalformedScope> {
        let allowed = |b: u8| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\';
        if !text.bytes().all(allowed) {
            return Err(MalformedScope);
        }
        Ok(text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect())
    }
}

impl<S: Into<String>> FromIterator<S> for Scopes {
    fn from_iter<I: IntoIterator<Item = S>>(scopes: I) -> Self {
        Self(scopes.into_iter().map(Into::into).collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { " " };
            write!(f, "{separator}{scope}")?;
        }
        Ok(())
    }
}

impl Scopes {
    /// What both allow.
    pub fn intersection(&self, other: &Self) -> Self {
        self.0.intersection(&other.0).cloned().collect()
    }

    /// Whether everything here is allowed by `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is granted when `requested` is asked for and this is allowed: all of it where nothing is asked for;
    /// `None` (`invalid_scope`) where more is asked for, or where nothing is allowed.
    pub fn grant(self, requested: Option<Self>) -> Option<Self> {
        let granted = match requested.filter(|requested| !requested.is_empty()) {
            Some(requested) => requested.is_within(&self).then_some(requested)?,
            None => self,
        };
        (!granted.is_empty()).then_some(granted)
    }

    /// The scopes one by one, sorted.
    pub fn to_vec(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scopes(text: &str) -> Scopes {
        text.parse().unwrap()
    }

    #[test]
    fn no_scope_asks_for_all_that_is_allowed_and_more_is_refused() {
        let allowed = scopes("write read");
        assert_eq!(allowed.clone().grant(None).unwrap().to_string(), "read write");
        assert_eq!(allowed.clone().grant(Some(scopes("read"))).unwrap().to_string(), "read");
        assert_eq!(allowed.grant(Some(scopes("read tasks:all"))), None);
        assert_eq!(Scopes::default().grant(None), None);
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(text in "\\PC*") {
            if let Ok(scopes) = text.parse::<Scopes>() {
                prop_assert_eq!(scopes.to_string().parse::<Scopes>(), Ok(scopes));
            }
        }
    }
}
