//! What is refused, as a whole, and how it is said.

use gda_audit::lists::{Fault, Format};

use crate::support::{SANDBOX, list, refused};

#[test]
fn nothing_is_no_list() {
    for format in Format::ALL {
        for text in ["", " \n", "\u{feff}"] {
            let (fault, message) = refused(format, text);
            assert!(
                matches!(fault, Fault::Empty | Fault::Cut(_) | Fault::WrongFormat(_) | Fault::NoId(_)),
                "{format:?} {text:?}: {message}"
            );
        }
    }
    let list = list("un");
    let (fault, message) = refused(list.format, "<CONSOLIDATED_LIST><INDIVIDUALS/></CONSOLIDATED_LIST>");
    assert!(matches!(fault, Fault::Empty));
    assert_eq!(message, "list: the list holds no entry");
}

#[test]
fn another_format_is_named() {
    for list in SANDBOX {
        for other in SANDBOX.iter().filter(|other| other.format != list.format) {
            let contents: Vec<Vec<u8>> =
                list.files.iter().zip(other.contents().iter().cycle()).map(|(_, c)| c.clone()).collect();
            let error = list.read(&contents).unwrap_err();
            assert!(!error.to_string().is_empty());
        }
    }
    let (_, message) = refused(Format::UnXml, "<html><body>Service unavailable</body></html>");
    assert_eq!(message, "list, byte 6: this is not the UN's consolidated list in XML");
    let (_, message) = refused(Format::UkConList, "<html></html>\n");
    assert_eq!(message, "list, line 1: this is not the UK's list in CSV");
}

#[test]
fn an_entry_needs_an_identifier_and_a_name() {
    let un = |entry: &str| {
        let text =
            format!("<CONSOLIDATED_LIST><ENTITIES><ENTITY>{entry}</ENTITY></ENTITIES></CONSOLIDATED_LIST>");
        refused(Format::UnXml, text).1
    };
    assert!(un("<FIRST_NAME>A</FIRST_NAME>").ends_with("an entry without its identifier"));
    let unnamed = un("<REFERENCE_NUMBER>X.1</REFERENCE_NUMBER><FIRST_NAME> ; </FIRST_NAME>");
    assert!(unnamed.ends_with("entry \"X.1\" has no name"));
    let (_, message) =
        refused(Format::FollowTheMoneyJsonl, "{\"schema\":\"Person\",\"properties\":{\"name\":[\"A\"]}}\n");
    assert_eq!(message, "list, line 1: an entry without its identifier");
    let (_, message) = refused(Format::SimplePepCsv, "id,schema,name\n7,Person,\n");
    assert_eq!(message, "list, line 2: entry \"7\" has no name");
}

#[test]
fn identifiers_are_unique() {
    for list in
        SANDBOX.iter().filter(|list| !["eu", "ca", "uk_conlist", "uk_sanctions_list"].contains(&list.name))
    {
        let twice: Vec<Vec<u8>> = match list.name {
            "un" => vec![again(list, "<ENTITY>", "</ENTITY>")],
            "ofac_xml" => vec![again(list, "<sdnEntry>", "</sdnEntry>")],
            "fr" => vec![again(list, "{\"IdRegistre\":990002", "]},\n")],
            "ftm" => vec![again(list, "{\"id\":\"sbx-p1\"", "\n")],
            "pep_csv" => vec![again(list, "\"sbx-c1\"", "\n")],
            "pep_us" => vec![again(list, "- id:\n    govtrack", "how: election\n")],
            _ => {
                let mut contents = list.contents();
                contents[0] = repeated(&contents[0], b"990002,", b"\r\n");
                contents
            }
        };
        let error = list.read(&twice).unwrap_err();
        assert!(matches!(error.fault, Fault::DuplicateId(_)), "{}: {error}", list.name);
    }
    // Where the list has no identifiers of its own, or repeats them, a second one gets a number.
    let list = list("eu");
    let (_, records) =
        list.read(&[again(list, "<sanctionEntity designationDetails", "</sanctionEntity>")]).unwrap();
    assert_eq!(records.last().unwrap().id, "990002#2");
}

fn again(list: &crate::support::List, from: &str, to: &str) -> Vec<u8> {
    repeated(&list.contents()[0], from.as_bytes(), to.as_bytes())
}

/// The text with the piece from one mark to the end of the next twice.
fn repeated(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = |mark: &[u8], start: usize| {
        start + text[start..].windows(mark.len()).position(|w| w == mark).unwrap()
    };
    let start = at(from, 0);
    let end = at(to, start) + to.len();
    [&text[..end], &text[start..end], &text[end..]].concat()
}

#[test]
fn hostile_xml() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
        <CONSOLIDATED_LIST><ENTITIES><ENTITY><FIRST_NAME>&b;</FIRST_NAME></ENTITY></ENTITIES></CONSOLIDATED_LIST>";
    let (fault, message) = refused(Format::UnXml, bomb);
    assert!(matches!(fault, Fault::Forbidden(_)), "{message}");
    let outside = "<CONSOLIDATED_LIST><ENTITIES><ENTITY><FIRST_NAME>&file;</FIRST_NAME>";
    assert!(matches!(refused(Format::UnXml, outside).0, Fault::Forbidden(_)));
    let deep = format!("<CONSOLIDATED_LIST><ENTITIES>{}", "<ENTITY>".repeat(100_000));
    assert!(matches!(refused(Format::UnXml, deep).0, Fault::Forbidden(_)));
    let containers = format!("<CONSOLIDATED_LIST>{}", "<ENTITIES>".repeat(100_000));
    assert!(matches!(refused(Format::UnXml, containers).0, Fault::Forbidden(_)));
    let other = "<?xml version=\"1.0\" encoding=\"UTF-7\"?><CONSOLIDATED_LIST/>";
    assert!(matches!(refused(Format::UnXml, other).0, Fault::Encoding(_)));
}

#[test]
fn hostile_json_and_yaml() {
    let deep = format!("{{\"Publications\":{}", "[".repeat(100_000));
    assert!(matches!(refused(Format::FrGelsJson, deep).0, Fault::Malformed(_)));
    let deep =
        format!("{{\"id\":\"1\",\"schema\":\"Person\",\"properties\":{{\"name\":{}", "[".repeat(100_000));
    assert!(matches!(
        refused(Format::FollowTheMoneyJsonl, deep).0,
        Fault::WrongFormat(_) | Fault::Malformed(_)
    ));
    let surrogate = "{\"id\":\"1\",\"schema\":\"Person\",\"properties\":{\"name\":[\"\\ud800\"]}}\n";
    assert!(matches!(refused(Format::FollowTheMoneyJsonl, surrogate).0, Fault::WrongFormat(_)));
    let bomb = "- id: &a {bioguide: X}\n  name: {first: A, last: B}\n  terms: [*a, *a]\n";
    assert!(matches!(refused(Format::UsLegislatorsYaml, bomb).0, Fault::Malformed(_)));
    let deep = format!("- id:\n    bioguide: {}\n", "[".repeat(10_000));
    assert!(matches!(refused(Format::UsLegislatorsYaml, deep).0, Fault::Malformed(_)));
}

#[test]
fn entries_and_fields_have_an_end() {
    let long = "A".repeat((1 << 20) + 1);
    let entry = |name: &str| {
        format!(
            "<CONSOLIDATED_LIST><ENTITIES><ENTITY><REFERENCE_NUMBER>1</REFERENCE_NUMBER>\
             <FIRST_NAME>{name}</FIRST_NAME></ENTITY></ENTITIES></CONSOLIDATED_LIST>"
        )
    };
    assert!(matches!(refused(Format::UnXml, entry(&long)).0, Fault::TooLarge { .. }));
    let many: String = (0..3_000).map(|number| format!("NAME {number}; ")).collect();
    assert!(matches!(refused(Format::UnXml, entry(&many)).0, Fault::TooLarge { .. }));
    let many = "A;".repeat(500_000);
    assert!(matches!(refused(Format::UnXml, entry(&many)).0, Fault::TooLarge { .. }));
    // A field that never ends is given up long before memory is.
    let endless = [b"\"".as_slice(), &b"x".repeat(40 << 20)].concat();
    for format in [Format::OfacCsv, Format::UkConList, Format::SimplePepCsv] {
        let (fault, message) = refused(format, &endless);
        assert!(matches!(fault, Fault::TooLarge { .. }), "{format:?}: {message}");
    }
    let endless = format!("{{\"Publications\":{{\"DatePublication\":\"{}", "x".repeat(40 << 20));
    assert!(matches!(refused(Format::FrGelsJson, endless).0, Fault::TooLarge { .. }));
    let endless = format!("<CONSOLIDATED_LIST><!--{}", "x".repeat(40 << 20));
    assert!(matches!(refused(Format::UnXml, endless).0, Fault::TooLarge { .. }));
    let endless = format!("- id:\n    bioguide: {}", "x".repeat(40 << 20));
    assert!(matches!(refused(Format::UsLegislatorsYaml, endless).0, Fault::TooLarge { .. }));
    let endless = "x".repeat(40 << 20);
    assert!(matches!(refused(Format::FollowTheMoneyJsonl, endless).0, Fault::TooLarge { .. }));
}

#[test]
fn bytes_that_are_no_text() {
    for name in ["un", "ofac_xml", "eu", "fr", "ca", "ftm", "pep_csv", "pep_us"] {
        let list = list(name);
        let mut text = list.contents().remove(0);
        let letter = (text.len() / 2..).find(|at| text[*at].is_ascii_lowercase()).unwrap();
        text[letter] = 0xff;
        let error = list.read(&[text]).unwrap_err();
        assert!(matches!(error.fault, Fault::Encoding(_) | Fault::Malformed(_)), "{name}: {error}");
    }
    // The UK's list may be Windows-1252, but not after what is UTF-8.
    let list = list("uk_conlist");
    let text = list.contents().remove(0);
    let at = text.windows(15).position(|piece| piece == b"CHIMERA TRADING").unwrap();
    let mixed = [&text[..at], b"CHIM\xc8RE", &text[at + 7..]].concat();
    assert!(matches!(list.read(&[mixed]).unwrap_err().fault, Fault::Encoding(_)));
}

#[test]
fn ofac_files_belong_together() {
    let list = list("ofac_csv");
    let contents = list.contents();
    let mut other = contents.clone();
    other[1] = b"777,1,\"aka\",\"NOBODY\",-0- \r\n\x1a".to_vec();
    let error = list.read(&other).unwrap_err().to_string();
    assert_eq!(error, "ofac/alt.csv: a row of entry 777, which the main file doesn't have");
    let mut cut = contents.clone();
    cut[2].pop();
    let error = list.read(&cut).unwrap_err().to_string();
    assert_eq!(error, "ofac/add.csv, line 5: the file is cut: the end mark 0x1A is missing");
}

#[test]
fn a_count_that_is_announced_is_kept() {
    let list = list("ofac_xml");
    let text =
        String::from_utf8(list.contents().remove(0)).unwrap().replace("<Record_Count>4", "<Record_Count>5");
    let error = list.read(&[text.into_bytes()]).unwrap_err().to_string();
    assert!(error.ends_with("the file is cut: 5 records are announced, 4 are there"), "{error}");
}

/// What takes time that grows with its square would take minutes here.
#[test]
fn hostile_texts_take_no_time() {
    let uk = list("uk_conlist");
    let text = String::from_utf8(uk.contents().remove(0)).unwrap();
    let un = list("un");
    let names = String::from_utf8(un.contents().remove(0)).unwrap();
    for hostile in ["):", "(", ")", "(1)", " or ", " to ", "circa ", " / ", "a) ", "A (", ", "] {
        let hostile = hostile.repeat(1_000_000 / hostile.len());
        let _ = uk.read(&[text.replace("(Gender):Male", &hostile).into_bytes()]);
        let _ = un.read(&[names.replace("Farzan Kwillab; Farazan Quilab", &hostile).into_bytes()]);
        let _ = un.read(&[names.replace("Nov. 1961", &hostile).into_bytes()]);
    }
}
