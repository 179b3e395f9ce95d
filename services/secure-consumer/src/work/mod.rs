//! What a request, a command or the passing of time does with domain, connectors and store.

pub mod batch;
pub mod calibrate;
pub mod desk;
pub mod expiry;
pub mod recorder;
