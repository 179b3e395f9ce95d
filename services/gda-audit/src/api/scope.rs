//! The scopes of this service (contract, "Auth").

use common::auth::Scope;

/// `screening:read`: screen without keeping anything, see lists and editions.
#[derive(Debug)]
pub struct ScreeningRead;

/// `lists:write`: import editions.
#[derive(Debug)]
pub struct ListsWrite;

impl Scope for ScreeningRead {
    const NAME: &'static str = "screening:read";
}

impl Scope for ListsWrite {
    const NAME: &'static str = "lists:write";
}
