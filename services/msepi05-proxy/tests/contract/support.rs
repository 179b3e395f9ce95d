//! A bank's service with its directory, a made-up issuer and, where asked for, Redis; and how to talk to it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::caps::CapsSandbox;
use testkit::issuer::Issuer;
use testkit::process::{Service, free_port};
use testkit::redis::Redis;

pub const CORRELATION_ID: &str = "0192f0c1-2345-7abc-8def-0123456789ab";
pub const NUMTECPRS: &str = "0000471100000815";
pub const AUDIENCE: &str = "msepi05-proxy";
pub const SCOPE: &str = "proxies:read";

pub struct Bank {
    pub caps: CapsSandbox,
    pub issuer: Issuer,
    pub http: Client,
    pub replica: Replica,
    pub directory: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

pub struct Replica {
    pub process: Service,
    pub base: String,
    pub management: String,
}

/// Settings in place of the defaults: `("CACHE__FOUND_S", "2")`.
pub type Settings<'a> = &'a [(&'a str, &'a str)];

impl Bank {
    pub async fn open(settings: Settings<'_>) -> Self {
        Self::open_with_directory(settings, &[]).await
    }

    pub async fn open_on(redis: &Redis, settings: Settings<'_>) -> Self {
        let url = redis.url();
        Self::open(&[settings, &[("REDIS__URL", url.as_str())]].concat()).await
    }

    pub async fn open_with_directory(settings: Settings<'_>, sandbox: &[&str]) -> Self {
        let (caps, issuer) = (CapsSandbox::start(sandbox).await.unwrap(), Issuer::start().await.unwrap());
        let issuers = format!(r#"[{{issuer="{}", jwks_url="{}"}}]"#, issuer.issuer(), issuer.jwks_url());
        let environment = [
            ("CAPS__URL", caps.base_url()),
            ("AUTH__ISSUERS", &issuers),
            ("PRIVACY__PEPPER", "a pepper of the tests, of 32 characters or more"),
            ("SERVER__DRAIN_DELAY_MS", "0"),
        ];
        let environment = set(BTreeMap::new(), &[&environment, settings].concat());
        let directory = tempfile::tempdir().unwrap();
        let replica = replica(environment.clone(), directory.path().join("service.log")).await;
        Self { caps, issuer, http: testkit::http::client().unwrap(), replica, directory, environment }
    }

    /// A further process with the same configuration.
    pub async fn another_replica(&self) -> Replica {
        let log = self.directory.path().join("another.log");
        replica(self.environment.clone(), log).await
    }

    pub fn token(&self) -> String {
        self.token_of("mobile-app")
    }

    pub fn token_of(&self, client_id: &str) -> String {
        self.issuer.token(client_id, AUDIENCE, SCOPE).signed()
    }

    /// The request of the contract, with all that it needs.
    pub fn search(&self, hashes: &[String]) -> RequestBuilder {
        self.search_as(NUMTECPRS, hashes)
    }

    pub fn search_as(&self, customer: &str, hashes: &[String]) -> RequestBuilder {
        self.search_at(&self.replica.base, &self.token(), customer, hashes)
    }

    pub fn search_at(&self, base: &str, token: &str, customer: &str, hashes: &[String]) -> RequestBuilder {
        self.complete(self.bare(base).bearer_auth(token), customer, hashes)
    }

    /// Headers and body.
    pub fn complete(&self, request: RequestBuilder, customer: &str, hashes: &[String]) -> RequestBuilder {
        let body: Vec<_> = hashes.iter().map(|hash| json!({"proxy_hash": hash})).collect();
        request.header("Correlationid", CORRELATION_ID).header("numtecprs", customer).json(&body)
    }

    /// The request without anything.
    pub fn bare(&self, base: &str) -> RequestBuilder {
        self.http.post(format!("{base}/proxies_indicators"))
    }

    pub fn limits(&self, customer: &str) -> RequestBuilder {
        let request = self.http.get(format!("{}/proxies_indicators/limits", self.replica.base));
        request.bearer_auth(self.token()).header("numtecprs", customer)
    }

    /// Waits until CAPS has been asked `count` times, and returns what was asked in each call.
    pub async fn calls(&self, count: usize) -> Vec<Vec<String>> {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let calls = self.journal().await;
            if calls.len() >= count || Instant::now() > deadline {
                assert_eq!(calls.len(), count, "{calls:?}");
                return calls;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What was asked of CAPS in each call so far.
    pub async fn journal(&self) -> Vec<Vec<String>> {
        let calls = self.caps.journal().await.unwrap();
        let hashes = |call: &Value| {
            call["hashes"].as_array().unwrap().iter().map(|hash| hash.as_str().unwrap().to_owned()).collect()
        };
        calls.iter().map(hashes).collect()
    }

    pub async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.replica.management);
        self.http.get(url).send().await.unwrap().text().await.unwrap()
    }

    /// The sum of a metric's samples whose labels contain all of these.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let metrics = self.metrics().await;
        let samples = metrics.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        });
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

fn set(mut environment: BTreeMap<String, String>, settings: Settings<'_>) -> BTreeMap<String, String> {
    environment.extend(settings.iter().map(|(key, value)| (format!("GARANT__{key}"), (*value).to_owned())));
    environment
}

pub fn binary() -> PathBuf {
    env!("CARGO_BIN_EXE_msepi05-proxy").into()
}

async fn replica(environment: BTreeMap<String, String>, log: PathBuf) -> Replica {
    let (port, management_port) = (free_port().unwrap(), free_port().unwrap());
    let (listen, management) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{management_port}"));
    let environment = set(environment, &[("SERVER__LISTEN", &listen), ("MANAGEMENT__LISTEN", &management)]);
    let process = Service::start(&binary(), environment, management_port, &log).await.unwrap();
    Replica { process, base: format!("http://{listen}"), management: format!("http://{management}") }
}

/// An answer with its body.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    pub took: Duration,
}

impl Answer {
    pub async fn to(request: RequestBuilder) -> Self {
        let started = Instant::now();
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap(), took: started.elapsed() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Of a 200.
    pub fn found(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{self:?}");
        let indicators = self.json()["indicators"].clone();
        let hash = |item: &Value| item["proxy_hash"].as_str().unwrap().to_owned();
        indicators.as_array().unwrap().iter().map(hash).collect()
    }

    /// Asserts the status, the contract's shape of an error and its code, and returns the message.
    #[track_caller]
    pub fn error(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        let body = self.json();
        let members: Vec<_> = body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["code", "message"], "{self:?}");
        assert_eq!(body["code"], code, "{self:?}");
        body["message"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn customer_tokens(&self) -> i64 {
        self.number("x-customer-tokens-remaining")
    }

    #[track_caller]
    pub fn client_hashes(&self) -> i64 {
        self.number("x-client-hashes-remaining")
    }

    #[track_caller]
    pub fn number(&self, name: &str) -> i64 {
        self.header(name).unwrap_or_else(|| panic!("no {name}: {self:?}")).parse().unwrap()
    }
}

/// A made-up hash.
pub fn hash(n: u32) -> String {
    let mut bytes = [0x5a; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    URL_SAFE.encode(bytes)
}

pub fn hashes(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(hash).collect()
}
