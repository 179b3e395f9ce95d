//! The made-up companies, addresses, accounts and domains. The SIRENs and the account numbers are valid in form and nobody's:
//! `1000000…` and account numbers of one digit. The genuine consumer is Camille Moreau with her Atelier Moreau: the first line
//! of each table.

use serde::Serialize;

/// A line of the company register.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Company {
    /// Nine digits that Luhn's check holds for.
    pub siren: &'static str,
    /// The corporate name; of a sole trader, none.
    pub corporate_name: Option<&'static str>,
    /// First name and surname of a sole trader.
    pub trader: Option<(&'static str, &'static str)>,
    /// A usual name.
    pub usual_name: Option<&'static str>,
    /// The short name.
    pub sigle: Option<&'static str>,
    /// Whether it has not ceased.
    pub active: bool,
    /// Whether its names may be shown.
    pub is_diffusible: bool,
}

const COMPANY: Company = Company {
    siren: "",
    corporate_name: None,
    trader: None,
    usual_name: None,
    sigle: None,
    active: true,
    is_diffusible: true,
};

/// The register.
pub const COMPANIES: [Company; 6] = [
    Company { siren: "100000009", corporate_name: Some("ATELIER MOREAU"), ..COMPANY },
    Company {
        siren: "100000017",
        corporate_name: Some("LES OURS BLEUS"),
        usual_name: Some("OURS BLEUS PATISSERIE"),
        sigle: Some("LOB"),
        ..COMPANY
    },
    Company { siren: "100000025", corporate_name: Some("AU DERNIER RIDEAU"), active: false, ..COMPANY },
    Company {
        siren: "100000033",
        trader: Some(("FATIMA", "BENALI")),
        usual_name: Some("COUTURE BENALI"),
        ..COMPANY
    },
    Company { siren: "100000041", trader: Some(("RENE", "DISCRET")), is_diffusible: false, ..COMPANY },
    Company {
        siren: "100000058",
        corporate_name: Some("VOLETS CLOS"),
        active: false,
        is_diffusible: false,
        ..COMPANY
    },
];

/// A line of the address base.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Address {
    /// Of the house.
    pub number: &'static str,
    /// With its type.
    pub street: &'static str,
    /// Five digits.
    pub postcode: &'static str,
    /// As INSEE numbers communes; an arrondissement has its own.
    pub citycode: &'static str,
    /// The commune.
    pub city: &'static str,
    /// What a search for exactly this line scores.
    pub score: f64,
}

const fn address(
    number: &'static str,
    street: &'static str,
    (postcode, citycode, city): (&'static str, &'static str, &'static str),
    score: f64,
) -> Address {
    Address { number, street, postcode, citycode, city, score }
}

/// The address base.
pub const ADDRESSES: [Address; 6] = [
    address("10", "Rue de la Paix", ("75002", "75102", "Paris"), 0.97),
    address("3", "Place du Capitole", ("31000", "31555", "Toulouse"), 0.96),
    address("25", "Rue de la République", ("69002", "69382", "Lyon"), 0.96),
    address("14", "Rue Sainte-Catherine", ("33000", "33063", "Bordeaux"), 0.95),
    address("8", "Impasse des Lilas Perdus", ("44000", "44109", "Nantes"), 0.61),
    address("99", "Avenue Introuvable", ("13001", "13201", "Marseille"), 0.29),
];

/// An account.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Account {
    /// Without spaces.
    pub iban: &'static str,
    /// Who holds it; nobody where its bank does not take part.
    pub holders: &'static [&'static str],
}

/// The accounts.
pub const ACCOUNTS: [Account; 7] = [
    Account { iban: "FR7610011000200000000000151", holders: &["Camille Moreau", "Atelier Moreau"] },
    Account { iban: "FR7610011000200000000000248", holders: &["Jean-Pierre Lefèvre"] },
    Account { iban: "FR7610011000200000000000345", holders: &["Fatima Benali"] },
    Account { iban: "FR7610011000200000000000442", holders: &["Les Ours Bleus"] },
    Account { iban: "FR7610011000200000000000539", holders: &[] },
    Account { iban: "BE80001000000177", holders: &["Lotte Peeters"] },
    Account { iban: "DE50100000000000000001", holders: &["Jürgen Müller"] },
];

/// What a domain has in DNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mail {
    /// A mail exchange.
    Mx,
    /// A null MX (RFC 7505) and an address.
    NullMx,
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// A text.
    Neither,
    /// Name servers that are broken.
    Servfail,
}

/// The domains; the last ones are real providers, as they really are.
pub const DOMAINS: [(&str, Mail); 26] = [
    ("courrier.example", Mail::Mx),
    ("muet.example", Mail::NullMx),
    ("vitrine.example", Mail::A),
    ("vitrine6.example", Mail::Aaaa),
    ("texte.example", Mail::Neither),
    ("panne.example", Mail::Servfail),
    ("example.com", Mail::NullMx),
    ("bbox.fr", Mail::Mx),
    ("free.fr", Mail::Mx),
    ("gmail.com", Mail::Mx),
    ("gmx.de", Mail::Mx),
    ("gmx.fr", Mail::Mx),
    ("hotmail.com", Mail::Mx),
    ("hotmail.fr", Mail::Mx),
    ("icloud.com", Mail::Mx),
    ("laposte.net", Mail::Mx),
    ("live.fr", Mail::Mx),
    ("neuf.fr", Mail::Mx),
    ("orange.fr", Mail::Mx),
    ("outlook.com", Mail::Mx),
    ("outlook.fr", Mail::Mx),
    ("proton.me", Mail::Mx),
    ("sfr.fr", Mail::Mx),
    ("wanadoo.fr", Mail::Mx),
    ("yahoo.com", Mail::Mx),
    ("yahoo.fr", Mail::Mx),
];

/// The words of a text, in capitals and without accents.
pub(crate) fn words(text: &str) -> Vec<String> {
    let folded = any_ascii::any_ascii(text).to_ascii_uppercase();
    folded
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
