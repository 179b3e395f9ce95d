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
mod anchors;
mod audit_proof;
mod audit_trail;
mod batches;
mod commands;
mod export;
mod imports;
mod official_source;
mod openapi;
mod privacy;
mod replay;
mod rescreening;
mod risk_folders;
mod screening;
mod support;
mod webhooks;
mod who_gets_in;
