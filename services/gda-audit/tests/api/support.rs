//! A running service with a database of its own, and how to talk to it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::server::Profile;
use gda_audit::config::{Config, ListConfig};
use gda_audit::domain::control::ControlType;
use gda_audit::lists::Format;
use gda_audit::{Application, store};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;
use testkit::issuer::Issuer;
use testkit::postgres::{Database, Postgres};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use url::Url;

pub const SCOPES: &str = "screening:read screening:write screening:decide lists:write";
/// 32 bytes.
pub const SIGNING_KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

pub struct TestApp {
    pub base: String,
    pub http: Client,
    pub issuer: Issuer,
    pub pool: PgPool,
    pub database: Database,
    pub config: Config,
    /// Where the file of anchored heads is.
    pub anchor: TempDir,
    serving: JoinHandle<anyhow::Result<()>>,
}

/// A list without official URLs.
pub fn list(source: &str, format: Format) -> ListConfig {
    let control_type = if format == Format::SimplePepCsv { ControlType::Pep } else { ControlType::Blacklist };
    ListConfig {
        source: source.to_owned(),
        control_type,
        format,
        urls: Vec::new(),
        every_s: None,
        may_be_partial: false,
        max_shrink_share: 0.2,
    }
}

pub async fn app() -> TestApp {
    app_with(vec![
        list("UN", Format::UnXml),
        list("OFAC", Format::OfacCsv),
        list("PEP", Format::SimplePepCsv),
    ])
    .await
}

pub async fn app_with(lists: Vec<ListConfig>) -> TestApp {
    app_configured(lists, |_| ()).await
}

/// With an anchor at this URL, or in a file.
pub async fn app_of(lists: Vec<ListConfig>, anchor_url: Option<String>) -> TestApp {
    let anchored = |config: &mut Config| {
        if let Some(url) = anchor_url {
            config.audit.anchor.url = url.into();
        }
    };
    app_configured(lists, anchored).await
}

pub async fn app_configured(lists: Vec<ListConfig>, change: impl FnOnce(&mut Config)) -> TestApp {
    let postgres = Postgres::shared().await.unwrap();
    let template = template(postgres).await;
    let database = postgres.database_from_template("gda_audit", template).await.unwrap();
    let issuer = Issuer::start().await.unwrap();
    let mut config = config(&database);
    let anchor = tempfile::tempdir().unwrap();
    let file = Url::from_file_path(anchor.path().join("heads.jsonl")).unwrap();
    config.audit.anchor.url = String::from(file).into();
    config.audit.signing_key = SIGNING_KEY.to_owned().into();
    config.lists = lists;
    config.renewal.poll_ms = 100;
    config.auth.issuers = vec![common::auth::IssuerConfig {
        issuer: issuer.issuer(),
        jwks_url: issuer.jwks_url().parse().unwrap(),
    }];
    change(&mut config);
    let pool = PgPool::connect(&database.superuser_url).await.unwrap();
    let (base, serving) = start(config.clone()).await;
    TestApp { base, http: testkit::http::client().unwrap(), issuer, pool, database, config, anchor, serving }
}

async fn start(config: Config) -> (String, JoinHandle<anyhow::Result<()>>) {
    let application = Application::build(config, prometheus::Registry::new()).await.unwrap();
    let base = format!("http://{}", application.address());
    (base, tokio::spawn(application.run_until_stopped()))
}

async fn template(postgres: &Postgres) -> &'static Database {
    static TEMPLATE: OnceCell<Database> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let database = postgres.database("gda_audit").await.unwrap();
            config(&database).database.migrate(&store::parts()).await.unwrap();
            database
        })
        .await
}

fn config(database: &Database) -> Config {
    let mut config = Config::default();
    config.server.listen = ([127, 0, 0, 1], 0).into();
    config.server.profile = Profile::Local;
    config.server.workers = 1;
    config.management.listen = ([127, 0, 0, 1], 0).into();
    config.webhooks.key_secret = "a secret of the tests, 32 characters or more".to_owned().into();
    config.webhooks.poll_ms = 100;
    config.database.url = database.app_url.clone().into();
    config.database.owner_url = Some(database.owner_url.clone().into());
    config.database.app_role = Some(database.app_role.clone());
    config
}

/// A file of the shipped sandbox.
pub fn sandbox(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("sandbox").join(name)).unwrap()
}

impl TestApp {
    pub fn token(&self, scope: &str) -> String {
        self.issuer.token("compliance", "gda-audit", scope).claim("preferred_username", "ana.lyst").signed()
    }

    /// A further replica on the same database.
    pub async fn another_replica(&self) -> String {
        start(self.config.clone()).await.0
    }

    /// Ends the service's background work, so that other processes do it.
    pub async fn stop(&self) {
        self.serving.abort();
        while !self.serving.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(self.token(SCOPES))
    }

    /// Adds source `S` and these flows of it, by name and control types.
    pub async fn add_flows(&self, flows: &[(&str, &[&str])]) {
        let source = self.request(Method::POST, "/sources").json(&json!({"name": "S"}));
        assert!(source.send().await.unwrap().status().is_success());
        for (name, control_types) in flows {
            let flow = json!({"name": name, "source": "S", "controlTypes": control_types});
            body(self.request(Method::POST, "/flows").json(&flow), StatusCode::CREATED).await;
        }
    }

    /// `PUT /checkrisk` of somebody.
    pub fn check_risk(&self, flow: &str, reference: &str, first: &str, last: &str) -> RequestBuilder {
        let person = json!({
            "externalRef": {"externalRefId": reference}, "identity": {"firstName": first, "lastName": last},
        });
        self.request(Method::PUT, &format!("/checkrisk?flowName={flow}")).json(&person)
    }

    /// `POST /imports/stock` of a file.
    pub fn import_persons(
        &self,
        flow: &str,
        media_type: &str,
        file: impl Into<reqwest::Body>,
    ) -> RequestBuilder {
        let path = format!("/imports/stock?flowName={flow}&subSources=north,south");
        self.request(Method::POST, &path).header("content-type", media_type).body(file)
    }

    /// An import that has ended.
    pub async fn ended(&self, import: &Value) -> Value {
        let path = format!("/imports/{}", import["dataImportId"].as_str().unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let import = self.get(&path).await;
            if import.get("endedAt").is_some() {
                return import;
            }
            assert!(Instant::now() < deadline, "it does not end: {import}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Imports persons and waits until they are screened.
    pub async fn imported(&self, flow: &str, file: impl Into<reqwest::Body>) -> Value {
        let taken = body(self.import_persons(flow, "text/csv", file), StatusCode::ACCEPTED).await;
        self.ended(&taken).await
    }

    /// Controls somebody; the person's number.
    pub async fn checked(&self, flow: &str, reference: &str, first: &str, last: &str) -> String {
        let checked = body(self.check_risk(flow, reference, first, last), StatusCode::OK).await;
        checked["personId"].as_str().unwrap().to_owned()
    }

    pub async fn get(&self, path: &str) -> Value {
        body(self.request(Method::GET, path), StatusCode::OK).await
    }

    pub fn upload(&self, source: &str, files: &[(&str, Vec<u8>)]) -> RequestBuilder {
        let part =
            |(name, content): &(&str, Vec<u8>)| Part::bytes(content.clone()).file_name((*name).to_owned());
        let form = files.iter().fold(Form::new(), |form, file| form.part("file", part(file)));
        self.request(Method::POST, &format!("/lists/{source}/imports")).multipart(form)
    }

    /// Imports a sandbox list and waits until it is screened against.
    pub async fn import(&self, source: &str, files: &[&str]) -> Value {
        let files: Vec<_> =
            files.iter().map(|name| (name.rsplit('/').next().unwrap(), sandbox(name))).collect();
        let imported = body(self.upload(source, &files), StatusCode::CREATED).await;
        self.screened_against(source, imported["edition"]["id"].as_str().unwrap()).await;
        imported
    }

    /// Makes a source and a flow that controls the types against all their lists.
    pub async fn flow(&self, name: &str, source: &str, control_types: &[&str]) {
        let sent = |path: &str, body: Value| self.request(Method::POST, path).json(&body).send();
        let answer = sent("/sources", json!({"name": source})).await.unwrap();
        assert!(answer.status().is_success());
        let flow = json!({"name": name, "source": source, "controlTypes": control_types});
        let answer = sent("/flows", flow).await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Controls a person.
    pub async fn check(&self, flow: &str, person: Value) -> Value {
        let path = format!("/checkrisk?flowName={flow}");
        body(self.request(Method::PUT, &path).json(&person), StatusCode::OK).await
    }

    /// What `GET /pisteaudit` shows.
    pub async fn trail(&self, source: &str, reference: &str, control_type: &str) -> Value {
        let query = [("sourceName", source), ("externalRefId", reference), ("controlType", control_type)];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.get(&format!("/pisteaudit?{query}")).await
    }

    pub async fn screened_against(&self, source: &str, edition: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let editions =
                self.screen(&self.base, json!({"persons": [{"name": "x"}]})).await["editions"].clone();
            let is_it = |e: &Value| e["source"] == source && e["id"] == edition;
            if editions.as_array().unwrap().iter().any(is_it) {
                return;
            }
            assert!(Instant::now() < deadline, "{source} {edition} does not come into force: {editions}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn screen(&self, base: &str, request: Value) -> Value {
        let screen = self.http.post(format!("{base}/screen")).bearer_auth(self.token("screening:read"));
        body(screen.json(&request), StatusCode::OK).await
    }
}

/// The body of an answer that has the expected status.
pub async fn body(request: RequestBuilder, status: StatusCode) -> Value {
    let response = request.send().await.unwrap();
    let (actual, kind) = (response.status(), response.headers()["content-type"].clone());
    let text = response.text().await.unwrap();
    assert_eq!(actual, status, "{text}");
    assert_eq!(kind == "application/problem+json", status.as_u16() >= 400, "{kind:?} {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
