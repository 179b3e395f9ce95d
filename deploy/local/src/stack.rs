//! `garant-local run`: starts everything in order, and stops it in the opposite one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use testkit::caps::CapsSandbox;
use testkit::envoy::{Envoy, Parameters};
use testkit::outside::OutsideSandbox;
use testkit::postgres::{Database, Postgres, Roles, StopMode};
use testkit::process::{Service, command};
use testkit::redis::Redis;
use testkit::workspace;
use tokio::signal::unix::{SignalKind, signal};

use crate::demonstration;
use crate::environment::ServiceSettings;
use crate::sandbox;
use crate::settings::Settings;

/// Everything that runs, in the order of its start.
#[derive(Default)]
struct Running {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    caps: Option<CapsSandbox>,
    outside: Option<OutsideSandbox>,
    services: Vec<(&'static str, Service)>,
    gateway: Option<Envoy>,
}

pub(crate) async fn run(once: bool) -> Result<()> {
    let lock = File::create(workspace::dev_dir()?.join("run.lock"))?;
    // A run that was just killed may be ending.
    let deadline = Instant::now() + Duration::from_secs(2);
    while lock.try_lock().is_err() {
        ensure!(Instant::now() < deadline, "the local stack of this checkout already runs");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut running = Running::default();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let result = tokio::select! {
        result = start_and_stay(&mut running, once) => result,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    if running.postgres.is_some() {
        println!("stopping");
    }
    let stopped = running.stop().await;
    result.and(stopped)
}

async fn start_and_stay(running: &mut Running, once: bool) -> Result<()> {
    let settings = Settings::load()?;
    settings.require_free_ports().await?;
    let progress = Progress::start(once);

    progress.say("PostgreSQL");
    let (postgres, origin) = postgres(&settings).await?;
    let postgres = running.postgres.insert(postgres);
    progress.say(&format!("databases on {origin}"));
    let reconciliation_database = provision(postgres, &settings, &settings.reconciliation).await?;
    let gda_audit_database = provision(postgres, &settings, &settings.gda_audit).await?;
    let secure_consumer_database = provision(postgres, &settings, &settings.secure_consumer).await?;

    let redis_url = match &settings.redis_url {
        Some(url) => {
            progress.say("Redis is the one of REDIS_URL");
            url.clone()
        }
        None => {
            progress.say(&format!("Redis on 127.0.0.1:{}", settings.redis_port));
            let redis = Redis::start_on(settings.redis_port, &settings.logs).await;
            running.redis.insert(redis.context("Redis (another server: REDIS_URL)")?).url()
        }
    };

    progress.say(&format!("CAPS sandbox on 127.0.0.1:{}", settings.caps_port));
    let caps = CapsSandbox::start_on(settings.caps_port, &[], &settings.logs).await?;
    let caps_url = running.caps.insert(caps).base_url().to_owned();

    progress.say(&format!("outside sandbox on 127.0.0.1:{}", settings.outside_port));
    running.outside = Some(OutsideSandbox::start_on(settings.outside_port, &settings.logs).await?);

    progress.say("migrations");
    let reconciliation_environment = settings.reconciliation_environment(&reconciliation_database);
    let gda_audit_environment = settings.gda_audit_environment(&gda_audit_database);
    migrate(&settings.reconciliation, &reconciliation_environment)?;
    let secure_consumer_environment = settings.secure_consumer_environment(&secure_consumer_database);
    migrate(&settings.gda_audit, &gda_audit_environment)?;
    migrate(&settings.secure_consumer, &secure_consumer_environment)?;

    progress.say("sandbox");
    sandbox::load(&settings, &reconciliation_database).await?;
    sandbox::clear_screening(&settings, &gda_audit_database).await?;
    sandbox::load_merchant(&settings, &secure_consumer_database).await?;

    running.serve(&progress, &settings, &settings.reconciliation, reconciliation_environment).await?;
    let environment = settings.msepi05_proxy_environment(&caps_url, &redis_url);
    running.serve(&progress, &settings, &settings.msepi05_proxy, environment).await?;
    running.serve(&progress, &settings, &settings.gda_audit, gda_audit_environment).await?;
    running.serve(&progress, &settings, &settings.secure_consumer, secure_consumer_environment).await?;

    progress.say(&format!("gateway on 127.0.0.1:{}", settings.gateway_port));
    let [first, others @ ..] = settings.services();
    let parameters = Parameters::to(first.name, first.listen.port(), settings.gateway_port);
    let parameters = others.iter().fold(parameters, |all, other| all.and(other.name, other.listen.port()));
    running.gateway = Some(Envoy::start(&parameters, &settings.logs).await.context("gateway")?);

    progress.say("one request to each service through the gateway");
    demonstration::run(&settings.gateway_url(), running.caps.as_ref().context("no CAPS sandbox")?).await?;
    if once {
        return Ok(());
    }
    print_table(&settings, &origin);
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if let Some((name, status)) = running.ended()? {
            bail!("{name} ended with {status}; the logs are in {}", settings.logs.display());
        }
    }
}

/// The server that `DATABASE_URL` names, else our own cluster; and where it comes from.
async fn postgres(settings: &Settings) -> Result<(Postgres, String)> {
    if let Ok(url) = std::env::var("DATABASE_URL") {
        return Ok((Postgres::given(&url).await.context("DATABASE_URL")?, "DATABASE_URL".to_owned()));
    }
    let port = settings.postgres_port;
    let (postgres, origin) = Postgres::persistent(port)
        .await
        .context("PostgreSQL (another port: GARANT_POSTGRES_PORT; another server: DATABASE_URL)")?;
    Ok((postgres, format!("127.0.0.1:{port}, {origin}")))
}

/// A service's database, `garant_{service}`, with the service's two roles.
async fn provision(postgres: &Postgres, settings: &Settings, service: &ServiceSettings) -> Result<Database> {
    let name = service.name.replace('-', "_");
    let roles = Roles::of(&name, settings.database_password.clone());
    postgres.provision(&format!("garant_{name}"), &roles, None).await
}

fn migrate(service: &ServiceSettings, environment: &BTreeMap<String, String>) -> Result<()> {
    let name = service.name;
    let migrated = command(&workspace::binary(name)?, "migrate", environment).output();
    let migrated = migrated.with_context(|| format!("cannot run {name} migrate"))?;
    if !migrated.status.success() {
        std::io::stderr().write_all(&migrated.stdout)?;
        std::io::stderr().write_all(&migrated.stderr)?;
        bail!("{name} migrate ended with {}", migrated.status);
    }
    Ok(())
}

impl Running {
    async fn serve(
        &mut self,
        progress: &Progress,
        settings: &Settings,
        service: &ServiceSettings,
        environment: BTreeMap<String, String>,
    ) -> Result<()> {
        let name = service.name;
        progress.say(&format!("{name} on {}", service.listen));
        let log = settings.logs.join(format!("{name}.log"));
        File::create(&log)?;
        let binary = workspace::binary(name)?;
        let process = Service::start(&binary, environment, service.management.port(), &log).await;
        self.services.push((name, process.context(name)?));
        Ok(())
    }

    /// The process that has ended by itself, if one has.
    fn ended(&mut self) -> Result<Option<(&'static str, ExitStatus)>> {
        let redis = self.redis.iter_mut().map(|redis| ("Redis", redis.ended()));
        let caps = self.caps.iter_mut().map(|caps| ("the CAPS sandbox", caps.ended()));
        let outside = self.outside.iter_mut().map(|outside| ("the outside sandbox", outside.ended()));
        let services = self.services.iter_mut().map(|(name, service)| (*name, service.ended()));
        let gateway = self.gateway.iter_mut().map(|gateway| ("the gateway", gateway.ended()));
        for (name, ended) in redis.chain(caps).chain(outside).chain(services).chain(gateway) {
            if let Some(status) = ended? {
                return Ok(Some((name, status)));
            }
        }
        Ok(None)
    }

    async fn stop(self) -> Result<()> {
        if let Some(gateway) = self.gateway {
            gateway.terminate().await?;
        }
        for (_, mut service) in self.services.into_iter().rev() {
            if service.ended()?.is_none() {
                service.terminate().await?;
            }
        }
        // These keep nothing that a kill could spoil.
        drop((self.caps, self.outside));
        drop(self.redis);
        if let Some(postgres) = self.postgres
            && postgres.is_private()
        {
            postgres.stop(StopMode::Fast).await?;
        }
        Ok(())
    }
}

/// Numbered steps with the time since the start.
struct Progress {
    started: Instant,
}

impl Progress {
    fn start(once: bool) -> Self {
        let end = if once { "and stops after its requests" } else { "and stays until Ctrl-C" };
        println!("the local stack starts {end}");
        Self { started: Instant::now() }
    }

    fn say(&self, step: &str) {
        println!("{:>6.1} s  {step}", self.started.elapsed().as_secs_f32());
    }
}

fn print_table(settings: &Settings, database: &str) {
    let gateway = settings.gateway_url();
    println!("\n  gateway          {gateway}");
    for service in settings.services() {
        println!("  {:<16} http://{}", service.name, service.listen);
        println!("    management     http://{}/readyz, /livez, /metrics", service.management);
        println!("    OpenAPI        {gateway}/docs/{}/", service.name);
    }
    let redis = if settings.redis_url.is_some() {
        "the one of REDIS_URL".to_owned()
    } else {
        format!("redis://127.0.0.1:{}, empty at each start", settings.redis_port)
    };
    println!(
        "  CAPS sandbox     http://127.0.0.1:{}/_directory, /_journal, /_faults
  outside sandbox  http://127.0.0.1:{}/_tables, /_journal, /_faults; DNS on the same port
  Redis            {redis}
  databases        garant_reconciliation, garant_gda_audit and garant_secure_consumer on {database}
                   roles <service>_owner and <service>_app, password in .dev/database-password
  logs             {}

  token            POST {gateway}/o/token/
  OAuth client     {} / {} (password, client credentials; all scopes)
  users            {}, password {}
  merchant         {} / {} (Basic, secure-consumer)

Everything runs. Ctrl-C stops it.",
        settings.caps_port,
        settings.outside_port,
        settings.logs.display(),
        sandbox::CLIENT_ID,
        sandbox::CLIENT_SECRET,
        sandbox::USERNAMES.join(", "),
        sandbox::PASSWORD,
        secure_consumer::SANDBOX.0,
        secure_consumer::SANDBOX.1,
    );
}
