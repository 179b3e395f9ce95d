//! The rules, without HTTP, SQL or a clock.

pub mod client;
pub mod credentials;
pub mod key_schedule;
pub mod scopes;
pub mod user;
