//! Statements as a JSON array of row objects.

use std::borrow::Cow;
use std::cell::Cell as Shared;
use std::fmt;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::MAX_RECORD;
use super::cell::{Cell, Cells, MAX_EXACT, NOT_EXACT, whole_number};
use super::header::HeaderMap;
use super::intake::{Intake, More, Stop};

pub(super) fn read<R: Read + Seek>(
    mut input: R,
    headers: &HeaderMap,
    intake: &mut Intake<'_>,
) -> Result<(), Stop> {
    skip_byte_order_mark(&mut input)?;
    let budget = Rc::new(Shared::new(MAX_RECORD));
    let metered = Metered { input: BufReader::new(input), budget: Rc::clone(&budget) };
    let mut json = serde_json::Deserializer::from_reader(metered);
    let mut rows = Rows { headers, intake, budget: &budget, line: 1, stop: None };
    let read = (&mut json).deserialize_seq(&mut rows);
    let (line, stop) = (rows.line, rows.stop.take());
    if let Some(stop) = stop {
        return Err(stop);
    }
    budget.set(if read.is_ok() { MAX_RECORD } else { budget.get() });
    match read.and_then(|()| json.end()) {
        Ok(()) => Ok(()),
        Err(_) if budget.get() == 0 => Err(intake.give_up(line + 1, "longer than 64 KiB")),
        Err(error) if error.is_io() => Err(Stop::Io(error.into())),
        Err(_) => Err(Stop::Headers("not a JSON array of row objects".to_owned())),
    }
}

fn skip_byte_order_mark<R: Read + Seek>(input: &mut R) -> io::Result<()> {
    let mut start = Vec::new();
    input.seek(SeekFrom::Start(0))?;
    input.by_ref().take(3).read_to_end(&mut start)?;
    if start != b"\xef\xbb\xbf" {
        input.seek(SeekFrom::Start(0))?;
    }
    Ok(())
}

/// A reader that fails where a row takes more bytes than its budget, so that no row can fill the memory.
struct Metered<R> {
    input: R,
    budget: Rc<Shared<usize>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let budget = self.budget.get();
        if budget == 0 {
            return Err(io::Error::other("row too long"));
        }
        let allowed = out.len().min(budget);
        let length = self.input.read(out.get_mut(..allowed).unwrap_or_default())?;
        self.budget.set(budget - length);
        Ok(length)
    }
}

/// Takes the array's rows one by one.
struct Rows<'r, 'i> {
    headers: &'r HeaderMap,
    intake: &'r mut Intake<'i>,
    budget: &'r Shared<usize>,
    /// The line of the last row taken; the first row's is 2 (contract, "Conventions").
    line: u32,
    stop: Option<Stop>,
}

impl<'de> Visitor<'de> for &mut Rows<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of row objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        self.budget.set(MAX_RECORD);
        while let Some(row) = rows.next_element_seed(RowSeed)? {
            self.line = self.line.saturating_add(1);
            if let Err(stop) = self.take(row) {
                self.stop = Some(stop);
                return Err(A::Error::custom("stopped"));
            }
            self.budget.set(MAX_RECORD);
        }
        Ok(())
    }
}

impl Rows<'_, '_> {
    fn take(&mut self, row: Option<Vec<(String, Value)>>) -> Result<(), Stop> {
        let first = self.line == 2;
        let Some(fields) = row else {
            return if first {
                Err(Stop::Headers("the first row is not an object".to_owned()))
            } else {
                self.intake.refuse(self.line, "not an object")
            };
        };
        if first {
            let names = fields.iter().map(|(name, _)| name.as_str()).enumerate();
            self.headers.locate(names).map_err(|fault| Stop::Headers(fault.to_string()))?;
        }
        let mut cells: Cells<'_> = std::array::from_fn(|_| Cell::Absent);
        let mut more = More::Nothing;
        for (name, value) in &fields {
            let Some(column) = self.headers.column(name) else {
                if *value != Value::Null {
                    more = More::Extra;
                }
                continue;
            };
            let cell = &mut cells[column as usize];
            *cell =
                if *cell == Cell::Absent { read_cell(value) } else { Cell::Bad("the column is given twice") };
        }
        self.intake.take(self.line, &cells, more)
    }
}

fn read_cell(value: &Value) -> Cell<'_> {
    match value {
        Value::Null => Cell::Blank,
        Value::String(text) => Cell::Text(Cow::Borrowed(text)),
        Value::Number(number) => {
            let text = match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) if whole <= MAX_EXACT => Ok(whole.to_string()),
                (_, Some(whole)) if whole.unsigned_abs() <= MAX_EXACT => Ok(whole.to_string()),
                (None, None) => number.as_f64().map_or(Err(NOT_EXACT), whole_number),
                _ => Err(NOT_EXACT),
            };
            text.map_or_else(Cell::Bad, |text| Cell::Text(Cow::Owned(text)))
        }
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Cell::Bad("neither text nor a number"),
    }
}

/// Reads one element: an object's fields in their order, doubles included, or `None` for anything else.
struct RowSeed;

impl<'de> DeserializeSeed<'de> for RowSeed {
    type Value = Option<Vec<(String, Value)>>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowSeed {
    type Value = Option<Vec<(String, Value)>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Some(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}
