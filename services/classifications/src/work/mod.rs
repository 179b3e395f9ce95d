//! What a request does with domain, store and connectors; what time does without one.

pub mod announce;
pub mod capacity;
pub mod command;
pub mod desk;
pub mod history;
pub mod import;
pub mod listing;
pub mod sweeper;
