//! Bootstrap of a service: public port, management port, limits, health, graceful drain.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::{NormalizePath, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::signal::unix::{SignalKind, signal};

use crate::auth::{Authenticator, authenticate};
use crate::config::ConfigError;
use crate::error::{Renderer, render_errors};
use crate::request::observe;
use crate::telemetry::{Telemetry, TelemetryConfig, TelemetryError};

/// `server.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Where the contract is served.
    pub listen: SocketAddr,
    /// `local` for the stack of `make run`, else `production`.
    pub profile: Profile,
    /// Networks whose `X-Forwarded-For` is believed: the gateway's.
    pub trusted_proxies: Vec<IpNet>,
    /// Threads that serve requests.
    pub workers: usize,
    /// How long a client may take to send its headers, in milliseconds.
    pub header_timeout_ms: u64,
    /// How long the service stays up after readiness went off, so that the gateway notices, in milliseconds.
    pub drain_delay_ms: u64,
    /// How long requests under way may take to end after that, in seconds.
    pub drain_s: u64,
}

/// What the service may take for granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// A developer's machine: loopback only, sandbox credentials allowed.
    Local,
    /// Everywhere else.
    Production,
}

impl ServerConfig {
    /// Checks what the types cannot hold.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=256).contains(&self.workers) {
            return Err(ConfigError::Key {
                key: "server.workers".to_owned(),
                reason: "must be 1 to 256".to_owned(),
            });
        }
        if self.profile == Profile::Local && !self.listen.ip().is_loopback() {
            let rule = "server.profile = local allows only a loopback address in server.listen";
            return Err(ConfigError::Invalid(rule.to_owned()));
        }
        Ok(())
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            profile: Profile::Production,
            trusted_proxies: vec![IpNet::from(IpAddr::from([127, 0, 0, 1]))],
            workers: 2,
            header_timeout_ms: 10_000,
            drain_delay_ms: 2_000,
            drain_s: 10,
        }
    }
}

/// `management.*`: the port of probes and metrics, never routed by the gateway.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ManagementConfig {
    /// Where `/livez`, `/readyz` and `/metrics` are served.
    pub listen: SocketAddr,
}

impl Default for ManagementConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8081)) }
    }
}

/// What a service brings to its server.
#[derive(Clone)]
pub struct Service<F> {
    /// The contract's way of writing errors.
    pub renderer: Renderer,
    /// Verifies bearer tokens.
    pub authenticator: Arc<Authenticator>,
    /// Registers the routes and their state.
    pub routes: F,
}

/// Whether the replica may get traffic.
#[derive(Debug, Clone)]
pub struct Health {
    draining: Arc<AtomicBool>,
    pool: Option<PgPool>,
}

impl Health {
    /// Ready while the database answers and no drain has begun. The pool is the probe's own: replicas that are busy
    /// must not all be taken for dead.
    pub fn new(pool: PgPool) -> Self {
        Self { draining: Arc::default(), pool: Some(pool) }
    }

    /// Ready while no drain has begun: a service without a database.
    pub fn without_database() -> Self {
        Self { draining: Arc::default(), pool: None }
    }

    async fn readiness(&self) -> Readiness {
        let database = match &self.pool {
            None => None,
            Some(pool) => {
                let ping = sqlx::query("SELECT 1").execute(pool);
                Some(matches!(tokio::time::timeout(Duration::from_secs(1), ping).await, Ok(Ok(_))))
            }
        };
        Readiness { database, draining: self.draining.load(Ordering::Relaxed) }
    }
}

#[derive(Debug, Serialize)]
struct Readiness {
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<bool>,
    draining: bool,
}

/// Whether the peer is one of the proxies whose headers are believed.
pub fn is_trusted(peer: Option<SocketAddr>, trusted_proxies: &[IpNet]) -> bool {
    peer.is_some_and(|peer| trusted_proxies.iter().any(|network| network.contains(&peer.ip().to_canonical())))
}

/// The address of the client: the one that the gateway appended, if the peer is a trusted proxy, else the peer's.
pub fn client_address(request: &HttpRequest, trusted_proxies: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    if !is_trusted(request.peer_addr(), trusted_proxies) {
        return Some(peer);
    }
    let forwarded = request.headers().get_all("x-forwarded-for").last().and_then(|value| value.to_str().ok());
    let appended = forwarded.and_then(|value| value.rsplit(',').next()?.trim().parse().ok());
    Some(appended.unwrap_or(peer))
}

/// A bound server, not yet running.
pub struct Server {
    public: actix_web::dev::Server,
    management: actix_web::dev::Server,
    health: Health,
    drain_delay: Duration,
    address: SocketAddr,
    management_address: SocketAddr,
}

impl Server {
    /// Binds both ports; a port that is taken is named in the error.
    pub fn bind<F>(
        config: &ServerConfig,
        management: &ManagementConfig,
        health: Health,
        registry: prometheus::Registry,
        service: Service<F>,
    ) -> std::io::Result<Self>
    where
        F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
    {
        let listener = listen(config.listen)?;
        let address = listener.local_addr()?;
        let trusted: Arc<[IpNet]> = config.trusted_proxies.clone().into();
        let public = HttpServer::new(move || {
            let trusted = trusted.clone();
            let Service { renderer, authenticator, routes } = service.clone();
            App::new()
                .configure(routes)
                .wrap(from_fn(move |request, next| authenticate(authenticator.clone(), request, next)))
                .wrap(NormalizePath::trim())
                .wrap(from_fn(move |request, next| render_errors(renderer, request, next)))
                .wrap(from_fn(move |request, next| observe(trusted.clone(), request, next)))
        })
        .workers(config.workers)
        .client_request_timeout(Duration::from_millis(config.header_timeout_ms))
        .shutdown_timeout(config.drain_s)
        .disable_signals()
        .listen(listener)?
        .run();

        let listener = listen(management.listen)?;
        let management_address = listener.local_addr()?;
        let probes = (web::Data::new(health.clone()), web::Data::new(registry));
        let management = HttpServer::new(move || {
            App::new()
                .app_data(probes.0.clone())
                .app_data(probes.1.clone())
                .route("/livez", web::get().to(HttpResponse::Ok))
                .route("/readyz", web::get().to(readyz))
                .route("/metrics", web::get().to(metrics))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)?
        .run();
        let drain_delay = Duration::from_millis(config.drain_delay_ms);
        Ok(Self { public, management, health, drain_delay, address, management_address })
    }

    /// The public address, with the port that was really bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The management address.
    pub fn management_address(&self) -> SocketAddr {
        self.management_address
    }

    /// Serves until SIGTERM or SIGINT, then drains: readiness off, a delay for the gateway, requests under way.
    pub async fn run_until_stopped(self) -> std::io::Result<()> {
        let public = self.public.handle();
        let management = self.management.handle();
        let management_task = tokio::spawn(self.management);
        let drain = tokio::spawn(drain(self.health, self.drain_delay, public));
        let served = self.public.await;
        drain.abort();
        management.stop(true).await;
        let _ = management_task.await;
        served
    }
}

async fn drain(health: Health, delay: Duration, public: ServerHandle) {
    if stop_signal().await.is_err() {
        tracing::error!("cannot listen for signals");
        return std::future::pending().await;
    }
    tracing::info!("draining");
    health.draining.store(true, Ordering::Relaxed);
    tokio::time::sleep(delay).await;
    public.stop(true).await;
}

async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address)
        .map_err(|error| std::io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
}

async fn readyz(health: web::Data<Health>) -> HttpResponse {
    let readiness = health.readiness().await;
    if readiness.database != Some(false) && !readiness.draining {
        HttpResponse::Ok().json(readiness)
    } else {
        HttpResponse::ServiceUnavailable().json(readiness)
    }
}

async fn metrics(registry: web::Data<prometheus::Registry>) -> HttpResponse {
    match prometheus::TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// The `serve` sub-command: runs a service with its telemetry, and flushes it at the end. `application` gets the registry
/// that `/metrics` shows.
pub fn serve<F, E>(
    runtime: tokio::runtime::Runtime,
    telemetry: &TelemetryConfig,
    service: &'static str,
    log_targets: &[&str],
    application: impl FnOnce(prometheus::Registry) -> F,
) -> Result<(), E>
where
    F: Future<Output = Result<(), E>>,
    E: From<TelemetryError>,
{
    let telemetry = Telemetry::install(telemetry, service, log_targets)?;
    install_panic_hook();
    let outcome = runtime.block_on(application(telemetry.registry()));
    // What still works on a thread of its own does so no longer.
    runtime.shutdown_timeout(Duration::from_secs(1));
    telemetry.flush();
    outcome
}

/// Logs the place of a panic and not its message, which may hold data. Installed once, at the start.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}

/// The `healthcheck` sub-command: whether `/readyz` on the management port answers 200.
pub fn is_ready(management: SocketAddr) -> bool {
    use std::io::{Read, Write};
    let probe = || -> std::io::Result<bool> {
        let mut stream = std::net::TcpStream::connect_timeout(&management, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b"200"))
    };
    probe().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_forwarded_address_is_believed_only_from_a_trusted_proxy() {
        let trusted = vec!["10.0.0.0/8".parse().unwrap()];
        let request = |peer: &str| {
            TestRequest::default()
                .peer_addr(SocketAddr::new(peer.parse().unwrap(), 1))
                .insert_header(("x-forwarded-for", "6.6.6.6, 203.0.113.9"))
                .to_http_request()
        };
        let address = |peer| client_address(&request(peer), &trusted).unwrap().to_string();
        assert_eq!(address("10.1.2.3"), "203.0.113.9", "the last entry is the one that the gateway appended");
        assert_eq!(
            address("::ffff:10.1.2.3"),
            "203.0.113.9",
            "a dual-stack listener sees IPv4 peers this way"
        );
        assert_eq!(address("198.51.100.7"), "198.51.100.7");
    }
}
