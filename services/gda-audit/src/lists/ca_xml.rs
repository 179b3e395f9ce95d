//! Canada's consolidated autonomous sanctions list (special economic measures), XML
//! (<https://www.international.gc.ca/world-monde/international_relations-relations_internationales/sanctions/consolidated-consolide.aspx>).

use super::date;
use super::error::ListError;
use super::input::Input;
use super::intake::{Intake, blank, name, name_of};
use super::text::{alternatives, is_latin, join, language, split_outside};
use super::xml::{Element, Xml};
use crate::domain::record::{Document, Kind, ListedName, NameStrength, Record};

pub(super) fn read(input: Input<'_>, intake: &mut Intake<'_>) -> Result<(), ListError> {
    let mut xml = Xml::open(input, "data-set", "Canada's list in XML", &[])?;
    while let Some(entry) = xml.next()? {
        let taken = match entry.name.as_str() {
            // The list has no identifiers: ours is made of the place in the regulations.
            "record" => intake.take_repeated(record(&entry)),
            _ => Err(entry.unexpected()),
        };
        taken.map_err(|fault| xml.error(fault))?;
    }
    Ok(())
}

fn record(entry: &Element) -> Record {
    let (whole, imo) = (entry.text("EntityOrShip"), entry.text("ShipIMONumber"));
    let kind = match (whole, imo) {
        (_, Some(_)) => Kind::Vessel,
        (Some(_), None) => Kind::Organisation,
        (None, None) => Kind::Person,
    };
    let regulation = entry.text("Country").unwrap_or_default();
    let english = regulation.split(" / ").next();
    let id = entry.text("Item").map(|item| join([english, entry.text("Schedule"), Some(item)], " / "));
    let mut record = blank(id.unwrap_or_default(), kind);
    record.names.push(match whole {
        Some(whole) => name(whole, NameStrength::Primary),
        None => name_of(entry.text("LastName"), entry.text("GivenName"), NameStrength::Primary),
    });
    for variant in whole.map(|whole| variants(whole, true)).unwrap_or_default() {
        push(&mut record.names, variant, NameStrength::Strong, None);
    }
    for (alias, language) in entry.text("Aliases").map(|text| aliases(text, kind)).unwrap_or_default() {
        // A single word is the variant of one of the person's names, or a nickname.
        let alone = kind == Kind::Person && alias.split_whitespace().count() == 1;
        let strength = if alone { NameStrength::Weak } else { NameStrength::Strong };
        push(&mut record.names, alias, strength, language);
    }
    if let Some(date) = entry.text("DateOfBirthOrShipBuildDate") {
        let dates = if kind == Kind::Person { date::of_text(date) } else { Vec::new() };
        if dates.is_empty() {
            let label = if kind == Kind::Person { "Date of birth" } else { "Built" };
            record.remarks.push(format!("{label}: {date}"));
        }
        record.births.extend(dates);
    }
    record.documents.extend(imo.map(|number| Document {
        kind: "IMO number".to_owned(),
        number: number.to_owned(),
        country: None,
    }));
    // The regulation's country is not the person's.
    record.programmes.push(regulation.to_owned());
    record.listed_on = entry.text("DateOfListing").map(str::to_owned);
    let label = if kind == Kind::Person { "Title" } else { "Type" };
    record.remarks.extend(entry.text("TitleOrShip").map(|title| format!("{label}: {title}")));
    record.remarks.extend(entry.text("Schedule").map(|schedule| format!("Schedule {schedule}")));
    record
}

fn push(names: &mut Vec<ListedName>, text: &str, strength: NameStrength, language: Option<&str>) {
    for found in alternatives(text) {
        let language = language.filter(|_| !is_latin(found.text)).map(str::to_owned);
        names.push(ListedName { language, ..name(found.text, found.strength.unwrap_or(strength)) });
    }
}

/// The aliases of a record and their languages: `A, B; Russian: C / D, OOO`.
fn aliases(text: &str, kind: Kind) -> Vec<(&str, Option<&'static str>)> {
    let mut found: Vec<(&str, Option<&'static str>)> = Vec::new();
    for piece in split_outside(text, ';') {
        for piece in names_at_commas(piece) {
            let (label, rest) = piece.split_once(':').unwrap_or(("", piece));
            let (before, word) = label.trim().rsplit_once(' ').unwrap_or(("", label));
            let (language, piece) = match language(word) {
                // `Dagalo Mousa Arabic: …` is two names.
                Some(language) => {
                    found.extend((!before.is_empty()).then_some((before, None)));
                    (Some(language), rest)
                }
                None => (None, piece),
            };
            found
                .extend(variants(piece, kind == Kind::Person).into_iter().map(|variant| (variant, language)));
        }
    }
    found
}

/// The names of `A / B` and `A or B`; `of_words` where only names of several words are sure to be names:
/// `Aleksandr or Alexander Karnienko` is not two.
fn variants(text: &str, of_words: bool) -> Vec<&str> {
    let variants = text.split(" or ").flat_map(|variant| variant.split('/')).map(str::trim);
    let variants: Vec<&str> = variants.filter(|variant| !variant.is_empty()).collect();
    if of_words && !variants.iter().all(|variant| variant.contains(' ')) { vec![text] } else { variants }
}

/// Commas part names, unless what follows one is a legal form.
fn names_at_commas(text: &str) -> Vec<&str> {
    const FORMS: &[&str] = &[
        "ltd", "ltd.", "limited", "inc", "inc.", "llc", "co", "co.", "corp", "corp.", "s.a.", "sa", "jsc",
        "pjsc", "gmbh", "plc", "fze", "ooo", "oao", "ооо", "оао", "ао", "пао", "зао", "pjs",
    ];
    let mut names: Vec<&str> = Vec::new();
    let mut start = 0;
    let mut end = 0;
    for piece in split_outside(text, ',') {
        let at = end;
        end += piece.len() + 1;
        let form = piece.trim().to_lowercase();
        if at > 0 && !FORMS.contains(&form.as_str()) {
            names.push(&text[start..at - 1]);
            start = at;
        }
    }
    names.push(&text[start..]);
    names
}
