//! The rules, without HTTP, SQL or a clock.

pub mod back_off;
pub mod client;
pub mod credentials;
pub mod key_schedule;
pub mod scopes;
pub mod user;
