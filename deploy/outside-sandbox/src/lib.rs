//! The outside systems that `secure-consumer` asks, made up: each answers in its original's shape, from tables that are the
//! same at every start, and fails the way it is told to.
//!
//! | module | room for |
//! |---|---|
//! | [`tables`] | the made-up companies, addresses, accounts and domains |
//! | [`faults`] | what can go wrong on demand, and which call it befalls |
//! | `register`, `address`, `payee` | the operations |
//! | `dns` | the resolver, over UDP and TCP |

mod address;
mod dns;
pub mod faults;
mod payee;
mod register;
pub mod tables;

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::rc::Rc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use actix_http::HttpService;
use actix_service::{Service, ServiceFactory, fn_factory, fn_service, map_config};
use actix_web::dev::{AppConfig, Server};
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::rt::net::TcpStream;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse};
use anyhow::{Context, Result, ensure};
use caps_sandbox::faults::Body;
use caps_sandbox::journal::Journal;
use caps_sandbox::wire::{Socket, drip, reset};
use chrono::{DateTime, Utc};
use common::body::parse_json;
use common::clock::{SharedClock, SystemClock};
use serde::Serialize;
use serde_json::{Value, json};

use crate::faults::{Endpoint, Faults, Rule};

/// How a sandbox is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens, HTTP and DNS; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Searches of the company register in a second; 0 for no limit.
    pub register_rate: usize,
}

/// What all requests share.
struct State {
    faults: Faults,
    journal: Journal<Call>,
    clock: SharedClock,
    register_rate: usize,
    /// When the register was searched within the last second.
    searches: Mutex<VecDeque<Instant>>,
}

/// A call, noted when it was read and not when it was answered.
#[derive(Debug, Serialize)]
struct Call {
    at: DateTime<Utc>,
    endpoint: Endpoint,
    /// The SIREN, the text and postcode, the IBAN and name, or the domain and type.
    asked: String,
    correlation_id: Option<String>,
    /// The HTTP status, or DNS's response code; none where there is no answer.
    status: Option<u16>,
}

/// A sandbox that is bound and serves once it is run.
pub struct Sandbox {
    server: Server,
    state: Data<State>,
    udp: UdpSocket,
    address: SocketAddr,
}

impl Sandbox {
    /// Binds the port, within a tokio runtime.
    ///
    /// # Errors
    /// The address is beyond loopback, or taken.
    pub fn bind(options: &Options) -> Result<Self> {
        ensure!(options.listen.ip().is_loopback(), "{} is not loopback", options.listen);
        let state = Data::new(State {
            faults: Faults::default(),
            journal: Journal::default(),
            clock: SystemClock::shared(),
            register_rate: options.register_rate,
            searches: Mutex::default(),
        });
        let (listener, udp) =
            sockets(options.listen).with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = listener.local_addr()?;
        let shared = state.clone();
        let server = Server::build()
            .workers(2)
            .disable_signals()
            .listen("outside-sandbox", listener, move || {
                let state = shared.clone();
                fn_factory(move || either_protocol(state.clone()))
            })?
            .run();
        Ok(Self { server, state, udp, address })
    }

    /// The base URL of the HTTP operations.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens, with the port that was really bound: the resolver.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until a server fails.
    ///
    /// # Errors
    /// A server failed.
    pub async fn run(self) -> Result<()> {
        let udp = tokio::net::UdpSocket::from_std(self.udp)?;
        tokio::select! {
            served = self.server => Ok(served?),
            served = dns::serve(udp, self.state) => Ok(served?),
        }
    }
}

/// One number for both: a free one of TCP may be taken in UDP, so a few are tried.
fn sockets(listen: SocketAddr) -> std::io::Result<(TcpListener, UdpSocket)> {
    let mut attempts = 0;
    loop {
        let tcp = TcpListener::bind(listen)?;
        match UdpSocket::bind(tcp.local_addr()?) {
            Ok(udp) => {
                udp.set_nonblocking(true)?;
                return Ok((tcp, udp));
            }
            Err(_) if listen.port() == 0 && attempts < 16 => attempts += 1,
            Err(error) => return Err(error),
        }
    }
}

/// HTTP and DNS on one TCP port: HTTP begins with a method in capitals, DNS with the high byte of a length, which no
/// question makes as large as a letter.
async fn either_protocol(
    state: Data<State>,
) -> Result<impl Service<TcpStream, Response = (), Error = ()>, ()> {
    let app = App::new().app_data(state.clone()).configure(routes);
    let http = HttpService::build()
        // Longer than a client keeps a connection: one closed under a call would be a fault that nobody asked for.
        .keep_alive(Duration::from_secs(300))
        .on_connect_ext(|connection: &TcpStream, data| {
            if let Some(socket) = Socket::of(connection) {
                data.insert(socket);
            }
        })
        .finish(map_config(app, |()| AppConfig::default()))
        .tcp();
    let http = Rc::new(http.new_service(()).await?);
    Ok(fn_service(move |stream: TcpStream| {
        let (http, state) = (http.clone(), state.clone());
        async move {
            let mut first = [0];
            let peeked = stream.peek(&mut first).await;
            match first {
                _ if peeked.is_err() => Ok(()),
                [..=0x40] => dns::serve_stream(stream, state).await.map_err(drop),
                _ => http.call(stream).await.map_err(drop),
            }
        }
    }))
}

fn routes(app: &mut web::ServiceConfig) {
    app.route("/search", web::get().to(register::search))
        .route("/siren/{siren}", web::get().to(register::sirene))
        .route("/geocodage/search", web::get().to(address::search))
        .route("/verify", web::post().to(payee::verify))
        .route("/_health", web::get().to(HttpResponse::Ok))
        .route("/_directory", web::get().to(list_directory))
        .service(
            web::resource("/_journal")
                .route(web::get().to(list_journal))
                .route(web::delete().to(clear_journal)),
        )
        .service(
            web::resource("/_faults").route(web::post().to(add_fault)).route(web::delete().to(clear_faults)),
        );
}

async fn list_directory() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "companies": tables::COMPANIES, "addresses": tables::ADDRESSES,
        "accounts": tables::ACCOUNTS, "domains": tables::DOMAINS,
    }))
}

async fn list_journal(state: Data<State>) -> actix_web::Result<HttpResponse> {
    Ok(HttpResponse::Ok().content_type("application/json").body(state.journal.to_json()?))
}

async fn clear_journal(state: Data<State>) -> HttpResponse {
    state.journal.clear();
    HttpResponse::NoContent().finish()
}

async fn add_fault(body: Bytes, state: Data<State>) -> HttpResponse {
    match parse_json::<Rule>(&body) {
        Ok(rule) => HttpResponse::Created().json(json!({"id": state.faults.add(rule)})),
        Err(error) => HttpResponse::BadRequest().json(json!({"error": error.to_string()})),
    }
}

async fn clear_faults(state: Data<State>) -> HttpResponse {
    state.faults.clear();
    HttpResponse::NoContent().finish()
}

/// What an operation answers as long as nothing befalls it.
struct Answer {
    status: u16,
    body: Value,
    retry_after_s: Option<u32>,
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self::of(200, body)
    }

    fn of(status: u16, body: Value) -> Self {
        Self { status, body, retry_after_s: None }
    }
}

/// Notes the call, and answers it as the fault that befalls it wants.
async fn respond(
    request: &HttpRequest,
    state: &State,
    endpoint: Endpoint,
    asked: String,
    answer: Answer,
) -> HttpResponse {
    let fault = state.faults.befall(endpoint, &asked).unwrap_or_default();
    let status = fault.status.map_or(answer.status, |status| status.get());
    let correlation_id = request.headers().get("x-correlation-id").and_then(|value| value.to_str().ok());
    state.journal.record(Call {
        at: state.clock.now(),
        endpoint,
        asked,
        correlation_id: correlation_id.map(str::to_owned),
        status: (!fault.reset).then_some(status),
    });
    if let Some(latency) = fault.latency_ms {
        tokio::time::sleep(Duration::from_millis(latency.into())).await;
    }
    if fault.reset {
        return reset(request);
    }
    let mut body = match fault.status {
        Some(_) if status != 200 => Vec::new(),
        _ => answer.body.to_string().into_bytes(),
    };
    let mut content_type = "application/json";
    match fault.body {
        None => {}
        Some(Body::Cut) => body.truncate(body.len() / 2),
        Some(Body::Html) => {
            body = b"<!DOCTYPE html><title>Maintenance</title><p>Service momentan\xc3\xa9ment indisponible"
                .to_vec();
            content_type = "text/html; charset=utf-8";
        }
    }
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or_default());
    if let Some(seconds) = fault.retry_after_s.or(answer.retry_after_s) {
        response.insert_header((RETRY_AFTER, seconds));
    }
    response.content_type(content_type);
    if fault.drip { response.body(drip(body)) } else { response.body(body) }
}
