//! The rules of screening, pure: no HTTP, no SQL, no clock.

pub mod country;
pub mod control;
pub mod record;
pub mod screening;
