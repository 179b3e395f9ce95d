//! What the service knows about payments, free of HTTP, SQL and clocks: parsing is the only way to make a
//! value, so a value that exists is a right one.

pub mod amount;
pub mod column;
pub mod field_error;
pub mod ingest;
pub mod instant;
pub mod matching;
pub mod operator;
pub mod rule;
pub mod statement_row;
pub mod status;
pub mod task;
pub mod text;
pub mod transaction;
