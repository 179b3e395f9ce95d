//! Moments as statements and requests write them (contract, "Conventions").

use chrono::{
    DateTime, Datelike, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

const YEARS: std::ops::RangeInclusive<i32> = 1970..=2200;

/// Why a text is no moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InstantError {
    /// Nothing but blanks.
    #[error("the date is missing")]
    Missing,
    /// Neither day-first nor ISO 8601.
    #[error("not a date")]
    Malformed,
    /// A day that no calendar has, or a year outside 1970 to 2200.
    #[error("an impossible date")]
    Impossible,
    /// An hour that the operator's clocks jumped over.
    #[error("the clocks of the operator's time zone skip this hour")]
    Skipped,
}

/// Reads a row's moment: day first (`24/05/2021 07:52:26`, `24-05-2021`) or ISO 8601
/// (`2021-05-24T07:52:26Z`). Time and seconds may be missing; a text without zone is in `tz`, where an hour
/// that happens twice is its first. Kept to the microsecond, as PostgreSQL does.
///
/// # Errors
/// [`InstantError`], which never quotes the text.
pub fn parse_instant(text: &str, tz: Tz) -> Result<DateTime<Utc>, InstantError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(InstantError::Missing);
    }
    let written = Written::parse(text).ok_or(InstantError::Malformed)?;
    let local = written.local().ok_or(InstantError::Impossible)?;
    match written.offset {
        Some(offset) => {
            let offset = FixedOffset::east_opt(offset).ok_or(InstantError::Impossible)?;
            within_years(from_local(offset.from_local_datetime(&local))?)
        }
        None => local_instant(local, tz),
    }
}

/// The moment at which a clock of `tz` shows `local`, an hour that happens twice being its first.
///
/// # Errors
/// [`InstantError::Skipped`] in a gap, [`InstantError::Impossible`] outside the years 1970 to 2200.
pub fn local_instant(local: NaiveDateTime, tz: Tz) -> Result<DateTime<Utc>, InstantError> {
    within_years(from_local(tz.from_local_datetime(&local))?)
}

fn from_local<Z: TimeZone>(local: LocalResult<DateTime<Z>>) -> Result<DateTime<Utc>, InstantError> {
    Ok(local.earliest().ok_or(InstantError::Skipped)?.with_timezone(&Utc))
}

fn within_years(instant: DateTime<Utc>) -> Result<DateTime<Utc>, InstantError> {
    if YEARS.contains(&instant.year()) { Ok(instant) } else { Err(InstantError::Impossible) }
}

/// The numbers that a text gives, not yet checked against the calendar.
#[derive(Default)]
struct Written {
    year: i32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: Option<u32>,
    micros: u32,
    timed: bool,
    /// Seconds east of UTC.
    offset: Option<i32>,
}

impl Written {
    fn parse(text: &str) -> Option<Self> {
        let mut scan = Scan(text.as_bytes());
        let mut written = Self::default();
        let first = scan.digits()?;
        match first.len() {
            4 => {
                written.year = number(first)? as i32;
                scan.take(b"-")?;
                written.month = scan.number(2..=2)?;
                scan.take(b"-")?;
                written.day = scan.number(2..=2)?;
            }
            1 | 2 => {
                written.day = number(first)?;
                let mark = scan.take(b"/-")?;
                written.month = scan.number(1..=2)?;
                scan.take(&[mark])?;
                written.year = scan.number(4..=4)? as i32;
            }
            _ => return None,
        }
        if scan.0.is_empty() {
            return Some(written);
        }
        scan.take(b" T")?;
        written.timed = true;
        written.hour = scan.number(1..=2)?;
        scan.take(b":")?;
        written.minute = scan.number(2..=2)?;
        if scan.take(b":").is_some() {
            written.second = Some(scan.number(2..=2)?);
            if scan.take(b".,").is_some() {
                let fraction = scan.digits()?;
                let kept = fraction.get(..6).unwrap_or(fraction);
                written.micros = number(kept)? * 10_u32.pow(6 - kept.len() as u32);
            }
        }
        if first.len() == 4 {
            written.offset = scan.offset()?;
        }
        scan.0.is_empty().then_some(written)
    }

    fn local(&self) -> Option<NaiveDateTime> {
        NaiveDate::from_ymd_opt(self.year, self.month, self.day)?.and_hms_micro_opt(
            self.hour,
            self.minute,
            self.second.unwrap_or(0),
            self.micros,
        )
    }
}

fn number(digits: &str) -> Option<u32> {
    digits.parse().ok()
}

struct Scan<'a>(&'a [u8]);

impl<'a> Scan<'a> {
    fn digits(&mut self) -> Option<&'a str> {
        let length = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(length).filter(|_| length > 0)?;
        self.0 = rest;
        std::str::from_utf8(digits).ok()
    }

    fn number(&mut self, lengths: std::ops::RangeInclusive<usize>) -> Option<u32> {
        self.digits().filter(|digits| lengths.contains(&digits.len())).and_then(number)
    }

    fn take(&mut self, any_of: &[u8]) -> Option<u8> {
        let (&byte, rest) = self.0.split_first().filter(|(byte, _)| any_of.contains(byte))?;
        self.0 = rest;
        Some(byte)
    }

    /// `Z`, `+01:00`, `+0100` or nothing; `None` when malformed.
    fn offset(&mut self) -> Option<Option<i32>> {
        if self.0.is_empty() {
            return Some(None);
        }
        if self.take(b"Zz").is_some() {
            return Some(Some(0));
        }
        let sign = if self.take(b"+-")? == b'-' { -1 } else { 1 };
        let first = self.digits()?;
        let (hours, minutes) = match first.len() {
            2 => {
                self.take(b":")?;
                (number(first)?, self.number(2..=2)?)
            }
            4 => (number(first)? / 100, number(first)? % 100),
            _ => return None,
        };
        (hours <= 14 && minutes < 60).then_some(Some(sign * (hours * 3600 + minutes * 60) as i32))
    }
}

/// The period of a task, as the request gave it: `dateFin` covers its whole minute (or second, where it has
/// one).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    end_exclusive: DateTime<Utc>,
}

/// A bound of a window at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct WindowError {
    /// `dateDebut` or `dateFin`.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: WindowReason,
}

/// What is wrong with a bound of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowReason {
    /// Another form than `2021-05-10T23:59`.
    #[error("not of the form YYYY-MM-DDTHH:MM, with seconds and Z allowed")]
    Malformed,
    /// A day or hour that does not exist, or a year outside 1970 to 2200.
    #[error("an impossible date")]
    Impossible,
    /// `dateFin` before `dateDebut`.
    #[error("before dateDebut")]
    BeforeStart,
}

impl Window {
    /// Reads the two bounds of a request, in UTC, at minute or second precision.
    ///
    /// # Errors
    /// The bound at fault.
    pub fn parse(date_debut: &str, date_fin: &str) -> Result<Self, WindowError> {
        let (start, _) = bound(date_debut).map_err(|reason| WindowError { field: "dateDebut", reason })?;
        let (end, covers) = bound(date_fin).map_err(|reason| WindowError { field: "dateFin", reason })?;
        if end < start {
            return Err(WindowError { field: "dateFin", reason: WindowReason::BeforeStart });
        }
        Ok(Self { start, end, end_exclusive: end + covers })
    }

    /// A window that was parsed once and stored by its three moments.
    pub const fn restore(start: DateTime<Utc>, end: DateTime<Utc>, end_exclusive: DateTime<Utc>) -> Self {
        Self { start, end, end_exclusive }
    }

    /// The first moment inside, as given.
    pub const fn start(&self) -> DateTime<Utc> {
        self.start
    }

    /// `dateFin` as given, for display: `2021-05-27T23:59:00Z`.
    pub const fn end(&self) -> DateTime<Utc> {
        self.end
    }

    /// The first moment after the window, for comparison.
    pub const fn end_exclusive(&self) -> DateTime<Utc> {
        self.end_exclusive
    }

    /// Whether a moment lies inside.
    pub fn contains(&self, instant: DateTime<Utc>) -> bool {
        self.start <= instant && instant < self.end_exclusive
    }
}

/// A bound and how long it covers.
fn bound(text: &str) -> Result<(DateTime<Utc>, TimeDelta), WindowReason> {
    let text = text.trim();
    let written = Written::parse(text)
        .filter(|written| {
            let iso = text.as_bytes().get(4) == Some(&b'-');
            iso && written.timed && written.micros == 0 && matches!(written.offset, None | Some(0))
        })
        .ok_or(WindowReason::Malformed)?;
    let instant = written.local().ok_or(WindowReason::Impossible)?.and_utc();
    let instant = within_years(instant).map_err(|_| WindowReason::Impossible)?;
    Ok((instant, if written.second.is_some() { TimeDelta::seconds(1) } else { TimeDelta::minutes(1) }))
}

#[cfg(test)]
mod tests {
    use chrono_tz::{Africa::Abidjan, Europe::Paris};
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, tz: Tz) -> Result<String, InstantError> {
        parse_instant(text, tz).map(|instant| instant.to_rfc3339())
    }

    #[test]
    fn dates_of_real_statements_are_read() {
        for (text, instant) in [
            ("24/05/2021 07:52:26", "2021-05-24T07:52:26+00:00"),
            ("24-05-2021", "2021-05-24T00:00:00+00:00"),
            (" 4/5/2021 7:52 ", "2021-05-04T07:52:00+00:00"),
            ("2021-05-24T07:52:26Z", "2021-05-24T07:52:26+00:00"),
            ("2021-05-24 07:52:26", "2021-05-24T07:52:26+00:00"),
            ("2021-05-24", "2021-05-24T00:00:00+00:00"),
            ("2021-05-24T07:52:26.123456789+02:00", "2021-05-24T05:52:26.123456+00:00"),
            ("2021-05-24T07:52-0330", "2021-05-24T11:22:00+00:00"),
        ] {
            assert_eq!(read(text, Abidjan).as_deref(), Ok(instant), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        use InstantError::{Impossible, Malformed, Missing};
        for (text, error) in [
            ("", Missing),
            ("31/02/2021", Impossible),
            ("05/24/2021", Impossible),
            ("2021-05-24T24:00", Impossible),
            ("2021-05-24T07:52:60Z", Impossible),
            ("1969-12-31T23:59:59Z", Impossible),
            ("2201-01-01", Impossible),
            ("24/05/21", Malformed),
            ("24/05-2021", Malformed),
            ("2021-05-24T07", Malformed),
            ("2021-05-24T07:52:26 GMT", Malformed),
            ("2021-05-24T07:52+99:00", Malformed),
            ("24/05/2021 07:52 PM", Malformed),
            ("hier", Malformed),
        ] {
            assert_eq!(parse_instant(text, Abidjan), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_time_without_zone_is_the_operators() {
        assert_eq!(read("24/05/2021 07:52", Paris).as_deref(), Ok("2021-05-24T05:52:00+00:00"));
        assert_eq!(read("28/03/2021 02:30", Paris), Err(InstantError::Skipped));
        assert_eq!(read("31/10/2021 02:30", Paris).as_deref(), Ok("2021-10-31T00:30:00+00:00"));
    }

    #[test]
    fn a_window_covers_its_last_minute() {
        let window = Window::parse("2021-05-10T00:00", "2021-05-10T23:59").unwrap();
        let at = |text| parse_instant(text, Abidjan).unwrap();
        assert!(window.contains(at("2021-05-10T00:00:00Z")));
        assert!(window.contains(at("2021-05-10T23:59:59.999999Z")));
        assert!(!window.contains(at("2021-05-09T23:59:59.999999Z")));
        assert!(!window.contains(at("2021-05-11T00:00:00Z")));
        assert_eq!(window.end(), at("2021-05-10T23:59:00Z"));
        assert_eq!(window.end_exclusive(), at("2021-05-11T00:00:00Z"));
        assert_eq!(Window::restore(window.start(), window.end(), window.end_exclusive()), window);
    }

    #[test]
    fn a_window_to_the_second_covers_that_second() {
        let window = Window::parse("2021-05-10T00:00:00Z", "2021-05-10T00:00:00Z").unwrap();
        assert_eq!(window.end_exclusive() - window.start(), TimeDelta::seconds(1));
    }

    #[test]
    fn a_bad_window_names_the_bound_at_fault() {
        let fault = |debut, fin| Window::parse(debut, fin).map_err(|error| error.field).unwrap_err();
        assert_eq!(fault("2021-05-10", "2021-05-10T23:59"), "dateDebut");
        assert_eq!(fault("2021-02-30T00:00", "2021-05-10T23:59"), "dateDebut");
        assert_eq!(fault("2021-05-10T00:00", "10/05/2021 23:59"), "dateFin");
        assert_eq!(fault("2021-05-10T00:00", "2021-05-10T23:59+01:00"), "dateFin");
        assert_eq!(fault("2021-05-10T00:00", "2021-05-09T23:59"), "dateFin");
    }

    proptest! {
        #[test]
        fn dates_are_day_first(day in 1_u32..=28, month in 1_u32..=12, year in 1970..=2200, seconds in 0_i64..86_400) {
            let instant = NaiveDate::from_ymd_opt(year, month, day).unwrap().and_time(chrono::NaiveTime::MIN).and_utc()
                + TimeDelta::seconds(seconds);
            for form in ["%d/%m/%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"] {
                prop_assert_eq!(parse_instant(&instant.format(form).to_string(), Abidjan), Ok(instant));
            }
        }

        #[test]
        fn any_text_is_a_date_or_refused(text in "[0-9/T:.Z+\\- ]{0,30}|\\PC*") {
            let _ = parse_instant(&text, Paris);
            let _ = Window::parse(&text, &text);
        }
    }
}
