//! A running service with a database of its own, and how to talk to it.

use std::time::{Duration, Instant};

use common::clock::SystemClock;
use identity::sandbox::{self, Sandbox, SandboxUser};
use reconciliation::Application;
use reconciliation::config::Config;
use reconciliation::domain::operator::OperatorConfig;
use reconciliation::store;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::postgres::{Database, Postgres};
use tokio::sync::OnceCell;

pub const WINDOW: (&str, &str) = ("2021-05-24T00:00", "2021-05-24T23:59");

/// A service that ends with the test's runtime.
pub struct TestApp {
    pub base: String,
    pub http: reqwest::Client,
    pub pool: PgPool,
}

/// The service with the sandbox's users, client and operators.
pub async fn app() -> TestApp {
    app_with(|_| ()).await
}

pub async fn app_with(change: impl FnOnce(&mut Config)) -> TestApp {
    let postgres = Postgres::shared().await.unwrap();
    let template = template(postgres).await;
    let database = postgres.database_from_template("reconciliation", template).await.unwrap();
    let mut config = config(&database);
    change(&mut config);
    let application = Application::build(config, prometheus::Registry::new()).await.unwrap();
    let base = format!("http://{}", application.address());
    tokio::spawn(application.run_until_stopped());
    let pool = PgPool::connect(&database.superuser_url).await.unwrap();
    TestApp { base, http: testkit::http::client().unwrap(), pool }
}

/// Migrated and with the sandbox in it; made once, copied for each test.
async fn template(postgres: &Postgres) -> &'static Database {
    static TEMPLATE: OnceCell<Database> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let database = postgres.database("reconciliation").await.unwrap();
            config(&database).database.migrate(&store::parts()).await.unwrap();
            let pool = PgPool::connect(&database.superuser_url).await.unwrap();
            load_sandbox(&pool, &config(&database)).await;
            pool.close().await;
            database
        })
        .await
}

pub fn config(database: &Database) -> Config {
    let mut config = Config::default();
    config.server.listen = ([127, 0, 0, 1], 0).into();
    config.server.profile = common::server::Profile::Local;
    config.server.workers = 1;
    config.management.listen = ([127, 0, 0, 1], 0).into();
    config.database.url = database.app_url.clone().into();
    config.database.owner_url = Some(database.owner_url.clone().into());
    config.database.app_role = Some(database.app_role.clone());
    config.identity.issuer = "http://issuer.test".to_owned();
    config.identity.key_secret = "a secret of the tests, 32 characters or more".to_owned().into();
    config.identity.registration = true;
    config.identity.hashing.memory_kib = 64;
    config.identity.hashing.iterations = 1;
    config
}

const SCOPES: [&str; 5] = ["read", "write", "operators:write", "transactions:write", "tasks:all"];

/// The sandbox's client and users, `analyst` with `tasks:all`, and its operators.
async fn load_sandbox(pool: &PgPool, config: &Config) {
    let scopes = |except: &str| SCOPES.iter().filter(|s| **s != except).map(|s| (*s).to_owned()).collect();
    let users = ["demo1", "demo2", "analyst"].map(|username| SandboxUser {
        username,
        roles: Vec::new(),
        scopes: scopes(if username == "analyst" { "" } else { "tasks:all" }),
    });
    let audiences = vec!["reconciliation".to_owned(), "classifications".to_owned()];
    let accounts = Sandbox { scopes: scopes(""), audiences, users: users.to_vec() };
    let clock = SystemClock::shared();
    sandbox::load(pool, &config.identity.hashing, &clock, &accounts, &[]).await.unwrap();

    let mut connection = pool.acquire().await.unwrap();
    for (id, code, payment_method) in [
        (1, "DDVAOMCI", "OMCIDIRECT"),
        (11, "DDVAMOOVCI", "FLOOZ"),
        (16, "DDVAVISA", "VISA"),
        (17, "OMCI", "OM"),
    ] {
        let config = OperatorConfig::parse(operator(code, payment_method)).unwrap();
        store::operators::put(&mut connection, Some(id), code, &config.to_json(), "test", clock.now())
            .await
            .unwrap();
    }
    sqlx::query("SELECT setval(pg_get_serial_sequence('reconciliation.operators', 'id'), 17)")
        .execute(&mut *connection)
        .await
        .unwrap();
}

pub fn operator(code: &str, payment_method: &str) -> Value {
    json!({"code": code, "nom": code, "description": "", "account": "0700000000", "payment_method": payment_method})
}

impl TestApp {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub fn get(&self, path: &str, token: &str) -> RequestBuilder {
        self.request(Method::GET, path).bearer_auth(token)
    }

    pub fn post(&self, path: &str, token: &str) -> RequestBuilder {
        self.request(Method::POST, path).bearer_auth(token)
    }

    pub fn put(&self, path: &str, token: &str) -> RequestBuilder {
        self.request(Method::PUT, path).bearer_auth(token)
    }

    /// A token of a sandbox user; `scope` narrows it.
    pub async fn token_of(&self, user: &str, scope: Option<&str>) -> String {
        let credentials = testkit::http::Credentials {
            client: ("sandbox", "sandbox-secret"),
            user: Some((user, "sandbox")),
            scope,
        };
        testkit::http::token(&self.http, &self.base, credentials).await.unwrap()
    }

    pub async fn token(&self) -> String {
        self.token_of("demo1", None).await
    }

    pub async fn ingest(&self, token: &str, transactions: &[Value]) -> Value {
        let response = self.post("/transactions/", token).json(&transactions).send().await.unwrap();
        body(response, StatusCode::OK).await
    }

    /// Uploads a statement as a file for operator OMCI over [`WINDOW`].
    pub async fn upload(&self, token: &str, file_name: &str, content: Vec<u8>) -> Response {
        let part = reqwest::multipart::Part::bytes(content).file_name(file_name.to_owned());
        let form = reqwest::multipart::Form::new()
            .text("operateur", "OMCI")
            .text("dateDebut", WINDOW.0)
            .text("dateFin", WINDOW.1)
            .part("fichier", part);
        self.post("/reconciliation/", token).multipart(form).send().await.unwrap()
    }

    /// Uploads a statement, waits for the end of its task and returns the task's number.
    pub async fn reconciled(&self, token: &str, statement: Vec<u8>) -> i64 {
        let task = body(self.upload(token, "a.csv", statement).await, StatusCode::CREATED).await;
        let id = task["id"].as_i64().unwrap();
        self.finished(token, id).await;
        id
    }

    /// Waits for the end of a task and returns it.
    pub async fn finished(&self, token: &str, id: i64) -> Value {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let task =
                body(self.get(&format!("/taches/{id}"), token).send().await.unwrap(), StatusCode::OK).await;
            if ["TERMINE", "ECHEC"].contains(&task["etat"].as_str().unwrap()) {
                return task;
            }
            assert!(Instant::now() < deadline, "task {id} does not end: {task}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn details(&self, token: &str, id: i64) -> Value {
        let response = self.get(&format!("/details_taches/{id}"), token).send().await.unwrap();
        body(response, StatusCode::OK).await
    }

    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&self.pool).await.unwrap()
    }
}

/// The body of an answer that has the expected status.
pub async fn body(response: Response, status: StatusCode) -> Value {
    let actual = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(actual, status, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A statement in the default header.
pub fn csv(rows: &[&str]) -> Vec<u8> {
    let mut text = "payment_date,payid,status,phone_num,amount,trans_id,account,agent\n".to_owned();
    for row in rows {
        text.push_str(row);
        text.push('\n');
    }
    text.into_bytes()
}

pub fn transaction(id: &str, payid: &str, status: &str, amount: i64) -> Value {
    json!({
        "cpm_trans_id": id, "payid": payid, "payment_method": "OM", "status": status, "cpm_amount": amount,
        "currency": "XOF", "cel_phone_num": "0700000001", "cpm_payment_date": "2021-05-24T07:52:30Z"
    })
}
