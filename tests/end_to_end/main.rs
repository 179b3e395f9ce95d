//! The real binary, behind the real gateway, on a real PostgreSQL.
#![allow(missing_docs, clippy::disallowed_methods, reason = "a test is an outside client")]

mod a_killed_worker;
mod an_outage_of_postgres;
mod graceful_stop;
mod msepi05_proxy;
mod nothing_personal_is_logged;
mod openapi;
mod secure_consumer;
mod the_gateway;
mod who_gets_in;
