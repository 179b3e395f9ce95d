//! A started system for end-to-end tests: a database of its own, the real `reconciliation` binary, Envoy before it.
//! What other services' systems share with it (their turn, a replica, an answer) is public.
//!
//! It has production's profile and nothing of the sandbox: its client and its user come from the binary's own
//! sub-commands, its operator through the contract.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use testkit::envoy::{Envoy, Parameters};
use testkit::http::Credentials;
use testkit::postgres::{Database, Postgres};
use testkit::process::{Service, command, free_port};
use testkit::statements::Sample;
use testkit::workspace;
use tokio::sync::{Mutex, MutexGuard};

/// The operator whose statements the tests upload; the samples' transactions are of its payment method.
pub const OPERATOR: &str = "DDVAMOOVCI";
/// The user's name.
pub const USERNAME: &str = "aya.kouame";
/// The user's password.
pub const PASSWORD: &str = "quatre-baobabs-au-soleil";

const SCOPES: [&str; 5] = ["read", "write", "operators:write", "transactions:write", "tasks:all"];
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(20);

/// Tests measure seconds: two systems at once would make each other slow.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A system's turn: it ends when the guard is dropped.
pub async fn turn() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().await
}

/// Settings of a service in place of the defaults: `("MATCHING__LEASE_S", "2")`.
pub type Settings<'a> = &'a [(&'a str, &'a str)];

/// The system. Everything ends when it is dropped.
pub struct Stack {
    /// The gateway, with room for 2,000 requests a second.
    pub gateway: Envoy,
    /// The replica behind the gateway.
    pub replica: Replica,
    /// What a client calls it with.
    pub http: Client,
    /// Id and secret of a client that may use both grants and all scopes.
    pub client: (String, String),
    /// The superuser's look at the database.
    pub pool: PgPool,
    /// Where configuration and logs of all processes are.
    pub directory: tempfile::TempDir,
    binary: PathBuf,
    environment: BTreeMap<String, String>,
    _database: Database,
    _turn: MutexGuard<'static, ()>,
}

/// A process of a service.
pub struct Replica {
    /// The process.
    pub process: Service,
    /// Its public port.
    pub port: u16,
    /// Its URL around the gateway, without a trailing slash.
    pub base_url: String,
    /// The URL of its probes and metrics.
    pub management_url: String,
}

impl Stack {
    /// Starts the system on the server that the tests share.
    ///
    /// # Errors
    /// A part does not start; the message carries the end of its log.
    pub async fn start(settings: Settings<'_>) -> Result<Self> {
        Self::start_on(Postgres::shared().await?, settings).await
    }

    /// Starts the system on a server of the test's own.
    ///
    /// # Errors
    /// As [`Stack::start`].
    pub async fn start_on(postgres: &Postgres, settings: Settings<'_>) -> Result<Self> {
        let turn = turn().await;
        let binary = workspace::binary("reconciliation")?;
        let database = postgres.database("reconciliation").await?;
        let directory = tempfile::tempdir()?;
        let gateway_port = free_port()?;
        let mut environment = BTreeMap::from(
            [
                ("DATABASE__URL", database.app_url.clone()),
                ("DATABASE__OWNER_URL", database.owner_url.clone()),
                ("DATABASE__APP_ROLE", database.app_role.clone()),
                ("IDENTITY__ISSUER", format!("http://127.0.0.1:{gateway_port}")),
                ("IDENTITY__KEY_SECRET", testkit::postgres::random(48)),
            ]
            .map(|(key, value)| (format!("GARANT__{key}"), value)),
        );
        set(&mut environment, settings);

        let run = |args: &[&str], input| administer(&binary, &environment, args, input);
        run(&["migrate"], "")?;
        let mut create = vec!["clients", "create", "Channel", "--grant", "password"];
        create.extend(["--grant", "client_credentials"]);
        let scopes = SCOPES.iter().flat_map(|scope| ["--scope", scope]);
        create.extend(scopes.clone());
        let created = run(&create, "")?;
        let client = (printed(&created, "client_id")?, printed(&created, "client_secret")?);
        let mut create = vec!["users", "create", USERNAME, "--password-stdin"];
        create.extend(scopes);
        run(&create, PASSWORD)?;

        let log = directory.path().join("service.log");
        let replica = Replica::start(&binary, environment.clone(), &log).await?;
        let parameters = Parameters::to("reconciliation", replica.port, gateway_port);
        let gateway = Envoy::start(&parameters, directory.path()).await.context("gateway")?;
        let pool = PgPool::connect(&database.superuser_url).await?;
        let stack = Self {
            gateway,
            replica,
            http: testkit::http::client()?,
            client,
            pool,
            directory,
            binary,
            environment,
            _database: database,
            _turn: turn,
        };
        let operator = json!({
            "code": OPERATOR, "nom": OPERATOR, "description": "", "account": "2250000000544",
            "payment_method": "FLOOZ",
        });
        let token = stack.token(None).await?;
        let put = stack.request(Method::PUT, &format!("/operateurs/{OPERATOR}")).bearer_auth(token);
        Answer::to(put.json(&operator)).await?.expect(StatusCode::CREATED)?;
        Ok(stack)
    }

    /// A further process on the same database, not behind the gateway, with settings of its own.
    ///
    /// # Errors
    /// It does not start.
    pub async fn another_replica(&self, settings: Settings<'_>) -> Result<Replica> {
        let mut environment = self.environment.clone();
        set(&mut environment, settings);
        Replica::start(&self.binary, environment, &self.directory.path().join("another.log")).await
    }

    /// Runs a sub-command of the service's binary and returns what it prints.
    ///
    /// # Errors
    /// It fails; the message carries what it says.
    pub fn administer(&self, args: &[&str]) -> Result<String> {
        administer(&self.binary, &self.environment, args, "")
    }

    /// A request through the gateway.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.gateway.base_url()))
    }

    /// A GET through the gateway.
    pub fn get(&self, path: &str, token: &str) -> RequestBuilder {
        self.request(Method::GET, path).bearer_auth(token)
    }

    /// A POST through the gateway.
    pub fn post(&self, path: &str, token: &str) -> RequestBuilder {
        self.request(Method::POST, path).bearer_auth(token)
    }

    /// A token of the user, with the given scopes, or all.
    ///
    /// # Errors
    /// It is refused.
    pub async fn token(&self, scope: Option<&str>) -> Result<String> {
        let credentials =
            Credentials { client: (&self.client.0, &self.client.1), user: Some((USERNAME, PASSWORD)), scope };
        testkit::http::token(&self.http, self.gateway.base_url(), credentials).await
    }

    /// Stores the aggregator's side of a sample.
    ///
    /// # Errors
    /// Not all of it is new and taken.
    pub async fn ingest(&self, token: &str, sample: &Sample) -> Result<()> {
        let mut transactions = Vec::new();
        sample.write_transactions(&mut transactions)?;
        let request = self.post("/transactions/", token).header(CONTENT_TYPE, "application/x-ndjson");
        let ingested = Answer::to(request.body(transactions)).await?.expect(StatusCode::OK)?;
        ensure!(ingested["inserted"] == sample.transactions().count(), "{ingested}");
        Ok(())
    }

    /// The upload of a statement over the sample's window.
    pub fn upload(&self, token: &str, sample: &Sample, statement: impl Into<Body>) -> RequestBuilder {
        let (from, to) = sample.window();
        let form = Form::new()
            .text("operateur", OPERATOR)
            .text("dateDebut", from)
            .text("dateFin", to)
            .part("fichier", Part::stream(statement).file_name("statement.csv"));
        self.post("/reconciliation/", token).multipart(form)
    }

    /// Uploads a sample's statement as CSV and returns the task's number.
    ///
    /// # Errors
    /// It is refused.
    pub async fn reconcile(&self, token: &str, sample: &Sample) -> Result<i64> {
        let mut statement = Vec::new();
        sample.write_csv(&mut statement)?;
        let task = Answer::to(self.upload(token, sample, statement)).await?.expect(StatusCode::CREATED)?;
        task["id"].as_i64().context("the task has no id")
    }

    /// The task, once it is TERMINE.
    ///
    /// # Errors
    /// It ends ECHEC, or not at all.
    pub async fn finished(&self, token: &str, id: i64) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = Answer::to(self.get(&format!("/taches/{id}"), token)).await?;
            let task = answer.expect(StatusCode::OK)?;
            match task["etat"].as_str() {
                Some("TERMINE") => return Ok(task),
                Some("ATTENTE" | "ENCOURS") if Instant::now() < deadline => tokio::time::sleep(POLL).await,
                _ => bail!("the task does not end well: {task}"),
            }
        }
    }

    /// Waits until `condition`, a query of one boolean, holds in the database.
    ///
    /// # Errors
    /// It does not come to hold, or is no such query.
    pub async fn until(&self, condition: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !sqlx::query_scalar::<_, bool>(AssertSqlSafe(condition)).fetch_one(&self.pool).await? {
            ensure!(Instant::now() < deadline, "it did not come to hold: {condition}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}

impl Replica {
    /// Starts a service's binary on free ports and waits until it is ready. `environment` holds the variables by their
    /// full names, `GARANT__…`.
    ///
    /// # Errors
    /// It does not start; the message carries the end of its log.
    pub async fn start(binary: &Path, mut environment: BTreeMap<String, String>, log: &Path) -> Result<Self> {
        let (port, management_port) = (free_port()?, free_port()?);
        let (listen, management) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{management_port}"));
        set(&mut environment, &[("SERVER__LISTEN", &listen), ("MANAGEMENT__LISTEN", &management)]);
        let process = Service::start(binary, environment, management_port, log).await.context("service")?;
        Ok(Self {
            process,
            port,
            base_url: format!("http://{listen}"),
            management_url: format!("http://{management}"),
        })
    }

    /// Whether it says that it may get traffic.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn is_ready(&self, http: &Client) -> Result<bool> {
        let answer = http.get(format!("{}/readyz", self.management_url)).send().await?;
        Ok(answer.status() == StatusCode::OK)
    }
}

/// An answer with its body.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// Sends the request.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn to(request: RequestBuilder) -> Result<Self> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Self { status, headers, text: answer.text().await? })
    }

    /// The body as JSON, if the status is this one.
    ///
    /// # Errors
    /// It is another one, or the body is no JSON.
    pub fn expect(&self, status: StatusCode) -> Result<Value> {
        ensure!(self.status == status, "{} and not {status}: {}", self.status, self.text);
        serde_json::from_str(&self.text).with_context(|| self.text.clone())
    }

    /// The code of an error in the contract's shape: `{"detail","code"}` and perhaps `field`, as JSON.
    ///
    /// # Errors
    /// It has another shape.
    pub fn code(&self) -> Result<String> {
        let shape = || format!("not the contract's shape: {} {:?} {}", self.status, self.headers, self.text);
        ensure!(self.header("content-type") == Some("application/json"), shape());
        let body: Value = serde_json::from_str(&self.text).with_context(shape)?;
        let body = body.as_object().with_context(shape)?;
        ensure!(body.keys().all(|key| ["detail", "code", "field"].contains(&key.as_str())), shape());
        ensure!(
            body.get("detail").is_some_and(|detail| detail.as_str().is_some_and(|s| !s.is_empty())),
            shape()
        );
        body.get("code").and_then(Value::as_str).map(str::to_owned).with_context(shape)
    }

    /// A header's value, where it is there once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }
}

fn set(environment: &mut BTreeMap<String, String>, settings: Settings<'_>) {
    let settings = settings.iter().map(|(key, value)| (format!("GARANT__{key}"), (*value).to_owned()));
    environment.extend(settings);
}

fn administer(
    binary: &Path,
    environment: &BTreeMap<String, String>,
    args: &[&str],
    input: &str,
) -> Result<String> {
    let (subcommand, args) = args.split_first().context("no sub-command")?;
    let mut child = command(binary, subcommand, environment)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // Dropped at the end of the statement: the input ends there.
    child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{subcommand} {args:?} ended with {}: {error}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// The value of a line `name value`.
fn printed(output: &str, name: &str) -> Result<String> {
    let value = output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(value.with_context(|| format!("{name} was not printed"))?.to_owned())
}
