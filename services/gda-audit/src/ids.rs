//! Ids as clients see them: opaque strings.

use crate::domain::control::ControlType;

/// A risk folder's: the person and the control type.
pub fn folder(person_id: i64, control_type: ControlType) -> String {
    let letter = match control_type {
        ControlType::Blacklist => 'b',
        ControlType::Pep => 'p',
    };
    format!("{person_id}{letter}")
}

/// The folder that an id names.
pub fn parse_folder(id: &str) -> Option<(i64, ControlType)> {
    let control_type = match id.chars().last()? {
        'b' => ControlType::Blacklist,
        'p' => ControlType::Pep,
        _ => return None,
    };
    Some((number(id.get(..id.len() - 1)?)?, control_type))
}

/// A row's of the audit trail: its segment and its position there.
pub fn row(segment: i64, position: i32) -> String {
    format!("{segment}-{position}")
}

/// The row that an id names.
pub fn parse_row(id: &str) -> Option<(i64, i32)> {
    let (segment, position) = id.split_once('-')?;
    Some((number(segment)?, i32::try_from(number(position)?).ok()?))
}

/// A number in its one spelling.
pub fn number(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text && number >= 0).then_some(number)
}
