//! Files of lists in memory and what they become.

use gda_audit::domain::record::Record;
use gda_audit::lists::{EditionFacts, Fault, Format, ListError, NamedFile, read};

/// A list that ships with the service: what it is called, its format, its files.
pub struct List {
    pub name: &'static str,
    pub format: Format,
    pub files: &'static [&'static str],
}

pub const SANDBOX: &[List] = &[
    List { name: "un", format: Format::UnXml, files: &["un.xml"] },
    List { name: "ofac_xml", format: Format::OfacXml, files: &["ofac.xml"] },
    List {
        name: "ofac_csv",
        format: Format::OfacCsv,
        files: &["ofac/sdn.csv", "ofac/alt.csv", "ofac/add.csv", "ofac/sdn_comments.csv"],
    },
    List { name: "eu", format: Format::EuFsfXml, files: &["eu.xml"] },
    List { name: "fr", format: Format::FrGelsJson, files: &["fr.json"] },
    List { name: "uk_conlist", format: Format::UkConList, files: &["uk_conlist.csv"] },
    List { name: "uk_sanctions_list", format: Format::UkConList, files: &["uk_sanctions_list.csv"] },
    List { name: "ca", format: Format::CaSemaXml, files: &["ca.xml"] },
    List { name: "ftm", format: Format::FollowTheMoneyJsonl, files: &["pep.ftm.jsonl"] },
    List { name: "pep_csv", format: Format::SimplePepCsv, files: &["pep.csv"] },
    List { name: "pep_us", format: Format::UsLegislatorsYaml, files: &["pep_us.yaml"] },
];

impl List {
    /// The files as they are.
    pub fn contents(&self) -> Vec<Vec<u8>> {
        let sandbox = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sandbox");
        self.files.iter().map(|file| std::fs::read(sandbox.join(file)).unwrap()).collect()
    }

    /// Reads other contents in the place of the files.
    pub fn read(&self, contents: &[Vec<u8>]) -> Result<(EditionFacts, Vec<Record>), ListError> {
        let mut readers: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        let mut files: Vec<NamedFile<'_>> =
            self.files.iter().zip(&mut readers).map(|(name, content)| NamedFile { name, content }).collect();
        let mut records = Vec::new();
        let facts = read(self.format, &mut files, &mut |record| records.push(record))?;
        Ok((facts, records))
    }
}

pub fn list(name: &str) -> &'static List {
    SANDBOX.iter().find(|list| list.name == name).unwrap()
}

/// Why one text is refused.
pub fn refused(format: Format, text: impl AsRef<[u8]>) -> (Fault, String) {
    let mut content = text.as_ref();
    let mut files = [NamedFile { name: "list", content: &mut content }];
    let error = read(format, &mut files, &mut |_| {}).unwrap_err();
    let message = error.to_string();
    (error.fault, message)
}
