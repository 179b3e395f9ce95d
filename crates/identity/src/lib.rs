//! OAuth 2.0 authorization server as a library: users, clients, tokens, revocation, signing keys (RFC 6749, 7009, 7662,
//! 9068; architecture §6).
//!
//! A service opens one [`AuthorizationServer`], mounts the handlers of [`http`] under its contract's paths, calls it
//! directly for what its contract has beside them, and verifies tokens with [`AuthorizationServer::trusted_issuer`].
//!
//! - **Time to revoke.** Every replica honours a revocation within 1 s; one that can't know answers 503.
//! - **Refresh tokens** are good for one use. A second use revokes the whole grant, also when it is the loser of two
//!   at the same instant.
//! - **Failures** are counted before a password is looked at, in the database, so neither parallel requests nor other
//!   replicas get around the back-off.
//! - **Privacy.** No token, password, username or address reaches a log, nor an address any table.

mod accounts;
mod applications;
mod attempts;
mod cli;
mod config;
pub mod domain;
mod error;
pub mod http;
mod keys;
mod revocations;
pub mod sandbox;
mod server;
mod store;
mod tokens;

pub use applications::{Application, ApplicationDraft, NewApplication};
pub use cli::{Administration, ClientsCommand, UsersCommand};
pub use common::passwords::{HashingConfig, HashingError};
pub use config::IdentityConfig;
pub use domain::user::User;
pub use error::{ApplicationError, OAuthError, RegistrationError};
pub use keys::{KeyError, KeySet, PublicKey};
pub use server::{AuthorizationServer, Background, Host, OpenError};
pub use tokens::Tokens;

/// The migrations of schema `identity`; they record themselves in `identity._sqlx_migrations`.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The schema as part of a service's database.
pub const fn part() -> common::db::Part {
    common::db::Part { schema: "identity", migrator: &MIGRATOR, append_only: &[] }
}
