//! Days of Europe/Madrid, in which every date of the contract is meant.

use chrono::{DateTime, Days, Months, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Europe::Madrid;

/// How many days an offer stands after the day on which it was made (contract, "States").
pub const OFFER_DAYS: u64 = 15;
/// The insurer's notice for reductions and cancellations, in days (contract, "States").
pub const NOTICE_DAYS: u64 = 30;

/// The date in Madrid at an instant.
pub fn date_of(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&Madrid).date_naive()
}

/// The first instant of a date in Madrid. Its clocks change at 01:00 UTC, so that a midnight is neither missing nor
/// double.
pub fn start_of(date: NaiveDate) -> DateTime<Utc> {
    let midnight = date.and_time(NaiveTime::MIN);
    Madrid
        .from_local_datetime(&midnight)
        .earliest()
        .map_or(midnight.and_utc(), |start| start.with_timezone(&Utc))
}

/// The first instant after a date in Madrid.
pub fn end_of(date: NaiveDate) -> DateTime<Utc> {
    start_of(plus_days(date, 1))
}

/// The date some days later.
pub fn plus_days(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX)
}

/// The date some months later, the month's last day where it has no such day.
pub fn plus_months(date: NaiveDate, months: u32) -> NaiveDate {
    date.checked_add_months(Months::new(months)).unwrap_or(NaiveDate::MAX)
}

/// The instant from which an offer made at another can no longer be accepted: the end of the 15th day after that on
/// which it was made.
pub fn offer_expiry(made: DateTime<Utc>) -> DateTime<Utc> {
    end_of(plus_days(date_of(made), OFFER_DAYS))
}

/// The first date on which what needs the insurer's notice can take effect when notice is given at an instant: the 30th
/// day after.
pub fn after_notice(given: DateTime<Utc>) -> NaiveDate {
    plus_days(date_of(given), NOTICE_DAYS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn dates_are_madrids() {
        assert_eq!(date_of(at("2026-11-22T22:59:59Z")), date("2026-11-22"));
        assert_eq!(date_of(at("2026-11-22T23:00:00Z")), date("2026-11-23"));
        assert_eq!(date_of(at("2026-07-01T22:00:00Z")), date("2026-07-02"));
        assert_eq!(start_of(date("2026-11-23")), at("2026-11-22T23:00:00Z"));
        assert_eq!(start_of(date("2026-07-02")), at("2026-07-01T22:00:00Z"));
    }

    #[test]
    fn an_offer_stands_until_the_end_of_the_fifteenth_day_over_a_change_of_clocks() {
        assert_eq!(offer_expiry(at("2026-11-22T10:00:00Z")), at("2026-12-07T23:00:00Z"));
        assert_eq!(offer_expiry(at("2026-11-22T23:30:00Z")), at("2026-12-08T23:00:00Z"));
        assert_eq!(
            offer_expiry(at("2026-10-20T10:00:00Z")),
            at("2026-11-04T23:00:00Z"),
            "out of summer time"
        );
        assert_eq!(offer_expiry(at("2027-03-20T10:00:00Z")), at("2027-04-04T22:00:00Z"), "into summer time");
    }

    #[test]
    fn notice_is_thirty_days() {
        assert_eq!(after_notice(at("2026-11-22T10:00:00Z")), date("2026-12-22"));
        assert_eq!(after_notice(at("2026-11-22T23:30:00Z")), date("2026-12-23"));
    }

    proptest! {
        #[test]
        fn a_dates_first_instant_is_its_first(days in 0_u64..40_000) {
            let date = plus_days(date("1990-01-01"), days);
            prop_assert_eq!(date_of(start_of(date)), date);
            prop_assert!(date_of(start_of(date) - chrono::TimeDelta::seconds(1)) < date);
        }

        #[test]
        fn any_date_has_bounds(days in any::<i32>()) {
            let date = NaiveDate::from_num_days_from_ce_opt(days).unwrap_or(NaiveDate::MAX);
            prop_assert!(start_of(date) <= end_of(date));
        }
    }
}
