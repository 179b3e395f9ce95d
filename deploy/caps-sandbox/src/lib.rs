//! A made-up CAPS, the directory of the European payment scheme, as `msepi05-proxy` calls it.
//!
//! | module | room for |
//! |---|---|
//! | [`directory`] | the made-up people, by the hash of their phone number or address |
//! | [`faults`] | what can go wrong on demand, and which call it befalls |
//! | [`journal`] | the calls that came in |
//! | [`search`] | the operation itself |
//! | [`wire`] | what can befall an answer on its way |

pub mod directory;
pub mod faults;
pub mod journal;
pub mod search;
mod tls;
pub mod wire;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer, ResponseError};
use anyhow::{Context, Result, ensure};
use common::body::{BodyError, parse_json};
use common::clock::{SharedClock, SystemClock};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::directory::{Directory, ProxyHash};
use crate::faults::Faults;
use crate::journal::{Call, Journal};
use crate::wire::Socket;

/// How a sandbox is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Phone numbers in the directory, at most 10,000.
    pub phones: u16,
    /// E-mail addresses in the directory.
    pub addresses: u16,
    /// Without it, plain HTTP on loopback.
    pub tls: Option<Tls>,
}

/// Files (PEM) for HTTPS with client certificates.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The server's certificate chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority that signs the clients' certificates.
    pub client_ca: PathBuf,
}

/// What all requests share.
#[derive(Debug)]
struct State {
    directory: Directory,
    faults: Faults,
    journal: Journal<Call>,
    clock: SharedClock,
}

/// A sandbox that is bound and serves once it is run.
pub struct Sandbox {
    server: actix_web::dev::Server,
    address: SocketAddr,
    scheme: &'static str,
}

impl Sandbox {
    /// Binds the port, within a tokio runtime.
    ///
    /// # Errors
    /// The address is beyond loopback without TLS, it is taken, or a file of TLS cannot be used.
    pub fn bind(options: &Options) -> Result<Self> {
        ensure!(
            options.tls.is_some() || options.listen.ip().is_loopback(),
            "{} is not loopback: it needs --tls-certificate, --tls-key and --client-ca",
            options.listen
        );
        let state = Data::new(State {
            directory: Directory::made_up(options.phones, options.addresses),
            faults: Faults::default(),
            journal: Journal::default(),
            clock: SystemClock::shared(),
        });
        let listener = TcpListener::bind(options.listen)
            .with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = listener.local_addr()?;
        let server = HttpServer::new(move || App::new().app_data(state.clone()).configure(routes))
            .on_connect(|connection, data| {
                if let Some(socket) = Socket::of(connection) {
                    data.insert(socket);
                }
            })
            // Longer than a client keeps a connection: one closed under a call would be a fault that nobody asked for.
            .keep_alive(Duration::from_secs(300))
            .workers(2)
            .disable_signals();
        let (server, scheme) = match &options.tls {
            Some(files) => (server.listen_rustls_0_23(listener, tls::server_config(files)?)?, "https"),
            None => (server.listen(listener)?, "http"),
        };
        Ok(Self { server: server.run(), address, scheme })
    }

    /// The base URL, with the port that was really bound.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Serves until the server fails.
    ///
    /// # Errors
    /// The server failed.
    pub async fn run(self) -> Result<()> {
        Ok(self.server.await?)
    }
}

fn routes(app: &mut web::ServiceConfig) {
    app.route("/v1/proxy-indicators/search", web::post().to(search::search))
        .route("/_health", web::get().to(HttpResponse::Ok))
        .route("/_directory", web::get().to(list_directory))
        .service(
            web::resource("/_directory/{hash}")
                .route(web::put().to(put_entry))
                .route(web::delete().to(delete_entry)),
        )
        .service(
            web::resource("/_journal")
                .route(web::get().to(list_journal))
                .route(web::delete().to(clear_journal)),
        )
        .service(
            web::resource("/_faults").route(web::post().to(add_fault)).route(web::delete().to(clear_faults)),
        );
}

/// Why a request is refused, in the error document of CAPS.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Invalid(String),
    #[error("the directory has no such hash")]
    Unknown,
}

impl ResponseError for Refusal {
    fn error_response(&self) -> HttpResponse {
        let (status, code) = match self {
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "CAPS-0001"),
            Self::Unknown => (StatusCode::NOT_FOUND, "CAPS-0002"),
        };
        HttpResponse::build(status).json(json!({"error": {"code": code, "message": self.to_string()}}))
    }
}

/// A body that was read whole, or not.
type Read = actix_web::Result<Bytes>;

fn parse<T: DeserializeOwned>(body: Read) -> Result<T, Refusal> {
    let body = body.map_err(|error| Refusal::Invalid(error.to_string()))?;
    parse_json(&body).map_err(|error| {
        Refusal::Invalid(match error {
            BodyError::Invalid { field, detail } => format!("{field}: {detail}"),
            other => other.to_string(),
        })
    })
}

async fn list_directory(state: Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(state.directory.entries())
}

fn hash_in(path: &str) -> Result<ProxyHash, Refusal> {
    path.parse().map_err(|error| Refusal::Invalid(format!("hash: {error}")))
}

async fn put_entry(hash: web::Path<String>, body: Read, state: Data<State>) -> Result<HttpResponse, Refusal> {
    let hash = hash_in(&hash)?;
    let replaced = state.directory.put(hash, parse(body)?);
    Ok(if replaced { HttpResponse::Ok() } else { HttpResponse::Created() }.finish())
}

async fn delete_entry(hash: web::Path<String>, state: Data<State>) -> Result<HttpResponse, Refusal> {
    if state.directory.remove(&hash_in(&hash)?) {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(Refusal::Unknown)
}

/// Written off the server's threads: a long journal must not hold up the calls under way.
async fn list_journal(state: Data<State>) -> actix_web::Result<HttpResponse> {
    let json = web::block(move || state.journal.to_json()).await??;
    Ok(HttpResponse::Ok().content_type("application/json").body(json))
}

async fn clear_journal(state: Data<State>) -> HttpResponse {
    state.journal.clear();
    HttpResponse::NoContent().finish()
}

async fn add_fault(body: Read, state: Data<State>) -> Result<HttpResponse, Refusal> {
    let id = state.faults.add(parse(body)?);
    Ok(HttpResponse::Created().json(json!({"id": id})))
}

async fn clear_faults(state: Data<State>) -> HttpResponse {
    state.faults.clear();
    HttpResponse::NoContent().finish()
}
