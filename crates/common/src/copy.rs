//! Rows for `COPY … FROM STDIN (FORMAT binary)`, the fastest way into PostgreSQL.

use sqlx::PgConnection;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Rows of one table. [`Rows::row`] begins one; then each of its columns is written, in the statement's order, as the
/// type that the table has.
pub struct Rows {
    buffer: Vec<u8>,
    columns: i16,
    count: usize,
}

impl Rows {
    /// Rows of so many columns.
    pub fn of(columns: i16) -> Self {
        Self { buffer: SIGNATURE.to_vec(), columns, count: 0 }
    }

    /// Begins a row.
    pub fn row(&mut self) {
        self.buffer.extend_from_slice(&self.columns.to_be_bytes());
        self.count += 1;
    }

    /// `bigint`
    pub fn bigint(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    /// `integer`
    pub fn integer(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    /// `"char"`
    pub fn char(&mut self, value: i8) {
        self.bytes(&value.to_be_bytes());
    }

    /// `real`
    pub fn real(&mut self, value: f32) {
        self.bytes(&value.to_be_bytes());
    }

    /// `boolean`
    pub fn boolean(&mut self, value: bool) {
        self.bytes(&[u8::from(value)]);
    }

    /// `text`; the value has no NUL.
    pub fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// `bytea`
    pub fn bytes(&mut self, value: &[u8]) {
        // A field is far below 2 GiB: rows are.
        self.buffer.extend_from_slice(&(value.len() as i32).to_be_bytes());
        self.buffer.extend_from_slice(value);
    }

    /// No value.
    pub fn null(&mut self) {
        self.buffer.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    /// A value, or none.
    pub fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    /// Sends all rows by `statement`; how many there were.
    ///
    /// # Errors
    /// The database refuses a row; none is in the table then.
    pub async fn send(mut self, db: &mut PgConnection, statement: &str) -> Result<u64, sqlx::Error> {
        if self.count == 0 {
            return Ok(0);
        }
        self.buffer.extend_from_slice(&(-1_i16).to_be_bytes());
        let mut copy = db.copy_in_raw(statement).await?;
        copy.send(self.buffer).await?;
        copy.finish().await
    }
}
