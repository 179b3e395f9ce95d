//! What every Garant service needs and nothing else.
//!
//! | module | room for |
//! |---|---|
//! | [`config`] | layered configuration with secrets from files |
//! | [`telemetry`] | JSON logs, OTLP, Prometheus |
//! | [`request`] | correlation ID, span, deadline and RED metrics of one request |
//! | [`error`] | what a client is told, and the one renderer per contract |
//! | [`body`] | request bodies, parsed with the name of the field at fault |
//! | [`upload`] | files that clients send, spooled to disk |
//! | [`auth`] | the resource server: tokens in, [`auth::Caller`] out |
//! | [`back_off`] | how long failed sign-ins block the next one |
//! | [`server`] | bootstrap, management port, health, limits, graceful drain |
//! | [`client`] | outgoing HTTP with budget, retry, breaker and bulkhead; `public` for URLs that a user gave |
//! | [`db`] | pool, migrations, grants, and what a database failure means to a client |
//! | [`copy`] | rows for PostgreSQL's binary COPY |
//! | [`seal`] | encryption of secrets that lie in the database |
//! | [`passwords`] | Argon2id on a bounded pool |
//! | [`redact`] | types whose content never reaches a log |
//! | [`clock`] | the time, injected |

pub mod auth;
pub mod back_off;
pub mod body;
pub mod client;
pub mod clock;
pub mod config;
pub mod copy;
pub mod db;
pub mod error;
pub mod passwords;
pub mod redact;
pub mod request;
pub mod seal;
pub mod server;
pub mod telemetry;
pub mod upload;
