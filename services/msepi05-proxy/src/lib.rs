//! Tells a bank's customer which of their contacts can pay or be paid (contract `msepi05-proxy`).
//!
//! | room | what is in it |
//! |---|---|
//! | [`api`] | the contract's operations, one file each |
//! | [`domain`] | the rules, pure: hashes, pseudonyms, buckets, sketches |
//! | [`limits`] | anti-enumeration: the buckets, in Redis or in memory |
//! | [`lookup`] | cache, calls under way, calls in chunks |
//! | [`caps`] | the directory as we speak to it |

pub mod api;
pub mod caps;
pub mod cli;
pub mod config;
pub mod domain;
pub mod limits;
pub mod lookup;
pub mod metrics;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, ServiceConfig, get, post, resource};
use anyhow::Context;
use common::auth::Authenticator;
use common::client::Client;
use common::clock::SystemClock;
use common::server::{Health, Server, Service};
use tokio::runtime::Handle;

use crate::api::client_application::Clients;
use crate::caps::Caps;
use crate::config::Config;
use crate::domain::pseudonym::Pepper;
use crate::limits::{Limiter, Local, Shared};
use crate::lookup::{Cache, Lookup};

/// The service's name: in tokens' `aud`, in metrics, in paths of its documentation.
pub const SERVICE: &str = "msepi05-proxy";
/// Crates whose logs follow the configured level.
pub const LOG_TARGETS: [&str; 2] = ["common", "msepi05_proxy"];

/// What handlers share.
pub struct State {
    /// Who may call, and how much.
    pub clients: Clients,
    /// The keys of the pseudonyms.
    pub pepper: Pepper,
    /// The way to the directory.
    pub lookup: Lookup,
}

/// The route table. Paths are given without the trailing slash; both forms are served.
fn routes(app: &mut ServiceConfig) {
    use api::*;

    app.service(resource("/proxies_indicators").route(post().to(search_indicators::search)))
        .service(resource("/proxies_indicators/limits").route(get().to(show_limits::show)));
}

/// The service, ready to run.
pub struct Application {
    server: Server,
}

impl Application {
    /// Reads keys and certificates and binds the ports. `registry` is what `/metrics` shows.
    pub async fn build(config: Config, registry: prometheus::Registry) -> anyhow::Result<Self> {
        config.validate()?;
        let issuers = common::auth::trusted_issuers(&config.auth.issuers)?;
        let authenticator = Arc::new(Authenticator::new(SERVICE, issuers, SystemClock::shared()));

        let url = config.caps.url.as_ref().context("caps.url")?;
        let client = Client::with_tls("caps", &config.caps.client(), &config.caps.tls).context("caps.tls")?;
        let cache = Cache::new(config.cache.capacity, config.cache.lifetimes());
        let budget = Duration::from_millis(config.caps.total_timeout_ms);
        let state = web::Data::new(State {
            clients: Clients::new(&config),
            pepper: Pepper::new(&config.privacy.pepper),
            lookup: Lookup::new(Caps::new(client, url), cache, Handle::current(), budget),
        });

        let rules = config.limits.rules();
        let local = Arc::new(Local::new(config.limits.local_customers));
        let timeout = Duration::from_millis(config.redis.timeout_ms);
        let shared = config.redis.url.as_ref().map(|url| Shared::new(url, timeout));
        let limiter = Arc::new(Limiter::new(rules, local, shared.transpose().context("redis.url")?));

        let document = api::openapi::document(&config.openapi)?;
        let service = Service {
            renderer: api::RENDERER,
            authenticator,
            routes: move |app: &mut ServiceConfig| {
                app.app_data(state.clone())
                    .app_data(web::Data::new(limiter.for_thread()))
                    .configure(routes)
                    .configure(|app| api::openapi::routes(app, &document));
            },
        };
        let health = Health::without_database();
        let server = Server::bind(&config.server, &config.management, health, registry, service)?;
        Ok(Self { server })
    }

    /// The public address.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Serves until SIGTERM or SIGINT; then requests under way end.
    pub async fn run_until_stopped(self) -> anyhow::Result<()> {
        tracing::info!(
            address = %self.server.address(),
            management = %self.server.management_address(),
            "serving"
        );
        self.server.run_until_stopped().await?;
        Ok(())
    }
}
