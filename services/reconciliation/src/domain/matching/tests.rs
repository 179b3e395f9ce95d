//! Matching, told by example and held by properties.

use std::collections::{BTreeSet, HashSet};

use chrono::{TimeDelta, TimeZone};
use proptest::prelude::*;

use super::*;

fn window() -> Window {
    Window::parse("2021-05-24T00:00", "2021-05-24T23:59").unwrap()
}

/// Noon of the window's day, plus seconds.
fn noon(seconds: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2021, 5, 24, 12, 0, 0).unwrap() + TimeDelta::seconds(seconds)
}

/// An operator's row on line `id`.
fn row(id: i64, payid: &str, amount: i64) -> OperatorRow {
    OperatorRow {
        id,
        line: id as u32,
        payid: Some(payid.into()),
        trans_id: None,
        amount,
        status: StatusClass::Success,
        instant: noon(0),
    }
}

fn transaction(id: &str, payid: &str, amount: i64) -> AggregatorRow {
    AggregatorRow {
        cpm_trans_id: id.into(),
        version: 1,
        payid: Some(payid.into()),
        trans_id: Some(id.into()),
        amount,
        status: StatusClass::Success,
        instant: noon(0),
    }
}

/// Reconciles under the default rules, and gives each result as a line of text.
fn told(rows: Vec<OperatorRow>, transactions: Vec<AggregatorRow>) -> Vec<String> {
    let outcome = reconcile(&Rule::defaults(), &window(), rows, transactions);
    outcome.check().unwrap();
    let mut lines: Vec<String> = outcome.results.iter().map(tell).collect();
    lines.sort();
    lines
}

fn tell(result: &Match) -> String {
    let row = result.operator_row.map_or("-".to_owned(), |id| id.to_string());
    let transaction = result.transaction.as_ref().map_or("-", |(id, _)| id);
    let kind = result.kind.as_str();
    match &result.reason {
        Reason::Agree => format!("{kind} {row} {transaction}"),
        reason => format!("{kind} {row} {transaction} {reason}"),
    }
}

#[test]
fn a_row_and_a_transaction_with_the_same_payid_match() {
    assert_eq!(told(vec![row(2, "P1", 5_000)], vec![transaction("T1", "P1", 5_000)]), ["MATCHED 2 T1"]);
}

#[test]
fn another_amount_is_a_difference_and_not_a_miss() {
    assert_eq!(
        told(vec![row(2, "P1", 5_000)], vec![transaction("T1", "P1", 4_500)]),
        ["AMOUNT_MISMATCH 2 T1 amounts differ: operator 5000, aggregator 4500, difference 500"]
    );
}

#[test]
fn another_amount_and_status_are_told_together() {
    let failed = OperatorRow { status: StatusClass::Failed, ..row(2, "P1", 5_000) };
    assert_eq!(
        told(vec![failed], vec![transaction("T1", "P1", 4_500)]),
        ["AMOUNT_MISMATCH 2 T1 amounts differ: operator 5000, aggregator 4500, difference 500; \
          statuses differ: operator failed, aggregator success"]
    );
}

#[test]
fn another_status_is_a_difference_and_so_is_an_unknown_one() {
    for (status, name) in [(StatusClass::Pending, "pending"), (StatusClass::Unknown, "unknown")] {
        let odd = OperatorRow { status, ..row(2, "P1", 5_000) };
        assert_eq!(
            told(vec![odd], vec![transaction("T1", "P1", 5_000)]),
            [format!("STATUS_MISMATCH 2 T1 statuses differ: operator {name}, aggregator success")]
        );
    }
}

#[test]
fn what_has_no_counterpart_is_only_on_its_side() {
    assert_eq!(
        told(vec![row(2, "P1", 5_000)], vec![transaction("T9", "P9", 5_000)]),
        ["CINETPAY_ONLY - T9 no rule found a counterpart", "OPERATOR_ONLY 2 - no rule found a counterpart"]
    );
}

#[test]
fn blank_ids_never_bring_rows_together() {
    let blank = OperatorRow { payid: Some(" ".into()), trans_id: Some("".into()), ..row(2, "", 5_000) };
    let other = OperatorRow { payid: None, ..row(3, "", 5_000) };
    let lonely = AggregatorRow { payid: Some("".into()), trans_id: None, ..transaction("T1", "", 5_000) };
    assert_eq!(
        told(vec![blank, other], vec![lonely]),
        [
            "CINETPAY_ONLY - T1 no rule found a counterpart",
            "OPERATOR_ONLY 2 - no rule found a counterpart",
            "OPERATOR_ONLY 3 - no rule found a counterpart"
        ]
    );
}

#[test]
fn a_row_outside_the_window_is_kept_apart() {
    let early = OperatorRow { instant: noon(-86_400), ..row(2, "P1", 5_000) };
    let outcome = reconcile(&Rule::defaults(), &window(), vec![early], vec![transaction("T1", "P1", 5_000)]);
    assert_eq!(
        outcome.results.iter().map(tell).collect::<Vec<_>>(),
        ["OUT_OF_WINDOW 2 - outside the window", "CINETPAY_ONLY - T1 no rule found a counterpart"]
    );
    assert_eq!(outcome.figures.all.count_operator, 0);
    outcome.check().unwrap();
}

#[test]
fn a_transaction_just_outside_the_window_may_match_but_does_not_count() {
    let late = AggregatorRow { instant: noon(43_300), ..transaction("T1", "P1", 5_000) };
    let later = AggregatorRow { instant: noon(43_300), ..transaction("T2", "P2", 700) };
    let outcome = reconcile(&Rule::defaults(), &window(), vec![row(2, "P1", 5_000)], vec![late, later]);
    assert_eq!(outcome.results.iter().map(tell).collect::<Vec<_>>(), ["MATCHED 2 T1"]);
    assert_eq!((outcome.figures.all.count_operator, outcome.figures.all.count_cinetpay), (1, 0));
    outcome.check().unwrap();
}

#[test]
fn a_payment_listed_twice_is_a_duplicate_of_the_first() {
    assert_eq!(
        told(vec![row(2, "P1", 5_000), row(3, "P1", 5_000)], vec![transaction("T1", "P1", 5_000)]),
        ["DUPLICATE_OPERATOR 3 - same payid as line 2", "MATCHED 2 T1"]
    );
}

#[test]
fn a_payment_listed_three_times_without_counterpart_has_one_original() {
    assert_eq!(
        told(vec![row(4, "P1", 5_000), row(2, "P1", 5_000), row(3, "P1", 5_000)], vec![]),
        [
            "DUPLICATE_OPERATOR 3 - same payid as line 2",
            "DUPLICATE_OPERATOR 4 - same payid as line 2",
            "OPERATOR_ONLY 2 - no rule found a counterpart"
        ]
    );
}

#[test]
fn duplicates_on_both_sides_are_told_on_both() {
    assert_eq!(
        told(
            vec![row(2, "P1", 5_000)],
            vec![
                transaction("T1", "P1", 5_000),
                transaction("T2", "P1", 5_000),
                transaction("T3", "P1", 5_000)
            ]
        ),
        [
            "DUPLICATE_CINETPAY - T2 same payid as transaction T1",
            "DUPLICATE_CINETPAY - T3 same payid as transaction T1",
            "MATCHED 2 T1"
        ]
    );
    assert_eq!(
        told(
            vec![row(2, "P1", 5_000), row(3, "P1", 5_000)],
            vec![transaction("T1", "P1", 5_000), transaction("T2", "P1", 5_000)]
        )
        .iter()
        .filter(|line| line.starts_with("MATCHED"))
        .count(),
        2
    );
}

#[test]
fn transactions_that_share_a_trans_id_are_payments_of_their_own() {
    let part = |id, payid| AggregatorRow { trans_id: Some("B1".into()), ..transaction(id, payid, 5_000) };
    let batch = OperatorRow { payid: None, trans_id: Some("B1".into()), ..row(2, "", 15_000) };
    let lonely = |id| format!("CINETPAY_ONLY - {id} no rule found a counterpart");
    assert_eq!(
        told(vec![batch], vec![part("A1", "P1"), part("A2", "P2"), part("A3", "P3")]),
        [
            "AMOUNT_MISMATCH 2 A1 amounts differ: operator 15000, aggregator 5000, difference 10000"
                .to_owned(),
            lonely("A2"),
            lonely("A3"),
        ]
    );
    let unnamed = |id| AggregatorRow { payid: None, ..part(id, "") };
    assert_eq!(told(vec![], vec![unnamed("A1"), unnamed("A2")]), [lonely("A1"), lonely("A2")]);
}

#[test]
fn operator_rows_that_share_a_trans_id_are_duplicates_unless_their_payids_differ() {
    let part = |line, payid: &str| OperatorRow { trans_id: Some("B1".into()), ..row(line, payid, 5_000) };
    let lonely = |line| format!("OPERATOR_ONLY {line} - no rule found a counterpart");
    assert_eq!(told(vec![part(2, "P1"), part(3, "P2")], vec![]), [lonely(2), lonely(3)]);
    // One without a payid repeats one of those that have one, wherever it stands.
    assert_eq!(
        told(vec![part(2, ""), part(3, "P1"), part(4, "P2")], vec![]),
        ["DUPLICATE_OPERATOR 2 - same trans_id as line 3".to_owned(), lonely(3), lonely(4)]
    );
    assert_eq!(
        told(vec![part(2, ""), part(3, "")], vec![]),
        ["DUPLICATE_OPERATOR 3 - same trans_id as line 2".to_owned(), lonely(2)]
    );
    // The pair has the amount on its side; the other row repeats it.
    let whole = OperatorRow { amount: 9_000, ..part(2, "") };
    let paid = AggregatorRow { payid: None, trans_id: Some("B1".into()), ..transaction("A1", "", 9_000) };
    assert_eq!(
        told(vec![whole, part(3, "P1")], vec![paid]),
        ["DUPLICATE_OPERATOR 3 - same trans_id as line 2", "MATCHED 2 A1"]
    );
    // Where only the trans_id is a key, a line given twice is still one payment.
    let rules = [Rule::by_id("trans_id", IdField::TransId, None)];
    let outcome = reconcile(&rules, &window(), vec![part(2, "P1"), part(3, "P1")], vec![]);
    assert_eq!(
        outcome.results.iter().map(tell).collect::<Vec<_>>(),
        [lonely(2), "DUPLICATE_OPERATOR 3 - same trans_id as line 2".to_owned()]
    );
}

#[test]
fn a_leftover_of_the_first_rule_may_match_by_the_second() {
    let by_merchant = OperatorRow { trans_id: Some("T2".into()), instant: noon(60), ..row(3, "P1", 700) };
    assert_eq!(
        told(
            vec![row(2, "P1", 5_000), by_merchant],
            vec![transaction("T1", "P1", 5_000), transaction("T2", "P2", 700)]
        ),
        ["MATCHED 2 T1", "MATCHED 3 T2"]
    );
}

#[test]
fn among_equals_of_one_id_the_right_amount_wins_over_the_nearer_time() {
    let far = AggregatorRow { instant: noon(3_000), ..transaction("T1", "P1", 5_000) };
    let near = transaction("T2", "P1", 4_999);
    assert_eq!(
        told(vec![row(2, "P1", 5_000)], vec![near, far]),
        ["DUPLICATE_CINETPAY - T2 same payid as transaction T1", "MATCHED 2 T1"]
    );
}

#[test]
fn among_equal_amounts_the_nearest_time_wins() {
    let far = AggregatorRow { instant: noon(-7_200), ..transaction("T1", "P1", 5_000) };
    let near = AggregatorRow { instant: noon(3), ..transaction("T2", "P1", 5_000) };
    assert_eq!(
        told(vec![row(2, "P1", 5_000)], vec![far, near]),
        ["DUPLICATE_CINETPAY - T1 same payid as transaction T2", "MATCHED 2 T2"]
    );
}

#[test]
fn a_rule_with_a_time_limit_keeps_distant_rows_apart() {
    let rules = [Rule::by_id("id", IdField::Payid, Some(300))];
    let pair = |seconds| {
        let other = AggregatorRow { instant: noon(seconds), ..transaction("T1", "P1", 5_000) };
        reconcile(&rules, &window(), vec![row(2, "P1", 5_000)], vec![other]).results.len()
    };
    assert_eq!(pair(300), 1);
    assert_eq!(pair(-300), 1);
    assert_eq!(pair(301), 2);
}

#[test]
fn figures_count_all_rows_and_the_successful_ones_apart() {
    let failed = OperatorRow { status: StatusClass::Failed, ..row(3, "P2", 300) };
    let outcome = reconcile(
        &Rule::defaults(),
        &window(),
        vec![row(2, "P1", 5_000), failed],
        vec![transaction("T1", "P1", 4_000)],
    );
    assert_eq!(
        outcome.figures.all,
        Totals { montant_operateur: 5_300, montant_cinetpay: 4_000, count_operator: 2, count_cinetpay: 1 }
    );
    assert_eq!(
        outcome.figures.successful,
        Totals { montant_operateur: 5_000, montant_cinetpay: 4_000, count_operator: 1, count_cinetpay: 1 }
    );
}

#[test]
fn a_broken_identity_is_found() {
    let mut outcome = reconcile(&Rule::defaults(), &window(), vec![row(2, "P1", 5_000)], vec![]);
    outcome.figures.all.montant_operateur += 1;
    assert_eq!(outcome.check().unwrap_err().figure, "amount");
    let huge = vec![row(2, "P1", i64::MAX), row(3, "P2", i64::MAX)];
    assert_eq!(reconcile(&Rule::defaults(), &window(), huge, vec![]).check().unwrap_err().side, "operator");
}

/// A quadratic walk over 100,000 rows a side would take minutes.
#[test]
fn one_key_on_every_row_is_no_catastrophe() {
    let rows = (0..100_000).map(|n| OperatorRow { instant: noon(n % 977), ..row(n, "P", n % 7) }).collect();
    let transactions = (0..100_000)
        .map(|n| AggregatorRow { instant: noon(n % 983), ..transaction(&format!("T{n}"), "P", n % 5) })
        .collect();
    let outcome = reconcile(&Rule::defaults(), &window(), rows, transactions);
    outcome.check().unwrap();
    assert_eq!(outcome.results.len(), 100_000);
}

fn status() -> impl Strategy<Value = StatusClass> {
    proptest::sample::select(vec![
        StatusClass::Success,
        StatusClass::Failed,
        StatusClass::Pending,
        StatusClass::Unknown,
    ])
}

fn key(prefix: &'static str) -> impl Strategy<Value = Option<Box<str>>> {
    prop_oneof![
        Just(None),
        Just(Some("".into())),
        (0..4).prop_map(move |n| Some(format!("{prefix}{n}").into()))
    ]
}

/// Moments around the window's last hour, some of them after it.
fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    (0_i64..8).prop_map(|step| noon(43_200 - 300 + step * 60))
}

fn operator_rows() -> impl Strategy<Value = Vec<OperatorRow>> {
    let fields = (key("P"), key("T"), 0_i64..3, status(), instant());
    proptest::collection::vec(fields, 0..24).prop_map(|rows| {
        let numbered = rows.into_iter().zip(2_u32..);
        numbered
            .map(|((payid, trans_id, amount, status, instant), line)| OperatorRow {
                id: line.into(),
                line,
                payid,
                trans_id,
                amount,
                status,
                instant,
            })
            .collect()
    })
}

fn transactions() -> impl Strategy<Value = Vec<AggregatorRow>> {
    let fields = (key("P"), key("T"), 0_i64..3, status(), instant());
    proptest::collection::vec(fields, 0..24).prop_map(|rows| {
        let numbered = rows.into_iter().enumerate();
        numbered
            .map(|(n, (payid, trans_id, amount, status, instant))| AggregatorRow {
                cpm_trans_id: format!("C{n}").into(),
                version: 1,
                payid,
                trans_id,
                amount,
                status,
                instant,
            })
            .collect()
    })
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let limit = || proptest::option::of(0_u32..400);
    (limit(), limit()).prop_map(|(first, second)| {
        vec![Rule::by_id("id", IdField::Payid, first), Rule::by_id("trans_id", IdField::TransId, second)]
    })
}

proptest! {
    #[test]
    fn the_order_of_rows_does_not_matter(
        rules in rules(),
        (rows, mixed_rows) in operator_rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        (others, mixed_others) in transactions().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
    ) {
        prop_assert_eq!(
            reconcile(&rules, &window(), rows, others),
            reconcile(&rules, &window(), mixed_rows, mixed_others)
        );
    }

    #[test]
    fn sums_equal_the_sums_of_their_parts(rules in rules(), rows in operator_rows(), others in transactions()) {
        let outcome = reconcile(&rules, &window(), rows, others);
        prop_assert_eq!(outcome.check(), Ok(()));
    }

    #[test]
    fn every_row_has_one_result(rules in rules(), rows in operator_rows(), others in transactions()) {
        let outcome = reconcile(&rules, &window(), rows.clone(), others.clone());
        let mut told: Vec<i64> = outcome.results.iter().filter_map(|result| result.operator_row).collect();
        told.sort_unstable();
        prop_assert_eq!(told, rows.iter().map(|row| row.id).collect::<Vec<_>>());

        let used: Vec<&str> =
            outcome.results.iter().filter_map(|result| result.transaction.as_ref()).map(|(id, _)| &**id).collect();
        let distinct: HashSet<&str> = used.iter().copied().collect();
        prop_assert_eq!(used.len(), distinct.len());
        for transaction in others.iter().filter(|transaction| window().contains(transaction.instant)) {
            prop_assert!(distinct.contains(&*transaction.cpm_trans_id));
        }
    }

    #[test]
    fn a_duplicate_shares_its_id_with_a_row_that_is_no_other_payment(
        rules in rules(), rows in operator_rows(), others in transactions()
    ) {
        let outcome = reconcile(&rules, &window(), rows.clone(), others.clone());
        for result in &outcome.results {
            match &result.reason {
                Reason::SameIdAsLine { field, line } => {
                    let one = rows.iter().find(|row| Some(row.id) == result.operator_row).unwrap();
                    let other = rows.iter().find(|row| row.line == *line).unwrap();
                    prop_assert!(one.line != other.line && one.key(*field) == other.key(*field));
                    let payids = [one, other].map(|row| row.key(IdField::Payid));
                    prop_assert!(payids[0] == payids[1] || payids.contains(&None));
                }
                Reason::SameIdAsTransaction { field, cpm_trans_id } => {
                    let id = &result.transaction.as_ref().unwrap().0;
                    let one = others.iter().find(|row| row.cpm_trans_id == *id).unwrap();
                    let other = others.iter().find(|row| row.cpm_trans_id == *cpm_trans_id).unwrap();
                    prop_assert_eq!(*field, IdField::Payid);
                    prop_assert!(id != cpm_trans_id && one.key(*field) == other.key(*field));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn without_a_time_limit_no_pair_is_missed(rows in operator_rows(), others in transactions()) {
        let outcome = reconcile(&Rule::defaults(), &window(), rows.clone(), others.clone());
        let alone_rows: Vec<&OperatorRow> = outcome
            .results
            .iter()
            .filter(|result| result.transaction.is_none() && result.kind != Kind::OutOfWindow)
            .filter_map(|result| rows.iter().find(|row| Some(row.id) == result.operator_row))
            .collect();
        let paired: BTreeSet<&str> = outcome
            .results
            .iter()
            .filter(|result| result.rule.is_some())
            .filter_map(|result| result.transaction.as_ref().map(|(id, _)| &**id))
            .collect();
        for field in [IdField::Payid, IdField::TransId] {
            for transaction in others.iter().filter(|transaction| !paired.contains(&*transaction.cpm_trans_id)) {
                let Some(key) = transaction.key(field) else { continue };
                prop_assert!(!alone_rows.iter().any(|row| row.key(field) == Some(key)));
            }
        }
    }
}
