//! A private Redis for tests and the local stack. It writes nothing to the disk: each start begins empty.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::{Guarded, PATIENCE, POLL, free_port, tail};

/// A Redis server on a port of 127.0.0.1, ended when dropped and when our process ends.
pub struct Redis {
    port: u16,
    directory: PathBuf,
    running: Option<Guarded>,
    temporary: Option<TempDir>,
}

impl Redis {
    /// Starts a server of a test's own, on a free port.
    ///
    /// # Errors
    /// There is no redis-server, or it does not start.
    pub async fn start() -> Result<Self> {
        let temporary = tempfile::tempdir()?;
        let directory = temporary.path().to_owned();
        let redis = Self { port: free_port()?, directory, running: None, temporary: Some(temporary) };
        redis.started().await
    }

    /// Starts a server on 127.0.0.1:`port`; its log lies in `directory` as `redis.log`.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub async fn start_on(port: u16, directory: &Path) -> Result<Self> {
        Self { port, directory: directory.to_owned(), running: None, temporary: None }.started().await
    }

    async fn started(mut self) -> Result<Self> {
        self.restart().await?;
        Ok(self)
    }

    /// `redis://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts the server again after it ended or was killed: empty, on the same port.
    ///
    /// # Errors
    /// As [`Redis::start`]; also when it still runs.
    pub async fn restart(&mut self) -> Result<()> {
        ensure!(self.running.is_none() || self.ended()?.is_some(), "Redis still runs");
        let log_path = self.directory.join("redis.log");
        let log = File::create(&log_path)?;
        let mut command = Command::new(binary()?);
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&self.directory)
            .stdout(log.try_clone()?)
            .stderr(log);
        let removed = self.temporary.as_ref().map(TempDir::path);
        let mut server = Guarded::spawn(&mut command, "KILL", removed)?;
        let deadline = Instant::now() + PATIENCE;
        while !answers(self.port).await {
            if let Some(status) = server.ended()? {
                bail!("redis-server ended with {status}:\n{}", tail(&log_path));
            }
            ensure!(Instant::now() < deadline, "redis-server does not answer:\n{}", tail(&log_path));
            tokio::time::sleep(POLL).await;
        }
        self.running = Some(server);
        Ok(())
    }

    /// Kills the server with SIGKILL and waits for its end.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill_9(&mut self) -> Result<()> {
        let mut server = self.running.take().context("Redis does not run")?;
        server.signal(Signal::KILL)?;
        server.wait().await?;
        Ok(())
    }

    /// Stops the server in its tracks: connections stay open and are accepted, and nothing answers.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self) -> Result<()> {
        self.running.as_ref().context("Redis does not run")?.signal(Signal::STOP)
    }

    /// Lets a paused server go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> Result<()> {
        self.running.as_ref().context("Redis does not run")?.signal(Signal::CONT)
    }

    /// The exit status if the server has ended by itself.
    ///
    /// # Errors
    /// The process cannot be waited for.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.running.as_mut().map_or(Ok(None), Guarded::ended)
    }
}

/// `redis-server` from the PATH, else from where Debian may have put it.
fn binary() -> Result<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&on_path)
        .chain(["/usr/bin", "/usr/sbin"].map(PathBuf::from))
        .map(|directory| directory.join("redis-server"))
        .find(|path| path.is_file())
        .context("no redis-server: install the Debian package redis-server")
}

async fn answers(port: u16) -> bool {
    let ping = async {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        connection.write_all(b"PING\r\n").await?;
        let mut answer = [0; 7];
        connection.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    ping.await.is_ok_and(|answer| answer == *b"+PONG\r\n")
}
