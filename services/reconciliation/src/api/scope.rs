//! The scopes of this service (architecture §8).

use common::auth::Scope;

/// `read`: tasks, details, profiles.
#[derive(Debug)]
pub struct Read;

/// `write`: start and repeat reconciliations, change one's own profile.
#[derive(Debug)]
pub struct Write;

/// `operators:write`: create and replace operators.
#[derive(Debug)]
pub struct OperatorsWrite;

/// `transactions:write`: the aggregator's side.
#[derive(Debug)]
pub struct TransactionsWrite;

impl Scope for Read {
    const NAME: &'static str = "read";
}

impl Scope for Write {
    const NAME: &'static str = "write";
}

impl Scope for OperatorsWrite {
    const NAME: &'static str = "operators:write";
}

impl Scope for TransactionsWrite {
    const NAME: &'static str = "transactions:write";
}

/// Lets its holder see everybody's tasks, beside the scope that the operation needs.
pub const TASKS_ALL: &str = "tasks:all";
