//! What a form and our own lists tell, before anybody is asked.

use super::bank::BankFinding;
use super::company::Siren;
use super::email::{DomainKind, EmailAddress};
use super::form::{Consumer, Form};
use super::iban::Iban;
use super::iban::national::NationalKey;
use super::name;
use super::outcome::Outcome;
use super::phone::PhoneFinding;
use super::place::{self, PlaceFinding};
use crate::reference::Reference;

/// What was found, and what of the form is well formed enough to ask others about.
pub struct Offline {
    /// At most one of each check.
    pub outcomes: Vec<Outcome>,
    /// Of right structure and check digits.
    pub iban: Option<Iban>,
    /// Of right check digit.
    pub siren: Option<Siren>,
    /// Well formed, of a domain that is not reserved.
    pub email: Option<EmailAddress>,
}

impl Offline {
    /// Every check that needs nobody else.
    pub fn of(form: &Form, reference: &Reference) -> Self {
        let mut offline = Self { outcomes: Vec::with_capacity(24), iban: None, siren: None, email: None };
        if let Some(text) = &form.iban {
            offline.check_account(text.expose(), reference);
        }
        if let Some(consumer) = &form.consumer {
            offline.check_consumer(consumer, reference);
        }
        if let Some(company) = &form.company {
            offline.siren = Siren::parse(company.siren.expose()).ok();
            let is_valid = offline.siren.is_some();
            offline.outcomes.push(if is_valid { Outcome::SirenValid } else { Outcome::SirenInvalid });
        }
        offline
    }

    fn check_account(&mut self, text: &str, reference: &Reference) {
        let outcomes = &mut self.outcomes;
        let Ok(iban) = reference.structures.read(text) else { return outcomes.push(Outcome::IbanInvalid) };
        outcomes.push(Outcome::IbanValid);
        match reference.banks.national_key(&iban) {
            NationalKey::Valid => outcomes.push(Outcome::KeyValid),
            NationalKey::Invalid => outcomes.push(Outcome::KeyInvalid),
            NationalKey::Unchecked => {}
        }
        match reference.banks.look_up(&iban) {
            BankFinding::Listed { .. } => outcomes.push(Outcome::BankListed),
            BankFinding::UnknownCurated => outcomes.push(Outcome::BankUncurated),
            BankFinding::UnknownOfficial => outcomes.push(Outcome::BankUnknown),
            BankFinding::NoList => {}
        }
        // A foreign account weighs what one at home does: refusing it for its country is unlawful (Reg. (EU) 260/2012,
        // art. 9).
        let is_reached = reference.sepa.reaches(iban.country());
        outcomes.push(if is_reached { Outcome::SepaReached } else { Outcome::SepaUnreached });
        outcomes.push(if iban.is_specimen() { Outcome::AccountSpecimen } else { Outcome::AccountOrdinary });
        self.iban = Some(iban);
    }

    fn check_consumer(&mut self, consumer: &Consumer, reference: &Reference) {
        let (first, last) = (consumer.first_name.expose(), consumer.last_name.expose());
        let (zip, country) = (consumer.zip_code.expose(), consumer.country.as_str());
        let is_placeholder = name::is_placeholder(first, last);
        self.outcomes.push(if is_placeholder { Outcome::NamePlaceholder } else { Outcome::NameOrdinary });
        match reference.places.check(country, zip, consumer.city.expose()) {
            PlaceFinding::Match => self.outcomes.push(Outcome::PlaceMatch),
            PlaceFinding::OtherCity => self.outcomes.push(Outcome::PlaceOtherCity),
            PlaceFinding::UnknownZip => self.outcomes.push(Outcome::PlaceUnknownZip),
            PlaceFinding::Abstains => {}
        }
        let region = place::region(country, zip);
        self.outcomes.push(match reference.phones.check(consumer.phone_number.expose(), region) {
            PhoneFinding::Valid => Outcome::PhoneValid,
            PhoneFinding::Foreign => Outcome::PhoneForeign,
            PhoneFinding::PremiumOrVoip => Outcome::PhonePremiumOrVoip,
            PhoneFinding::Invalid => Outcome::PhoneInvalid,
        });
        self.check_email(consumer, reference);
    }

    fn check_email(&mut self, consumer: &Consumer, reference: &Reference) {
        let Ok(email) = EmailAddress::parse(consumer.email.expose()) else {
            return self.outcomes.push(Outcome::MailUndeliverable);
        };
        let kind = reference.mail_domains.kind(email.domain());
        self.outcomes.push(match kind {
            // Whoever asks DNS for a reserved domain learns what RFC 6761 says already.
            DomainKind::Reserved => return self.outcomes.push(Outcome::MailUndeliverable),
            DomainKind::Ordinary | DomainKind::Free => Outcome::MailDomainOrdinary,
            DomainKind::Mistyped { .. } => Outcome::MailDomainMistyped,
            DomainKind::Disposable => Outcome::MailDomainDisposable,
        });
        let fits = email.fits_name(consumer.first_name.expose(), consumer.last_name.expose());
        self.outcomes.push(if fits { Outcome::MailFitsName } else { Outcome::MailOtherName });
        self.email = Some(email);
    }

    /// What a well-formed address counts where nobody asks DNS.
    pub fn trust_mail(&mut self) {
        if self.email.is_some() {
            self.outcomes.push(Outcome::MailReached);
        }
    }
}
