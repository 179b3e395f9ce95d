//! What each list that ships with the service becomes.

use gda_audit::lists::Format;

use crate::support::SANDBOX;

#[test]
fn every_sandbox_list_becomes_these_records() {
    for list in SANDBOX {
        let (facts, records) = list.read(&list.contents()).unwrap();
        assert_eq!(facts.total(), records.len() as u64);
        insta::with_settings!({ description => format!("{facts:?}"), omit_expression => true }, {
            insta::assert_json_snapshot!(list.name, records);
        });
    }
}

#[test]
fn formats_are_told_by_their_first_bytes() {
    for list in SANDBOX {
        let beginning = list.contents()[0].iter().take(1024).copied().collect::<Vec<u8>>();
        assert_eq!(Format::detect(&beginning), Some(list.format), "{}", list.name);
    }
    for other in
        ["", "{}", "<html><body>Not found</body></html>", "a,b,c\n1,2,3\n", "%PDF-1.7", "PK\u{3}\u{4}", "[]"]
    {
        assert_eq!(Format::detect(other.as_bytes()), None, "{other}");
    }
}
