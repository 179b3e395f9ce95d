//! Made-up consumers: common French names, accounts of banks that exist with national keys that are right, towns of the
//! reference; and what goes wrong in forms, each mistake in one of twelve.

use std::collections::HashMap;

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use secure_consumer::domain::company::Siren;
use secure_consumer::domain::iban::NationalKey;
use secure_consumer::reference::Reference;
use serde_json::json;
use testkit::workspace;

/// One mistake in so many forms.
const MISTAKEN: u32 = 12;

/// Countries of accounts, most of them French, with the places of a BBAN after the bank's code: `9` for digits, `X` for
/// a letter or a digit. An Italian one begins with its key.
const ACCOUNTS: [(&str, &str); 12] = [
    ("FR", "999999999999999999"),
    ("FR", "999999999999999999"),
    ("FR", "999999999999999999"),
    ("FR", "999999999999999999"),
    ("FR", "99999999999X999999"),
    ("FR", "999999999999999999"),
    ("BE", "999999999"),
    ("DE", "9999999999"),
    ("ES", "9999999999999999"),
    ("IT", "99999999999999999"),
    ("LU", "9999999999999"),
    ("PT", "99999999999999999"),
];

/// Bodies of requests.
///
/// # Errors
/// The reference lists cannot be read.
pub(super) fn bodies(reference: &Reference, count: usize, seed: u64) -> Result<Vec<String>> {
    let mut maker = Maker::new(reference, seed)?;
    (0..count).map(|_| maker.body()).collect()
}

struct Maker<'r> {
    reference: &'r Reference,
    random: StdRng,
    /// Codes of banks by country.
    banks: HashMap<String, Vec<String>>,
    /// Postal codes and their towns.
    towns: Vec<(String, String)>,
}

impl<'r> Maker<'r> {
    fn new(reference: &'r Reference, seed: u64) -> Result<Self> {
        let file = |name: &str| {
            let path = workspace::root().join("services/secure-consumer/reference").join(name);
            std::fs::read_to_string(&path).with_context(|| path.display().to_string())
        };
        let mut banks: HashMap<String, Vec<String>> = HashMap::new();
        let mut country = String::new();
        for row in file("banks.tsv")?.lines() {
            if let Some(head) = row.strip_prefix('@') {
                country = head.chars().take(2).collect();
            } else if let Some(codes) = row.split('\t').nth(2) {
                // Of a range the first.
                let codes = codes.split(' ').filter_map(|code| code.split('-').next()).map(str::to_owned);
                banks.entry(country.clone()).or_default().extend(codes);
            }
        }
        let mut towns = Vec::new();
        for row in file("communes_by_zip.tsv")?.lines() {
            let mut columns = row.split('\t');
            let zip = columns.next().unwrap_or_default();
            towns.extend(columns.map(|town| (zip.to_owned(), town.chars().take(35).collect())));
        }
        Ok(Self { reference, random: StdRng::seed_from_u64(seed), banks, towns })
    }

    fn body(&mut self) -> Result<String> {
        let (mut first, last) = (self.pick(FIRST), self.pick(LAST));
        let (mut email_first, mut email_last) = (plain(first), plain(last));
        if self.mistaken() {
            (email_first, email_last) = (plain(self.pick(FIRST)), plain(self.pick(LAST)));
        }
        if self.mistaken() {
            first = self.pick(&["test", "Prénom", "aaaa", "xxx"]);
        }
        let (zip, mut city) = self.town()?;
        if self.mistaken() {
            city = self.town()?.1;
        }
        if self.random.random_ratio(1, 3) {
            city = city.to_uppercase();
        }
        let email = self.email(&email_first, &email_last);
        let mut body = json!({
            "consumer_last_name": last,
            "consumer_first_name": first,
            "consumer_address_street_number": self.random.random_range(1..200).to_string(),
            "consumer_address_street_type": self.pick(&["rue", "avenue", "boulevard", "place", "chemin"]),
            "consumer_address_street_name": self.pick(&["des Lilas", "Victor Hugo", "de la Gare", "du Moulin", "Pasteur"]),
            "consumer_zip_code": zip,
            "consumer_city": city,
            "consumer_country": "FR",
            "consumer_email": email,
            "consumer_phone_number": self.phone(),
            "iban": self.iban()?,
        });
        if self.mistaken() {
            body["social_reference"] = format!("{last} et Fils").into();
            body["siren"] = self.siren().into();
        }
        Ok(body.to_string())
    }

    fn email(&mut self, first: &str, last: &str) -> String {
        let number = self.random.random_range(1..99);
        let initial = first.chars().next().unwrap_or_default();
        let local_part = match self.random.random_range(0..4) {
            0 => format!("{first}.{last}"),
            1 => format!("{initial}{last}{number}"),
            2 => format!("{last}.{first}{number}"),
            _ => format!("{first}{number}"),
        };
        let domain = if self.mistaken() {
            self.pick(&["gmial.com", "yopmail.com", "orange.ft", "gmail", "free..fr"])
        } else {
            self.pick(&[
                "gmail.com",
                "orange.fr",
                "free.fr",
                "sfr.fr",
                "laposte.net",
                "hotmail.fr",
                "sncf.fr",
            ])
        };
        format!("{local_part}@{domain}")
    }

    fn phone(&mut self) -> String {
        let number: u32 = self.random.random_range(10_000_000..70_000_000);
        let kind = *[1, 2, 3, 4, 5, 6, 6, 6, 6, 6].choose(&mut self.random).unwrap_or(&6);
        if self.mistaken() {
            return format!("0{kind}{}", number / 10);
        }
        match self.random.random_range(0..3) {
            0 => format!("+33{kind}{number}"),
            1 => format!(
                "0{kind} {}",
                number.to_string().as_bytes().chunks(2).map(text).collect::<Vec<_>>().join(" ")
            ),
            _ => format!("0{kind}{number}"),
        }
    }

    fn siren(&mut self) -> String {
        let number: u32 = self.random.random_range(30_000_000..90_000_000);
        let check = if self.mistaken() {
            None
        } else {
            (0..10).find(|it| Siren::parse(&format!("{number}{it}")).is_ok())
        };
        format!("{number}{}", check.unwrap_or_default())
    }

    /// One whose national key is right; by mistake one whose key or check digits are wrong.
    fn iban(&mut self) -> Result<String> {
        let (country, account) = *ACCOUNTS.choose(&mut self.random).context("no account")?;
        let bank = self.banks.get(country).and_then(|codes| codes.choose(&mut self.random));
        let bank = bank.with_context(|| format!("no bank of {country}"))?.clone();
        let has_wrong_key = self.mistaken();
        loop {
            let key = if country == "IT" {
                char::from(self.random.random_range(b'A'..=b'Z')).to_string()
            } else {
                String::new()
            };
            let account: String = account.chars().map(|class| self.sign(class)).collect();
            let bban = format!("{key}{bank}{account}");
            let iban = format!("{country}{:02}{bban}", check_digits(country, &bban));
            let read = self.reference.structures.read(&iban).with_context(|| format!("{iban} is no IBAN"))?;
            let is_wrong = self.reference.banks.national_key(&read) == NationalKey::Invalid;
            if is_wrong == has_wrong_key || country == "LU" || country == "DE" && !is_wrong {
                return Ok(if self.mistaken() { mistyped(&iban) } else { iban });
            }
        }
    }

    fn sign(&mut self, class: char) -> char {
        char::from(if class == '9' {
            self.random.random_range(b'0'..=b'9')
        } else {
            self.random.random_range(b'A'..=b'Z')
        })
    }

    fn town(&mut self) -> Result<(String, String)> {
        self.towns.choose(&mut self.random).cloned().context("no town")
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from.choose(&mut self.random).copied().unwrap_or_default()
    }

    fn mistaken(&mut self) -> bool {
        self.random.random_ratio(1, MISTAKEN)
    }
}

/// ISO 7064 MOD 97-10.
fn check_digits(country: &str, bban: &str) -> u32 {
    let letters = bban.chars().chain(country.chars());
    let rest = letters.fold(0, |rest, letter| match letter.to_digit(36).unwrap_or_default() {
        digit @ 0..=9 => (rest * 10 + digit) % 97,
        letter => (rest * 100 + letter) % 97,
    });
    98 - rest * 100 % 97
}

/// With another last digit.
fn mistyped(iban: &str) -> String {
    let mut letters: Vec<char> = iban.chars().collect();
    if let Some(last) = letters.last_mut() {
        *last = if *last == '7' { '1' } else { '7' };
    }
    letters.into_iter().collect()
}

fn plain(name: &str) -> String {
    secure_consumer::domain::name::fold(name).replace(' ', "")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

const FIRST: &[&str] = &[
    "Marie",
    "Jean",
    "Pierre",
    "Michel",
    "Nathalie",
    "Isabelle",
    "Philippe",
    "Catherine",
    "Nicolas",
    "Sophie",
    "Camille",
    "Léa",
    "Hugo",
    "Emma",
    "Louis",
    "Chloé",
    "Lucas",
    "Manon",
    "Mohamed",
    "Karim",
    "Fatima",
    "Élodie",
    "Jean-Pierre",
    "Marie-Claire",
    "François",
    "Céline",
    "Stéphane",
    "Véronique",
    "Thomas",
    "Julie",
    "Antoine",
    "Aurélie",
    "Yannick",
    "Gaël",
    "Maëlle",
    "Oumar",
    "Inès",
    "Zoé",
    "René",
    "Anaïs",
];

const LAST: &[&str] = &[
    "Martin",
    "Bernard",
    "Dubois",
    "Thomas",
    "Robert",
    "Richard",
    "Petit",
    "Durand",
    "Leroy",
    "Moreau",
    "Simon",
    "Laurent",
    "Lefebvre",
    "Michel",
    "Garcia",
    "David",
    "Bertrand",
    "Roux",
    "Vincent",
    "Fournier",
    "Morel",
    "Girard",
    "André",
    "Lefèvre",
    "Mercier",
    "Dupont",
    "Lambert",
    "Bonnet",
    "François",
    "Martinez",
    "Legrand",
    "Garnier",
    "Faure",
    "Rousseau",
    "Blanc",
    "Guérin",
    "Müller",
    "Henry",
    "Roussel",
    "Nicolas",
    "Perrin",
    "Morin",
    "Mathieu",
    "Clément",
    "Gauthier",
    "Dumont",
    "Lopez",
    "Fontaine",
    "Chevalier",
    "Robin",
    "Benali",
    "Haddad",
    "Nguyen",
    "Traoré",
    "Le Goff",
    "de la Tour",
    "Da Silva",
    "Diallo",
    "Kowalski",
    "Le Roux",
];
