//! The contract's operations, against the running service and a real PostgreSQL.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test is an outside client, and its helpers fail as it does"
)]

mod a_killed_worker;
mod batches;
mod commands;
mod imports;
mod official_source;
mod openapi;
mod rescreening;
mod screening;
mod support;
mod who_gets_in;
