//! The authorization server on a real PostgreSQL, through its handlers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail as the test does")]

mod administration;
mod applications;
mod back_off;
mod clients;
mod grants;
mod keys;
mod refresh;
mod registration;
mod revocation;
mod support;
