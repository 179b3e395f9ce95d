//! What a request, the schedule or a job does with lists, persons and store.

pub mod batch;
pub mod control;
pub mod delta;
pub mod fetch;
pub mod folders;
pub mod import;
pub mod intake;
pub mod ledger;
pub mod rescreen;
