//! `garant-local run`: starts everything in order, and stops it in the opposite one.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use testkit::envoy::{Envoy, Parameters};
use testkit::postgres::{Postgres, Roles, StopMode};
use testkit::process::{Service, command};
use testkit::workspace;
use tokio::signal::unix::{SignalKind, signal};

use crate::demonstration;
use crate::sandbox;
use crate::settings::Settings;

const DATABASE: &str = "garant_reconciliation";

/// Everything that runs, in the order of its start.
#[derive(Default)]
struct Running {
    postgres: Option<Postgres>,
    service: Option<Service>,
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
    progress.say(&format!("database {DATABASE} on {origin}"));
    let roles = Roles::of("reconciliation", settings.database_password.clone());
    let database = postgres.provision(DATABASE, &roles, None).await?;

    progress.say("migrations");
    let environment = settings.service_environment(&database);
    let binary = workspace::binary("reconciliation")?;
    let migrated = command(&binary, "migrate", &environment).output().context("cannot run migrate")?;
    if !migrated.status.success() {
        std::io::stderr().write_all(&migrated.stdout)?;
        std::io::stderr().write_all(&migrated.stderr)?;
        bail!("reconciliation migrate ended with {}", migrated.status);
    }

    progress.say("sandbox");
    sandbox::load(&settings, &database).await?;

    progress.say(&format!("reconciliation on {}", settings.listen));
    let log = settings.logs.join("reconciliation.log");
    File::create(&log)?;
    let service = Service::start(&binary, environment, settings.management.port(), &log);
    let service = running.service.insert(service.await.context("reconciliation")?);

    progress.say(&format!("gateway on 127.0.0.1:{}", settings.gateway_port));
    let parameters = Parameters::to("reconciliation", settings.listen.port(), settings.gateway_port);
    let gateway = Envoy::start(&parameters, &settings.logs).await.context("gateway")?;
    let gateway = running.gateway.insert(gateway);

    progress.say("one reconciliation through the gateway");
    demonstration::run(gateway.base_url()).await?;
    if once {
        return Ok(());
    }
    print_table(&settings, &origin);
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if let Some(status) = service.ended()? {
            bail!("reconciliation ended with {status}; its log is {}", log.display());
        }
        if let Some(status) = gateway.ended()? {
            bail!("the gateway ended with {status}; its log is in {}", settings.logs.display());
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

impl Running {
    async fn stop(self) -> Result<()> {
        if let Some(gateway) = self.gateway {
            gateway.terminate().await?;
        }
        if let Some(mut service) = self.service
            && service.ended()?.is_none()
        {
            service.terminate().await?;
        }
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
    println!(
        "
  gateway          {gateway}
  OpenAPI          {gateway}/docs/reconciliation/
  reconciliation   http://{}
  management       http://{}/readyz, /livez, /metrics
  database         {DATABASE} on {database}
                   roles reconciliation_owner and reconciliation_app, password in .dev/database-password
  logs             {}

  token            POST {gateway}/o/token/
  OAuth client     {} / {} (password, client credentials; all scopes)
  users            {}, password {}

Everything runs. Ctrl-C stops it.",
        settings.listen,
        settings.management,
        settings.logs.display(),
        sandbox::CLIENT_ID,
        sandbox::CLIENT_SECRET,
        sandbox::USERNAMES.join(", "),
        sandbox::PASSWORD,
    );
}
