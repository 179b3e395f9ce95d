//! Pairs rows under one rule.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::rule::Rule;
use super::{AggregatorRow, OperatorRow, Row};

/// Pairs the open rows of both sides, telling each pair by the two indices.
pub(super) fn pair_by_rule(
    rule: &Rule,
    (operator_rows, open_rows): (&[OperatorRow], Vec<usize>),
    (transactions, open_transactions): (&[AggregatorRow], Vec<usize>),
    on_pair: impl FnMut(usize, usize),
) {
    let sides = Sides { operator: operator_rows, aggregator: transactions };
    let key = rule.key();
    let limit = rule.window_s().map(|seconds| TimeDelta::seconds(seconds.into()));
    let mut pairing = Pairing { sides, limit, on_pair };

    let keyed = |index: &usize| operator_rows[*index].key(key).is_some();
    let left: Vec<usize> = open_rows.into_iter().filter(keyed).collect();
    let keyed = |index: &usize| transactions[*index].key(key).is_some();
    let right: Vec<usize> = open_transactions.into_iter().filter(keyed).collect();
    in_groups(
        left,
        right,
        |row| operator_rows[row].key(key),
        |transaction| transactions[transaction].key(key),
        |left, right| pairing.group(left, right),
    );
}

/// Calls `visit` with the two sides of each group that has rows on both, and gives back what is in no such
/// group.
fn in_groups<K: Ord>(
    mut left: Vec<usize>,
    mut right: Vec<usize>,
    left_key: impl Fn(usize) -> K,
    right_key: impl Fn(usize) -> K,
    mut visit: impl FnMut(&[usize], &[usize]),
) {
    left.sort_unstable_by(|&a, &b| left_key(a).cmp(&left_key(b)).then(a.cmp(&b)));
    right.sort_unstable_by(|&a, &b| right_key(a).cmp(&right_key(b)).then(a.cmp(&b)));
    let mut right_groups = right.chunk_by(|&a, &b| right_key(a) == right_key(b)).peekable();
    for group in left.chunk_by(|&a, &b| left_key(a) == left_key(b)) {
        let Some(&first) = group.first() else { continue };
        let key = left_key(first);
        let behind = |other: &&[usize]| other.first().is_some_and(|&other| right_key(other) < key);
        while right_groups.next_if(behind).is_some() {}
        let level = |other: &&[usize]| other.first().is_some_and(|&other| right_key(other) == key);
        if let Some(other) = right_groups.next_if(level) {
            visit(group, other);
        }
    }
}

#[derive(Clone, Copy)]
struct Sides<'a> {
    operator: &'a [OperatorRow],
    aggregator: &'a [AggregatorRow],
}

struct Pairing<'a, F> {
    sides: Sides<'a>,
    limit: Option<TimeDelta>,
    on_pair: F,
}

impl<F: FnMut(usize, usize)> Pairing<'_, F> {
    /// Pairs the rows that share one key, best first.
    fn group(&mut self, left: &[usize], right: &[usize]) {
        let Sides { operator, aggregator } = self.sides;
        // Nearly every group is one row and its transaction: no need to rank them.
        if let ([row], [transaction]) = (left, right) {
            let gap = (operator[*row].instant - aggregator[*transaction].instant).abs();
            if self.limit.is_none_or(|limit| gap <= limit) {
                (self.on_pair)(*row, *transaction);
            }
            return;
        }
        let (left, right) = self.equal_in(
            left.to_vec(),
            right.to_vec(),
            |row| (operator[row].amount(), operator[row].status()),
            |transaction| (aggregator[transaction].amount(), aggregator[transaction].status()),
        );
        let (left, right) = self.equal_in(
            left,
            right,
            |row| operator[row].amount(),
            |transaction| aggregator[transaction].amount(),
        );
        self.nearest(&left, &right);
    }

    /// Pairs rows that agree in a quality, and gives back those that found no partner, in canonical order.
    fn equal_in<K: Ord>(
        &mut self,
        left: Vec<usize>,
        right: Vec<usize>,
        left_quality: impl Fn(usize) -> K,
        right_quality: impl Fn(usize) -> K,
    ) -> (Vec<usize>, Vec<usize>) {
        let mut used: (Vec<usize>, Vec<usize>) = Default::default();
        in_groups(left.clone(), right.clone(), left_quality, right_quality, |left, right| {
            for (row, transaction) in self.nearest(left, right) {
                used.0.push(row);
                used.1.push(transaction);
            }
        });
        (without(left, used.0), without(right, used.1))
    }

    /// Pairs rows by the smallest time between them, one pair after the other; rows of one moment in
    /// canonical order.
    ///
    /// With both sides in one line by time, the closest moments of opposite sides always stand side by side:
    /// a moment between them would be at least as close to one of them. So it is enough to keep the
    /// neighbours in a heap; a moment whose rows are all paired leaves the line and makes neighbours of those
    /// around it.
    fn nearest(&mut self, left: &[usize], right: &[usize]) -> Vec<(usize, usize)> {
        let Sides { operator, aggregator } = self.sides;
        let mut line: Vec<Moment<'_>> = Vec::new();
        line.extend(left.chunk_by(|&a, &b| operator[a].instant == operator[b].instant).filter_map(|rows| {
            let instant = operator[*rows.first()?].instant;
            Some(Moment { instant, transactions: false, rows })
        }));
        line.extend(right.chunk_by(|&a, &b| aggregator[a].instant == aggregator[b].instant).filter_map(
            |rows| {
                let instant = aggregator[*rows.first()?].instant;
                Some(Moment { instant, transactions: true, rows })
            },
        ));
        line.sort_unstable_by_key(|moment| (moment.instant, moment.transactions));

        let limit = self.limit;
        let neighbours = |line: &[Moment<'_>], before: usize, after: usize| {
            let gap = line[after].instant - line[before].instant;
            let apart = line[before].transactions != line[after].transactions;
            (apart && limit.is_none_or(|limit| gap <= limit)).then_some(Reverse((gap, before, after)))
        };
        let mut closest: BinaryHeap<_> =
            (1..line.len()).filter_map(|after| neighbours(&line, after - 1, after)).collect();
        let mut next: Vec<usize> = (1..=line.len()).collect();
        let mut previous: Vec<Option<usize>> = (0..line.len()).map(|at| at.checked_sub(1)).collect();
        let mut pairs = Vec::new();
        while let Some(Reverse((_, before, after))) = closest.pop() {
            let count = line[before].rows.len().min(line[after].rows.len());
            let (first, line_before) = line[before].rows.split_at(count);
            let (second, line_after) = line[after].rows.split_at(count);
            line[before].rows = line_before;
            line[after].rows = line_after;
            let (rows, transactions) =
                if line[before].transactions { (second, first) } else { (first, second) };
            pairs.extend(rows.iter().copied().zip(transactions.iter().copied()));
            // A moment that is empty already has left the line, and pairs nothing above.
            for gone in [before, after] {
                if count == 0 || !line[gone].rows.is_empty() {
                    continue;
                }
                let (left, right) = (previous[gone], next[gone]);
                if let Some(left) = left {
                    next[left] = right;
                }
                if let Some(place) = previous.get_mut(right) {
                    *place = left;
                    closest.extend(left.and_then(|left| neighbours(&line, left, right)));
                }
            }
        }
        for &(row, transaction) in &pairs {
            (self.on_pair)(row, transaction);
        }
        pairs
    }
}

/// The rows of one side at one moment that are not paired yet, in canonical order.
struct Moment<'r> {
    instant: DateTime<Utc>,
    transactions: bool,
    rows: &'r [usize],
}

fn without(all: Vec<usize>, mut used: Vec<usize>) -> Vec<usize> {
    used.sort_unstable();
    all.into_iter().filter(|index| used.binary_search(index).is_err()).collect()
}
