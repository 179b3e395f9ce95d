//! Webhooks against a real PostgreSQL and real receivers.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod deliveries;
mod order;
mod replicas;
mod subscriptions;
mod support;
