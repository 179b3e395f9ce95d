//! Rows left over because their identifier was there already.

use super::super::instant::Window;
use super::super::rule::{IdField, Rule};
use super::{Pairing, Row, indices};

/// The row with which a leftover shares an identifier.
#[derive(Clone, Copy)]
pub(super) struct Twin {
    /// The identifier that they share.
    pub(super) field: IdField,
    /// The other row's index: a paired one, else the first leftover in canonical order.
    pub(super) of: usize,
}

/// For each row of one side its twin, where it is a leftover inside the window that has one.
pub(super) fn find_duplicates<R: Row>(
    rules: &[Rule],
    rows: &[R],
    pairs: &[Option<Pairing>],
    window: &Window,
) -> Vec<Option<Twin>> {
    let mut twins: Vec<Option<Twin>> = vec![None; rows.len()];
    let mut fields: Vec<IdField> = Vec::new();
    for field in rules.iter().map(Rule::key) {
        if fields.contains(&field) {
            continue;
        }
        fields.push(field);
        let mut keyed = indices(rows, |index, row| {
            row.key(field).is_some() && (pairs[index].is_some() || window.contains(row.instant()))
        });
        let key = |index: usize| rows[index].key(field);
        keyed.sort_unstable_by(|&a, &b| {
            key(a).cmp(&key(b)).then_with(|| (pairs[a].is_none(), a).cmp(&(pairs[b].is_none(), b)))
        });
        for group in keyed.chunk_by(|&a, &b| key(a) == key(b)) {
            let Some((&of, others)) = group.split_first() else { continue };
            for &index in others.iter().filter(|index| pairs[**index].is_none()) {
                twins[index].get_or_insert(Twin { field, of });
            }
        }
    }
    twins
}
