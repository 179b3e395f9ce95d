//! Grants, follows and manages a credit insurer's limits on debtors (contract `classifications`).

pub mod domain;
