//! The contract's operations, against the running service and a real PostgreSQL.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test is an outside client, and its helpers fail as it does"
)]

mod accounts;
mod commands;
mod connectors;
mod decisions;
mod form;
mod history;
mod openapi;
mod privacy;
mod support;
