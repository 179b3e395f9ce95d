//! What a request, the schedule or a job does with lists, persons and store.

pub mod announce;
pub mod control;
pub mod fetch;
pub mod folders;
pub mod import;
pub mod ledger;
pub mod replay;
pub mod verify;
