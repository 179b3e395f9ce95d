//! The screening through its public face: what the index finds is what comparing every record finds, and no input
//! makes it panic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

mod equality;
mod input;
mod rules;
