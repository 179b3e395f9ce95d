//! Lists, read from files.
#![allow(clippy::unwrap_used, missing_docs)]

mod real;
mod refusals;
mod robustness;
mod sandbox;
mod support;
