//! Birth dates as lists write them; nothing is completed, what cannot be told is left to the remarks.

use crate::domain::record::BirthDate;

/// Years that a living or dead person of a list can be born in; others are another calendar's.
const YEARS: std::ops::RangeInclusive<i16> = 1600..=2100;

/// A date of its parts, each as a list writes it: absent, empty and zero mean unknown. `None` where there is no
/// year or a part cannot be. A day whose month is unknown is none of any month: the year is what is known.
pub(super) fn of_parts(year: &str, month: &str, day: &str) -> Option<BirthDate> {
    let (year, month, day) = (year_of(year)?, part(month, 12)?, part(day, 31)?);
    Some(BirthDate { year: Some(year), month, day: month.and(day), ..NOTHING })
}

/// The birth dates in a text; empty where it is none that we can read.
pub(super) fn of_text(text: &str) -> Vec<BirthDate> {
    let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
    // A Hijri year is no Gregorian one; what is long is no date.
    if text.contains("hijri") || text.len() > 80 {
        return Vec::new();
    }
    let dates: Vec<_> = text.split(" or ").map(one).collect();
    if dates.iter().any(Option::is_none) { Vec::new() } else { dates.into_iter().flatten().collect() }
}

const NOTHING: BirthDate = BirthDate { year: None, until_year: None, month: None, day: None, circa: false };

/// One date, alone or with `circa`, or a range.
fn one(text: &str) -> Option<BirthDate> {
    let text = text.trim();
    for word in ["circa", "approximately", "approx.", "about", "c.", "vers", "environ"] {
        if let Some(rest) = text.strip_prefix(word) {
            return Some(BirthDate { circa: true, ..one(rest)? });
        }
    }
    let range = text.strip_prefix("between ").map(|range| range.split_once(" and "));
    if let Some(range) = range.or_else(|| text.strip_prefix("entre ").map(|range| range.split_once(" et "))) {
        let (from, to) = range?;
        return match (one(from), part(from, 12)) {
            (None, Some(Some(_))) => between(BirthDate { month: None, ..one(to)? }, one(to)?),
            (from, _) => between(from?, one(to)?),
        };
    }
    if let Some((from, to)) = text.split_once(" to ") {
        return between(one(from)?, one(to)?);
    }
    if let Some(decade) = text.strip_suffix("0s") {
        let decade = decade.strip_prefix("born in the early ").unwrap_or(decade);
        let year = year_of(&format!("{decade}0"))?;
        return Some(BirthDate { year: Some(year), until_year: Some(year + 9), circa: true, ..NOTHING });
    }
    let parts: Vec<&str> = text.split(['-', '/', ' ']).filter(|part| !part.is_empty()).collect();
    match *parts.as_slice() {
        [year] => of_parts(year, "", ""),
        [from, to] if year_of(from).is_some() && year_of(to).is_some() => {
            between(of_parts(from, "", "")?, of_parts(to, "", "")?)
        }
        [year, month] if year_of(year).is_some() => of_parts(year, month, ""),
        [month, year] => of_parts(year, month, ""),
        [year, month, day] if year_of(year).is_some() => of_parts(year, month, day),
        [day, month, year] => of_parts(year, month, day),
        _ => None,
    }
}

/// A range keeps its years only: there is no field for the months of its end.
fn between(from: BirthDate, to: BirthDate) -> Option<BirthDate> {
    let (first, last) = (from.year?, to.until_year.or(to.year)?);
    let circa = from.circa || to.circa;
    match first.cmp(&last) {
        std::cmp::Ordering::Less => {
            Some(BirthDate { year: from.year, until_year: Some(last), circa, ..NOTHING })
        }
        std::cmp::Ordering::Equal if from == to => Some(BirthDate { circa, ..from }),
        std::cmp::Ordering::Equal => {
            let month = from.month.filter(|month| to.month == Some(*month));
            Some(BirthDate { year: from.year, month, circa, ..NOTHING })
        }
        std::cmp::Ordering::Greater => None,
    }
}

fn year_of(text: &str) -> Option<i16> {
    let text = text.trim();
    (text.len() == 4).then(|| text.parse().ok())?.filter(|year| YEARS.contains(year))
}

/// A month or a day: `Some(None)` where it is unknown, `None` where it cannot be.
fn part(text: &str, most: u8) -> Option<Option<u8>> {
    let text = text.trim().trim_end_matches(['.', ',']);
    if ["", "dd", "mm"].contains(&text) {
        return Some(None);
    }
    let number = if most == 12 && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        const MONTHS: [&str; 12] =
            ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
        let start = text.get(..3)?.to_ascii_lowercase();
        u8::try_from(MONTHS.iter().position(|month| *month == start)? + 1).ok()?
    } else {
        text.parse().ok()?
    };
    match number {
        0 => Some(None),
        number if number <= most => Some(Some(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> Vec<String> {
        let of = |date: BirthDate| {
            format!(
                "{}{}{}{}{}",
                if date.circa { "c." } else { "" },
                date.year.unwrap_or_default(),
                date.until_year.map(|year| format!("..{year}")).unwrap_or_default(),
                date.month.map(|month| format!("-{month}")).unwrap_or_default(),
                date.day.map(|day| format!("-{day}")).unwrap_or_default(),
            )
        };
        of_text(text).into_iter().map(of).collect()
    }

    #[test]
    fn every_form_of_the_lists() {
        for (text, dates) in [
            ("1962", &["1962"][..]),
            ("1962-04", &["1962-4"]),
            ("1962-04-13", &["1962-4-13"]),
            (" 1962-04-13  ", &["1962-4-13"]),
            ("13 Jan 1968", &["1968-1-13"]),
            ("Mar 1970", &["1970-3"]),
            ("Nov. 1973", &["1973-11"]),
            ("August 1961", &["1961-8"]),
            ("28/09/1955", &["1955-9-28"]),
            ("00/09/1962", &["1962-9"]),
            ("00/00/1936", &["1936"]),
            ("dd/mm/1960", &["1960"]),
            ("10/00/1983", &["1983"]),
            ("circa 1951", &["c.1951"]),
            ("circa 09 Jan 1951", &["c.1951-1-9"]),
            ("circa 1962-1964", &["c.1962..1964"]),
            ("1962 to 1964", &["1962..1964"]),
            ("01 Jan 1960 to 31 Dec 1965", &["1960..1965"]),
            ("01 Sep 1960 to 30 Sep 1960", &["1960-9"]),
            ("Mar 1965 to May 1965", &["1965"]),
            ("1963-1964", &["1963..1964"]),
            ("1963 or 1964", &["1963", "1964"]),
            ("1965-07-15 OR 1969-09-28", &["1965-7-15", "1969-9-28"]),
            ("born in the early 1970s", &["c.1970..1979"]),
            ("between 1960 and 1962", &["1960..1962"]),
            ("entre 1960 et 1962", &["1960..1962"]),
            ("vers 1960", &["c.1960"]),
            ("Between Aug. and Sep. 1977", &["1977"]),
            // Two digits may be any century, another calendar's year is none of ours.
            ("Sep-99", &[]),
            ("01/02/1389 (Hijri Calendar)", &[]),
            ("30-35 years old", &[]),
            ("1343", &[]),
            ("31/13/1980", &[]),
            ("1964 to 1962", &[]),
            ("", &[]),
            ("é", &[]),
            (
                "circa circa circa circa circa circa circa circa circa circa circa circa circa circa circa",
                &[],
            ),
        ] {
            assert_eq!(show(text), dates, "{text}");
        }
    }
}
