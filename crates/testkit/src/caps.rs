//! CAPS, the payment scheme's directory, as `caps-sandbox` plays it.

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::certificates::Authority;
use crate::process::{Guarded, free_port, wait_until_ready_for};
use crate::workspace;

/// A running `caps-sandbox`, ended when dropped and when our process ends.
pub struct CapsSandbox {
    base_url: String,
    client: Client,
    process: Guarded,
    temporary: Option<TempDir>,
}

impl CapsSandbox {
    /// Starts a sandbox of a test's own, with plain HTTP on a free port, and with further arguments.
    ///
    /// # Errors
    /// It is not built, or does not start.
    pub async fn start(args: &[&str]) -> Result<Self> {
        let temporary = tempfile::tempdir()?;
        let mut sandbox = Self::start_on(free_port()?, args, temporary.path()).await?;
        sandbox.temporary = Some(temporary);
        Ok(sandbox)
    }

    /// Starts a sandbox on 127.0.0.1:`port`; its log lies in `directory` as `caps-sandbox.log`.
    ///
    /// # Errors
    /// As [`CapsSandbox::start`].
    pub async fn start_on(port: u16, args: &[&str], directory: &Path) -> Result<Self> {
        Self::started("http", port, args, crate::http::client()?, directory).await
    }

    /// Starts a sandbox of a test's own that speaks TLS, and only to holders of a certificate of `authority`.
    ///
    /// # Errors
    /// As [`CapsSandbox::start`].
    pub async fn start_over_tls(authority: &Authority) -> Result<Self> {
        let (temporary, own) = (tempfile::tempdir()?, authority.issue("caps", "127.0.0.1")?);
        let client = authority.client(Some(&authority.issue("caps' tester", "127.0.0.1")?))?;
        let [certificate, key, ca] =
            [own.certificate, own.key, authority.ca()].map(|p| p.display().to_string());
        let args = ["--tls-certificate", &certificate, "--tls-key", &key, "--client-ca", &ca];
        let mut sandbox = Self::started("https", free_port()?, &args, client, temporary.path()).await?;
        sandbox.temporary = Some(temporary);
        Ok(sandbox)
    }

    async fn started(
        scheme: &str,
        port: u16,
        args: &[&str],
        client: Client,
        directory: &Path,
    ) -> Result<Self> {
        let log_path = directory.join("caps-sandbox.log");
        let log = File::create(&log_path)?;
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(workspace::binary("caps-sandbox")?);
        command.args(["--listen", &address]).args(args).stdout(log.try_clone()?).stderr(log);
        let mut process = Guarded::spawn(&mut command, "KILL", None)?;
        let base_url = format!("{scheme}://{address}");
        wait_until_ready_for(&client, &mut process, &format!("{base_url}/_health"), &log_path)
            .await
            .context("caps-sandbox")?;
        Ok(Self { base_url, client, process, temporary: None })
    }

    /// `http://127.0.0.1:port` or `https://127.0.0.1:port`, without a trailing slash.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The calls that it has had, oldest first.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn journal(&self) -> Result<Vec<Value>> {
        let journal = self.call(Method::GET, "/_journal", None).await?;
        journal["calls"].as_array().cloned().with_context(|| format!("no calls in {journal}"))
    }

    /// Makes it fail as `fault` says (`{"match", "times", "probability", "fault"}`) and returns the fault's id.
    ///
    /// # Errors
    /// It refuses.
    pub async fn fault(&self, fault: Value) -> Result<String> {
        let made = self.call(Method::POST, "/_faults", Some(fault)).await?;
        made["id"].as_str().map(str::to_owned).with_context(|| format!("no id in {made}"))
    }

    /// Forgets all faults and calls; the directory stays.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn clear(&self) -> Result<()> {
        self.call(Method::DELETE, "/_faults", None).await?;
        self.call(Method::DELETE, "/_journal", None).await?;
        Ok(())
    }

    /// Its directory's entries: `{"proxy", "proxy_hash", "can_be_payer", "pro"}`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn directory(&self) -> Result<Vec<Value>> {
        let directory = self.call(Method::GET, "/_directory", None).await?;
        directory.as_array().cloned().with_context(|| format!("no list but {directory}"))
    }

    /// Puts a hash into the directory, or changes what stands behind it.
    ///
    /// # Errors
    /// It refuses.
    pub async fn put(&self, hash: &str, can_be_payer: bool, pro: bool) -> Result<()> {
        let entry = json!({ "can_be_payer": can_be_payer, "pro": pro });
        self.call(Method::PUT, &format!("/_directory/{hash}"), Some(entry)).await?;
        Ok(())
    }

    /// The exit status if it has ended by itself.
    ///
    /// # Errors
    /// The process cannot be waited for.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.process.ended()
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.base_url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "caps-sandbox answered {path} with {status}: {text}");
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("caps-sandbox answered {path} with {text}"))
    }
}
