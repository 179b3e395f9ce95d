//! A list's file while it is read.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// The most bytes that are read between two entries: what bounds the memory that a hostile file can take.
pub(super) const MAX_ENTRY: u64 = 8 << 20;

/// One file of an edition.
pub struct NamedFile<'a> {
    /// Its name: it stands in errors and, for OFAC's CSV, tells which of the four files it is.
    pub name: &'a str,
    /// Its bytes, decompressed.
    pub content: &'a mut dyn Read,
}

/// Reads a file and refuses to go on once [`MAX_ENTRY`] bytes have passed without an entry.
pub(super) struct Input<'a> {
    pub(super) name: &'a str,
    content: &'a mut dyn Read,
    meter: Meter,
}

/// Knows how much may still be read before the next entry, and the last byte that was.
#[derive(Clone)]
pub(super) struct Meter(Rc<State>);

struct State {
    left: Cell<u64>,
    last: Cell<Option<u8>>,
}

impl Meter {
    /// An entry was read.
    pub(super) fn reset(&self) {
        self.0.left.set(MAX_ENTRY);
    }

    /// The last byte of what was read, buffers included; `None` before any was.
    pub(super) fn last_byte(&self) -> Option<u8> {
        self.0.last.get()
    }
}

impl<'a> Input<'a> {
    pub(super) fn new(file: &'a mut NamedFile<'_>) -> Self {
        let state = State { left: Cell::new(MAX_ENTRY), last: Cell::new(None) };
        Self { name: file.name, content: file.content, meter: Meter(Rc::new(state)) }
    }

    pub(super) fn meter(&self) -> Meter {
        self.meter.clone()
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        let state = &self.meter.0;
        match state.left.get().checked_sub(read as u64) {
            Some(left) => state.left.set(left),
            None => return Err(io::ErrorKind::QuotaExceeded.into()),
        }
        if let Some(last) = buffer[..read].last() {
            state.last.set(Some(*last));
        }
        Ok(read)
    }
}

/// A text's bytes without the byte order mark that it may begin with.
pub(super) fn without_mark<R: BufRead>(mut text: R) -> R {
    // An error shows again at the next reading.
    if text.fill_buf().is_ok_and(|start| start.starts_with(b"\xef\xbb\xbf")) {
        text.consume(3);
    }
    text
}
