//! Rows in PostgreSQL's text format for `COPY … FROM STDIN`.

use chrono::{DateTime, Utc};

/// A buffer of rows; columns are appended in order, a row is ended by [`CopyRows::end_row`].
#[derive(Default)]
pub(super) struct CopyRows(Vec<u8>);

impl CopyRows {
    pub(super) fn text(&mut self, value: &str) {
        for byte in value.bytes() {
            match byte {
                b'\\' => self.0.extend_from_slice(b"\\\\"),
                b'\t' => self.0.extend_from_slice(b"\\t"),
                b'\n' => self.0.extend_from_slice(b"\\n"),
                b'\r' => self.0.extend_from_slice(b"\\r"),
                byte => self.0.push(byte),
            }
        }
        self.0.push(b'\t');
    }

    pub(super) fn optional_text(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    pub(super) fn integer(&mut self, value: i64) {
        self.0.extend_from_slice(value.to_string().as_bytes());
        self.0.push(b'\t');
    }

    pub(super) fn optional_integer(&mut self, value: Option<i64>) {
        match value {
            Some(value) => self.integer(value),
            None => self.null(),
        }
    }

    pub(super) fn instant(&mut self, value: DateTime<Utc>) {
        self.text(&value.to_rfc3339());
    }

    pub(super) fn end_row(&mut self) {
        if let Some(last) = self.0.last_mut() {
            *last = b'\n';
        }
    }

    fn null(&mut self) {
        self.0.extend_from_slice(b"\\N\t");
    }

    /// Gives up the rows gathered so far and starts anew.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
