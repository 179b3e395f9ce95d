//! The scopes of this service (contract, "Auth").

use common::auth::Scope;

/// `screening:read`: screen without keeping anything, see lists and editions.
#[derive(Debug)]
pub struct ScreeningRead;

/// `screening:write`: add persons and have them screened.
#[derive(Debug)]
pub struct ScreeningWrite;

/// `lists:write`: import editions.
#[derive(Debug)]
pub struct ListsWrite;

impl Scope for ScreeningRead {
    const NAME: &'static str = "screening:read";
}

impl Scope for ScreeningWrite {
    const NAME: &'static str = "screening:write";
}

impl Scope for ListsWrite {
    const NAME: &'static str = "lists:write";
}
