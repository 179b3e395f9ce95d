//! The rules of screening, pure: no HTTP, no SQL, no clock.

pub mod audit;
pub mod control;
pub mod country;
pub mod field;
pub mod flow;
pub mod folder;
pub mod person;
pub mod record;
pub mod screening;
