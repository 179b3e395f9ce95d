//! The work layer against a real PostgreSQL, with made-up peers in the places of gda-audit and secure-consumer.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "its helpers fail as a test does"
)]

mod capacity;
mod commands;
mod decisions;
mod history;
mod model;
mod portfolio;
mod round_trips;
mod support;
mod time;
