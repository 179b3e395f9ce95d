//! What a request or the schedule does with lists and store.

pub mod fetch;
pub mod import;
