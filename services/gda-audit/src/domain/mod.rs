//! The rules of screening, pure: no HTTP, no SQL, no clock.

pub mod control;
pub mod country;
pub mod record;
pub mod screening;
