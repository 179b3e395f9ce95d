//! The real binary, with the CAPS sandbox's journal as the witness of what it asks. Each module is named after the
//! contract's decision that it holds the service to.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test is an outside client, and its helpers fail as it does"
)]

mod answers_of_caps;
mod breaker;
mod budget;
mod cache;
mod caps_over_tls;
mod chunks;
mod commands;
mod limits;
mod openapi;
mod privacy;
mod requests;
mod single_flight;
mod support;
mod who_gets_in;
