//! Statements as text.

use super::*;

#[test]
fn a_row_is_read_as_the_contract_shows_it() {
    assert_eq!(read_all(&csv_of(&[&HEADER, &GOOD], b','), Format::Csv).unwrap(), [good_row(2)]);
}

#[test]
fn each_delimiter_is_recognised() {
    for delimiter in *b",;\t" {
        let text = csv_of(&[&HEADER, &GOOD], delimiter);
        assert_eq!(read_all(&text, Format::Csv).unwrap(), [good_row(2)]);
    }
}

#[test]
fn columns_stand_in_any_order_under_folded_names_beside_others() {
    let operator = operator_with(json!({"headers": {"payid": ["Référence"], "amount": ["Montant"]}}));
    let text = "Solde;AGENT; montant ;Payment_Date;REFERENCE;Status;Phone_Num;Trans_Id;Account\n\
                12;cinetpay;5 000;24/05/2021;P1;SUCCES;01;T1;ONECI\n";
    let rows = read_with(text.as_bytes(), Format::Csv, &operator).unwrap();
    assert_eq!(rows[0].payid.as_deref(), Some("P1"));
    assert_eq!(rows[0].amount, 5_000);
    assert_eq!(rows[0].agent, "cinetpay");
}

#[test]
fn each_encoding_is_recognised() {
    let row = good_with(Column::Agent, "Aké Désiré");
    let text = String::from_utf8(csv_of(&[&HEADER, &row], b';')).unwrap();
    let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    let windows_1252 = encoding_rs::WINDOWS_1252.encode(&text).0.into_owned();
    for bytes in [
        text.clone().into_bytes(),
        [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        windows_1252,
    ] {
        assert_eq!(read_all(&bytes, Format::Csv).unwrap()[0].agent, "Aké Désiré");
    }
}

#[test]
fn a_character_across_two_reads_is_still_utf8() {
    let agent = "é".repeat(200);
    let row = good_with(Column::Agent, &agent);
    let mut rows: Vec<&[&str]> = vec![&HEADER];
    rows.extend(std::iter::repeat_n(&row as &[&str], 300));
    let rows = read_all(&csv_of(&rows, b','), Format::Csv).unwrap();
    assert_eq!(rows.len(), 300);
    assert!(rows.iter().all(|row| row.agent == agent));
}

#[test]
fn blank_lines_are_skipped_but_counted() {
    let good = GOOD.map(|field| format!("\"{field}\"")).join(",");
    for end in ["\n", "\r\n", "\r"] {
        let header = HEADER.join(",");
        let text = ["", &header, "", &good, "   ", ",,,,,,,", "", &good].join(end);
        assert_eq!(lines(&read_all(text.as_bytes(), Format::Csv).unwrap()), [4, 8], "{end:?}");
    }
}

#[test]
fn a_record_over_several_lines_has_the_line_where_it_starts() {
    let header = format!("note,{}", HEADER.join(","));
    let good = GOOD.map(|field| format!("\"{field}\"")).join(",");
    let text = format!("{header}\n\"one\ntwo\r\nthree\",{good}\n\"one\",{good}\n");
    assert_eq!(lines(&read_all(text.as_bytes(), Format::Csv).unwrap()), [2, 5]);
}

#[test]
fn every_bad_line_is_named_with_its_column() {
    let text = csv_of(
        &[
            &HEADER,
            &GOOD,
            &good_with(Column::Amount, "5000.50"),
            &good_with(Column::PaymentDate, "31/02/2021"),
            &good_with(Column::Status, " "),
            &good_with(Column::Payid, &"9".repeat(257)),
            &good_with(Column::TransId, "a\u{1}b"),
            &["x", "", "", "", "x", "", "", ""],
            &GOOD[..6],
            &[&GOOD[..], &["surplus"]].concat(),
            &[&GOOD[..], &[" ", ""]].concat(),
        ],
        b',',
    );
    assert_eq!(
        problems(&text, Format::Csv),
        [
            (3, "amount"),
            (4, "payment_date"),
            (5, "status"),
            (6, "payid"),
            (7, "trans_id"),
            (8, "payment_date"),
            (8, "status"),
            (8, "amount"),
            (9, "account"),
            (9, "agent"),
            (10, "row"),
        ]
    );
}

#[test]
fn a_reason_never_quotes_a_phone_number() {
    let text = csv_of(&[&HEADER, &good_with(Column::PhoneNum, "0143705652\u{7}")], b',');
    let refusal = read_all(&text, Format::Csv).unwrap_err();
    assert!(!format!("{refusal:?}").contains("0143705652"));
}

#[test]
fn at_most_a_thousand_bad_lines_are_named() {
    let bad = good_with(Column::Amount, "-");
    let mut rows: Vec<&[&str]> = vec![&HEADER];
    rows.extend(std::iter::repeat_n(&bad as &[&str], 1_500));
    let problems = problems(&csv_of(&rows, b','), Format::Csv);
    assert_eq!((problems.len(), problems.last()), (1_000, Some(&(1_001, "amount"))));
}

#[test]
fn nothing_reaches_the_sink_after_the_first_problem() {
    let text = csv_of(&[&HEADER, &GOOD, &good_with(Column::Amount, "-"), &GOOD], b',');
    let mut taken = 0;
    let mut sink = |_| {
        taken += 1;
        Ok(())
    };
    let limits = Limits { max_rows: 10 };
    assert!(read(Cursor::new(text), Format::Csv, &operator(), &limits, &mut sink).is_err());
    assert_eq!(taken, 1);
}

#[test]
fn reading_stops_with_its_sink() {
    let text = csv_of(&[&HEADER, &GOOD], b',');
    let refusal =
        read(Cursor::new(text), Format::Csv, &operator(), &Limits { max_rows: 10 }, &mut |_| Err(SinkClosed));
    assert!(matches!(refusal, Err(Refusal::Sink)));
}

#[test]
fn more_rows_than_allowed_are_refused_where_they_begin() {
    let mut rows: Vec<&[&str]> = vec![&HEADER];
    rows.extend(std::iter::repeat_n(&GOOD as &[&str], 2_001));
    assert_eq!(problems(&csv_of(&rows, b','), Format::Csv), [(2_002, "row")]);
}

#[test]
fn a_header_that_lacks_or_repeats_a_column_does_not_match() {
    let lacking = csv_of(&[&HEADER[..7], &GOOD[..7]], b';');
    assert_eq!(no_match(&lacking, Format::Csv), "missing: agent");
    let repeated = csv_of(&[&[&HEADER[..], &["Montant", "AMOUNT "]].concat()], b',');
    assert_eq!(no_match(&repeated, Format::Csv), "given twice: amount");
    assert!(no_match(b"\x00\x01\x02 nothing of the kind", Format::Csv).starts_with("missing: payment_date"));
}

#[test]
fn a_file_without_data_rows_is_empty() {
    assert_eq!(problems(&csv_of(&[&HEADER], b','), Format::Csv), []);
    assert_eq!(problems(&csv_of(&[&HEADER, &[" "; 8]], b','), Format::Csv), []);
}

#[test]
fn an_endless_record_or_row_is_refused_in_bounded_memory() {
    let mut open_quote = csv_of(&[&HEADER, &GOOD], b',');
    open_quote.extend(b"\"");
    open_quote.extend(std::iter::repeat_n(b'x', 1 << 20));
    assert_eq!(problems(&open_quote, Format::Csv), [(3, "row")]);
    let mut wide = csv_of(&[&HEADER], b',');
    wide.extend(std::iter::repeat_n(b',', 10_000));
    assert_eq!(problems(&wide, Format::Csv), [(2, "row")]);
    assert!(no_match(&[b','; 1 << 20], Format::Csv).contains("512"));
}
