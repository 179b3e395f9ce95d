//! What a statement goes through: taken in by a request ([`intake`], and [`ingest`] for the other side), matched in the background ([`matching`]).

pub mod ingest;
pub mod intake;
pub mod matching;
