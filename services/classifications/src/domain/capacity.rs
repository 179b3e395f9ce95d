//! What is at risk already: on a debtor for the insurer, and under a contract for its aggregate.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::contract::ContractNo;
use super::debtor::DebtorId;
use super::money::{Amount, Currency, FxTable};

/// An amount at risk: a classification that is ACTIVE or PREMIUM_PENDING when time is taken into account.
#[derive(Debug, Clone, PartialEq)]
pub struct Holding {
    /// Under which contract.
    pub contract_no: ContractNo,
    /// On which debtor.
    pub debtor: DebtorId,
    /// In which currency.
    pub currency: Currency,
    /// How much.
    pub amount: Amount,
}

/// A currency in which something is at risk has no exchange rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no exchange rate for {}", .0.as_str())]
pub struct NoRate(pub Currency);

/// What the insurer has at risk on a debtor, in euros at a day's rates. `holdings` are those on it; those under
/// `except` are left out, since a request under a contract replaces what the contract has.
///
/// An offer that would replace a limit of its contract does not come on top of it: the greater of both counts.
///
/// # Errors
/// When a currency has no rate.
pub fn exposure<'a>(
    holdings: impl IntoIterator<Item = &'a Holding>,
    except: Option<&ContractNo>,
    rates: &FxTable,
    day: NaiveDate,
) -> Result<Decimal, NoRate> {
    let mut greatest: BTreeMap<&ContractNo, Decimal> = BTreeMap::new();
    for holding in holdings.into_iter().filter(|it| Some(&it.contract_no) != except) {
        let fx = rates.at(holding.currency, day).ok_or(NoRate(holding.currency))?;
        let of_contract = greatest.entry(&holding.contract_no).or_default();
        *of_contract = fx.to_eur(holding.amount.value()).max(*of_contract);
    }
    Ok(sum(greatest.into_values()))
}

/// What is left of a contract's aggregate, zero or more. `holdings` are those under it; those on `except` are left out,
/// since a request on a debtor replaces what the contract has on it. Limits and offers count as in [`exposure`].
pub fn aggregate_left<'a>(
    aggregate: Amount,
    holdings: impl IntoIterator<Item = &'a Holding>,
    except: Option<&DebtorId>,
) -> Decimal {
    let mut greatest: BTreeMap<&DebtorId, Decimal> = BTreeMap::new();
    for holding in holdings.into_iter().filter(|it| Some(&it.debtor) != except) {
        let of_debtor = greatest.entry(&holding.debtor).or_default();
        *of_debtor = holding.amount.value().max(*of_debtor);
    }
    aggregate.value().saturating_sub(sum(greatest.into_values())).max(Decimal::ZERO)
}

fn sum(values: impl Iterator<Item = Decimal>) -> Decimal {
    values.fold(Decimal::ZERO, Decimal::saturating_add)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::domain::country::Country;
    use crate::domain::money::FxRate;

    fn holding(contract: &str, debtor: &str, currency: &str, amount: &str) -> Holding {
        let currency = Currency::parse(currency).unwrap();
        Holding {
            contract_no: ContractNo::parse(contract).unwrap(),
            debtor: DebtorId { country: Country::ES, tax_code: debtor.to_owned() },
            currency,
            amount: Amount::parse(amount, currency).unwrap(),
        }
    }

    #[test]
    fn exposure_is_insurer_wide_in_euros_and_counts_a_limit_and_the_offer_to_replace_it_once() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
        let currency = Currency::parse("USD").unwrap();
        let rates = FxTable(vec![FxRate { currency, date: day, rate: "1.10".parse().unwrap() }]);
        let holdings = [
            holding("90000000001", "A00000018", "EUR", "150000"),
            holding("90000000001", "A00000018", "EUR", "100000"),
            holding("90000000002", "A00000018", "USD", "110000"),
        ];
        let exposure_without = |except| exposure(&holdings, except, &rates, day).unwrap();
        assert_eq!(exposure_without(None), Decimal::from(250_000));
        assert_eq!(exposure_without(ContractNo::parse("90000000001").as_ref()), Decimal::from(100_000));
        assert_eq!(exposure(&holdings, None, &FxTable::default(), day), Err(NoRate(currency)));
    }

    #[test]
    fn the_aggregate_left_is_never_below_zero() {
        let holdings = [
            holding("90000000002", "A00000018", "USD", "200000"),
            holding("90000000002", "B00000026", "USD", "150000"),
        ];
        let aggregate = Amount::parse("300000", Currency::EUR).unwrap();
        assert_eq!(aggregate_left(aggregate, &holdings, None), Decimal::ZERO);
        assert_eq!(aggregate_left(aggregate, &holdings, Some(&holdings[0].debtor)), Decimal::from(150_000));
        assert_eq!(aggregate_left(aggregate, &[], None), Decimal::from(300_000));
    }
}
