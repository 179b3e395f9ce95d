//! What is known of mail domains.

use rustc_hash::{FxHashMap, FxHashSet};

/// What a mail domain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainKind<'a> {
    /// A company's, a school's, a person's own; or not known.
    Ordinary,
    /// Of a provider of mail for everybody, or free of charge.
    Free,
    /// One letter away from a popular provider's, and nobody's known.
    Mistyped {
        /// The provider's domain.
        meant: &'a str,
    },
    /// For mail to be thrown away.
    Disposable,
    /// Kept from the public internet (RFC 6761, RFC 2606, ICANN's `internal`): no mail reaches it.
    Reserved,
}

/// The lists of mail domains.
pub struct MailDomains {
    disposable: FxHashSet<Box<str>>,
    free: FxHashSet<Box<str>>,
    providers: FxHashSet<Box<str>>,
    /// Wrong domains and the right one.
    mistyped: FxHashMap<Box<str>, Box<str>>,
}

/// IANA's special-use top-level domains that are nobody's, `arpa`, and ICANN's `internal` (resolution of 2024-07-29).
const RESERVED: [&str; 9] =
    ["alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test"];

/// Second-level domains kept for examples (RFC 2606 section 3).
const EXAMPLES: [&str; 3] = ["example.com", "example.net", "example.org"];

/// Slips of the ends of domains that are no top-level domains.
const WRONG_ENDS: [(&str, &[&str]); 3] = [
    (
        "com",
        &[
            "ccom", "cim", "clm", "cmo", "cok", "comm", "comfr", "con", "conm", "coom", "coml", "cpm", "fom",
            "ocm", "vom", "xom",
        ],
    ),
    ("fr", &["dr", "fd", "fe", "ff", "ffr", "fre", "frr", "ft", "rf", "vr"]),
    ("net", &["ent", "het", "met", "neet", "ner", "nett", "ney", "nnet", "nrt", "nte", "nwt"]),
];

/// The name of a provider must be this long for a slip in it to be told from another name: `tree.fr` is not `free.fr`.
const MIN_NAME: usize = 5;

/// One slip away from a provider's, and words or names of their own.
const NO_SLIPS: [&str; 7] =
    ["frenet.de", "gail.com", "libro.it", "orage.fr", "orane.fr", "proto.me", "telnet.be"];

/// Neighbours on the keyboards for French (AZERTY) and others (QWERTY, QWERTZ).
const ROWS: [&str; 6] = ["azertyuiop", "qsdfghjklm", "wxcvbn", "qwertyuiop", "asdfghjkl", "yxcvbnm"];

impl MailDomains {
    /// Reads the lists: disposable and free domains as rows of a suffix and, after a tab, the names under it separated by
    /// spaces; popular providers one a line, followed by wrong domains that are no slips of a finger, separated by tabs.
    pub fn parse(disposable: &str, providers: &str, free: &str) -> Self {
        let mut lists = Self {
            disposable: domains(disposable).collect(),
            free: domains(free).collect(),
            providers: providers.lines().filter_map(|line| line.split('\t').next()).map(Box::from).collect(),
            mistyped: FxHashMap::default(),
        };
        for line in providers.lines() {
            let mut columns = line.split('\t');
            let Some(meant) = columns.next() else { continue };
            let wrong = columns.map(str::to_owned);
            let slips = slips(meant).into_iter().filter(|slip| !lists.is_known(slip));
            let found: Vec<String> = wrong.chain(slips).collect();
            for wrong in found {
                // Of two that it may be, the first by name: which one was meant changes nothing.
                lists.mistyped.entry(wrong.into()).or_insert_with(|| meant.into());
            }
        }
        lists
    }

    /// What a domain is, in lower case and ASCII.
    pub fn kind(&self, domain: &str) -> DomainKind<'_> {
        let top = domain.rsplit('.').next().unwrap_or_default();
        if RESERVED.contains(&top) || parents(domain).any(|domain| EXAMPLES.contains(&domain)) {
            return DomainKind::Reserved;
        }
        if self.providers.contains(domain) {
            return DomainKind::Free;
        }
        if parents(domain).any(|domain| self.disposable.contains(domain)) {
            return DomainKind::Disposable;
        }
        match self.mistyped.get(domain) {
            Some(meant) => DomainKind::Mistyped { meant },
            None if self.free.contains(domain) => DomainKind::Free,
            None => DomainKind::Ordinary,
        }
    }

    fn is_known(&self, domain: &str) -> bool {
        NO_SLIPS.contains(&domain)
            || [&self.disposable, &self.free, &self.providers].iter().any(|list| list.contains(domain))
    }
}

fn domains(rows: &str) -> impl Iterator<Item = Box<str>> {
    let rows = rows.lines().filter_map(|row| row.split_once('\t'));
    rows.flat_map(|(suffix, names)| names.split(' ').map(move |name| format!("{name}.{suffix}").into()))
}

/// A domain and those above it of at least two labels.
fn parents(domain: &str) -> impl Iterator<Item = &str> {
    let above = std::iter::successors(Some(domain), |domain: &&str| Some(domain.split_once('.')?.1));
    above.filter(|domain| domain.contains('.'))
}

/// What a finger makes of a domain by one slip, nobody mistyping the first letter: a letter left out, doubled, swapped
/// with its neighbour or replaced by the next key; a wrong end.
fn slips(domain: &str) -> Vec<String> {
    let Some((name, end)) = domain.split_once('.') else { return Vec::new() };
    let ends = WRONG_ENDS.iter().filter(|(right, _)| *right == end).flat_map(|(_, wrong)| *wrong);
    let mut slips: Vec<String> = ends.map(|wrong| format!("{name}.{wrong}")).collect();
    if name.len() < MIN_NAME {
        return slips;
    }
    if end == "com" {
        slips.extend(["co", "cm", "om"].map(|end| format!("{name}.{end}")));
    }
    let letters: Vec<char> = name.chars().collect();
    let mut add = |letters: Vec<char>| slips.push(format!("{}.{end}", String::from_iter(letters)));
    for (at, letter) in letters.iter().enumerate() {
        let with = |these: &[char]| {
            let (before, after) = (letters.iter().take(at), letters.iter().skip(at + 1));
            before.chain(these).chain(after).copied().collect::<Vec<_>>()
        };
        add(with(&[*letter, *letter]));
        if let Some(next) = letters.get(at + 1).filter(|next| *next != letter) {
            let mut swapped = with(&[*next, *letter]);
            swapped.remove(at + 2);
            add(swapped);
        }
        if at > 0 {
            add(with(&[]));
            neighbours(*letter).for_each(|neighbour| add(with(&[neighbour])));
        }
    }
    slips
}

fn neighbours(letter: char) -> impl Iterator<Item = char> {
    let beside = move |row: &'static str| {
        let at = row.find(letter);
        let left = at.and_then(|at| row.get(..at)).and_then(|left| left.chars().next_back());
        let right = at.and_then(|at| row.get(at + 1..)).and_then(|right| right.chars().next());
        left.into_iter().chain(right)
    };
    ROWS.into_iter().flat_map(beside)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::DomainKind::{Disposable, Free, Mistyped, Ordinary, Reserved};
    use super::*;

    static DOMAINS: LazyLock<MailDomains> = LazyLock::new(|| {
        MailDomains::parse(
            include_str!("../../../reference/disposable_domains.tsv"),
            include_str!("../../../reference/mail_providers.tsv"),
            include_str!("../../../reference/free_domains.tsv"),
        )
    });

    #[test]
    fn domains_are_told() {
        for (domain, expected) in [
            ("gmail.com", Free),
            ("orange.fr", Free),
            ("laposte.net", Free),
            ("proton.me", Free),
            ("yahoo.co.uk", Free),
            ("caramail.com", Free),
            ("iana.org", Ordinary),
            ("sncf.fr", Ordinary),
            ("yopmail.com", Disposable),
            ("mailinator.com", Disposable),
            ("any.of.mailinator.com", Disposable),
            ("mailinator.com.fr", Ordinary),
            ("example.com", Reserved),
            ("mail.example.org", Reserved),
            ("host.test", Reserved),
            ("a.invalid", Reserved),
            ("home.arpa", Reserved),
            ("myexample.com", Ordinary),
        ] {
            assert_eq!(DOMAINS.kind(domain), expected, "{domain}");
        }
    }

    #[test]
    fn slips_are_taken_for_the_provider() {
        for (domain, meant) in [
            ("gmali.com", "gmail.com"),
            ("gamil.com", "gmail.com"),
            ("gmai.com", "gmail.com"),
            ("gmaill.com", "gmail.com"),
            ("gmaul.com", "gmail.com"),
            ("gmail.con", "gmail.com"),
            ("gmail.co", "gmail.com"),
            ("gmail.fr", "gmail.com"),
            ("hotmial.fr", "hotmail.fr"),
            ("hotmal.com", "hotmail.com"),
            ("yaho.fr", "yahoo.fr"),
            ("yaoo.fr", "yahoo.fr"),
            ("outlok.fr", "outlook.fr"),
            ("ornage.fr", "orange.fr"),
            ("oragne.fr", "orange.fr"),
            ("orange.ft", "orange.fr"),
            ("wandaoo.fr", "wanadoo.fr"),
            ("wanado.fr", "wanadoo.fr"),
            ("laposte.ner", "laposte.net"),
            ("lapsote.net", "laposte.net"),
            ("free.ft", "free.fr"),
            ("icloud.fr", "icloud.com"),
        ] {
            assert_eq!(DOMAINS.kind(domain), Mistyped { meant }, "{domain}");
        }
    }

    #[test]
    fn domains_of_others_are_no_slips() {
        for domain in [
            "mail.com",
            "ymail.com",
            "email.com",
            "gmx.fr",
            "gmx.de",
            "tree.fr",
            "free.fr",
            "sfr.re",
            "lire.fr",
            "orage.fr",
            "range.fr",
            "grange.fr",
            "orange.com",
            "laposte.fr",
            "hotmail.kr",
            "yahoo.gr",
            "google.com",
            "me.fr",
            "aol.de",
            "neuf.com",
            "gmail.com.br",
            "dmail.com",
            "gail.com",
            "live.cn",
        ] {
            assert!(!matches!(DOMAINS.kind(domain), Mistyped { .. }), "{domain}");
        }
    }

    #[test]
    fn no_known_domain_is_mistyped_but_by_the_list() {
        let listed: Vec<&str> = include_str!("../../../reference/mail_providers.tsv")
            .lines()
            .flat_map(|line| line.split('\t').skip(1))
            .collect();
        for domain in DOMAINS.mistyped.keys().filter(|domain| DOMAINS.is_known(domain)) {
            assert!(listed.contains(&&**domain), "{domain}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_told(domain in any::<String>(), rows in "[a-z.\t \n]{0,30}") {
            let _ = DOMAINS.kind(&domain);
            let _ = MailDomains::parse(&rows, &rows, &rows).kind(&domain);
        }
    }
}
