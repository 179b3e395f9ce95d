use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_http::Request;
use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{self, HeaderMap};
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, web};
use chrono::DateTime;
use common::auth::{Authenticator, Identity, authenticate};
use common::clock::{ManualClock, SharedClock};
use common::db::DatabaseConfig;
use common::error::{Renderer, render_errors};
use common::server::Profile;
use identity::sandbox::{self, Sandbox, SandboxUser};
use identity::{
    Administration, AuthorizationServer, ClientsCommand, HashingConfig, Host, IdentityConfig, UsersCommand,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::postgres::{Database, Postgres};

pub const SERVICE: &str = "reconciliation";
pub const ISSUER: &str = "http://127.0.0.1:8080/o";
pub const SANDBOX: [(&str, &str); 2] = [("client_id", "sandbox"), ("client_secret", "sandbox-secret")];

/// A fresh database with the sandbox in it, a server on it, and a clock that stands still.
pub struct TestServer {
    pub server: Arc<AuthorizationServer>,
    pub clock: Arc<ManualClock>,
    pub pool: PgPool,
    pub database: Database,
    pub config: IdentityConfig,
    pub host: Host,
}

impl TestServer {
    pub async fn start() -> Self {
        Self::start_with(|_, _| {}).await
    }

    pub async fn start_with(adapt: impl FnOnce(&mut IdentityConfig, &mut Host)) -> Self {
        let database = Postgres::shared().await.unwrap().database("identity").await.unwrap();
        let config = DatabaseConfig {
            url: database.app_url.clone().into(),
            owner_url: Some(database.owner_url.clone().into()),
            app_role: Some(database.app_role.clone()),
            ..DatabaseConfig::default()
        };
        config.migrate(&[identity::part()]).await.unwrap();
        let pool = config.pool().unwrap();
        common::db::require_migrations(&pool, &[identity::part()]).await.unwrap();

        let mut config = IdentityConfig {
            issuer: ISSUER.to_owned(),
            key_secret: "a key secret for tests, long enough".into(),
            registration: true,
            hashing: hashing(),
            ..IdentityConfig::default()
        };
        let mut host = Host {
            service: SERVICE,
            first_party_scopes: &["read", "write"],
            profile: Profile::Local,
            trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
        };
        adapt(&mut config, &mut host);
        let clock = ManualClock::at(DateTime::from_timestamp(1_795_000_000, 0).unwrap());
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let user = |username, roles: &[&str], scopes: &[&str]| SandboxUser {
            username,
            roles: strings(roles),
            scopes: strings(scopes),
        };
        let contents = Sandbox {
            scopes: strings(&["read", "write", "tasks:all", "screening:read"]),
            audiences: strings(&[SERVICE, "gda-audit"]),
            users: vec![
                user("demo1", &["insured"], &["read", "write"]),
                user("demo2", &["insured"], &["read", "write"]),
                user("analyst", &["analyst"], &["read", "screening:read", "lists:write"]),
            ],
        };
        sandbox::load(&pool, &config.hashing, &shared(&clock), &contents, &[]).await.unwrap();
        let server = open(&config, &pool, &clock, &host).await;
        Self { server, clock, pool, database, config, host }
    }

    /// Another replica on the same database.
    pub async fn replica(&self) -> Arc<AuthorizationServer> {
        open(&self.config, &self.pool, &self.clock, &self.host).await
    }

    pub async fn clients(&self, arguments: &[&str]) -> anyhow::Result<String> {
        #[derive(clap::Parser)]
        struct Cli {
            #[command(subcommand)]
            command: ClientsCommand,
        }
        let cli: Cli = parse(arguments)?;
        let mut output = Vec::new();
        cli.command.run(&mut self.administration(&shared(&self.clock), &mut output)).await?;
        Ok(String::from_utf8(output)?)
    }

    pub async fn users(&self, arguments: &[&str]) -> anyhow::Result<String> {
        #[derive(clap::Parser)]
        struct Cli {
            #[command(subcommand)]
            command: UsersCommand,
        }
        let cli: Cli = parse(arguments)?;
        let mut output = Vec::new();
        cli.command.run(&mut self.administration(&shared(&self.clock), &mut output)).await?;
        Ok(String::from_utf8(output)?)
    }

    fn administration<'a>(&'a self, clock: &'a SharedClock, output: &'a mut Vec<u8>) -> Administration<'a> {
        Administration { pool: &self.pool, hashing: &self.config.hashing, clock, service: SERVICE, output }
    }
}

fn parse<T: clap::Parser>(arguments: &[&str]) -> anyhow::Result<T> {
    Ok(T::try_parse_from(std::iter::once(&"test").chain(arguments))?)
}

async fn open(
    config: &IdentityConfig,
    pool: &PgPool,
    clock: &Arc<ManualClock>,
    host: &Host,
) -> Arc<AuthorizationServer> {
    AuthorizationServer::open(config.clone(), pool.clone(), shared(clock), host.clone()).await.unwrap()
}

pub fn shared(clock: &Arc<ManualClock>) -> SharedClock {
    clock.clone()
}

/// As weak as Argon2 allows.
pub fn hashing() -> HashingConfig {
    HashingConfig { memory_kib: 8, iterations: 1, ..HashingConfig::default() }
}

/// The value printed after `name` by a command.
pub fn printed<'a>(output: &'a str, name: &str) -> &'a str {
    output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap()
}

/// The handlers as a service mounts them, and `/whoami` behind the resource server.
pub async fn app(
    test: &TestServer,
) -> impl Service<Request, Response = ServiceResponse<BoxBody>, Error = Error> + use<> {
    app_of(&test.server, &test.clock, SERVICE).await
}

pub async fn app_of(
    server: &Arc<AuthorizationServer>,
    clock: &Arc<ManualClock>,
    audience: &'static str,
) -> impl Service<Request, Response = ServiceResponse<BoxBody>, Error = Error> + use<> {
    let issuers = HashMap::from([(server.issuer().to_owned(), server.trusted_issuer())]);
    let authenticator = Arc::new(Authenticator::new(audience, issuers, shared(clock)));
    let renderer = Renderer {
        content_type: "application/json",
        body: |problem, _| Some(json!({ "detail": problem.detail, "code": problem.code })),
    };
    init_service(
        App::new()
            .app_data(web::Data::from(server.clone()))
            .route("/token", web::post().to(identity::http::token))
            .route("/revoke", web::post().to(identity::http::revoke))
            .route("/introspect", web::post().to(identity::http::introspect))
            .route("/jwks", web::get().to(identity::http::jwks))
            .route("/whoami", web::get().to(whoami))
            .wrap(from_fn(move |request, next| authenticate(authenticator.clone(), request, next)))
            .wrap(from_fn(move |request, next| render_errors(renderer, request, next))),
    )
    .await
}

async fn whoami(identity: Identity) -> web::Json<Value> {
    web::Json(serde_json::to_value(identity.claims()).unwrap())
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field} in {self:?}")).to_owned()
    }

    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and OAuth error code.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.text("error"))
    }
}

pub async fn call<S>(app: &S, request: TestRequest) -> Answer
where
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    let peer: SocketAddr = "127.0.0.1:50000".parse().unwrap();
    let response = app.call(request.peer_addr(peer).to_request()).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = to_bytes(response.into_body()).await.unwrap();
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
    Answer { status, headers, body }
}

pub fn form(path: &str, fields: &[(&str, &str)]) -> TestRequest {
    TestRequest::post().uri(path).set_form(fields)
}

/// A form with the sandbox client's credentials in it.
pub async fn post<S>(app: &S, path: &str, fields: &[(&str, &str)]) -> Answer
where
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    call(app, form(path, &[fields, &SANDBOX].concat())).await
}

/// The password grant of the sandbox client.
pub async fn login<S>(app: &S, username: &str, password: &str) -> Answer
where
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    post(app, "/token", &[("grant_type", "password"), ("username", username), ("password", password)]).await
}

pub async fn refresh<S>(app: &S, refresh_token: &str) -> Answer
where
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    post(app, "/token", &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
}

pub async fn whoami_with<S>(app: &S, token: &str) -> Answer
where
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    let bearer = (header::AUTHORIZATION, format!("Bearer {token}"));
    call(app, TestRequest::get().uri("/whoami").insert_header(bearer)).await
}
