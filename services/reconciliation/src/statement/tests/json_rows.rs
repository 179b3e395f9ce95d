//! Statements as JSON rows.

use super::*;

fn object(row: [&str; 8]) -> serde_json::Value {
    HEADER.iter().zip(row).map(|(name, text)| ((*name).to_owned(), json!(text))).collect()
}

fn good_except(name: &str, value: serde_json::Value) -> serde_json::Value {
    let mut row = object(GOOD);
    row[name] = value;
    row
}

fn bytes(rows: serde_json::Value) -> Vec<u8> {
    rows.to_string().into_bytes()
}

#[test]
fn the_first_row_is_line_two() {
    let rows = read_all(&bytes(json!([object(GOOD), object(GOOD)])), Format::Json).unwrap();
    assert_eq!(rows, [good_row(2), good_row(3)]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_array() {
    let marked = [b"\xef\xbb\xbf", bytes(json!([object(GOOD)])).as_slice()].concat();
    assert_eq!(read_all(&marked, Format::Json).unwrap(), [good_row(2)]);
}

#[test]
fn keys_are_folded_and_nulls_are_blank() {
    let text = r#"[{"PAYMENT_DATE ":"2021-05-24","Payid":8210524022760,"status":"SUCCES","phone_num":143705652,
                    "amount":5000,"trans_id":null,"account":null,"agent":null,"solde":[1,{"a":2}]}]"#;
    let rows = read_all(text.as_bytes(), Format::Json).unwrap();
    assert_eq!(rows[0].payid.as_deref(), Some("8210524022760"));
    assert_eq!(rows[0].phone_num.expose(), "143705652");
    assert_eq!((rows[0].amount, rows[0].amount_text.as_str()), (5_000, "5000"));
    assert_eq!((rows[0].trans_id.as_deref(), rows[0].account.as_str()), (None, ""));
}

#[test]
fn every_bad_row_is_named() {
    let mut lacking = object(GOOD);
    lacking.as_object_mut().unwrap().remove("agent");
    let rows = json!([
        object(GOOD),
        good_except("payid", json!(9_007_199_254_740_993_u64)),
        good_except("payid", json!(9_007_199_254_740_992_u64)),
        good_except("amount", json!(5000.5)),
        good_except("amount", json!(5000.0)),
        good_except("amount", json!(-5000)),
        good_except("trans_id", json!(["x"])),
        good_except("Amount", json!("5000")),
        lacking,
        5,
        [[]],
        HEADER.iter().map(|name| ((*name).to_owned(), json!(null))).collect::<serde_json::Map<_, _>>(),
    ]);
    assert_eq!(
        problems(&bytes(rows), Format::Json),
        [
            (3, "payid"),
            (5, "amount"),
            (7, "amount"),
            (8, "trans_id"),
            (9, "amount"),
            (10, "agent"),
            (11, "row"),
            (12, "row")
        ]
    );
}

#[test]
fn the_first_row_is_the_header() {
    assert!(no_match(b"[{}]", Format::Json).starts_with("missing"));
    assert_eq!(
        no_match(&bytes(json!([good_except("AMOUNT", json!(1))])), Format::Json),
        "given twice: amount"
    );
    assert_eq!(no_match(b"[1]", Format::Json), "the first row is not an object");
}

#[test]
fn what_is_no_array_is_no_statement() {
    let unfinished = bytes(json!([object(GOOD)]));
    for text in [&b""[..], b"{}", b"5", b"[", &unfinished[..unfinished.len() - 1], b"[] []"] {
        assert_eq!(no_match(text, Format::Json), "not a JSON array of row objects");
    }
    assert_eq!(problems(b" [ ] ", Format::Json), []);
}

#[test]
fn an_endless_or_deep_row_is_refused_in_bounded_memory() {
    let long = json!([object(GOOD), good_except("note", json!("x".repeat(1 << 20)))]);
    assert_eq!(problems(&bytes(long), Format::Json), [(3, "row")]);
    let deep = format!("[{}", "[".repeat(1_000_000));
    assert!(read_all(deep.as_bytes(), Format::Json).is_err());
}

#[test]
fn a_value_that_is_no_json_is_a_problem_of_its_row() {
    let good = object(GOOD).to_string();
    for bad in ["1e999", r#"{"amount":1e999}"#, r#"{"payid":"\ud800"}"#, "{'a':1}", "nonsense"] {
        let after_a_row = format!("[{good},5,{bad},5]");
        assert_eq!(problems(after_a_row.as_bytes(), Format::Json), [(3, "row"), (4, "row")], "{bad}");
        assert_eq!(
            no_match(format!("[{bad},{good}]").as_bytes(), Format::Json),
            "not a JSON array of row objects"
        );
    }
}
