//! Pairs an operator's rows with the aggregator's transactions and says of each row what became of it.
//!
//! Rules run in their order. Within a rule, rows with the same key form a group, in which as many pairs are
//! made as the smaller side has rows (fewer where the rule's `window_s` keeps them apart), the best first:
//! same amount and status class, then same amount, then the rest, and within each of these the smallest time
//! between the two sides. Rows left over go on to the next rule. Equal choices are settled by the rows'
//! content, never by their order in the input.

mod duplicates;
mod outcome;
mod pairing;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::instant::Window;
use super::rule::{IdField, Rule};
use super::status::StatusClass;
use duplicates::find_duplicates;
pub use outcome::{Figures, IdentityBroken, Kind, Match, Outcome, Part, Reason, Tally, Totals};
use pairing::pair_by_rule;

/// What matching needs of a statement's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRow {
    /// The stored row's identifier, unique among the rows.
    pub id: i64,
    /// The row's line in the file, for reasons.
    pub line: u32,
    /// The operator's identifier; blank is none.
    pub payid: Option<Box<str>>,
    /// The aggregator's identifier; blank is none.
    pub trans_id: Option<Box<str>>,
    /// Whole XOF.
    pub amount: i64,
    /// The class of the operator's status.
    pub status: StatusClass,
    /// When it was paid.
    pub instant: DateTime<Utc>,
}

/// What matching needs of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregatorRow {
    /// The transaction's identifier, unique among the rows.
    pub cpm_trans_id: Box<str>,
    /// The version that is matched.
    pub version: i32,
    /// The operator's identifier; blank is none.
    pub payid: Option<Box<str>>,
    /// What an operator's `trans_id` is compared with; blank is none.
    pub trans_id: Option<Box<str>>,
    /// Whole XOF.
    pub amount: i64,
    /// The class of the aggregator's status.
    pub status: StatusClass,
    /// When it was paid.
    pub instant: DateTime<Utc>,
}

/// What the two sides have in common.
trait Row {
    fn key(&self, field: IdField) -> Option<&str>;
    fn amount(&self) -> i64;
    fn status(&self) -> StatusClass;
    fn instant(&self) -> DateTime<Utc>;
}

macro_rules! row {
    ($side:ty) => {
        impl Row for $side {
            fn key(&self, field: IdField) -> Option<&str> {
                let key = match field {
                    IdField::Payid => &self.payid,
                    IdField::TransId => &self.trans_id,
                };
                key.as_deref().map(str::trim).filter(|key| !key.is_empty())
            }

            fn amount(&self) -> i64 {
                self.amount
            }

            fn status(&self) -> StatusClass {
                self.status
            }

            fn instant(&self) -> DateTime<Utc> {
                self.instant
            }
        }
    };
}

row!(OperatorRow);
row!(AggregatorRow);

/// The order that settles equal choices: time and content, and only then what tells equal contents apart.
fn by_content<R: Row>(a: &R, b: &R) -> Ordering {
    let content = |row: &R| (row.instant(), row.amount(), row.status());
    content(a)
        .cmp(&content(b))
        .then_with(|| a.key(IdField::Payid).cmp(&b.key(IdField::Payid)))
        .then_with(|| a.key(IdField::TransId).cmp(&b.key(IdField::TransId)))
}

/// A pair's other side and the rule that made it, both by index.
#[derive(Clone, Copy)]
struct Pairing {
    with: usize,
    rule: usize,
}

/// Matches the rows of a window.
///
/// `operator_rows` may lie outside the window: they are [`Kind::OutOfWindow`]. `transactions` around the
/// window take part too; those that stay alone outside it are dropped, and those that are paired count only
/// inside it. Takes O(n log n) time however the keys fall.
pub fn reconcile(
    rules: &[Rule],
    window: &Window,
    mut operator_rows: Vec<OperatorRow>,
    mut transactions: Vec<AggregatorRow>,
) -> Outcome {
    // From here on a row's index is its place in the canonical order.
    operator_rows.sort_unstable_by(|a, b| by_content(a, b).then_with(|| (a.line, a.id).cmp(&(b.line, b.id))));
    transactions.sort_unstable_by(|a, b| {
        by_content(a, b)
            .then_with(|| a.cpm_trans_id.cmp(&b.cpm_trans_id))
            .then_with(|| a.version.cmp(&b.version))
    });
    let inside = |instant| window.contains(instant);

    let mut operator_pairs: Vec<Option<Pairing>> = vec![None; operator_rows.len()];
    let mut transaction_pairs: Vec<Option<Pairing>> = vec![None; transactions.len()];
    for (rule_index, rule) in rules.iter().enumerate() {
        let open_rows =
            indices(&operator_rows, |index, row| operator_pairs[index].is_none() && inside(row.instant));
        let open_transactions = indices(&transactions, |index, _| transaction_pairs[index].is_none());
        pair_by_rule(
            rule,
            (&operator_rows, open_rows),
            (&transactions, open_transactions),
            |row, transaction| {
                operator_pairs[row] = Some(Pairing { with: transaction, rule: rule_index });
                transaction_pairs[transaction] = Some(Pairing { with: row, rule: rule_index });
            },
        );
    }

    let fields: BTreeSet<IdField> = rules.iter().map(Rule::key).collect();
    let row_duplicates = find_duplicates(fields.iter().copied(), &operator_rows, &operator_pairs, window);
    // Several transactions may share a `trans_id` (contract, `POST /transactions/`).
    let unique = fields.into_iter().filter(|field| *field == IdField::Payid);
    let transaction_duplicates = find_duplicates(unique, &transactions, &transaction_pairs, window);

    let mut outcome = Outcome::new(Figures::of(window, &operator_rows, &transactions));
    for (index, row) in operator_rows.iter().enumerate() {
        match (operator_pairs[index], row_duplicates[index]) {
            (Some(pair), _) => outcome.pair(pair.rule, row, &transactions[pair.with], window),
            (None, _) if !inside(row.instant) => {
                outcome.operator_alone(Kind::OutOfWindow, row, Reason::OutsideWindow)
            }
            (None, Some(twin)) => {
                let reason = Reason::SameIdAsLine { field: twin.field, line: operator_rows[twin.of].line };
                outcome.operator_alone(Kind::DuplicateOperator, row, reason);
            }
            (None, None) => outcome.operator_alone(Kind::OperatorOnly, row, Reason::NoCounterpart),
        }
    }
    for (index, transaction) in transactions.iter().enumerate() {
        match (transaction_pairs[index], transaction_duplicates[index]) {
            (None, Some(twin)) => {
                let cpm_trans_id = transactions[twin.of].cpm_trans_id.clone();
                let reason = Reason::SameIdAsTransaction { field: twin.field, cpm_trans_id };
                outcome.transaction_alone(Kind::DuplicateCinetpay, transaction, reason);
            }
            (None, None) if inside(transaction.instant) => {
                outcome.transaction_alone(Kind::CinetpayOnly, transaction, Reason::NoCounterpart);
            }
            _ => {}
        }
    }
    outcome
}

fn indices<R>(rows: &[R], keep: impl Fn(usize, &R) -> bool) -> Vec<usize> {
    rows.iter().enumerate().filter(|(index, row)| keep(*index, row)).map(|(index, _)| index).collect()
}
