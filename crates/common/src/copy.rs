//! Rows for `COPY … FROM STDIN (FORMAT binary)`, the fastest way into PostgreSQL.
//!
//! A few rows go by `INSERT`: sqlx writes the end of a COPY as a small packet of its own and does not switch Nagle's
//! algorithm off, so that it waits for the delayed acknowledgement of the packet before, 40 ms.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};
use sqlx::{AssertSqlSafe, Encode, PgConnection, Postgres, Type};

/// Rows up to which they are inserted.
const FEW: usize = 4;

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

    /// Sends all rows by `statement`: `COPY table (columns) FROM STDIN (FORMAT binary)`; how many there were.
    ///
    /// # Errors
    /// The database refuses a row; none is in the table then.
    pub async fn send(mut self, db: &mut PgConnection, statement: &str) -> Result<u64, sqlx::Error> {
        if self.count == 0 {
            return Ok(0);
        }
        if self.count <= FEW {
            return self.insert(db, statement).await;
        }
        self.buffer.extend_from_slice(&(-1_i16).to_be_bytes());
        let mut copy = db.copy_in_raw(statement).await?;
        copy.send(self.buffer).await?;
        copy.finish().await
    }

    async fn insert(&self, db: &mut PgConnection, statement: &str) -> Result<u64, sqlx::Error> {
        let not_copy = || sqlx::Error::Protocol("not a COPY of a table".to_owned());
        let (table, _) = statement.split_once("FROM STDIN").ok_or_else(not_copy)?;
        let table = table.trim_start().strip_prefix("COPY ").ok_or_else(not_copy)?;
        let columns = usize::from(self.columns.unsigned_abs());
        let rows: Vec<String> = (0..self.count)
            .map(|row| {
                let places = (1..=columns).map(|column| format!("${}", row * columns + column));
                format!("({})", places.collect::<Vec<_>>().join(", "))
            })
            .collect();
        let insert = format!("INSERT INTO {table} VALUES {}", rows.join(", "));
        let mut query = sqlx::query(AssertSqlSafe(insert));
        for value in self.values() {
            query = query.bind(value);
        }
        Ok(query.execute(db).await?.rows_affected())
    }

    fn values(&self) -> Vec<Value<'_>> {
        let mut values = Vec::new();
        let mut rest = self.buffer.get(SIGNATURE.len()..).unwrap_or_default();
        while let Some((_, row)) = rest.split_first_chunk::<2>() {
            rest = row;
            for _ in 0..self.columns {
                let Some((length, value)) = rest.split_first_chunk::<4>() else { break };
                let length = usize::try_from(i32::from_be_bytes(*length)).ok();
                let (value, next) = value.split_at_checked(length.unwrap_or(0)).unwrap_or((value, &[]));
                values.push(Value(length.map(|_| value)));
                rest = next;
            }
        }
        values
    }
}

/// A column's value as COPY writes it, which is how a parameter is written too; its type is the column's.
struct Value<'a>(Option<&'a [u8]>);

impl Type<Postgres> for Value<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl<'q> Encode<'q, Postgres> for Value<'q> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(match self.0 {
            Some(value) => {
                buffer.extend_from_slice(value);
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }
}
