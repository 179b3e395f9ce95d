//! Where the local stack listens, and its secrets. What the user sets in the environment wins.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use testkit::postgres::{self, Database};
use testkit::{process, workspace};

const GATEWAY_PORT: &str = "GARANT_GATEWAY_PORT";
const POSTGRES_PORT: &str = "GARANT_POSTGRES_PORT";
const LISTEN: &str = "GARANT__SERVER__LISTEN";
const MANAGEMENT_LISTEN: &str = "GARANT__MANAGEMENT__LISTEN";

/// The variables that a service's configuration is read from.
const SERVICE_PREFIX: &str = "GARANT__";

pub(crate) struct Settings {
    pub(crate) gateway_port: u16,
    pub(crate) postgres_port: u16,
    pub(crate) listen: SocketAddr,
    pub(crate) management: SocketAddr,
    /// File of the secret under which the signing keys are stored.
    pub(crate) key_secret_file: PathBuf,
    /// Password of the database's two roles.
    pub(crate) database_password: String,
    /// Directory of configuration files and logs.
    pub(crate) logs: PathBuf,
}

impl Settings {
    pub(crate) fn load() -> Result<Self> {
        if let Some((name, _)) = std::env::vars().find(|(name, _)| name.starts_with("GARANT__DATABASE__")) {
            bail!("{name} is set, but the local stack makes its own database: name a server in DATABASE_URL");
        }
        let dev = workspace::dev_dir()?;
        let logs = dev.join("logs");
        fs::create_dir_all(&logs)?;
        secret(dev.join("database-password"))?;
        Ok(Self {
            gateway_port: variable(GATEWAY_PORT, 8080)?,
            postgres_port: variable(POSTGRES_PORT, 5433)?,
            listen: variable(LISTEN, SocketAddr::from(([127, 0, 0, 1], 8105)))?,
            management: variable(MANAGEMENT_LISTEN, SocketAddr::from(([127, 0, 0, 1], 8205)))?,
            key_secret_file: secret(dev.join("key-secret"))?,
            database_password: fs::read_to_string(dev.join("database-password"))?,
            logs,
        })
    }

    pub(crate) fn gateway_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.gateway_port)
    }

    /// Fails with a message for the user where something else listens on one of our ports.
    pub(crate) async fn require_free_ports(&self) -> Result<()> {
        let ports = [
            ("gateway", self.gateway_port, format!("{GATEWAY_PORT}=PORT")),
            ("reconciliation", self.listen.port(), format!("{LISTEN}=127.0.0.1:PORT")),
            (
                "reconciliation's management",
                self.management.port(),
                format!("{MANAGEMENT_LISTEN}=127.0.0.1:PORT"),
            ),
        ];
        // What an earlier run that was killed has left behind is ending just now.
        let deadline = Instant::now() + Duration::from_secs(3);
        for (what, port, remedy) in ports {
            while !process::port_is_free(port) {
                ensure!(
                    Instant::now() < deadline,
                    "port {port} ({what}) is taken: stop what listens there or set {remedy}"
                );
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// The service's environment: the local profile, then what the user has set.
    pub(crate) fn service_environment(&self, database: &Database) -> BTreeMap<String, String> {
        let local = [
            ("SERVER__PROFILE", "local".to_owned()),
            ("SERVER__LISTEN", self.listen.to_string()),
            ("SERVER__DRAIN_DELAY_MS", "0".to_owned()),
            ("MANAGEMENT__LISTEN", self.management.to_string()),
            ("DATABASE__URL", database.app_url.clone()),
            ("DATABASE__OWNER_URL", database.owner_url.clone()),
            ("DATABASE__APP_ROLE", database.app_role.clone()),
            ("IDENTITY__ISSUER", self.gateway_url()),
            ("IDENTITY__KEY_SECRET_FILE", self.key_secret_file.display().to_string()),
            ("IDENTITY__REGISTRATION", "true".to_owned()),
        ];
        let mut environment: BTreeMap<_, _> =
            local.into_iter().map(|(name, value)| (format!("{SERVICE_PREFIX}{name}"), value)).collect();
        environment.extend(std::env::vars().filter(|(name, _)| name.starts_with(SERVICE_PREFIX)));
        environment
    }
}

fn variable<T: std::str::FromStr>(name: &str, default: T) -> Result<T> {
    match std::env::var(name) {
        Err(_) => Ok(default),
        Ok(value) => value.parse().ok().with_context(|| format!("{name} has a wrong value: {value}")),
    }
}

/// A file with a random secret that only its owner can read, made where missing.
fn secret(path: PathBuf) -> Result<PathBuf> {
    match File::options().create_new(true).write(true).mode(0o600).open(&path) {
        Ok(mut file) => file.write_all(postgres::random(48).as_bytes())?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
    Ok(path)
}
