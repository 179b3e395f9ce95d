//! The rules, pure: no HTTP, no Redis, no clock of their own.

pub mod bucket;
pub mod customer;
pub mod indicators;
pub mod proxy_hash;
pub mod pseudonym;
pub mod sketch;
