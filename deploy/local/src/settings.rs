//! Where the local stack listens, and its secrets. What the user sets in the environment wins.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testkit::postgres::{self, Database};
use testkit::{process, workspace};

use crate::demonstration;
use crate::environment::{self, ServiceSettings, variable_of};
use crate::sandbox;

const GATEWAY_PORT: &str = "GARANT_GATEWAY_PORT";
const POSTGRES_PORT: &str = "GARANT_POSTGRES_PORT";
const REDIS_PORT: &str = "GARANT_REDIS_PORT";
const CAPS_PORT: &str = "GARANT_CAPS_PORT";
const OUTSIDE_PORT: &str = "GARANT_OUTSIDE_PORT";

pub(crate) struct Settings {
    pub(crate) gateway_port: u16,
    pub(crate) postgres_port: u16,
    pub(crate) redis_port: u16,
    /// A Redis of the user's, in place of our own.
    pub(crate) redis_url: Option<String>,
    pub(crate) caps_port: u16,
    /// Of the company register, address API, payee verification and DNS.
    pub(crate) outside_port: u16,
    pub(crate) reconciliation: ServiceSettings,
    pub(crate) msepi05_proxy: ServiceSettings,
    pub(crate) gda_audit: ServiceSettings,
    pub(crate) secure_consumer: ServiceSettings,
    /// File of the secret under which the signing keys are stored.
    pub(crate) key_secret_file: PathBuf,
    /// File of the secret that keys what stands in for hashes and customers.
    pub(crate) pepper_file: PathBuf,
    audit_key_file: PathBuf,
    /// File of the secret under which secure-consumer remembers who was seen.
    history_file: PathBuf,
    /// Heads of gda-audit's audit trail.
    pub(crate) audit_heads_file: PathBuf,
    /// Password of the databases' roles.
    pub(crate) database_password: String,
    /// Directory of configuration files and logs.
    pub(crate) logs: PathBuf,
}

impl Settings {
    pub(crate) fn load() -> Result<Self> {
        // A variable of somebody else's that is no text must not stop us.
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let [reconciliation, msepi05_proxy, gda_audit, secure_consumer] = environment::services(variables)?;
        let dev = workspace::dev_dir()?;
        let logs = dev.join("logs");
        fs::create_dir_all(&logs)?;
        secret(dev.join("database-password"))?;
        Ok(Self {
            gateway_port: port(GATEWAY_PORT, 8080)?,
            postgres_port: port(POSTGRES_PORT, 5433)?,
            redis_port: port(REDIS_PORT, 6380)?,
            redis_url: std::env::var("REDIS_URL").ok().filter(|url| !url.is_empty()),
            caps_port: port(CAPS_PORT, 8110)?,
            outside_port: port(OUTSIDE_PORT, 8111)?,
            reconciliation,
            msepi05_proxy,
            gda_audit,
            secure_consumer,
            key_secret_file: secret(dev.join("key-secret"))?,
            pepper_file: secret(dev.join("pepper"))?,
            audit_key_file: secret(dev.join("audit-key"))?,
            history_file: secret(dev.join("history"))?,
            audit_heads_file: dev.join("audit-heads"),
            database_password: fs::read_to_string(dev.join("database-password"))?,
            logs,
        })
    }

    pub(crate) fn gateway_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.gateway_port)
    }

    pub(crate) fn services(&self) -> [&ServiceSettings; 4] {
        [&self.reconciliation, &self.msepi05_proxy, &self.gda_audit, &self.secure_consumer]
    }

    /// Fails with a message for the user where something else listens on one of our ports.
    pub(crate) async fn require_free_ports(&self) -> Result<()> {
        let mut ports = vec![
            ("gateway".to_owned(), self.gateway_port, format!("{GATEWAY_PORT}=PORT")),
            ("CAPS sandbox".to_owned(), self.caps_port, format!("{CAPS_PORT}=PORT")),
            ("outside sandbox".to_owned(), self.outside_port, format!("{OUTSIDE_PORT}=PORT")),
        ];
        if self.redis_url.is_none() {
            let remedy = format!("{REDIS_PORT}=PORT, or REDIS_URL to use that server");
            ports.push(("Redis".to_owned(), self.redis_port, remedy));
        }
        for service in self.services() {
            let name = service.name;
            let remedy = |key| format!("{}=127.0.0.1:PORT", variable_of(name, key));
            ports.push((name.to_owned(), service.listen.port(), remedy("SERVER__LISTEN")));
            let what = format!("management of {name}");
            ports.push((what, service.management.port(), remedy("MANAGEMENT__LISTEN")));
        }
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

    pub(crate) fn reconciliation_environment(&self, database: &Database) -> BTreeMap<String, String> {
        self.reconciliation.environment([
            ("DATABASE__URL", database.app_url.clone()),
            ("DATABASE__OWNER_URL", database.owner_url.clone()),
            ("DATABASE__APP_ROLE", database.app_role.clone()),
            ("IDENTITY__ISSUER", self.gateway_url()),
            ("IDENTITY__KEY_SECRET_FILE", self.key_secret_file.display().to_string()),
            ("IDENTITY__REGISTRATION", "true".to_owned()),
        ])
    }

    pub(crate) fn msepi05_proxy_environment(&self, caps: &str, redis: &str) -> BTreeMap<String, String> {
        self.msepi05_proxy.environment([
            ("AUTH__ISSUERS", self.issuers()),
            ("CAPS__URL", caps.to_owned()),
            ("REDIS__URL", redis.to_owned()),
            ("PRIVACY__PEPPER_FILE", self.pepper_file.display().to_string()),
        ])
    }

    pub(crate) fn gda_audit_environment(&self, database: &Database) -> BTreeMap<String, String> {
        self.gda_audit.environment([
            ("DATABASE__URL", database.app_url.clone()),
            ("DATABASE__OWNER_URL", database.owner_url.clone()),
            ("DATABASE__APP_ROLE", database.app_role.clone()),
            ("AUTH__ISSUERS", self.issuers()),
            ("WEBHOOKS__KEY_SECRET_FILE", self.key_secret_file.display().to_string()),
            ("LISTS", demonstration::gda_audit::configured_lists()),
            ("AUDIT__ANCHOR__URL", format!("file://{}", self.audit_heads_file.display())),
            ("AUDIT__SIGNING_KEY_FILE", self.audit_key_file.display().to_string()),
        ])
    }

    pub(crate) fn secure_consumer_environment(&self, database: &Database) -> BTreeMap<String, String> {
        let outside = format!("http://127.0.0.1:{}", self.outside_port);
        self.secure_consumer.environment([
            ("DATABASE__URL", database.app_url.clone()),
            ("DATABASE__OWNER_URL", database.owner_url.clone()),
            ("DATABASE__APP_ROLE", database.app_role.clone()),
            ("HISTORY__SECRET_FILE", self.history_file.display().to_string()),
            ("CONNECTORS__COMPANY_REGISTER__URL", outside.clone()),
            ("CONNECTORS__ADDRESS__URL", outside.clone()),
            ("CONNECTORS__PAYEE_VERIFICATION__URL", outside),
            ("CONNECTORS__SCREENING__URL", self.gateway_url()),
            ("CONNECTORS__SCREENING__TOKEN_URL", format!("{}/o/token/", self.gateway_url())),
            ("CONNECTORS__SCREENING__CLIENT_ID", sandbox::CLIENT_ID.to_owned()),
            ("CONNECTORS__SCREENING__CLIENT_SECRET", sandbox::CLIENT_SECRET.to_owned()),
            ("CONNECTORS__MX__RESOLVER", format!("127.0.0.1:{}", self.outside_port)),
        ])
    }

    fn issuers(&self) -> String {
        let issuer = self.gateway_url();
        let keys = format!("http://{}/o/.well-known/jwks.json", self.reconciliation.listen);
        format!("[{{ issuer = \"{issuer}\", jwks_url = \"{keys}\" }}]")
    }
}

fn port(name: &str, default: u16) -> Result<u16> {
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
