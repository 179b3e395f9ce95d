//! What a contract can still grant and what is at risk on a debtor, from a stored situation.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use crate::domain::capacity::{NoRate, exposure};
use crate::domain::classification::Classification;
use crate::domain::debtor::DebtorId;
use crate::domain::money::FxTable;
use crate::store::record::Changed;
use crate::store::situation::{Situation, Stored};

/// What some classifications of one debtor under one contract take of its aggregate: the greater of limit and offer.
fn held<'a>(classifications: impl Iterator<Item = &'a Classification>) -> Decimal {
    classifications
        .filter_map(Classification::holding)
        .map(|holding| holding.amount.value())
        .max()
        .unwrap_or_default()
}

/// By how much changes alter what a contract has committed on a debtor; `own` is all that stood before.
pub fn change(own: &[Stored], changed: &[Changed]) -> Decimal {
    let is_changed =
        |stored: &&Stored| !changed.iter().any(|it| it.after.classification.id == stored.classification.id);
    let unchanged = own.iter().filter(is_changed).map(|stored| &stored.classification);
    let after = held(unchanged.chain(changed.iter().map(|it| &it.after.classification)));
    after - held(own.iter().map(|stored| &stored.classification))
}

/// What is left of the contract's aggregate for the debtor, zero or more: without what the contract has on it, which
/// would be replaced.
pub fn aggregate_left(situation: &Situation, now: DateTime<Utc>) -> Decimal {
    let mut due: BTreeMap<DebtorId, Vec<&Classification>> = BTreeMap::new();
    for classification in &situation.due {
        due.entry(classification.debtor()).or_default().push(classification);
    }
    let released: Decimal = due
        .into_values()
        .map(|of_debtor| {
            let present: Vec<Classification> = of_debtor.iter().map(|it| it.at(now)).collect();
            held(of_debtor.into_iter()) - held(present.iter())
        })
        .sum();
    let own = held(situation.own.iter().map(|stored| &stored.classification));
    let others = situation.committed - own - released;
    (situation.contract.aggregate.value() - others).max(Decimal::ZERO)
}

/// What the insurer has at risk on the debtor, in euros, without what the contract has on it.
///
/// # Errors
/// When a currency has no rate.
pub fn debtor_exposure(
    situation: &Situation,
    rates: &FxTable,
    day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<Decimal, NoRate> {
    let holdings: Vec<_> = situation.others.iter().filter_map(|it| it.at(now).holding()).collect();
    let elsewhere = situation.debtor.as_ref().map_or(Decimal::ZERO, |debtor| debtor.other_exposure);
    Ok(elsewhere.saturating_add(exposure(&holdings, None, rates, day)?))
}
