//! The French national register of asset freezes, JSON
//! (<https://gels-avoirs.dgtresor.gouv.fr>, `derniere-publication-fichier-json`).

use std::fmt;
use std::io::BufReader;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::date;
use super::error::{Fault, ListError, Position};
use super::input::{Input, Meter};
use super::intake::{Intake, blank, name, name_of};
use super::text::{alternatives, join, language, place};
use crate::domain::record::{BirthDate, Country, Document, Gender, Kind, ListedName, NameStrength, Record};

pub(super) fn read(input: Input<'_>, intake: &mut Intake<'_>) -> Result<(), ListError> {
    let (file, meter) = (input.name, input.meter());
    let mut json = serde_json::Deserializer::from_reader(super::input::without_mark(BufReader::new(input)));
    let mut reading = Reading { intake, meter, entries: 0, fault: None, found: false };
    let read =
        Publications { reading: &mut reading, inner: false }.deserialize(&mut json).and_then(|()| json.end());
    match (reading.fault, read) {
        (Some(fault), _) => Err(ListError::new(file, Position::Entry(reading.entries), fault)),
        (None, Err(error)) if error.is_eof() && error.line() <= 1 && error.column() == 0 => {
            Err(ListError::new(file, Position::Whole, Fault::Empty))
        }
        (None, Err(error)) => Err(ListError::new(file, Position::Line(error.line() as u64), error.into())),
        (None, Ok(())) if !reading.found => {
            Err(ListError::new(file, Position::Whole, Fault::WrongFormat("the French register in JSON")))
        }
        (None, Ok(())) => Ok(()),
    }
}

struct Reading<'r, 'i> {
    intake: &'r mut Intake<'i>,
    meter: Meter,
    entries: u64,
    /// Why the entry was not taken: serde's errors carry texts only.
    fault: Option<Fault>,
    /// Whether there was a list of entries at all.
    found: bool,
}

/// `{"Publications": {"DatePublication": …, "PublicationDetail": […]}}`, the outer and the inner object.
struct Publications<'a, 'r, 'i> {
    reading: &'a mut Reading<'r, 'i>,
    inner: bool,
}

impl<'de> DeserializeSeed<'de> for Publications<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Publications<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "Publications" if !self.inner => {
                    map.next_value_seed(Publications { reading: self.reading, inner: true })?;
                }
                "DatePublication" if self.inner => {
                    let date: String = map.next_value()?;
                    self.reading.intake.dated(Some(&date));
                }
                "PublicationDetail" if self.inner => map.next_value_seed(Entries(self.reading))?,
                _ => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(())
    }
}

struct Entries<'a, 'r, 'i>(&'a mut Reading<'r, 'i>);

impl<'de> DeserializeSeed<'de> for Entries<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.0.found = true;
        self.0.meter.reset();
        while let Some(entry) = entries.next_element::<Entry>()? {
            self.0.entries += 1;
            self.0.meter.reset();
            if let Err(fault) = self.0.intake.take(record(&entry)) {
                self.0.fault = Some(fault);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    id_registre: Option<Value>,
    #[serde(default)]
    nature: Option<String>,
    #[serde(default)]
    nom: Option<String>,
    #[serde(default)]
    registre_detail: Vec<Detail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Detail {
    type_champ: String,
    valeur: Vec<Map<String, Value>>,
}

/// A value's cell; empty where it is null or missing.
fn cell(value: &Map<String, Value>, key: &str) -> String {
    value.get(key).map(text).unwrap_or_default()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Null => String::new(),
        value => value.to_string(),
    }
}

fn record(entry: &Entry) -> Record {
    let kind = match entry.nature.as_deref().unwrap_or_default().trim() {
        "Personne physique" => Kind::Person,
        "Navire" => Kind::Vessel,
        _ => Kind::Organisation,
    };
    let mut record = blank(entry.id_registre.as_ref().map(text).unwrap_or_default(), kind);
    let family = entry.nom.as_deref().unwrap_or_default();
    let given: Vec<String> = values(entry, "PRENOM").map(|value| cell(value, "Prenom")).collect();
    match kind {
        Kind::Person if given.is_empty() => {
            record.names.push(name_of(Some(family), None, NameStrength::Primary))
        }
        Kind::Person => record
            .names
            .extend(given.iter().map(|given| name_of(Some(family), Some(given), NameStrength::Primary))),
        _ => {
            record.names.push(name(family, NameStrength::Primary));
            let names = alternatives(family).into_iter();
            record
                .names
                .extend(names.map(|found| name(found.text, found.strength.unwrap_or(NameStrength::Strong))));
        }
    }
    for detail in &entry.registre_detail {
        detail.valeur.iter().for_each(|value| fact(&detail.type_champ, value, &mut record));
    }
    record
}

fn values<'a>(entry: &'a Entry, kind: &'a str) -> impl Iterator<Item = &'a Map<String, Value>> {
    entry
        .registre_detail
        .iter()
        .filter(move |detail| detail.type_champ == kind)
        .flat_map(|detail| &detail.valeur)
}

fn fact(kind: &str, value: &Map<String, Value>, record: &mut Record) {
    let comment = cell(value, "Commentaire");
    let country = || Some(cell(value, "Pays")).filter(|name| !name.is_empty()).map(Country::named);
    let mut document = |kind: &str, number: String| {
        // `/` stands for no number.
        let missing = ["", "/", "-"].contains(&number.as_str());
        let kind = if comment.is_empty() || missing { kind.to_owned() } else { comment.clone() };
        if missing {
            record.remarks.push(join([Some(kind.as_str()), Some(comment.as_str())], ": "));
        } else {
            record.documents.push(Document { kind, number, country: None });
        }
    };
    match kind {
        "PRENOM" => {}
        "ALIAS" => alias(&cell(value, "Alias"), &comment, record),
        "SEXE" => record.gender = Gender::of(&cell(value, "Sexe")),
        "DATE_DE_NAISSANCE" => birth(value, &comment, record),
        "LIEU_DE_NAISSANCE" => {
            record.birth_places.extend(place([Some(cell(value, "Lieu").as_str())], country()))
        }
        "NATIONALITE" => {
            record.nationalities.extend(country());
            record.remarks.extend((!comment.is_empty()).then(|| format!("Nationalité: {comment}")));
        }
        "ADRESSE_PP" | "ADRESSE_PM" => {
            record.addresses.extend(place([Some(cell(value, "Adresse").as_str())], country()));
        }
        "PASSEPORT" => {
            let number = cell(value, "NumeroPasseport");
            record.remarks.extend((!comment.is_empty()).then(|| format!("Passeport {number}: {comment}")));
            record.documents.push(Document { kind: "Passeport".to_owned(), number, country: None });
        }
        "AUTRE_IDENTITE" => document("Autre identité", cell(value, "NumeroCarte")),
        "IDENTIFICATION" => document("Identification", cell(value, "Identification")),
        "NUMERO_OMI" => document("IMO number", cell(value, "NumeroOMI")),
        "FONDEMENT_JURIDIQUE" => record.programmes.push(cell(value, "FondementJuridiqueLabel")),
        // Titles, reasons, references, telephones, and whatever the register adds.
        kind => {
            let cells: Vec<String> = value.values().map(text).collect();
            let cells = join(cells.iter().map(|cell| Some(cell.as_str())), ", ");
            record.remarks.extend((!cells.is_empty()).then(|| format!("{}: {cells}", label(kind))));
        }
    }
}

fn alias(alias: &str, comment: &str, record: &mut Record) {
    let note = comment.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| note.contains(word));
    let strength = if says(&["faible", "peu fiable", "nom de guerre", "surnom", "pseudonyme"]) {
        NameStrength::Weak
    } else if says(&["ancien", "précédem", "naissance", "jeune fille"]) {
        NameStrength::Former
    } else {
        NameStrength::Strong
    };
    // `En russe`
    let language = note.strip_prefix("en ").and_then(language);
    for found in alternatives(alias) {
        let strength = found.strength.unwrap_or(strength);
        record.names.push(ListedName { language: language.map(str::to_owned), ..name(found.text, strength) });
    }
    if language.is_none() && !comment.is_empty() {
        record.remarks.push(format!("Alias {alias}: {comment}"));
    }
}

fn birth(value: &Map<String, Value>, comment: &str, record: &mut Record) {
    let [year, month, day] = ["Annee", "Mois", "Jour"].map(|part| cell(value, part));
    let note = comment.to_lowercase();
    let circa = ["vers", "environ", "approx", "circa"].iter().any(|word| note.contains(word));
    let mut dates: Vec<BirthDate> = date::of_parts(&year, &month, &day).into_iter().collect();
    if dates.is_empty() {
        dates = date::of_text(if year.is_empty() { comment } else { &year });
    }
    let given = join([Some(day.as_str()), Some(month.as_str()), Some(year.as_str())], "/");
    if dates.is_empty() && !given.is_empty() || !comment.is_empty() {
        record.remarks.push(join([Some("Date de naissance"), Some(given.as_str()), Some(comment)], ": "));
    }
    record.births.extend(dates.into_iter().map(|date| BirthDate { circa: date.circa || circa, ..date }));
}

/// `SITE_INTERNET` → `Site internet`
fn label(kind: &str) -> String {
    match kind {
        "REFERENCE_UE" => return "Référence UE".to_owned(),
        "REFERENCE_ONU" => return "Référence ONU".to_owned(),
        _ => {}
    }
    let mut words = kind.replace('_', " ").to_lowercase();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}
