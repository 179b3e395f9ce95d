//! The contract's operations, against the running service and a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a test is an outside client")]

mod support;

mod applications;
mod authentication;
mod commands;
mod openapi;
mod operators;
mod profiles;
mod statements;
mod tasks;
mod transactions;
