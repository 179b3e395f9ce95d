//! Outside systems that are played by a program of ours, with faults and a journal.

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Guarded, free_port, wait_until_ready_for};
use crate::workspace;

/// A running sandbox, ended when dropped and when our process ends.
pub struct Sandbox {
    program: &'static str,
    base_url: String,
    client: Client,
    process: Guarded,
    temporary: Option<TempDir>,
}

impl Sandbox {
    /// Starts a sandbox of a test's own, with plain HTTP on a free port, and with further arguments.
    ///
    /// # Errors
    /// It is not built, or does not start.
    pub(crate) async fn start(program: &'static str, args: &[&str]) -> Result<Self> {
        let client = crate::http::client()?;
        let temporary = tempfile::tempdir()?;
        let sandbox = Self::start_on(program, "http", free_port()?, args, client, temporary.path()).await?;
        Ok(sandbox.keeping(temporary))
    }

    /// Starts a sandbox on 127.0.0.1:`port`; its log lies in `directory` under its program's name.
    ///
    /// # Errors
    /// As [`Sandbox::start`].
    pub(crate) async fn start_on(
        program: &'static str,
        scheme: &str,
        port: u16,
        args: &[&str],
        client: Client,
        directory: &Path,
    ) -> Result<Self> {
        let log_path = directory.join(format!("{program}.log"));
        let log = File::create(&log_path)?;
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(workspace::binary(program)?);
        command.args(["--listen", &address]).args(args).stdout(log.try_clone()?).stderr(log);
        let mut process = Guarded::spawn(&mut command, "KILL", None)?;
        let base_url = format!("{scheme}://{address}");
        wait_until_ready_for(&client, &mut process, &format!("{base_url}/_health"), &log_path)
            .await
            .context(program)?;
        Ok(Self { program, base_url, client, process, temporary: None })
    }

    /// The same, with a directory that lives as long.
    pub(crate) fn keeping(mut self, temporary: TempDir) -> Self {
        self.temporary = Some(temporary);
        self
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

    /// Makes it fail as `fault` says: `{"match", "times", "fault"}`.
    ///
    /// # Errors
    /// It refuses.
    pub async fn fault(&self, fault: Value) -> Result<()> {
        self.call(Method::POST, "/_faults", Some(fault)).await.map(drop)
    }

    /// Forgets all faults and calls.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn clear(&self) -> Result<()> {
        self.call(Method::DELETE, "/_faults", None).await?;
        self.call(Method::DELETE, "/_journal", None).await?;
        Ok(())
    }

    /// The exit status if it has ended by itself.
    ///
    /// # Errors
    /// The process cannot be waited for.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.process.ended()
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.base_url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let (program, answer) = (self.program, request.send().await?);
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{program} answered {path} with {status}: {text}");
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{program} answered {path} with {text}"))
    }
}
