//! A running service with a database of its own, and how to talk to it.

use std::sync::Arc;

use common::passwords::Passwords;
use common::server::Profile;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use secure_consumer::config::Config;
use secure_consumer::{Application, store};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::postgres::{Database, Postgres};
use tokio::sync::OnceCell;

pub const LOGIN: &str = "boutique";
pub const PASSWORD: &str = "trois-hiboux-sur-le-toit";
pub const PATH: &str = "/ssp/secure_consumer";

pub struct TestApp {
    pub base: String,
    pub http: Client,
    pub pool: PgPool,
    pub database: Arc<Database>,
    pub config: Config,
}

/// With no connector.
pub async fn app() -> TestApp {
    app_with(|_| ()).await
}

pub async fn app_with(change: impl FnOnce(&mut Config)) -> TestApp {
    let postgres = Postgres::shared().await.unwrap();
    let template = template(postgres).await;
    let database = postgres.database_from_template("secure_consumer", template).await.unwrap();
    let mut config = config(&database);
    change(&mut config);
    let pool = PgPool::connect(&database.superuser_url).await.unwrap();
    let app = TestApp {
        base: start(config.clone()).await,
        http: testkit::http::client().unwrap(),
        pool,
        database: Arc::new(database),
        config,
    };
    app.add_account(LOGIN, PASSWORD, &[]).await;
    app
}

async fn start(config: Config) -> String {
    let application = Application::build(config, prometheus::Registry::new()).await.unwrap();
    let base = format!("http://{}", application.address());
    tokio::spawn(application.run_until_stopped());
    base
}

async fn template(postgres: &Postgres) -> &'static Database {
    static TEMPLATE: OnceCell<Database> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let database = postgres.database("secure_consumer").await.unwrap();
            config(&database).database.migrate(&store::parts()).await.unwrap();
            database
        })
        .await
}

pub fn config(database: &Database) -> Config {
    let mut config = Config::default();
    config.server.listen = ([127, 0, 0, 1], 0).into();
    config.server.profile = Profile::Local;
    config.server.workers = 1;
    config.management.listen = ([127, 0, 0, 1], 0).into();
    config.database.url = database.app_url.clone().into();
    config.database.owner_url = Some(database.owner_url.clone().into());
    config.database.app_role = Some(database.app_role.clone());
    config.history.secret = "a secret of the tests, 32 characters or more".into();
    config.accounts.hashing.memory_kib = 8;
    config.accounts.hashing.iterations = 1;
    config
}

impl TestApp {
    /// Adds an account and waits until the service knows it.
    pub async fn add_account(&self, login: &str, password: &str, networks: &[&str]) {
        let networks: Vec<_> = networks.iter().map(|network| network.parse().unwrap()).collect();
        let hash =
            Passwords::new(&self.config.accounts.hashing).unwrap().hash(&password.into()).await.unwrap();
        let now = chrono::DateTime::UNIX_EPOCH;
        assert!(store::accounts::insert(&self.pool, login, &hash, &networks, now).await.unwrap());
        self.looked().await;
    }

    /// Longer than a replica waits before it looks for changes of accounts.
    pub async fn looked(&self) {
        tokio::time::sleep(std::time::Duration::from_millis(1_300)).await;
    }

    /// A further replica on the same database.
    pub async fn another_replica(&self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.config.clone();
        change(&mut config);
        Self {
            base: start(config.clone()).await,
            http: self.http.clone(),
            pool: self.pool.clone(),
            database: self.database.clone(),
            config,
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).basic_auth(LOGIN, Some(PASSWORD))
    }

    pub async fn check(&self, body: &Value) -> Response {
        self.request(Method::POST, PATH).json(body).send().await.unwrap()
    }

    /// The score of a body, and its reasons by check.
    pub async fn scored(&self, body: &Value) -> (u8, Value) {
        let request = self.request(Method::POST, &format!("{PATH}?detail=1")).json(body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["result"], true, "{answer}");
        let mut outcomes = json!({});
        for reason in answer["reasons"].as_array().unwrap() {
            outcomes[reason["check"].as_str().unwrap()] = reason["outcome"].clone();
        }
        (answer["score"].as_str().unwrap().parse().unwrap(), outcomes)
    }
}

/// The code and status of a refusal.
pub async fn refusal(answer: Response) -> (StatusCode, String) {
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    assert_eq!(body["result"], false, "{body}");
    (status, body["code"].as_str().unwrap().to_owned())
}

/// A person who does not exist, with an account that could.
pub fn genuine() -> Value {
    json!({
        "consumer_last_name": "Lemoine",
        "consumer_first_name": "Camille",
        "consumer_address_street_number": "12",
        "consumer_address_street_type": "rue",
        "consumer_address_street_name": "des Lilas",
        "consumer_address_complement": "Bâtiment B",
        "consumer_zip_code": "35000",
        "consumer_city": "Rennes",
        "consumer_country": "FR",
        "consumer_email": "camille.lemoine@orange.fr",
        "consumer_phone_number": "06 12 34 56 78",
        "iban": "FR76 3000 4008 2800 0012 3456 703",
    })
}

/// `genuine` with some fields other.
pub fn genuine_but(changes: Value) -> Value {
    let mut body = genuine();
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}
