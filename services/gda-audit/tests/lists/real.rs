//! Real editions, from the directory that `GARANT_TEST_DATA` names. They import with the number of entries that the
//! directory's README gives.

use std::fs::File;
use std::io::{BufReader, Read, Write as _};
use std::path::PathBuf;
use std::sync::Once;
use std::time::Instant;

use flate2::read::GzDecoder;
use gda_audit::domain::record::{Kind, NameStrength, Record};
use gda_audit::lists::{EditionFacts, Format, NamedFile, changes, read};

const UN_2026: &[&str] = &["un_consolidated_2026-02-27.xml.gz"];
const UN_2025: &[&str] = &["un_consolidated_2025-04-19.xml.gz"];
const CONS_XML: &[&str] = &["ofac_consolidated_2025-03-28.xml.gz"];
const CONS_CSV: &[&str] = &[
    "ofac_cons_2025-12.cons_prim.csv.gz",
    "ofac_cons_2025-12.cons_alt.csv.gz",
    "ofac_cons_2025-12.cons_add.csv.gz",
];
const SDN_2021: &[&str] = &[
    "ofac_sdn_2021-07.sdn.csv.gz",
    "ofac_sdn_2021-07.alt.csv.gz",
    "ofac_sdn_2021-07.add.csv.gz",
    "ofac_sdn_2021-07.sdn_comments.csv.gz",
];
const SDN_2023: &[&str] = &["ofac_sdn_2023-01.sdn_with_header.csv.gz"];

/// Format, files, date, persons, organisations, vessels, aircraft.
type Edition = (Format, &'static [&'static str], Option<&'static str>, [u64; 4]);

const EDITIONS: &[Edition] = &[
    (Format::UnXml, UN_2026, Some("2026-02-27T00:00:09.554Z"), [730, 273, 0, 0]),
    (Format::UnXml, UN_2025, Some("2025-04-19T23:00:04.625Z"), [684, 193, 0, 0]),
    (Format::OfacXml, CONS_XML, Some("03/28/2025"), [80, 363, 0, 0]),
    (Format::OfacCsv, CONS_CSV, None, [79, 363, 0, 0]),
    (Format::OfacCsv, SDN_2021, None, [4_620, 3_673, 406, 277]),
    // The README counts the row that holds the end mark: 11,444.
    (Format::OfacCsv, SDN_2023, None, [5_890, 4_575, 685, 293]),
    (Format::EuFsfXml, &["sample_eu_fsf_v1.1.xml"], Some("2020-04-15T15:29:22.497+02:00"), [7, 0, 0, 0]),
    (
        Format::FrGelsJson,
        &["sample_fr_registre_national_des_gels_2025-11-21.json"],
        Some("2025-11-21T19:36:05.6138321+01:00"),
        [5, 3, 0, 0],
    ),
    // 23 rows of 6 groups.
    (Format::UkConList, &["sample_uk_ofsi_conlist.csv"], Some("27/04/2020"), [6, 0, 0, 0]),
    (Format::CaSemaXml, &["ca_sema_2025.xml.gz"], None, [3_334, 1_316, 109, 0]),
    (Format::UsLegislatorsYaml, &["pep_us_congress_legislators_current.yaml.gz"], None, [537, 0, 0, 0]),
    (Format::UsLegislatorsYaml, &["pep_us_executive.yaml.gz"], None, [80, 0, 0, 0]),
];

/// The directory, or one line that says what is left out without it.
fn lists() -> Option<PathBuf> {
    static SAID: Once = Once::new();
    let lists = std::env::var_os("GARANT_TEST_DATA").map(|data| PathBuf::from(data).join("lists"));
    if lists.is_none() {
        // Not by a macro: the harness keeps what passing tests print.
        SAID.call_once(|| {
            let _ = writeln!(
                std::io::stderr(),
                "left out, GARANT_TEST_DATA is not set: real editions of the lists"
            );
        });
    }
    lists
}

fn edition(lists: &std::path::Path, format: Format, files: &[&str]) -> (EditionFacts, Vec<Record>) {
    let mut contents: Vec<Box<dyn Read>> = files
        .iter()
        .map(|file| {
            let content = BufReader::new(File::open(lists.join(file)).unwrap());
            let content: Box<dyn Read> =
                if file.ends_with(".gz") { Box::new(GzDecoder::new(content)) } else { Box::new(content) };
            content
        })
        .collect();
    let mut named: Vec<NamedFile<'_>> =
        files.iter().zip(&mut contents).map(|(name, content)| NamedFile { name, content }).collect();
    let mut records = Vec::new();
    let facts = read(format, &mut named, &mut |record| records.push(record)).unwrap();
    (facts, records)
}

#[test]
fn every_real_edition_imports_whole() {
    let Some(lists) = lists() else { return };
    for (format, files, date, [persons, organisations, vessels, aircraft]) in EDITIONS {
        let start = Instant::now();
        let (facts, records) = edition(&lists, *format, files);
        println!("{}: {} entries in {:?}", files[0], records.len(), start.elapsed());
        let [persons, organisations, vessels, aircraft] = [*persons, *organisations, *vessels, *aircraft];
        let expected = EditionFacts { persons, organisations, vessels, aircraft, ..facts.clone() };
        assert_eq!(facts, expected, "{}", files[0]);
        assert_eq!(facts.date.as_deref(), *date, "{}", files[0]);
        assert_eq!(facts.published.is_some(), date.is_some(), "{}", files[0]);
    }
}

#[test]
fn real_editions_differ_in_few_entries() {
    let Some(lists) = lists() else { return };
    let (_, old) = edition(&lists, Format::UnXml, UN_2025);
    let (_, new) = edition(&lists, Format::UnXml, UN_2026);
    let found = changes(&old, &new);
    let material = found.amended.iter().filter(|amendment| amendment.is_material()).count();
    assert_eq!(found.removed, ["IQi.074", "QDi.328", "QDi.336", "QDi.317"]);
    assert_eq!([found.added.len(), found.amended.len(), material], [130, 16, 2]);
}

/// OFAC publishes the same entries in two formats, nine months apart: what both can say, they say alike.
#[test]
fn csv_and_xml_say_the_same() {
    let Some(lists) = lists() else { return };
    let (_, xml) = edition(&lists, Format::OfacXml, CONS_XML);
    let (_, csv) = edition(&lists, Format::OfacCsv, CONS_CSV);
    let found = changes(&xml, &csv);
    assert_eq!((found.added.len(), found.removed.len()), (0, 1));
    let amended = |field| found.amended.iter().filter(|amendment| amendment.fields.contains(&field)).count();
    use gda_audit::lists::Field;
    for field in [Field::Kind, Field::Births, Field::BirthPlaces, Field::Nationalities, Field::Gender] {
        assert_eq!(amended(field), 0, "{field:?}");
    }
    // Renamed since, or in the remarks' continuation that is not at hand.
    assert!(amended(Field::Names) < 15 && amended(Field::Documents) < 20 && amended(Field::Addresses) < 30);
}

#[test]
fn details_of_real_entries() {
    let Some(lists) = lists() else { return };
    let (_, sdn) = edition(&lists, Format::OfacCsv, SDN_2021);
    let of = |id: &str| sdn.iter().find(|record| record.id == id).unwrap();
    // The remarks break off in the middle of an alias, and go on in the comments' file.
    let alias = of("28263").names.iter().find(|name| name.whole == "snowsjohn").unwrap();
    assert_eq!(alias.strength, NameStrength::Weak);
    let ships = sdn.iter().filter(|record| record.kind == Kind::Vessel);
    let numbered = ships.filter(|ship| ship.documents.iter().any(|paper| paper.kind == "IMO number"));
    assert!(numbered.count() > 300);
    let born = sdn.iter().filter(|record| record.kind == Kind::Person && !record.births.is_empty()).count();
    assert!(born > 4_000);
}
