//! PostgreSQL, Redis, Envoy, running services, fixtures and peers for tests and the local stack.
//!
//! Depends on no service: it starts their binaries and speaks to them as any client would.
#![allow(
    clippy::disallowed_methods,
    reason = "tests and the local stack are outside clients, common::client is for services"
)]

pub mod caps;
pub mod certificates;
pub mod envoy;
pub mod http;
pub mod issuer;
pub mod outside;
pub mod peers;
pub mod postgres;
pub mod process;
pub mod python;
pub mod redis;
pub mod sandbox;
pub mod statements;
pub mod workspace;
