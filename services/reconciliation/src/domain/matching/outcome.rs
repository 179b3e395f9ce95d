//! What came of a reconciliation, and the identity that must hold of it.

use std::collections::BTreeMap;
use std::fmt;

use super::super::instant::Window;
use super::super::rule::IdField;
use super::super::status::StatusClass;
use super::{AggregatorRow, OperatorRow, Row};

/// What became of a row or a pair (contract, "Kinds of result").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A pair that agrees.
    Matched,
    /// A pair with different amounts, whatever the statuses.
    AmountMismatch,
    /// A pair with one amount and different status classes, or a status that we don't know.
    StatusMismatch,
    /// A row that no transaction answers to.
    OperatorOnly,
    /// A transaction that no row answers to.
    CinetpayOnly,
    /// A leftover row whose identifier another row has too.
    DuplicateOperator,
    /// A leftover transaction whose identifier another one has too.
    DuplicateCinetpay,
    /// A row outside the task's window: kept, neither matched nor counted.
    OutOfWindow,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Matched,
        Self::AmountMismatch,
        Self::StatusMismatch,
        Self::OperatorOnly,
        Self::CinetpayOnly,
        Self::DuplicateOperator,
        Self::DuplicateCinetpay,
        Self::OutOfWindow,
    ];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "MATCHED",
            Self::AmountMismatch => "AMOUNT_MISMATCH",
            Self::StatusMismatch => "STATUS_MISMATCH",
            Self::OperatorOnly => "OPERATOR_ONLY",
            Self::CinetpayOnly => "CINETPAY_ONLY",
            Self::DuplicateOperator => "DUPLICATE_OPERATOR",
            Self::DuplicateCinetpay => "DUPLICATE_CINETPAY",
            Self::OutOfWindow => "OUT_OF_WINDOW",
        }
    }

    /// The kind of a name on the wire; `None` for any other text.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Why a result is of its kind; `Display` gives the sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Both sides agree.
    Agree,
    /// The amounts differ, in XOF; with the two status classes where these differ too.
    Amounts {
        /// The operator's.
        operator: i64,
        /// The aggregator's.
        aggregator: i64,
        /// The operator's class and the aggregator's.
        statuses: Option<(StatusClass, StatusClass)>,
    },
    /// The status classes differ, or the operator's word is unknown.
    Statuses {
        /// The operator's.
        operator: StatusClass,
        /// The aggregator's.
        aggregator: StatusClass,
    },
    /// No rule found another side.
    NoCounterpart,
    /// Another row of the statement has the same identifier.
    SameIdAsLine {
        /// The identifier.
        field: IdField,
        /// The other row's line.
        line: u32,
    },
    /// Another transaction has the same identifier.
    SameIdAsTransaction {
        /// The identifier.
        field: IdField,
        /// The other transaction.
        cpm_trans_id: Box<str>,
    },
    /// Paid outside the task's window.
    OutsideWindow,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agree => f.write_str("id, amount and status agree"),
            Self::Amounts { operator, aggregator, statuses } => {
                let difference = i128::from(*operator) - i128::from(*aggregator);
                write!(
                    f,
                    "amounts differ: operator {operator}, aggregator {aggregator}, difference {difference}"
                )?;
                match statuses {
                    Some((operator, aggregator)) => {
                        write!(f, "; statuses differ: operator {operator}, aggregator {aggregator}")
                    }
                    None => Ok(()),
                }
            }
            Self::Statuses { operator, aggregator } => {
                write!(f, "statuses differ: operator {operator}, aggregator {aggregator}")
            }
            Self::NoCounterpart => f.write_str("no rule found a counterpart"),
            Self::SameIdAsLine { field, line } => write!(f, "same {field} as line {line}"),
            Self::SameIdAsTransaction { field, cpm_trans_id } => {
                write!(f, "same {field} as transaction {cpm_trans_id}")
            }
            Self::OutsideWindow => f.write_str("outside the window"),
        }
    }
}

/// One result: a pair, or a row of either side that stayed alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// What became of it.
    pub kind: Kind,
    /// The index of the rule that made the pair.
    pub rule: Option<usize>,
    /// The operator's row, by its id.
    pub operator_row: Option<i64>,
    /// The transaction, by its identifier and version.
    pub transaction: Option<(Box<str>, i32)>,
    /// Why.
    pub reason: Reason,
}

/// The two sides' sums and counts, in XOF and rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sum of the operator's rows.
    pub montant_operateur: i64,
    /// Sum of the aggregator's transactions.
    pub montant_cinetpay: i64,
    /// Number of the operator's rows.
    pub count_operator: i64,
    /// Number of the aggregator's transactions.
    pub count_cinetpay: i64,
}

/// The figures of a task: all rows inside the window, and the successful ones among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Rows of every status: the contract's six figures.
    pub all: Totals,
    /// Rows of success only.
    pub successful: Totals,
}

impl Figures {
    /// Counted from the rows themselves, apart from the results, so that the identity can be checked.
    pub(super) fn of(window: &Window, operator_rows: &[OperatorRow], transactions: &[AggregatorRow]) -> Self {
        let tally = |tally: &mut Tally, row: &dyn Row| {
            if window.contains(row.instant()) {
                tally.add(row.amount(), row.status());
            }
        };
        let mut part = Part::default();
        operator_rows.iter().for_each(|row| tally(&mut part.operator, row));
        transactions.iter().for_each(|row| tally(&mut part.aggregator, row));
        let Part { operator, aggregator } = part;
        Self {
            all: Totals {
                montant_operateur: clamp(operator.amount),
                montant_cinetpay: clamp(aggregator.amount),
                count_operator: operator.count,
                count_cinetpay: aggregator.count,
            },
            successful: Totals {
                montant_operateur: clamp(operator.successful_amount),
                montant_cinetpay: clamp(aggregator.successful_amount),
                count_operator: operator.successful_count,
                count_cinetpay: aggregator.successful_count,
            },
        }
    }
}

/// A sum that `i64` cannot hold is cut, so that [`Outcome::check`] finds it unequal to its parts.
fn clamp(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

/// Sums and counts of some rows of one side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Number of rows.
    pub count: i64,
    /// Their sum in XOF.
    pub amount: i128,
    /// Number of the successful ones.
    pub successful_count: i64,
    /// Their sum in XOF.
    pub successful_amount: i128,
}

impl Tally {
    fn add(&mut self, amount: i64, status: StatusClass) {
        self.count += 1;
        self.amount += i128::from(amount);
        if status == StatusClass::Success {
            self.successful_count += 1;
            self.successful_amount += i128::from(amount);
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            amount: self.amount + other.amount,
            successful_count: self.successful_count + other.successful_count,
            successful_amount: self.successful_amount + other.successful_amount,
        }
    }
}

/// Both sides' share in one kind of result; of transactions only those inside the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    /// The operator's rows.
    pub operator: Tally,
    /// The aggregator's transactions.
    pub aggregator: Tally,
}

/// What came of a reconciliation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// One result a row or pair: the operator's rows by time, then the transactions that stayed alone.
    pub results: Vec<Match>,
    /// The sums of both sides.
    pub figures: Figures,
    /// What each kind contributes to them.
    pub parts: BTreeMap<Kind, Part>,
}

/// The sums of a side do not equal the sums of its parts: the task must not end TERMINE.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("identity broken: {side} {figure} is {total}, its parts give {parts}")]
pub struct IdentityBroken {
    /// `operator` or `aggregator`.
    pub side: &'static str,
    /// Which figure.
    pub figure: &'static str,
    /// The side's figure.
    pub total: i128,
    /// What its parts add up to.
    pub parts: i128,
}

impl Outcome {
    pub(super) fn new(figures: Figures) -> Self {
        Self { results: Vec::new(), figures, parts: BTreeMap::new() }
    }

    pub(super) fn pair(
        &mut self,
        rule: usize,
        row: &OperatorRow,
        transaction: &AggregatorRow,
        window: &Window,
    ) {
        let statuses = (row.status, transaction.status);
        let differ = row.status != transaction.status || row.status == StatusClass::Unknown;
        let (kind, reason) = if row.amount != transaction.amount {
            let reason = Reason::Amounts {
                operator: row.amount,
                aggregator: transaction.amount,
                statuses: differ.then_some(statuses),
            };
            (Kind::AmountMismatch, reason)
        } else if differ {
            (Kind::StatusMismatch, Reason::Statuses { operator: statuses.0, aggregator: statuses.1 })
        } else {
            (Kind::Matched, Reason::Agree)
        };
        let part = self.parts.entry(kind).or_default();
        part.operator.add(row.amount, row.status);
        if window.contains(transaction.instant) {
            part.aggregator.add(transaction.amount, transaction.status);
        }
        self.results.push(Match {
            kind,
            rule: Some(rule),
            operator_row: Some(row.id),
            transaction: Some((transaction.cpm_trans_id.clone(), transaction.version)),
            reason,
        });
    }

    pub(super) fn operator_alone(&mut self, kind: Kind, row: &OperatorRow, reason: Reason) {
        self.parts.entry(kind).or_default().operator.add(row.amount, row.status);
        self.results.push(Match { kind, rule: None, operator_row: Some(row.id), transaction: None, reason });
    }

    pub(super) fn transaction_alone(&mut self, kind: Kind, transaction: &AggregatorRow, reason: Reason) {
        self.parts.entry(kind).or_default().aggregator.add(transaction.amount, transaction.status);
        let transaction = Some((transaction.cpm_trans_id.clone(), transaction.version));
        self.results.push(Match { kind, rule: None, operator_row: None, transaction, reason });
    }

    /// Checks that the sums and counts of both sides equal the sums of their parts, in all and in success,
    /// the parts being the kinds of result other than [`Kind::OutOfWindow`].
    ///
    /// # Errors
    /// The first figure that does not, also where it does not fit `i64`.
    pub fn check(&self) -> Result<(), IdentityBroken> {
        let parts = self.parts.iter().filter(|(kind, _)| **kind != Kind::OutOfWindow).fold(
            Part::default(),
            |sum, (_, part)| Part {
                operator: sum.operator.plus(part.operator),
                aggregator: sum.aggregator.plus(part.aggregator),
            },
        );
        let Figures { all, successful } = &self.figures;
        for (side, figure, total, parts) in [
            ("operator", "amount", all.montant_operateur, parts.operator.amount),
            ("operator", "count", all.count_operator, parts.operator.count.into()),
            ("operator", "successful amount", successful.montant_operateur, parts.operator.successful_amount),
            (
                "operator",
                "successful count",
                successful.count_operator,
                parts.operator.successful_count.into(),
            ),
            ("aggregator", "amount", all.montant_cinetpay, parts.aggregator.amount),
            ("aggregator", "count", all.count_cinetpay, parts.aggregator.count.into()),
            (
                "aggregator",
                "successful amount",
                successful.montant_cinetpay,
                parts.aggregator.successful_amount,
            ),
            (
                "aggregator",
                "successful count",
                successful.count_cinetpay,
                parts.aggregator.successful_count.into(),
            ),
        ] {
            if i128::from(total) != parts {
                return Err(IdentityBroken { side, figure, total: total.into(), parts });
            }
        }
        Ok(())
    }
}
