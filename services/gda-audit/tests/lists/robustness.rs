//! Damaged files: an error or a list, never a panic; what is cut is refused where the format can tell.

use proptest::prelude::*;

use crate::support::{List, SANDBOX};

/// How much of a file may be cut off at most without being told: what follows the last thing that the format
/// demands. Lists of lines end wherever a line does.
fn cut_is_told(list: &List, file: usize, text: &[u8], kept: usize) -> bool {
    let rest = &text[kept..];
    match list.name {
        // White space after the end.
        "un" | "ofac_xml" | "eu" | "ca" | "fr" => !rest.trim_ascii().is_empty(),
        "ofac_csv" => file < 3,
        _ => {
            let line_ends = text[..kept].ends_with(b"\n");
            let whole_entity = list.name == "ftm" && text[..kept].ends_with(b"}") && rest.starts_with(b"\n");
            !line_ends && !whole_entity
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_refused_where_the_format_can_tell() {
    for list in SANDBOX {
        let contents = list.contents();
        for file in 0..contents.len() {
            for kept in 0..contents[file].len() {
                let mut cut = contents.clone();
                cut[file].truncate(kept);
                let told = cut_is_told(list, file, &contents[file], kept);
                if let Ok((facts, _)) = list.read(&cut) {
                    assert!(!told, "{} cut at {kept} was read: {facts:?}", list.files[file]);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn damaged_bytes_never_panic(
        list in 0..SANDBOX.len(),
        file in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..12),
    ) {
        let list = &SANDBOX[list];
        let mut contents = list.contents();
        let text = &mut contents[file.index(list.files.len())];
        for (at, byte, edit) in edits {
            if text.is_empty() {
                break;
            }
            let at = at.index(text.len());
            match edit {
                0 => text[at] = byte,
                1 => { text.remove(at); }
                2 => text.insert(at, byte),
                // A piece goes to another place.
                _ => {
                    let piece: Vec<u8> = text[at..].iter().take(usize::from(byte)).copied().collect();
                    let to = (at * 7 + usize::from(byte)) % text.len();
                    text.splice(to..to, piece);
                }
            }
        }
        let _ = list.read(&contents);
    }

    #[test]
    fn any_text_never_panics(list in 0..SANDBOX.len(), text in "\\PC{0,400}") {
        let list = &SANDBOX[list];
        let contents = vec![text.into_bytes(); list.files.len()];
        let _ = list.read(&contents);
    }

    /// The texts of fields, in the middle of a list that is sound otherwise.
    #[test]
    fn any_field_never_panics(field in "[\\PC]{0,60}|[ 0-9a-z();:/,.'\\-]{0,40}|(dob|circa|between|to|or|and| |[0-9]{1,4}|-|/)*") {
        let clean: String = field.chars().filter(|c| !"<>&\"\\\n\r{}".contains(*c)).collect();
        for (list, from) in [
            ("un", "Farzan Kwillab; Farazan Quilab"),
            ("un", "Nov. 1961"),
            ("ofac_xml", "circa 1965"),
            ("ofac_xml", "Nowheretown, Korea, North"),
            ("ca", "Воображаемый институт; Imaginary Institute, LLC, Dream Lab"),
            ("ca", "Sep-72"),
            ("uk_conlist", "(1) Russia (2) Cyprus"),
            ("fr", "Basile Chimère"),
            ("fr", "Entre 1970 et 1972"),
            ("ftm", "1971-05"),
        ] {
            let list = crate::support::list(list);
            let text = String::from_utf8(list.contents().remove(0)).unwrap();
            assert!(text.contains(from));
            let _ = list.read(&[text.replace(from, &clean).into_bytes()]);
        }
        let list = crate::support::list("ofac_csv");
        let mut contents = list.contents();
        let main = String::from_utf8(contents[0].clone()).unwrap();
        contents[0] = main.replace("Website sandbox.example", &clean).into_bytes();
        let _ = list.read(&contents);
    }
}
