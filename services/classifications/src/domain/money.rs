//! Money: currencies, amounts as the wire writes them, exchange rates.

use std::fmt;

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// A currency in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: &'static str,
    decimals: u32,
}

/// Number of decimals and the currencies that have it: ISO 4217 list one as published 2026-01-01, without funds,
/// metals, units of account and test codes.
const CURRENCIES: [(u32, &str); 4] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP \
         CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS \
         INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN \
         MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE \
         SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR \
         ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "UYW"),
];

impl Currency {
    /// The currency of thresholds and capacity.
    pub const EUR: Self = Self { code: "EUR", decimals: 2 };

    /// The currency of an ISO 4217 code in upper case; none for a code that is not in use.
    pub fn parse(code: &str) -> Option<Self> {
        CURRENCIES.into_iter().find_map(|(decimals, codes)| {
            codes.split(' ').find(|known| *known == code).map(|code| Self { code, decimals })
        })
    }

    /// Its code.
    pub fn as_str(self) -> &'static str {
        self.code
    }

    /// How many decimals its amounts have.
    pub fn decimals(self) -> u32 {
        self.decimals
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::parse(&code).ok_or_else(|| D::Error::custom("no currency of ISO 4217"))
    }
}

/// The most digits that an amount has, its decimals included.
pub const MAX_DIGITS: usize = 18;

/// Why an amount is refused (`CLS-AMOUNT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountFault {
    /// None was given.
    #[error("the amount is missing")]
    Missing,
    /// Anything but digits with an optional dot between them: a sign, an exponent, a thousands mark, a word.
    #[error("an amount is digits with an optional decimal point")]
    Form,
    /// More decimals than the currency has.
    #[error("more decimals than the currency has")]
    Decimals,
    /// More than [`MAX_DIGITS`].
    #[error("more than {MAX_DIGITS} digits")]
    Digits,
    /// Zero.
    #[error("the amount is zero")]
    Zero,
    /// An INCREASE, or its grant, that is not above the limit in force.
    #[error("not above the limit in force")]
    NotAnIncrease,
    /// A REDUCTION that is not below the limit in force.
    #[error("not below the limit in force")]
    NotAReduction,
    /// A PROLONGATION above the limit in force, or a grant above what was asked for.
    #[error("above the limit in force or what was asked for")]
    TooMuch,
}

/// An amount of money, zero or more, that carries exactly its currency's decimals.
///
/// Its JSON is a dotted decimal string. What comes from outside is read by [`Amount::parse`]; deserialising is for what
/// the service has written itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, example = "150000.00")]
pub struct Amount(Decimal);

impl Amount {
    /// Reads what a client sent.
    ///
    /// # Errors
    /// [`AmountFault`], which never quotes the text.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, AmountFault> {
        let (whole, decimals) = text.split_once('.').map_or((text, None), |(w, d)| (w, Some(d)));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !decimals.is_none_or(is_digits) {
            return Err(AmountFault::Form);
        }
        let decimals = decimals.map_or(0, str::len);
        if decimals > currency.decimals as usize {
            return Err(AmountFault::Decimals);
        }
        if whole.len() + decimals > MAX_DIGITS {
            return Err(AmountFault::Digits);
        }
        let value: Decimal = text.parse().map_err(|_| AmountFault::Form)?;
        if value.is_zero() { Err(AmountFault::Zero) } else { Ok(Self::down(value, currency)) }
    }

    /// What a value is worth in whole minor units, the rest dropped; nothing for less than zero.
    pub fn down(value: Decimal, currency: Currency) -> Self {
        Self::rounded(value, currency, RoundingStrategy::ToZero)
    }

    /// What a value is worth in whole minor units, half of one counted as one: the rule for premiums.
    pub fn nearest(value: Decimal, currency: Currency) -> Self {
        Self::rounded(value, currency, RoundingStrategy::MidpointAwayFromZero)
    }

    fn rounded(value: Decimal, currency: Currency, strategy: RoundingStrategy) -> Self {
        let mut value = value.max(Decimal::ZERO).round_dp_with_strategy(currency.decimals, strategy);
        value.rescale(currency.decimals);
        Self(value)
    }

    /// As a number.
    pub fn value(self) -> Decimal {
        self.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Units of a currency for one euro, as of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fx {
    /// Above zero.
    pub rate: Decimal,
    /// When it was fixed.
    pub date: NaiveDate,
}

impl Fx {
    /// In euros, rounded up to the cent: what is asked for and what is at risk never look smaller than they are.
    pub fn to_eur(self, value: Decimal) -> Decimal {
        let euros = value.checked_div(self.rate).unwrap_or(Decimal::MAX);
        euros.round_dp_with_strategy(2, RoundingStrategy::AwayFromZero)
    }

    /// Euros in the currency, unrounded; whoever grants rounds down.
    pub fn of_eur(self, euros: Decimal) -> Decimal {
        euros.saturating_mul(self.rate)
    }
}

/// A line of the table of exchange rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FxRate {
    /// Not the euro.
    pub currency: Currency,
    /// When it was fixed.
    pub date: NaiveDate,
    /// Units of the currency for one euro.
    pub rate: Decimal,
}

/// The dated exchange rates of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FxTable(pub Vec<FxRate>);

impl FxTable {
    /// The latest rate of a currency that was known on a day, 1 for the euro; none where the table has none above zero.
    pub fn at(&self, currency: Currency, day: NaiveDate) -> Option<Fx> {
        if currency == Currency::EUR {
            return Some(Fx { rate: Decimal::ONE, date: day });
        }
        let known =
            self.0.iter().filter(|it| it.currency == currency && it.date <= day && it.rate > Decimal::ZERO);
        known.max_by_key(|it| it.date).map(|it| Fx { rate: it.rate, date: it.date })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    #[test]
    fn amounts_have_their_currencys_decimals() {
        for (text, code, shown) in [
            ("150000.00", "EUR", "150000.00"),
            ("150000", "EUR", "150000.00"),
            ("0.1", "EUR", "0.10"),
            ("007", "EUR", "7.00"),
            ("5000", "JPY", "5000"),
            ("1.5", "KWD", "1.500"),
            ("9999999999999999.99", "EUR", "9999999999999999.99"),
        ] {
            let amount = Amount::parse(text, currency(code)).unwrap();
            assert_eq!(amount.to_string(), shown, "{text}");
            let json = serde_json::to_string(&amount).unwrap();
            assert_eq!(json, format!("\"{shown}\""));
            assert_eq!(serde_json::from_str::<Amount>(&json).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        use AmountFault::{Decimals, Digits, Form, Zero};
        for (text, code, fault) in [
            ("", "EUR", Form),
            ("1e5", "EUR", Form),
            ("1E5", "EUR", Form),
            ("+5", "EUR", Form),
            ("-5", "EUR", Form),
            ("NaN", "EUR", Form),
            ("inf", "EUR", Form),
            ("5.", "EUR", Form),
            (".5", "EUR", Form),
            ("1.2.3", "EUR", Form),
            ("1,5", "EUR", Form),
            ("1_000", "EUR", Form),
            (" 5", "EUR", Form),
            ("٥", "EUR", Form),
            ("0", "EUR", Zero),
            ("0.00", "EUR", Zero),
            ("1.001", "EUR", Decimals),
            ("1.0", "JPY", Decimals),
            ("1000000000000000000", "EUR", Digits),
            ("10000000000000000.00", "EUR", Digits),
        ] {
            assert_eq!(Amount::parse(text, currency(code)), Err(fault), "{text}");
        }
    }

    #[test]
    fn only_currencies_in_use_are_known() {
        assert_eq!(currency("EUR"), Currency::EUR);
        assert_eq!(currency("TND").decimals(), 3);
        for code in ["", "eur", "DEM", "BGN", "XXX", "XAU", "CHE", "EUR USD"] {
            assert_eq!(Currency::parse(code), None, "{code}");
        }
    }

    #[test]
    fn the_latest_rate_known_on_a_day_counts_and_rounding_is_cautious() {
        let day = |day| NaiveDate::from_ymd_opt(2026, 11, day).unwrap();
        let line =
            |day, rate: &str| FxRate { currency: currency("USD"), date: day, rate: rate.parse().unwrap() };
        let table = FxTable(vec![line(day(20), "1.10"), line(day(10), "1.00"), line(day(23), "2")]);
        assert_eq!(table.at(currency("USD"), day(9)), None);
        assert_eq!(table.at(currency("GBP"), day(22)), None);
        let fx = table.at(currency("USD"), day(22)).unwrap();
        assert_eq!(fx.date, day(20));
        let in_eur = |text: &str| fx.to_eur(text.parse().unwrap()).to_string();
        assert_eq!(in_eur("550000.00").parse::<Decimal>().unwrap(), Decimal::from(500_000));
        assert_eq!(in_eur("1.00"), "0.91");
        assert_eq!(table.at(Currency::EUR, day(1)).unwrap().rate, Decimal::ONE);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9.eE+, -]{0,24}|\\PC*") {
            if let Ok(amount) = Amount::parse(&text, Currency::EUR) {
                prop_assert!(amount.value() > Decimal::ZERO);
                prop_assert_eq!(amount.value(), text.parse::<Decimal>().unwrap());
                prop_assert_eq!(Amount::parse(&amount.to_string(), Currency::EUR), Ok(amount));
            }
        }
    }
}
