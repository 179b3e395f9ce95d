//! Who was seen on which IBAN: digests that say nothing without the secret.

use aws_lc_rs::hmac;
use common::seal::{SealError, derive_key};
use names::{Name, NameKind, Tag};
use secrecy::SecretString;

use super::form::Form;
use super::outcome::Outcome;

/// How long somebody counts as seen, in days.
pub const DAYS: i64 = 90;

/// HMAC-SHA256.
pub type Digest = [u8; 32];

/// Somebody and an IBAN, submitted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The IBAN.
    pub iban: Digest,
    /// Folded tokens of the name, in alphabetical order.
    pub person: Digest,
    /// The e-mail address, in lower case.
    pub email: Option<Digest>,
    /// The phone number, its digits.
    pub phone: Option<Digest>,
    /// The IBAN and the person under each of the other secrets.
    pub others: Vec<(Digest, Digest)>,
}

/// The secrets: one to write under, and others to read.
pub struct Keys {
    current: hmac::Key,
    others: Vec<hmac::Key>,
}

impl Keys {
    /// From secrets of the configuration.
    ///
    /// # Errors
    /// The cryptographic library fails.
    pub fn new(current: &SecretString, others: &[SecretString]) -> Result<Self, SealError> {
        let key = |secret| {
            let key = derive_key(secret, "secure-consumer", "history")?;
            Ok(hmac::Key::new(hmac::HMAC_SHA256, &key))
        };
        Ok(Self { current: key(current)?, others: others.iter().map(key).collect::<Result<_, SealError>>()? })
    }

    /// Who is to be remembered of a form, on the IBAN as it was read: the consumer, else the company. Nobody where it
    /// names none.
    pub fn sighting(&self, form: &Form, iban: &str) -> Option<Sighting> {
        let person = match (&form.consumer, &form.company) {
            (Some(consumer), _) => {
                let name = format!("{} {}", consumer.first_name.expose(), consumer.last_name.expose());
                folded(&name, NameKind::Person)
            }
            (None, Some(company)) => folded(company.social_reference.expose(), NameKind::Organisation),
            (None, None) => None,
        }?;
        let of = |key, what, text: &str| digest(key, what, text);
        let email = form.consumer.as_ref().map(|it| it.email.expose().to_lowercase());
        let phone = form.consumer.as_ref().map(|it| digits(it.phone_number.expose()));
        let pair = |key| (of(key, "iban", iban), of(key, "person", &person));
        let (iban_digest, person_digest) = pair(&self.current);
        Some(Sighting {
            iban: iban_digest,
            person: person_digest,
            email: email.map(|email| of(&self.current, "email", &email)),
            phone: phone.map(|phone| of(&self.current, "phone", &phone)),
            others: self.others.iter().map(pair).collect(),
        })
    }
}

fn digest(key: &hmac::Key, what: &str, text: &str) -> Digest {
    let mut context = hmac::Context::with_key(key);
    for part in [what, "\0", text] {
        context.update(part.as_bytes());
    }
    context.sign().as_ref().try_into().unwrap_or_default()
}

/// The same for every way of writing a name in another order, case or accent; titles and legal forms say nothing.
fn folded(name: &str, kind: NameKind) -> Option<String> {
    let name = Name::parse(name, kind).ok()?;
    let mut words: Vec<&str> = name
        .tokens()
        .iter()
        .filter(|token| !matches!(token.tag(), Tag::Title | Tag::Legal))
        .map(names::Token::text)
        .collect();
    words.sort_unstable();
    Some(words.join(" "))
}

fn digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}

/// What it means that so many persons were seen.
pub fn outcome(persons: i64) -> Outcome {
    match persons {
        ..=1 => Outcome::PersonsOne,
        2 => Outcome::PersonsTwo,
        3 => Outcome::PersonsThree,
        _ => Outcome::PersonsMany,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(current: &str, others: &[&str]) -> Keys {
        let others: Vec<SecretString> = others.iter().map(|secret| (*secret).into()).collect();
        Keys::new(&current.into(), &others).unwrap()
    }

    fn form(name: &str) -> Form {
        let body = serde_json::json!({"social_reference": name, "siren": "1"});
        Form::read(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_person_is_the_same_however_the_name_is_written() {
        let person = |first: &str, last: &str| {
            let body = serde_json::json!({
                "consumer_last_name": last, "consumer_first_name": first, "consumer_address_street_number": "1",
                "consumer_address_street_type": "rue", "consumer_address_street_name": "x", "consumer_zip_code": "1",
                "consumer_city": "x", "consumer_country": "FR", "consumer_email": "x", "consumer_phone_number": "1",
            });
            let form = Form::read(body.to_string().as_bytes()).unwrap();
            keys("one", &[]).sighting(&form, "FR76").unwrap().person
        };
        assert_eq!(person("Zoé", "DUPONT"), person("dupont", "zoe"));
        assert_ne!(person("Zoé", "Dupont"), person("Zoé", "Durand"));
    }

    #[test]
    fn another_secret_reads_what_this_one_wrote() {
        let before = keys("one", &[]).sighting(&form("Atelier"), "FR76").unwrap();
        let after = keys("two", &["one"]).sighting(&form("Atelier"), "FR76").unwrap();
        assert_ne!(before.iban, after.iban);
        assert_eq!(after.others, [(before.iban, before.person)]);
    }
}
