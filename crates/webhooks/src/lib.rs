//! Webhooks as <https://www.standardwebhooks.com> describes them, from an outbox on PostgreSQL (architecture §6).
//!
//! A service calls [`publish`] in the transaction that makes a change, so a message exists if and only if the change
//! does. It becomes one delivery for each subscription that asked for the event; any replica's [`Dispatcher`] claims
//! due deliveries under a lease and sends them. [`Webhooks`] is what the service's operations need: to register, to
//! look, to send again.
//!
//! - **At least once.** A delivery is repeated where the answer was lost or its replica was; receivers tell repetitions
//!   by `webhook-id`. Two replicas never send one delivery at the same time.
//! - **Order.** Messages of one key reach a subscription in the order of their publication: each waits until the one
//!   before it is delivered or given up.
//! - **Fairness.** A subscription takes a few of the places of a replica; a dead receiver holds up no other.
//! - **Time.** What is due is told by the injected clock, what lapses by the database's.
//! - **Privacy.** Neither URLs nor owners nor bodies reach a log, span or label; secrets are sealed in the database.

mod config;
mod dispatcher;
mod error;
mod metrics;
mod outbox;
mod signature;
mod store;
mod subscription;
mod webhooks;

pub use config::WebhooksConfig;
pub use dispatcher::Dispatcher;
pub use error::{RedeliverError, RegisterError, SetupError, WebhookError};
pub use outbox::{Audience, Event, is_wanted, publish};
pub use subscription::{Delivery, Owner, Page, Registered, State, Subscription};
pub use webhooks::Webhooks;

/// The migrations of schema `webhooks`; they record themselves in `webhooks._sqlx_migrations`.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The schema as part of a service's database.
pub const fn part() -> common::db::Part {
    common::db::Part { schema: "webhooks", migrator: &MIGRATOR, append_only: &[] }
}
