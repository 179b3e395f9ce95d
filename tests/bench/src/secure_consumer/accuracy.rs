//! How often the checks say what the tests of open packages expect, and where they do not.
//!
//! The vectors are other people's: they are read from the packages' sources at each run, and none is kept.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clap::Args;
use secure_consumer::domain::company::Siren;
use secure_consumer::domain::email::{DomainKind, EmailAddress};
use secure_consumer::domain::form::{Form, FormFault};
use secure_consumer::domain::iban::{Iban, NationalKey};
use secure_consumer::domain::name::{self, Likeness};
use secure_consumer::domain::phone::PhoneFinding;
use secure_consumer::reference::Reference;
use serde::Deserialize;
use serde_json::{Value, json};

use super::peers;

/// Of a kind, so many wrong ones are shown without `--all`.
const SHOWN: usize = 60;

/// What is shown.
#[derive(Args)]
pub(crate) struct Options {
    /// Show all that are wrong, however many.
    #[arg(long)]
    all: bool,
}

/// What a test expects.
#[derive(Deserialize)]
struct Vector {
    kind: String,
    /// A phone's region and a name's other form come second.
    texts: Vec<String>,
    expected: String,
    source: String,
}

/// What we say of it, and why.
struct Verdict {
    /// None: nothing for or against it.
    said: Option<&'static str>,
    because: String,
}

#[derive(Default)]
struct Tally {
    right: usize,
    abstained: usize,
    wrong: usize,
}

/// Prints the tables.
///
/// # Errors
/// The packages cannot be had from PyPI.
pub(crate) fn run(options: &Options) -> Result<()> {
    let reference = Reference::read(None)?;
    let printed = peers::run("secure_consumer_vectors.py", &[""; 0])
        .context("the packages whose tests are the vectors cannot be had from PyPI")?;
    let mut tallies: BTreeMap<(String, String), Tally> = BTreeMap::new();
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // By country.
    let mut without_key: BTreeMap<String, usize> = BTreeMap::new();
    for line in printed.lines() {
        let vector: Vector = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let verdict = judge(&vector, &reference);
        let source = vector.source.split(", ").next().unwrap_or_default().to_owned();
        let tally = tallies.entry((vector.kind.clone(), source)).or_default();
        match verdict.said {
            None => {
                tally.abstained += 1;
                if vector.kind == "key" {
                    let country = vector.texts.concat().chars().take(2).collect();
                    *without_key.entry(country).or_default() += 1;
                }
            }
            Some(said) if said == vector.expected => tally.right += 1,
            Some(said) => {
                tally.wrong += 1;
                let texts: Vec<String> = vector.texts.iter().map(|text| shown(text)).collect();
                let texts = texts.join(" · ");
                let Vector { kind, expected, source, .. } = &vector;
                let mut because = verdict.because;
                if let Some(why) = decided(&vector, said) {
                    because = format!("{because} (by decision: {why})");
                }
                let line = format!("| {texts} | {expected} | {said}: {because} | {source} |");
                wrong.entry(kind.clone()).or_default().push(line);
            }
        }
    }

    println!("\n## Accuracy of secure-consumer\n\nWhat the tests of the packages expect, and ours says.\n");
    println!(
        "| check | package | vectors | right | abstains | wrong | wrong % |\n|---|---|---|---|---|---|---|"
    );
    for ((kind, source), Tally { right, abstained, wrong }) in &tallies {
        let all = right + abstained + wrong;
        let share = *wrong as f64 * 100.0 / all as f64;
        println!("| {kind} | {source} | {all} | {right} | {abstained} | {wrong} | {share:.1} |");
    }
    let countries: Vec<String> =
        without_key.iter().map(|(country, count)| format!("{country} {count}")).collect();
    println!("\nKeys: there is none, or none that says that a number is wrong, in {}.", countries.join(", "));
    for (kind, wrong) in &wrong {
        println!("\n### Wrong: {kind}\n\n| text | expected | ours, and why | source |\n|---|---|---|---|");
        let shown = if options.all { wrong.len() } else { SHOWN };
        wrong.iter().take(shown).for_each(|line| println!("{line}"));
        if wrong.len() > shown {
            println!("\n… and {} more (`--all`).", wrong.len() - shown);
        }
    }
    Ok(())
}

/// Why ours is meant to say otherwise.
fn decided(vector: &Vector, said: &str) -> Option<&'static str> {
    let text = vector.texts.first().map_or("", String::as_str);
    match (vector.kind.as_str(), said) {
        ("key", "valid") if text == "BE83138811735115" => {
            Some("that nobody has the bank's code is told apart")
        }
        ("phone", "valid") if vector.source.ends_with("VOIP") => Some("a French 09 is a household's line"),
        ("email", "invalid") if text.starts_with('＠') => {
            Some("of the characters beyond ASCII only letters")
        }
        ("email", "invalid") if text.ends_with("@example.com") => Some("no mail reaches it, RFC 2606"),
        ("email", "valid") if text.starts_with("my.ṩ") => Some("in NFC, as here, it has 254 octets"),
        _ => None,
    }
}

/// On one line of a table, without what cannot be seen.
fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    format!("`{}`", shown.replace('|', "\\|"))
}

fn judge(vector: &Vector, reference: &Reference) -> Verdict {
    let texts: Vec<&str> = vector.texts.iter().map(String::as_str).collect();
    let (text, other) = match texts.as_slice() {
        [text] => (*text, ""),
        [text, other, ..] => (*text, *other),
        [] => ("", ""),
    };
    match vector.kind.as_str() {
        "iban" => iban(text, reference).map_or_else(invalid, |_| valid()),
        "key" => iban(text, reference).map_or_else(invalid, |iban| key(&iban, reference)),
        "siren" => siren(text),
        "email" => email(text, reference),
        "phone" => phone(text, other, reference),
        "name" | "nickname" => names(text, other),
        _ => Verdict { said: None, because: String::new() },
    }
}

fn valid() -> Verdict {
    Verdict { said: Some("valid"), because: String::new() }
}

fn invalid(because: String) -> Verdict {
    Verdict { said: Some("invalid"), because }
}

/// As a merchant would send it: the form drops separators.
fn form(body: &Value) -> Result<Form, String> {
    Form::read(body.to_string().as_bytes()).map_err(|FormFault { code, .. }| format!("form, {code}"))
}

fn iban(text: &str, reference: &Reference) -> Result<Iban, String> {
    let form = form(&json!({"iban": text}))?;
    let text = form.iban.map(|iban| iban.expose().clone()).unwrap_or_default();
    reference.structures.read(&text).map_err(|fault| fault.to_string())
}

fn key(iban: &Iban, reference: &Reference) -> Verdict {
    match reference.banks.national_key(iban) {
        NationalKey::Valid => valid(),
        NationalKey::Invalid => invalid("national key".to_owned()),
        NationalKey::Unchecked => Verdict { said: None, because: String::new() },
    }
}

fn siren(text: &str) -> Verdict {
    let form = match form(&json!({"siren": text, "social_reference": "x"})) {
        Ok(form) => form,
        Err(because) => return invalid(because),
    };
    let text = form.company.map(|company| company.siren.expose().clone()).unwrap_or_default();
    Siren::parse(&text).map_or_else(|fault| invalid(fault.to_string()), |_| valid())
}

fn email(text: &str, reference: &Reference) -> Verdict {
    match EmailAddress::parse(text) {
        Err(fault) => invalid(fault.to_string()),
        Ok(email) if reference.mail_domains.kind(email.domain()) == DomainKind::Reserved => {
            invalid("reserved domain".to_owned())
        }
        Ok(_) => valid(),
    }
}

fn phone(text: &str, region: &str, reference: &Reference) -> Verdict {
    let (said, because) = match reference.phones.check(text, region) {
        PhoneFinding::Valid => ("valid", "a subscriber's"),
        PhoneFinding::Foreign => ("foreign", "another country's"),
        PhoneFinding::PremiumOrVoip => ("service", "a service's"),
        PhoneFinding::Invalid => ("invalid", "in no numbering plan"),
    };
    Verdict { said: Some(said), because: because.to_owned() }
}

/// `Close` says that two names may be one person's or not.
fn names(one: &str, other: &str) -> Verdict {
    let likeness = name::persons_alike(one, other);
    let said = match likeness {
        Likeness::Match => Some("same"),
        Likeness::Close => None,
        Likeness::Mismatch => Some("other"),
    };
    Verdict { said, because: format!("{likeness:?}") }
}
