//! Screens people and companies against asset-freeze and politically-exposed lists (contract `gda-audit`).

pub mod domain;
pub mod lists;
