//! The rules of screening, pure: no HTTP, no SQL, no clock.

pub mod record;
pub mod screening;
