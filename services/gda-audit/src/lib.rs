//! Screens people and companies against asset-freeze and politically-exposed lists (contract `gda-audit`).
//!
//! | room | what is in it |
//! |---|---|
//! | [`api`], [`wire`], [`ids`] | the contract's operations, one file each; persons, hits and ids as clients write and read them |
//! | [`anchor`] | where the head of the audit trail is kept, outside the database |
//! | [`batch`] | `screen` and `compare` on the command line |
//! | [`domain`] | the rules, pure: records, screening |
//! | [`lists`] | readers of official lists, one file per format |
//! | [`person_file`] | readers of uploaded files of persons |
//! | [`catalogue`] | the editions in force, indexed |
//! | [`work`] | importing and fetching editions |
//! | [`metrics`] | what it counts of its work |
//! | [`store`] | all SQL |

pub mod anchor;
pub mod api;
pub mod batch;
pub mod catalogue;
pub mod cli;
pub mod config;
pub mod domain;
pub mod ids;
pub mod lists;
pub mod metrics;
pub mod person_file;
pub mod store;
pub mod wire;
pub mod work;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, ServiceConfig, delete, get, post, put, resource};
use anyhow::Context;
use common::auth::Authenticator;
use common::clock::{SharedClock, SystemClock};
use common::server::{Health, Server, Service};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use webhooks::{Dispatcher, Webhooks};

use crate::catalogue::Holder;
use crate::config::Config;
use crate::work::batch::{Background, ChunkScreener};
use crate::work::fetch::Fetcher;
use crate::work::import::Importer;
use crate::work::ledger::Ledger;
use crate::work::replay::Replayer;
use crate::work::rescreen;
use crate::work::verify::Verifier;

/// The service's name: in tokens' `aud`, in metrics, in paths of its documentation.
pub const SERVICE: &str = "gda-audit";
/// Crates whose logs follow the configured level.
pub const LOG_TARGETS: [&str; 4] = ["common", "gda_audit", "jobs", "webhooks"];
/// Connections of what runs beside the requests: following and renewing the lists.
const BACKGROUND_CONNECTIONS: u32 = 4;
/// Connections of the dispatcher of webhooks: one listens, the others claim and record.
const WEBHOOK_CONNECTIONS: u32 = 3;
/// How long webhooks under way may take at the end: as long as one call.
const WEBHOOKS_GRACE: Duration = Duration::from_secs(11);
/// How long jobs may go on after the last request was answered.
const JOBS_GRACE: Duration = Duration::from_secs(3);

/// What handlers share.
pub struct State {
    /// The service's database.
    pub pool: PgPool,
    /// The configuration.
    pub config: Config,
    /// The time.
    pub clock: SharedClock,
    /// The audit trail.
    pub ledger: Arc<Ledger>,
    /// Proves it.
    pub verifier: Verifier,
    /// Replays its controls.
    pub replayer: Replayer,
    /// The lists in force.
    pub holder: Arc<Holder>,
    /// Puts editions in force.
    pub importer: Importer,
    /// Fetches them.
    pub fetcher: Fetcher,
    /// Places for files of persons that are taken in.
    pub uploads: Semaphore,
}

/// The route table. Paths are given without the trailing slash; both forms are served.
fn routes(app: &mut ServiceConfig) {
    use api::*;

    app.service(resource("/screen").route(post().to(screen::screen)))
        .service(resource("/compare").route(post().to(compare::compare)))
        .service(resource("/sources").route(post().to(flows::add_source)))
        .service(resource("/flows").route(get().to(flows::list_flows)).route(post().to(flows::add_flow)))
        .service(resource("/checkrisk").route(put().to(check_risk::check)))
        .service(resource("/pisteaudit").route(get().to(audit_trail::show)))
        .service(resource("/riskfolders").route(get().to(risk_folders::list)))
        .service(resource("/riskfolders/{id}").route(get().to(risk_folders::show)))
        .service(resource("/riskfolders/{id}/status").route(post().to(change_folder::decide)))
        .service(resource("/riskfolders/{id}/comments").route(post().to(change_folder::comment)))
        .service(
            resource("/riskfolders/{id}/comments/{comment}")
                .route(delete().to(change_folder::delete_comment)),
        )
        .service(
            resource("/riskfolders/{id}/manual-information")
                .route(put().to(change_folder::put_manual_information)),
        )
        .service(resource("/audit/verify").route(get().to(verify::show)))
        .service(resource("/audit/export").route(get().to(export::export)))
        .service(resource("/persons/{id}/controls").route(get().to(controls::list)))
        .service(resource("/persons/{id}/controls/{controlId}/replay").route(get().to(replay::replay)))
        .service(resource("/webhooks").route(get().to(webhooks::list)).route(post().to(webhooks::register)))
        .service(resource("/webhooks/{id}").route(delete().to(webhooks::delete)))
        .service(resource("/webhooks/{id}/deliveries").route(get().to(webhooks::deliveries)))
        .service(
            resource("/webhooks/{id}/deliveries/{delivery}/redeliver").route(post().to(webhooks::redeliver)),
        )
        .service(resource("/imports").route(get().to(imports::list)))
        .service(resource("/imports/stock").route(post().to(import_persons::import_stock)))
        .service(resource("/imports/accident").route(post().to(import_persons::import_accident)))
        .service(resource("/imports/{id}").route(get().to(imports::show)))
        .service(resource("/imports/{id}/rejections").route(get().to(imports::rejections)))
        .service(resource("/lists").route(get().to(lists::list)))
        .service(resource("/lists/{source}/imports").route(post().to(import_list::import)))
        .service(resource("/lists/{source}/editions/{id}").route(get().to(lists::show_edition)))
        .service(resource("/lists/{source}/editions/{id}/rescreening").route(get().to(rescreening::show)))
        .configure(openapi::routes);
}

/// The service, ready to run.
pub struct Application {
    server: Server,
    jobs: jobs::Runner,
    background: [JoinHandle<()>; 2],
    dispatcher: Dispatcher,
}

impl Application {
    /// Opens the database, checks its schema, loads the lists in force, and binds the ports. `registry` is what
    /// `/metrics` shows.
    pub async fn build(config: Config, registry: prometheus::Registry) -> anyhow::Result<Self> {
        config.validate()?;
        let pool = config.database.pool()?;
        common::db::wait_until_reachable(&pool).await.context("the database cannot be reached")?;
        common::db::observe_pool(&pool);
        common::db::require_migrations(&pool, &store::parts()).await?;

        let issuers = common::auth::trusted_issuers(&config.auth.issuers)?;
        let clock = SystemClock::shared();
        let authenticator = Arc::new(Authenticator::new(SERVICE, issuers, clock.clone()));

        // A connection lives in the runtime that opened it, and requests are served by others than this one.
        let own_pool = config.database.pool_of(BACKGROUND_CONNECTIONS)?;
        let holder = Arc::new(Holder::new(own_pool.clone(), &config));
        holder.refresh().await.context("the lists in force cannot be loaded")?;
        metrics::observe_editions(&holder, clock.clone());
        let ledger = Arc::new(Ledger::open(&config.audit, clock.clone())?);
        let importer = |pool: &PgPool| Importer {
            pool: pool.clone(),
            clock: clock.clone(),
            holder: holder.clone(),
            ledger: ledger.clone(),
        };
        let fetcher = |pool: &PgPool| Fetcher::new(importer(pool), &config.renewal);
        let background = [
            tokio::spawn(holder.clone().follow(Duration::from_millis(config.renewal.poll_ms))),
            tokio::spawn(fetcher(&own_pool)?.keep_renewing(config.lists.clone())),
        ];
        let profile = config.server.profile;
        let webhooks =
            Webhooks::new(pool.clone(), &config.webhooks, profile, &work::announce::EVENTS, clock.clone())?;
        let webhooks = web::Data::new(webhooks);
        let sending_pool = config.database.pool_of(WEBHOOK_CONNECTIONS)?;
        let dispatcher = Dispatcher::start(sending_pool, &config.webhooks, profile, clock.clone())?;
        let jobs = start_jobs(&config, &clock, &holder, &ledger)?;
        let state = web::Data::new(State {
            uploads: Semaphore::new(config.batch.uploads),
            importer: importer(&pool),
            fetcher: fetcher(&pool)?,
            pool,
            config: config.clone(),
            replayer: Replayer::new(holder.clone()),
            holder,
            clock,
            verifier: Verifier::new(ledger.clone()),
            ledger,
        });
        let service = Service {
            renderer: api::RENDERER,
            authenticator,
            routes: move |app: &mut ServiceConfig| {
                app.app_data(state.clone()).app_data(webhooks.clone()).configure(routes);
            },
        };
        let health = Health::new(config.database.pool_of(1)?);
        let server = Server::bind(&config.server, &config.management, health, registry, service)?;
        Ok(Self { server, jobs, background, dispatcher })
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
        self.background.iter().for_each(JoinHandle::abort);
        self.dispatcher.shutdown(WEBHOOKS_GRACE).await;
        Ok(())
    }
}

fn start_jobs(
    config: &Config,
    clock: &SharedClock,
    holder: &Arc<Holder>,
    ledger: &Arc<Ledger>,
) -> anyhow::Result<jobs::Runner> {
    let concurrency = config.batch.concurrency;
    let mut settings = jobs::Settings::new(format!("{SERVICE}-{}", std::process::id()));
    settings.concurrency = concurrency;
    settings.lease = Duration::from_secs(config.batch.lease_s);
    // Each job works on one connection and renews its lease on another; three are for the queue.
    let pool = config.database.pool_of(u32::try_from(2 * concurrency + 3)?)?;
    let background = Background {
        pool: pool.clone(),
        clock: clock.clone(),
        holder: holder.clone(),
        ledger: ledger.clone(),
    };
    let handlers: Vec<Arc<dyn jobs::Handler>> = vec![
        Arc::new(ChunkScreener(background.clone())),
        Arc::new(rescreen::Splitter(background.clone())),
        Arc::new(rescreen::Rescreener::new(background)),
    ];
    Ok(jobs::Runner::start(pool, settings, handlers))
}
