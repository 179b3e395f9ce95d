//! Users and the rules of their names and passwords.

use common::redact::Personal;
use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::scopes::Scopes;

/// Somebody who signs in with a password.
#[derive(Debug, Clone)]
pub struct User {
    /// What the wire shows.
    pub id: i64,
    /// What tokens name; with the issuer it is the user's identity.
    pub subject: Uuid,
    /// The login.
    pub username: Personal<String>,
    /// Roles that tokens carry.
    pub roles: Vec<String>,
    /// The most that a token may allow.
    pub scopes: Scopes,
    /// The services that its tokens may be for.
    pub audiences: Vec<String>,
    /// Whether the user may sign in.
    pub is_enabled: bool,
}

/// A username in NFC that keeps the rules of the original's framework: 1 to 150 letters, digits and `@.+-_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(Personal<String>);

/// Why a name or a password was refused; holds neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuleBroken {
    /// Length or characters of the name.
    #[error("a username has 1 to 150 characters: letters, digits and @ . + - _")]
    Username,
    /// Length of the password.
    #[error("a password has at least 10 characters and at most 256 bytes, without control characters")]
    Password,
    /// The password is the name.
    #[error("the password must differ from the username")]
    PasswordIsUsername,
}

impl Username {
    const MAX_CHARS: usize = 150;
    /// Of the text before normalisation.
    const MAX_BYTES: usize = 1_200;

    /// Normalises and checks a name.
    pub fn parse(text: &str) -> Result<Self, RuleBroken> {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '@' | '.' | '+' | '-' | '_');
        if text.len() > Self::MAX_BYTES {
            return Err(RuleBroken::Username);
        }
        let normal: String = text.nfc().collect();
        let length = normal.chars().count();
        if !(1..=Self::MAX_CHARS).contains(&length) || !normal.chars().all(allowed) {
            return Err(RuleBroken::Username);
        }
        Ok(Self(Personal::new(normal)))
    }

    /// The name itself.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Checks a password that somebody chose.
pub fn check_password(password: &SecretString, username: &Username) -> Result<(), RuleBroken> {
    let password = password.expose_secret();
    if password.chars().count() < 10 || password.len() > 256 || password.chars().any(char::is_control) {
        return Err(RuleBroken::Password);
    }
    if password.to_lowercase() == username.expose().to_lowercase() {
        return Err(RuleBroken::PasswordIsUsername);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_normalised_so_that_one_name_is_one_user() {
        let composed = Username::parse("Aménan").unwrap();
        let decomposed = Username::parse("Ame\u{301}nan").unwrap();
        assert_eq!(composed, decomposed);
    }

    #[test]
    fn names_and_passwords_keep_their_rules() {
        assert!(Username::parse("kone.aya@example.org").is_ok());
        for refused in ["", "with space", "nul\0", "tab\t", "<b>", &"x".repeat(151)] {
            assert_eq!(Username::parse(refused), Err(RuleBroken::Username), "{refused:?}");
        }
        let name = Username::parse("kouassi.yao").unwrap();
        let check = |password: &str| check_password(&password.to_owned().into(), &name);
        assert_eq!(check("1234567890"), Ok(()));
        assert_eq!(check("123456789"), Err(RuleBroken::Password));
        assert_eq!(check(&"é".repeat(129)), Err(RuleBroken::Password));
        assert_eq!(check("Kouassi.Yao"), Err(RuleBroken::PasswordIsUsername));
    }

    proptest! {
        #[test]
        fn a_parsed_name_parses_to_itself(text in "[\\w.@+-]{0,200}") {
            if let Ok(name) = Username::parse(&text) {
                prop_assert_eq!(Username::parse(name.expose()), Ok(name));
            }
        }
    }
}
