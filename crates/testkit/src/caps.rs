//! CAPS, the payment scheme's directory, as `caps-sandbox` plays it.

use std::ops::{Deref, DerefMut};
use std::path::Path;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};

use crate::certificates::Authority;
use crate::process::free_port;
use crate::sandbox::Sandbox;

const PROGRAM: &str = "caps-sandbox";

/// A running `caps-sandbox`, ended when dropped and when our process ends.
pub struct CapsSandbox(Sandbox);

impl Deref for CapsSandbox {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.0
    }
}

impl DerefMut for CapsSandbox {
    fn deref_mut(&mut self) -> &mut Sandbox {
        &mut self.0
    }
}

impl CapsSandbox {
    /// Starts a sandbox of a test's own, with plain HTTP on a free port, and with further arguments.
    ///
    /// # Errors
    /// It is not built, or does not start.
    pub async fn start(args: &[&str]) -> Result<Self> {
        Sandbox::start(PROGRAM, args).await.map(Self)
    }

    /// Starts a sandbox on 127.0.0.1:`port`; its log lies in `directory` as `caps-sandbox.log`.
    ///
    /// # Errors
    /// As [`CapsSandbox::start`].
    pub async fn start_on(port: u16, args: &[&str], directory: &Path) -> Result<Self> {
        Sandbox::start_on(PROGRAM, "http", port, args, crate::http::client()?, directory).await.map(Self)
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
        let sandbox =
            Sandbox::start_on(PROGRAM, "https", free_port()?, &args, client, temporary.path()).await?;
        Ok(Self(sandbox.keeping(temporary)))
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
}
