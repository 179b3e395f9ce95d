//! Matches a payment aggregator's transactions with each operator's statement (contract `reconciliation`).
//!
//! | room | what is in it |
//! |---|---|
//! | [`api`] | the contract's operations, one file each |
//! | [`domain`] | the rules, pure: amounts, instants, operators, matching |
//! | [`statement`], [`transaction_file`] | reading what is uploaded |
//! | [`store`] | all SQL |
//! | [`work`] | taking uploads in, matching in the background |

pub mod api;
pub mod cli;
pub mod config;
pub mod domain;
pub mod statement;
pub mod store;
pub mod transaction_file;
pub mod work;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, ServiceConfig, get, post, put, resource};
use anyhow::{Context, bail};
use common::auth::Authenticator;
use common::clock::{SharedClock, SystemClock};
use common::server::{Health, Server, Service};
use identity::AuthorizationServer;
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::work::matching::Matcher;

/// The service's name: in tokens' `aud`, in metrics, in paths of its documentation.
pub const SERVICE: &str = "reconciliation";
/// What the service's own sign-in grants, and users who registered themselves have.
const FIRST_PARTY_SCOPES: [&str; 2] = ["read", "write"];
/// Crates whose logs follow the configured level.
pub const LOG_TARGETS: [&str; 4] = ["common", "identity", "jobs", "reconciliation"];

/// How long jobs may go on after the last request was answered.
const JOBS_GRACE: Duration = Duration::from_secs(3);

/// What handlers share.
pub struct State {
    /// The service's database.
    pub pool: PgPool,
    /// The time.
    pub clock: SharedClock,
    /// The configuration.
    pub config: Config,
    /// Users, clients and tokens.
    pub identity: Arc<AuthorizationServer>,
    /// Places for uploads that arrive.
    pub spooling: Semaphore,
    /// Places for uploads that are read and stored.
    pub uploads: Semaphore,
}

/// The route table. Paths are given without the trailing slash; both forms are served.
fn routes(app: &mut ServiceConfig) {
    use api::*;

    app.service(resource("/o/token").route(post().to(oauth::token)))
        .service(resource("/o/revoke_token").route(post().to(oauth::revoke)))
        .service(resource("/o/introspect").route(post().to(oauth::introspect)))
        .service(resource("/o/.well-known/jwks.json").route(get().to(oauth::jwks)))
        .service(resource("/o/applications").route(get().to(applications::list)))
        .service(
            resource("/o/applications/register")
                .route(get().to(applications::form))
                .route(post().to(applications::register)),
        )
        .service(resource("/o/login").route(post().to(applications::sign_in)))
        .service(resource("/o/logout").route(post().to(applications::sign_out)))
        .service(resource("/authentication/register").route(post().to(authentication::register)))
        .service(resource("/authentication/token").route(post().to(authentication::token)))
        .service(resource("/authentication/token/refresh").route(post().to(authentication::refresh)))
        .service(resource("/authentication/token/revoke").route(post().to(authentication::revoke)))
        .service(resource("/get_user").route(post().to(get_user::get_user)))
        .service(resource("/profiles").route(get().to(profiles::list)))
        .service(resource("/profiles/{id}").route(get().to(profiles::show)).route(put().to(profiles::put)))
        .service(resource("/operateurs").route(get().to(operators::list)))
        .service(
            resource("/operateurs/{id}").route(get().to(operators::show)).route(put().to(put_operator::put)),
        )
        .service(resource("/operateurs/{id}/configuration").route(get().to(operators::configuration)))
        .service(resource("/transactions").route(post().to(ingest_transactions::ingest)))
        .service(resource("/reconciliation").route(post().to(reconcile::reconcile)))
        .service(
            resource("/update_reconciliation/{id_tache}").route(post().to(update_reconciliation::update)),
        )
        .service(resource("/taches").route(get().to(tasks::list)))
        .service(resource("/taches/{id}").route(get().to(tasks::show)))
        .service(resource("/taches/{id}/progress").route(get().to(tasks::progress)))
        .service(resource("/details_taches/{id}").route(get().to(task_details::show)))
        .configure(openapi::routes);
}

/// The service, ready to run.
pub struct Application {
    server: Server,
    jobs: jobs::Runner,
    background: identity::Background,
}

impl Application {
    /// Opens the database, checks its schema, and binds the ports. `registry` is what `/metrics` shows.
    pub async fn build(config: Config, registry: prometheus::Registry) -> anyhow::Result<Self> {
        config.validate()?;
        let pool = config.database.pool()?;
        common::db::wait_until_reachable(&pool).await.context("the database cannot be reached")?;
        common::db::observe_pool(&pool);
        common::db::require_migrations(&pool, &store::parts()).await?;
        refuse_sandbox_in_the_open(&config, &pool).await?;

        let clock = SystemClock::shared();
        let identity = AuthorizationServer::open(
            config.identity.clone(),
            pool.clone(),
            clock.clone(),
            identity::Host {
                service: SERVICE,
                first_party_scopes: &FIRST_PARTY_SCOPES,
                profile: config.server.profile,
                trusted_proxies: config.server.trusted_proxies.clone(),
            },
        )
        .await?;
        let background = identity.spawn_background();

        let mut issuers = common::auth::trusted_issuers(&config.auth.issuers)?;
        if issuers.insert(config.identity.issuer.clone(), identity.trusted_issuer()).is_some() {
            bail!("auth.issuers: {} is this service's own", config.identity.issuer);
        }
        let authenticator = Arc::new(Authenticator::new(SERVICE, issuers, clock.clone()));

        let mut settings = jobs::Settings::new(format!("{SERVICE}-{}", std::process::id()));
        settings.concurrency = config.matching.concurrency;
        settings.lease = Duration::from_secs(config.matching.lease_s);
        // Connections of the jobs' own: one lives in the runtime that opened it, and the requests' runtimes end before
        // the jobs do. Each job works on one and renews its lease on another; three are for the queue.
        let jobs_pool = config.database.pool_of(u32::try_from(2 * config.matching.concurrency + 3)?)?;
        let matcher = Matcher { pool: jobs_pool.clone(), clock: clock.clone() };
        let jobs = jobs::Runner::start(jobs_pool, settings, vec![Arc::new(matcher)]);

        let state = web::Data::new(State {
            pool: pool.clone(),
            clock,
            identity: identity.clone(),
            spooling: Semaphore::new(config.upload.spooling),
            uploads: Semaphore::new(config.upload.concurrency),
            config: config.clone(),
        });
        let authorization = web::Data::from(identity);
        let service = Service {
            renderer: api::RENDERER,
            authenticator,
            routes: move |app: &mut ServiceConfig| {
                app.app_data(state.clone()).app_data(authorization.clone()).configure(routes);
            },
        };
        let health = Health::new(config.database.pool_of(1)?);
        let server = Server::bind(&config.server, &config.management, health, registry, service)?;
        Ok(Self { server, jobs, background })
    }

    /// The public address.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Serves until SIGTERM or SIGINT; then requests under way end, and jobs are finished or given back.
    pub async fn run_until_stopped(self) -> anyhow::Result<()> {
        tracing::info!(
            address = %self.server.address(),
            management = %self.server.management_address(),
            "serving"
        );
        self.server.run_until_stopped().await?;
        self.jobs.shutdown(JOBS_GRACE).await;
        drop(self.background);
        Ok(())
    }
}

/// The sandbox's credentials are public: where one of them works, the service must not listen beyond loopback.
async fn refuse_sandbox_in_the_open(config: &Config, pool: &PgPool) -> anyhow::Result<()> {
    if !config.server.listen.ip().is_loopback()
        && identity::sandbox::credentials_work(pool, &config.identity.hashing).await?
    {
        bail!("a sandbox credential works in this database: refusing to listen on {}", config.server.listen);
    }
    Ok(())
}
