//! Statements as workbooks, by hand where a library would not write them so.

use super::*;

const TYPES: &str = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#;
const PACKAGE: &str = r#"<Relationships><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const WORKBOOK: &str = r#"<workbook xmlns:r="r"><workbookPr date1904="0"/><sheets><sheet name="Feuil1" sheetId="1" r:id="r1"/></sheets></workbook>"#;
const SHEETS: &str = r#"<Relationships><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;

/// A workbook by hand, with one sheet's rows and further parts.
fn by_hand(rows: &str, parts: &[(&str, &[u8])]) -> Vec<u8> {
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    let mut own: Vec<(&str, &[u8])> = vec![
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", PACKAGE.as_bytes()),
        ("xl/workbook.xml", WORKBOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", SHEETS.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ];
    own.retain(|(name, _)| !parts.iter().any(|(other, _)| other == name));
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in own.iter().chain(parts) {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn text_row(row: u32, fields: &[&str]) -> String {
    let cells: String = fields
        .iter()
        .zip('A'..)
        .map(|(field, column)| {
            format!(r#"<c r="{column}{row}" t="inlineStr"><is><t xml:space="preserve">{field}</t></is></c>"#)
        })
        .collect();
    format!(r#"<row r="{row}">{cells}</row>"#)
}

/// A good workbook whose second row has `cell` in the place of `column`.
fn good_with_cell(column: Column, cell: &str) -> Vec<u8> {
    let good = text_row(2, &GOOD);
    let place = format!("r=\"{}2\"", char::from(b'A' + column as u8));
    let start = good.find(&format!("<c {place}")).unwrap();
    let end = start + good[start..].find("</c>").unwrap() + 4;
    let cell = cell.replace("<c", &format!("<c {place}"));
    by_hand(&format!("{}{}{cell}{}", text_row(1, &HEADER), &good[..start], &good[end..]), &[])
}

pub(super) fn written(rows: &[&[&str]]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (row, fields) in (0..).zip(rows) {
        for (column, field) in (0..).zip(*fields) {
            sheet.write_string(row, column, *field).unwrap();
        }
    }
    workbook.save_to_buffer().unwrap()
}

#[test]
fn text_cells_are_read_as_they_stand() {
    assert_eq!(read_all(&written(&[&HEADER, &GOOD]), Format::Xlsx).unwrap(), [good_row(2)]);
    assert_eq!(
        read_all(&by_hand(&(text_row(1, &HEADER) + &text_row(2, &GOOD)), &[]), Format::Xlsx).unwrap(),
        [good_row(2)]
    );
}

#[test]
fn numbers_and_dates_are_read_as_text_would_be() {
    for epoch_1904 in [false, true] {
        let mut workbook = Workbook::new();
        let date = CellFormat::new().set_num_format("dd/mm/yyyy hh:mm:ss");
        let sheet = workbook.add_worksheet();
        sheet.write_row(2, 1, HEADER).unwrap();
        let moment = ExcelDateTime::parse_from_str("2021-05-24T07:52:26").unwrap();
        if epoch_1904 {
            sheet.write_number_with_format(5, 1, moment.to_excel() - 1_462.0, &date).unwrap();
        } else {
            sheet.write_datetime_with_format(5, 1, &moment, &date).unwrap();
        }
        sheet.write_number(5, 2, 8_210_524_022_760.0).unwrap();
        sheet.write_string(5, 3, "SUCCES").unwrap();
        sheet.write_number(5, 4, 2_250_143_705_652.0).unwrap();
        sheet.write_formula(5, 5, Formula::new("=2500*2").set_result("5000")).unwrap();
        sheet.write_string(7, 20, "a note below").unwrap();
        let mut bytes = workbook.save_to_buffer().unwrap();
        if epoch_1904 {
            bytes = with_epoch_1904(&bytes);
        }
        match read_all(&bytes, Format::Xlsx) {
            Err(Refusal::Content { problems }) => {
                assert!(problems.iter().all(|problem| problem.line == 8))
            }
            other => panic!("{other:?}"),
        }
        let sheet = workbook.worksheet_from_index(0).unwrap();
        sheet.write_blank(7, 20, &CellFormat::new()).unwrap();
        let mut bytes = workbook.save_to_buffer().unwrap();
        if epoch_1904 {
            bytes = with_epoch_1904(&bytes);
        }
        let rows = read_all(&bytes, Format::Xlsx).unwrap();
        assert_eq!(lines(&rows), [6]);
        assert_eq!(rows[0].payment_date, "2021-05-24T07:52:26Z".parse::<DateTime<Utc>>().unwrap());
        assert_eq!(rows[0].payid.as_deref(), Some("8210524022760"));
        assert_eq!(rows[0].phone_num.expose(), "2250143705652");
        assert_eq!((rows[0].amount, rows[0].amount_text.as_str()), (5_000, "5000"));
    }
}

fn with_epoch_1904(workbook: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(workbook)).unwrap();
    let mut copy = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let name = part.name().unwrap().to_string();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut part, &mut content).unwrap();
        if name == "xl/workbook.xml" {
            let text = String::from_utf8(content).unwrap();
            content = text.replace("<workbookPr ", "<workbookPr date1904=\"1\" ").into_bytes();
        }
        copy.start_file(name, SimpleFileOptions::default()).unwrap();
        copy.write_all(&content).unwrap();
    }
    copy.finish().unwrap().into_inner()
}

#[test]
fn a_date_cell_is_in_the_operators_zone() {
    let operator = operator_with(json!({"timezone": "Europe/Paris"}));
    let file = good_with_cell(Column::PaymentDate, "<c><v>44340.25</v></c>");
    let rows = read_with(&file, Format::Xlsx, &operator).unwrap();
    assert_eq!(rows[0].payment_date, "2021-05-24T04:00:00Z".parse::<DateTime<Utc>>().unwrap());
}

#[test]
fn a_cell_without_a_value_of_its_own_is_a_problem_and_never_zero() {
    for (column, cell) in [
        (Column::Amount, "<c><f>SUM(A1:A9)</f></c>"),
        (Column::Amount, "<c><f>SUM(A1:A9)</f><v></v></c>"),
        (Column::Amount, r#"<c t="e"><v>#REF!</v></c>"#),
        (Column::Amount, r#"<c t="b"><v>1</v></c>"#),
        (Column::Amount, "<c><v>5000.5</v></c>"),
        (Column::Amount, "<c><v>-5</v></c>"),
        (Column::Payid, "<c><v>9007199254740993</v></c>"),
        (Column::Payid, "<c><v>1e300</v></c>"),
        (Column::Payid, "<c><v>1.5</v></c>"),
        (Column::PaymentDate, "<c><v>5000</v></c>"),
        (Column::PaymentDate, "<c><v>1e300</v></c>"),
        (Column::Status, "<c/>"),
    ] {
        assert_eq!(problems(&good_with_cell(column, cell), Format::Xlsx), [(2, column.name())], "{cell}");
    }
}

#[test]
fn a_formula_outside_our_columns_does_no_harm() {
    let extra = r#"<row r="2">"#.to_owned()
        + text_row(2, &GOOD).trim_start_matches(r#"<row r="2">"#).trim_end_matches("</row>")
        + r#"<c r="Z2"><f>A1</f></c></row>"#;
    assert_eq!(
        read_all(&by_hand(&(text_row(1, &HEADER) + &extra), &[]), Format::Xlsx).unwrap(),
        [good_row(2)]
    );
}

#[test]
fn headers_of_a_sheet_match_or_not() {
    assert_eq!(no_match(&written(&[&HEADER[..7], &GOOD]), Format::Xlsx), "missing: agent");
    let twice = [&HEADER[..], &["Agent"]].concat();
    assert_eq!(no_match(&written(&[&twice, &GOOD]), Format::Xlsx), "given twice: agent");
    assert_eq!(problems(&written(&[&HEADER]), Format::Xlsx), []);
    assert_eq!(problems(&written(&[]), Format::Xlsx), []);
}

#[test]
fn a_far_cell_is_refused() {
    let header = text_row(1, &HEADER);
    for cell in [
        r#"<row r="2"><c r="XFD2"><v>1</v></c></row>"#,
        r#"<row r="1048576"><c r="A1048576"><v>1</v></c></row>"#,
        r#"<row r="4294967295"><c><v>1</v></c></row>"#,
    ] {
        assert_eq!(
            no_match(&by_hand(&format!("{header}{cell}"), &[]), Format::Xlsx),
            "a cell lies too far out"
        );
    }
    for cell in [
        r#"<row r="2"><c r="ZZZZZZZZZZ2"><v>1</v></c></row>"#,
        r#"<row r="99999999999"><c><v>1</v></c></row>"#,
    ] {
        assert!(read_all(&by_hand(&format!("{header}{cell}"), &[]), Format::Xlsx).is_err());
    }
}

#[test]
fn an_entity_is_refused_wherever_it_stands() {
    let bomb = r#"<!DOCTYPE sst [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><sst><si><t>&b;</t></si></sst>"#;
    let utf16: Vec<u8> =
        std::iter::once(0xfeff).chain(bomb.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let rows = text_row(1, &HEADER) + &text_row(2, &GOOD);
    for name in ["xl/sharedStrings.xml", "xl/worksheets/sheet2.xml", "docProps/app.xml"] {
        let refused = |part| no_match(&by_hand(&rows, &[(name, part)]), Format::Xlsx);
        assert_eq!(refused(bomb.as_bytes()), "a document type declaration", "{name}");
    }
    assert!(read_all(&by_hand(&rows, &[("xl/sharedStrings.xml", &utf16)]), Format::Xlsx).is_err());
    assert_eq!(no_match(&by_hand(&rows, &[("docProps/app.xml", b"<a")]), Format::Xlsx), "a part is not XML");
}

#[test]
fn a_bomb_is_refused_by_what_it_inflates_to() {
    let zeros = vec![b' '; 32 << 20];
    let refused = no_match(&by_hand("", &[("xl/worksheets/sheet2.xml", &zeros)]), Format::Xlsx);
    assert_eq!(refused, "the archive inflates to more than 100 times its size");
    let small = vec![b' '; 4 << 20];
    let many: Vec<String> = (0..8).map(|n| format!("xl/media/{n}.bin")).collect();
    let parts: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &small as &[u8])).collect();
    assert!(read_all(&by_hand("", &parts), Format::Xlsx).is_err());
}

/// Bytes that deflate cannot shrink much.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 24) as u8 % 26
    })
    .take(length)
    .collect()
}

#[test]
fn a_cell_without_end_is_refused_however_it_is_cut() {
    let noise = String::from_utf8(noise(2 << 20)).unwrap();
    let (front, back) = noise.split_at(1 << 20);
    for cell in [
        format!("<c><is><t>{noise}</t></is></c>"),
        format!("<c><is><t>{front}<x/>{back}</t></is></c>"),
        format!("<c><is><t></is>{front}<x/>{back}</t></is></c>"),
        format!("<c><is></c><r><t>{front}</t></r><c><r><t>{back}</t></r></is></c>"),
        format!("<c t=\"str\"><v>{front}<!-- -->{back}</v></c>"),
        format!("<c><f>{front}&amp;{back}</f></c>"),
        format!("<c a=\"{noise}\"/>"),
        format!("<!-- {noise} -->"),
    ] {
        let file = by_hand(&format!("<row r=\"1\">{cell}</row>"), &[]);
        assert_eq!(no_match(&file, Format::Xlsx), "a cell longer than 1 MiB", "{}", &cell[..24]);
    }
}

#[test]
fn what_the_workbook_library_would_keep_is_bounded() {
    let strings =
        |declared: &str| format!("<sst uniqueCount=\"{declared}\"><si><t>a</t></si></sst>").into_bytes();
    for declared in ["2000001", "18446744073709551615", "99999999999999999999999"] {
        let file = by_hand("", &[("xl/sharedStrings.xml", &strings(declared))]);
        assert_eq!(no_match(&file, Format::Xlsx), "too many shared strings", "{declared}");
    }
    let styles = format!("<styleSheet><cellXfs>{}</cellXfs></styleSheet>", "<xf/>".repeat(70_000));
    let file = by_hand("", &[("xl/styles.xml", styles.as_bytes())]);
    assert_eq!(no_match(&file, Format::Xlsx), "too many styles, sheets, names or relationships");
    let font =
        format!("<styleSheet><fonts><font><name val=\"{}\"/></font></fonts></styleSheet>", "x".repeat(2_000));
    let file = by_hand("", &[("xl/styles.xml", font.as_bytes())]);
    assert_eq!(no_match(&file, Format::Xlsx), "a style's name longer than 1 KiB");
}

#[test]
fn an_archive_of_thousands_of_parts_is_refused_before_it_is_opened() {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for n in 0..2_001 {
        archive.start_file(format!("{n}"), SimpleFileOptions::default()).unwrap();
    }
    let many = archive.finish().unwrap().into_inner();
    assert_eq!(no_match(&many, Format::Xlsx), "too many parts");

    // A 64-bit end record that claims more entries than the file could hold.
    let mut claims = by_hand("", &[]);
    claims.extend(b"PK\x06\x06");
    claims.extend([44, 0, 0, 0, 0, 0, 0, 0, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    claims.extend([0xff; 16]);
    claims.extend([0; 16]);
    assert_eq!(no_match(&claims, Format::Xlsx), "too many parts");
}

#[test]
fn a_damaged_or_foreign_file_is_refused() {
    let whole = written(&[&HEADER, &GOOD]);
    assert!(read_all(&whole[..whole.len() / 2], Format::Xlsx).is_err());
    assert_eq!(no_match(b"payid;amount", Format::Xlsx), "not an archive");
    assert_eq!(no_match(b"", Format::Xlsx), "not an archive");
    let encrypted = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".repeat(200);
    assert_eq!(no_match(&encrypted, Format::Xlsx), "not an archive");
}

#[test]
fn a_fault_of_the_medium_is_not_the_files() {
    struct Broken(Cursor<Vec<u8>>, usize);
    impl std::io::Read for Broken {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            match self.1.checked_sub(1) {
                Some(left) => {
                    self.1 = left;
                    std::io::Read::read(&mut self.0, out)
                }
                None => Err(std::io::Error::other("bad sector")),
            }
        }
    }
    impl std::io::Seek for Broken {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            std::io::Seek::seek(&mut self.0, to)
        }
    }
    let workbook = written(&[&HEADER, &GOOD]);
    let text = csv_of(&[&HEADER, &GOOD], b',');
    for (bytes, format) in [(&workbook, Format::Xlsx), (&text, Format::Csv), (&text, Format::Json)] {
        for reads in 0..2 {
            let input = Broken(Cursor::new(bytes.clone()), reads);
            let refusal = read(input, format, &operator(), &Limits { max_rows: 9 }, &mut |_| Ok(()));
            assert!(matches!(refusal, Err(Refusal::Io(_))), "{format:?} after {reads} reads: {refusal:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_sheet_makes_the_reader_panic(
        rows in "(<row( r=\"[0-9]{1,12}\")?>|</row>|<c( r=\"[A-Z]{1,8}[0-9]{1,12}\")?( t=\"(s|str|n|b|e|d|inlineStr)\")?>\
                 |</c>|<v>[0-9.e+-]{0,6}</v>|<is>|</is>|<t>|</t>\
                     |<f( t=\"shared\" si=\"[0-9]{1,20}\" ref=\"[A-Z0-9:]{1,9}\")?>\
                 |</f>|&[a-z]{1,3};|[a-z ]{1,4}){0,40}"
    ) {
        let _ = read_all(&by_hand(&(text_row(1, &HEADER) + &rows), &[]), Format::Xlsx);
    }

    #[test]
    fn no_damage_makes_the_reader_panic(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = written(&[&HEADER, &GOOD]);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let _ = read_all(&bytes, Format::Xlsx);
    }
}
