//! JSON arrays, read element by element in bounded memory.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use super::MAX_RECORD;

/// An object's fields in their order, doubles included.
pub(crate) type Fields = Vec<(String, Value)>;

/// Why an array is not read to its end.
#[derive(Debug)]
pub(crate) enum Fault<S> {
    /// Whoever takes the elements has stopped.
    Stopped(S),
    /// The element after those that were taken is longer than [`MAX_RECORD`].
    TooLong,
    /// The element after those that were taken is not JSON.
    BadElement(serde_json::Error),
    /// No array, one that is cut short, or one that is not all.
    NoArray(serde_json::Error),
    Io(io::Error),
}

/// Hands each element to `take`: an object's fields, or `None` for anything else. `input` should be buffered.
pub(crate) fn read_array<S>(
    input: impl Read,
    mut take: impl FnMut(Option<Fields>) -> Result<(), S>,
) -> Result<(), Fault<S>> {
    let budget = Cell::new(MAX_RECORD);
    let mut json = serde_json::Deserializer::from_reader(Metered { input, budget: &budget });
    let mut stop = None;
    let elements = Elements { take: &mut take, budget: &budget, stop: &mut stop };
    let read = json.deserialize_seq(elements);
    if let Some(stop) = stop {
        return Err(Fault::Stopped(stop));
    }
    let in_array = read.is_err();
    read.and_then(|()| json.end()).map_err(|error| match error.classify() {
        Category::Io if budget.get() == 0 => Fault::TooLong,
        Category::Io => Fault::Io(error.into()),
        Category::Syntax if in_array => Fault::BadElement(error),
        _ => Fault::NoArray(error),
    })
}

/// Reads one element: an object's fields, or `None` for anything else.
pub(crate) fn read_element(text: &[u8]) -> serde_json::Result<Option<Fields>> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let element = Element.deserialize(&mut json)?;
    json.end()?;
    Ok(element)
}

/// A reader that fails where an element takes more bytes than its budget, so that none can fill the memory.
struct Metered<'b, R> {
    input: R,
    budget: &'b Cell<usize>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let budget = self.budget.get();
        if budget == 0 {
            return Err(io::Error::other("element too long"));
        }
        let allowed = out.len().min(budget);
        let length = self.input.read(out.get_mut(..allowed).unwrap_or_default())?;
        self.budget.set(budget - length);
        Ok(length)
    }
}

struct Elements<'a, F, S> {
    take: &'a mut F,
    budget: &'a Cell<usize>,
    stop: &'a mut Option<S>,
}

impl<'de, S, F: FnMut(Option<Fields>) -> Result<(), S>> Visitor<'de> for Elements<'_, F, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        self.budget.set(MAX_RECORD);
        while let Some(element) = elements.next_element_seed(Element)? {
            if let Err(stop) = (self.take)(element) {
                *self.stop = Some(stop);
                return Err(A::Error::custom("stopped"));
            }
            self.budget.set(MAX_RECORD);
        }
        self.budget.set(MAX_RECORD);
        Ok(())
    }
}

struct Element;

impl<'de> DeserializeSeed<'de> for Element {
    type Value = Option<Fields>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element {
    type Value = Option<Fields>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
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
