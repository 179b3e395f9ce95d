//! Child processes that cannot outlive us, free ports, and real service binaries under test.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rand::Rng;
use rustix::process::{Pid, Signal, kill_process};

/// How long a service or a peer may take to become ready or to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// A port on which nothing listened a moment ago, never given twice by this process.
///
/// Taken from below the ports that the system gives to outgoing connections, which would otherwise race for it.
///
/// # Errors
/// No port is free.
pub fn free_port() -> Result<u16> {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    for _ in 0..1_000 {
        let port = rand::rng().random_range(20_000..32_000);
        if !given.contains(&port) && port_is_free(port) {
            given.insert(port);
            return Ok(port);
        }
    }
    bail!("found no free port between 20000 and 32000")
}

/// Whether 127.0.0.1:`port` can be listened on now.
pub fn port_is_free(port: u16) -> bool {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok()
}

/// A child process in its own process group (a Ctrl-C in the terminal is ours to pass on) that is killed when this
/// value is dropped and when our process ends, however it ends.
///
/// The latter is done by a shell that waits for the end of a pipe which only we hold open; PR_SET_PDEATHSIG would
/// fire as soon as the *thread* that started the child ends, and tests run on threads of their own.
pub(crate) struct Guarded {
    child: Child,
    pid: Pid,
    watchdog: Child,
}

const WATCHDOG: &str = r#"
trap '' HUP INT TERM
read -r _
kill -s "$1" "$2"
[ -n "$3" ] || exit 0
tries=0
while [ -e "/proc/$2/exe" ] && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
rm -rf "$3"
"#;

impl Guarded {
    /// Starts `command`; if we die, it gets `signal`, and `directory` is removed once it has ended.
    pub(crate) fn spawn(command: &mut Command, signal: &str, directory: Option<&Path>) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let pid = Pid::from_child(&child);
        let watchdog = Command::new("/bin/sh")
            .args(["-c", WATCHDOG, "watchdog", signal])
            .arg(child.id().to_string())
            .arg(directory.unwrap_or(Path::new("")))
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match watchdog {
            Ok(watchdog) => Ok(Self { child, pid, watchdog }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error).context("cannot start /bin/sh")
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid, signal).context("cannot signal the process")
    }

    /// The process's status if it has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for the process to end by itself.
    ///
    /// # Errors
    /// It has not ended after 30 s.
    pub(crate) async fn wait(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("process {} has not ended after {PATIENCE:?}", self.child.id());
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // The watchdog goes first: once we have waited for the child its number may belong to another process.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a service ended when it was asked to.
#[derive(Debug, Clone, Copy)]
pub struct Exit {
    /// Its exit status.
    pub status: ExitStatus,
    /// From SIGTERM to the end of the process.
    pub took: Duration,
}

/// A real service binary, run with an environment of its own.
pub struct Service {
    binary: PathBuf,
    environment: BTreeMap<String, String>,
    ready: String,
    log: PathBuf,
    running: Option<Guarded>,
}

impl Service {
    /// Starts `binary serve` with `environment` (the `GARANT__…` variables of our own process are not passed on) and
    /// waits until `/readyz` on the management port of 127.0.0.1 answers 200. Both outputs are appended to `log`.
    ///
    /// # Errors
    /// The service ends early or is not ready within 30 s; the message carries the end of its log.
    pub async fn start(
        binary: &Path,
        environment: BTreeMap<String, String>,
        management_port: u16,
        log: &Path,
    ) -> Result<Self> {
        let mut service = Self {
            binary: binary.to_owned(),
            environment,
            ready: format!("http://127.0.0.1:{management_port}/readyz"),
            log: log.to_owned(),
            running: None,
        };
        service.restart().await?;
        Ok(service)
    }

    /// Starts the service again after it ended, was killed or terminated.
    ///
    /// # Errors
    /// As [`Service::start`]; also when it still runs.
    pub async fn restart(&mut self) -> Result<()> {
        if let Some(running) = &mut self.running
            && running.ended()?.is_none()
        {
            bail!("the service still runs");
        }
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = self.command("serve");
        command.stdout(log.try_clone()?).stderr(log);
        let mut process = Guarded::spawn(&mut command, "KILL", None)?;
        wait_until_ready(&mut process, &self.ready, &self.log).await?;
        self.running = Some(process);
        Ok(())
    }

    /// The number of the process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.child.id())
    }

    /// A command of the same binary (`migrate`, `users …`) with the same environment.
    pub fn command(&self, subcommand: &str) -> Command {
        command(&self.binary, subcommand, &self.environment)
    }

    /// Kills the service with SIGKILL and waits for its end.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill_9(&mut self) -> Result<()> {
        let mut process = self.running.take().context("the service does not run")?;
        process.signal(Signal::KILL)?;
        process.wait().await?;
        Ok(())
    }

    /// Asks the service with SIGTERM to end and waits for it.
    ///
    /// # Errors
    /// It does not run, or has not ended after 30 s.
    pub async fn terminate(&mut self) -> Result<Exit> {
        let mut process = self.running.take().context("the service does not run")?;
        let asked = Instant::now();
        process.signal(Signal::TERM)?;
        let status = process.wait().await?;
        Ok(Exit { status, took: asked.elapsed() })
    }

    /// The exit status if the service has ended by itself.
    ///
    /// # Errors
    /// The process cannot be waited for.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.running.as_mut().map_or(Ok(None), Guarded::ended)
    }

    /// Everything that the service has written to its standard output and error.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(&self.log)?).into_owned())
    }
}

/// `binary subcommand` with exactly the given `GARANT__…` variables.
pub fn command(binary: &Path, subcommand: &str, environment: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(binary);
    command.arg(subcommand);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GARANT__") {
            command.env_remove(name);
        }
    }
    command.envs(environment);
    command
}

/// Waits until `url` answers 200.
pub(crate) async fn wait_until_ready(process: &mut Guarded, url: &str, log: &Path) -> Result<()> {
    wait_until_ready_for(&crate::http::client()?, process, url, log).await
}

/// Waits until `url` answers this client 200.
pub(crate) async fn wait_until_ready_for(
    client: &reqwest::Client,
    process: &mut Guarded,
    url: &str,
    log: &Path,
) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = process.ended()? {
            bail!("it ended with {status} before it was ready:\n{}", tail(log));
        }
        if let Ok(answer) = client.get(url).send().await
            && answer.status() == reqwest::StatusCode::OK
        {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{url} did not answer 200 within {PATIENCE:?}:\n{}", tail(log));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The last lines of a log, for a message.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_guarded_process_and_its_directory_do_not_outlive_us() {
        let directory = tempfile::tempdir().unwrap().keep();
        let mut guarded = Guarded::spawn(Command::new("sleep").arg("60"), "TERM", Some(&directory)).unwrap();
        // The end of our process closes the pipe; so does dropping its end here.
        drop(guarded.watchdog.stdin.take());
        let status = guarded.wait().await.unwrap();
        assert!(!status.success(), "it was ended by a signal");
        guarded.watchdog.wait().unwrap();
        assert!(!directory.exists());
    }
}
