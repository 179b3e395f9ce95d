//! What a request, the schedule or a job does with lists, persons and store.

pub mod announce;
pub mod batch;
pub mod control;
pub mod delta;
pub mod fetch;
pub mod folders;
pub mod import;
pub mod intake;
pub mod ledger;
pub mod replay;
pub mod rescreen;
pub mod verify;
