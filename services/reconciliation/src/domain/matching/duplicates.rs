//! Rows left over because their identifier was there already.

use std::collections::BTreeMap;

use super::super::instant::Window;
use super::super::rule::IdField;
use super::{Pairing, Row, indices};

/// The row with which a leftover shares an identifier.
#[derive(Clone, Copy)]
pub(super) struct Twin {
    /// The identifier that they share.
    pub(super) field: IdField,
    /// The other row's index.
    pub(super) of: usize,
}

/// For each row of one side its twin, where it is a leftover inside the window that has one.
///
/// Rows that share one of `fields` are one payment listed again, unless they carry different `payid`s: then they are
/// payments of their own, as the parts of a split one are. The first of them stands for the payment: a paired row,
/// else one with a `payid`, else the first in canonical order.
pub(super) fn find_duplicates<R: Row>(
    fields: impl IntoIterator<Item = IdField>,
    rows: &[R],
    pairs: &[Option<Pairing>],
    window: &Window,
) -> Vec<Option<Twin>> {
    let mut twins: Vec<Option<Twin>> = vec![None; rows.len()];
    for field in fields {
        let mut keyed = indices(rows, |index, row| {
            row.key(field).is_some() && (pairs[index].is_some() || window.contains(row.instant()))
        });
        let key = |index: usize| rows[index].key(field);
        let payid = |index: usize| rows[index].key(IdField::Payid);
        keyed.sort_unstable_by_key(|&index| {
            (key(index), pairs[index].is_none(), payid(index).is_none(), index)
        });
        for group in keyed.chunk_by(|&a, &b| key(a) == key(b)) {
            let Some(&first) = group.first() else { continue };
            // By `payid`, `None` being a row without one: it may be any of the payments.
            let mut originals = BTreeMap::new();
            for &index in group {
                let of = match payid(index) {
                    None if index != first => Some(&first),
                    payid => originals.get(&payid).or_else(|| originals.get(&None)),
                };
                match of.copied() {
                    Some(of) if pairs[index].is_none() => {
                        twins[index].get_or_insert(Twin { field, of });
                    }
                    _ => {
                        originals.entry(payid(index)).or_insert(index);
                    }
                }
            }
        }
    }
    twins
}
