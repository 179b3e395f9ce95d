//! Grants, follows and manages a credit insurer's limits on debtors (contract `classifications`).

pub mod config;
pub mod connectors;
pub mod domain;
pub mod store;
pub mod work;
