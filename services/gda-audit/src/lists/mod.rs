//! Readers of official lists, one file per format. No HTTP, no SQL: files in, records out.
//!
//! An edition is read whole or refused whole: after an error nothing that was handed out before counts. Memory is
//! bounded by one entry, apart from the identifiers, what OFAC's CSV keeps in three side files, and the UK's list,
//! whose entries are spread over rows in any order.

mod ca_xml;
mod changes;
mod date;
mod error;
mod eu_xml;
mod format;
mod fr_json;
mod ftm_jsonl;
mod input;
mod intake;
mod ofac;
mod ofac_csv;
mod ofac_xml;
mod pep_csv;
mod rows;
mod text;
mod uk_csv;
mod un_xml;
mod us_yaml;
mod xml;

use chrono::{DateTime, Utc};

pub use changes::{Amendment, Changes, Field, Shrunk, acceptance, changes};
pub use error::{Fault, ListError, Position};
pub use format::Format;
pub use input::NamedFile;

use crate::domain::record::{Kind, Record};

/// What an edition is, told by its own files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditionFacts {
    /// Its date exactly as it writes it; `None` for a format that has none.
    pub date: Option<String>,
    /// The same date as an instant: midnight UTC where it has no hour.
    pub published: Option<DateTime<Utc>>,
    /// Natural persons.
    pub persons: u64,
    /// Companies, bodies, groups.
    pub organisations: u64,
    /// Ships.
    pub vessels: u64,
    /// Aircraft.
    pub aircraft: u64,
    /// Things in the file that are no entry of a list, such as FollowTheMoney's addresses and parties that are not
    /// themselves targets.
    pub skipped: u64,
}

impl EditionFacts {
    /// All entries.
    pub fn total(&self) -> u64 {
        self.persons + self.organisations + self.vessels + self.aircraft
    }

    fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Person => self.persons += 1,
            Kind::Organisation => self.organisations += 1,
            Kind::Vessel => self.vessels += 1,
            Kind::Aircraft => self.aircraft += 1,
        }
    }
}

/// Reads an edition and hands out its entries in the list's order.
///
/// One file, or for [`Format::OfacCsv`] up to four, told apart by their names: those with the word `alt`, `add` or
/// `comments` in them, and the main file. Files are decompressed by the caller.
///
/// # Errors
/// A [`ListError`] refuses the edition as a whole; entries that were handed out before must be dropped.
pub fn read(
    format: Format,
    files: &mut [NamedFile<'_>],
    each: &mut dyn FnMut(Record),
) -> Result<EditionFacts, ListError> {
    let mut intake = intake::Intake::new(each);
    let name = files.first().map(|file| file.name.to_owned()).unwrap_or_default();
    match files {
        files if format == Format::OfacCsv => ofac_csv::read(files, &mut intake)?,
        [file] => read_one(format, input::Input::new(file), &mut intake)?,
        files => {
            let fault = Fault::Malformed(format!("one file is expected, not {}", files.len()));
            return Err(ListError::new(&name, Position::Whole, fault));
        }
    }
    if intake.facts.total() == 0 {
        return Err(ListError::new(&name, Position::Whole, Fault::Empty));
    }
    Ok(intake.facts)
}

/// Whether an edition has all files of its format, which [`read`] does not ask for: of OFAC's CSV it reads the main file
/// alone, too.
///
/// # Errors
/// [`Fault::Incomplete`], with what is missing.
pub fn require_all_files<'a>(
    format: Format,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), ListError> {
    let missing = if format == Format::OfacCsv { ofac_csv::missing(names) } else { Vec::new() };
    if missing.is_empty() {
        return Ok(());
    }
    Err(ListError::new(format.as_str(), Position::Whole, Fault::Incomplete(missing.join(", "))))
}

fn read_one(
    format: Format,
    input: input::Input<'_>,
    intake: &mut intake::Intake<'_>,
) -> Result<(), ListError> {
    match format {
        Format::UnXml => un_xml::read(input, intake),
        Format::OfacXml => ofac_xml::read(input, intake),
        Format::EuFsfXml => eu_xml::read(input, intake),
        Format::FrGelsJson => fr_json::read(input, intake),
        Format::UkConList => uk_csv::read(input, intake),
        Format::CaSemaXml => ca_xml::read(input, intake),
        Format::FollowTheMoneyJsonl => ftm_jsonl::read(input, intake),
        Format::SimplePepCsv => pep_csv::read(input, intake),
        Format::UsLegislatorsYaml => us_yaml::read(input, intake),
        // Its files are read together, above.
        Format::OfacCsv => Ok(()),
    }
}
