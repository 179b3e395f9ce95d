//! Scores how genuine a consumer, a company and a bank account are before a SEPA direct debit (contract
//! `secure-consumer`).
//!
//! | room | what is in it |
//! |---|---|
//! | [`api`] | the contract's operations, one file each |
//! | [`accounts`] | who calls: HTTP Basic |
//! | [`domain`] | the rules, pure: the form of a body, every check, the table of weights, the score |
//! | [`reference`] | lists of banks, places and domains, in the binary or in a directory that is watched |
//! | [`connectors`] | the outside systems that are asked, one file each |
//! | [`store`] | all SQL |
//! | [`work`] | a decision from its form to its record; scoring files; calibration |

pub mod accounts;
pub mod api;
pub mod cli;
pub mod config;
pub mod connectors;
pub mod domain;
pub mod metrics;
pub mod reference;
pub mod store;
pub mod work;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::web::{self, ServiceConfig, get, post, resource};
use anyhow::{Context, bail};
use common::auth::Authenticator;
use common::clock::SystemClock;
use common::passwords::Passwords;
use common::server::{Health, Server, Service};
use sqlx::PgPool;

use crate::accounts::Accounts;
use crate::config::Config;
use crate::connectors::Connectors;
use crate::domain::history::Keys;
use crate::work::desk::Desk;
use crate::work::expiry;
use crate::work::recorder::Recorder;

/// The service's name: in metrics and in paths of its documentation.
pub const SERVICE: &str = "secure-consumer";
/// Crates whose logs follow the configured level.
pub const LOG_TARGETS: [&str; 2] = ["common", "secure_consumer"];

/// The local profile's credential, which is public.
pub const SANDBOX: (&str, &str) = ("merchant", "sandbox");

/// What handlers share.
pub struct State {
    /// Who may call.
    pub accounts: Arc<Accounts>,
    /// Where decisions are made.
    pub desk: Desk,
    /// The service's database.
    pub pool: PgPool,
}

/// The route table. Paths are given without the trailing slash; both forms are served.
fn routes(app: &mut ServiceConfig) {
    use api::*;

    app.service(resource("/ssp/secure_consumer").route(post().to(check::check)))
        .service(resource("/ssp/secure_consumer/{decisionId}").route(get().to(decision::show)))
        .configure(openapi::routes);
}

/// The service, ready to run.
pub struct Application {
    server: Server,
}

impl Application {
    /// Reads the reference data, opens the database, checks its schema, and binds the ports. `registry` is what
    /// `/metrics` shows.
    ///
    /// # Errors
    /// The message says what is wrong.
    pub async fn build(config: Config, registry: prometheus::Registry) -> anyhow::Result<Self> {
        config.validate()?;
        let pool = config.database.pool()?;
        common::db::wait_until_reachable(&pool).await.context("the database cannot be reached")?;
        common::db::observe_pool(&pool);
        common::db::require_migrations(&pool, &store::parts()).await?;
        refuse_sandbox_in_the_open(&config, &pool).await?;

        let clock = SystemClock::shared();
        let background = config.database.pool_of(2)?;
        let trusted_proxies = config.server.trusted_proxies.clone();
        let accounts = Accounts::open(&config.accounts, trusted_proxies, &pool, clock.clone()).await?;
        accounts.watch(background.clone());
        expiry::watch(background, clock.clone(), config.decisions.retention_days);

        let reference = reference::Holder::open(config.reference.directory.as_deref())?;
        reference.watch();
        let recorder = Recorder::start(config.database.pool_of(1)?, clock.clone(), config.weights()?);
        let desk = Desk {
            reference,
            connectors: Connectors::new(&config.connectors)?,
            keys: Keys::new(&config.history.secret, &config.history.also_read)?,
            recorder,
        };

        let state = web::Data::new(State { accounts, desk, pool });
        let service = Service {
            renderer: api::RENDERER,
            // No operation takes a token.
            authenticator: Arc::new(Authenticator::new(SERVICE, HashMap::new(), clock)),
            routes: move |app: &mut ServiceConfig| {
                app.app_data(state.clone()).configure(routes);
            },
        };
        let health = Health::new(config.database.pool_of(1)?);
        let server = Server::bind(&config.server, &config.management, health, registry, service)?;
        Ok(Self { server })
    }

    /// The public address.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Serves until SIGTERM or SIGINT; then requests under way end.
    ///
    /// # Errors
    /// The server's own.
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

/// The sandbox's credential is public: where it works, the service must not listen beyond loopback.
async fn refuse_sandbox_in_the_open(config: &Config, pool: &PgPool) -> anyhow::Result<()> {
    if config.server.listen.ip().is_loopback() {
        return Ok(());
    }
    let (login, password) = SANDBOX;
    let accounts = store::accounts::all(pool).await?;
    let Some(account) = accounts.iter().find(|account| account.login == login) else { return Ok(()) };
    let passwords = Passwords::new(&config.accounts.hashing)?;
    if passwords.verify(&password.into(), Some(&account.password_hash)).await? {
        bail!("a sandbox credential works in this database: refusing to listen on {}", config.server.listen);
    }
    Ok(())
}
