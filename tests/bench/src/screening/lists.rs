//! Reads the real editions of lists.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use gda_audit::domain::record::Record;
use gda_audit::lists::{self, Format, NamedFile};

/// An edition: its files, gzipped, and their format.
pub(super) struct Edition {
    format: Format,
    files: &'static [&'static str],
}

pub(super) const UN: Edition =
    Edition { format: Format::UnXml, files: &["un_consolidated_2026-02-27.xml.gz"] };
pub(super) const OFAC: Edition = Edition {
    format: Format::OfacCsv,
    files: &["ofac_sdn_2021-07.sdn.csv.gz", "ofac_sdn_2021-07.alt.csv.gz", "ofac_sdn_2021-07.add.csv.gz"],
};

/// Whether there is a directory with lists.
pub(crate) fn are_at_hand() -> bool {
    directory().is_ok_and(|directory| directory.is_dir())
}

fn directory() -> Result<PathBuf> {
    let data = std::env::var_os("GARANT_TEST_DATA").context(
        "GARANT_TEST_DATA is not set: it must name a directory whose `lists/` holds the real editions that this measures on",
    )?;
    Ok(PathBuf::from(data).join("lists"))
}

/// A gzipped file, decompressed.
pub(super) fn open(name: &str) -> Result<Vec<u8>> {
    let path = directory()?.join(name);
    let file = std::fs::File::open(&path).with_context(|| path.display().to_string())?;
    let mut content = Vec::new();
    GzDecoder::new(file).read_to_end(&mut content)?;
    Ok(content)
}

/// An edition's records.
pub(super) fn read(edition: &Edition) -> Result<Vec<Record>> {
    let contents = edition.files.iter().map(|name| open(name)).collect::<Result<Vec<_>>>()?;
    let mut readers: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
    let mut files: Vec<NamedFile<'_>> = edition
        .files
        .iter()
        .zip(&mut readers)
        .map(|(name, content)| NamedFile { name: name.trim_end_matches(".gz"), content })
        .collect();
    let mut records = Vec::new();
    lists::read(edition.format, &mut files, &mut |record| records.push(record))?;
    Ok(records)
}
