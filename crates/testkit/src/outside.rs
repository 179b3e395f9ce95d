//! Company register, address base, payee verification and DNS, as `outside-sandbox` plays them.

use std::ops::{Deref, DerefMut};
use std::path::Path;

use anyhow::Result;

use crate::sandbox::Sandbox;

const PROGRAM: &str = "outside-sandbox";

/// A running `outside-sandbox`, ended when dropped and when our process ends.
pub struct OutsideSandbox(Sandbox);

impl Deref for OutsideSandbox {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.0
    }
}

impl DerefMut for OutsideSandbox {
    fn deref_mut(&mut self) -> &mut Sandbox {
        &mut self.0
    }
}

impl OutsideSandbox {
    /// Starts a sandbox of a test's own on a free port.
    ///
    /// # Errors
    /// It is not built, or does not start.
    pub async fn start() -> Result<Self> {
        Sandbox::start(PROGRAM, &[]).await.map(Self)
    }

    /// Starts a sandbox on 127.0.0.1:`port`; its log lies in `directory` as `outside-sandbox.log`.
    ///
    /// # Errors
    /// As [`OutsideSandbox::start`].
    pub async fn start_on(port: u16, directory: &Path) -> Result<Self> {
        Sandbox::start_on(PROGRAM, "http", port, &[], crate::http::client()?, directory).await.map(Self)
    }

    /// `host:port` of its DNS.
    pub fn resolver(&self) -> String {
        self.base_url().trim_start_matches("http://").to_owned()
    }
}
