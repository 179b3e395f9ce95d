//! Compares persons with records and finds, in an index of records, all that reach a threshold.
//!
//! The index only saves work: a record is scored by [`compare`] alone, and the index leaves out only what provably
//! stays below the threshold (`names::upper_bound`, `names::upper_bound_by_shared`).

mod compare;
mod evidence;
mod index;
mod sieve;
mod subject;

pub use compare::{AppliedScore, Comparison, DEFAULT_THRESHOLD, Property, compare};
pub use index::{Hit, Index, Screener};
pub use sieve::{Sieve, Words, is_current};
pub use subject::{Person, PersonKind, Subject};
