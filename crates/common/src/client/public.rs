//! Calls to URLs that a user gave (webhooks). They must not reach what only we can reach, so: https, public addresses,
//! no redirects, no proxy, ten seconds. The address is looked at when the connection is made: what a name resolved to
//! before says nothing. The local profile also allows loopback and plain http.
//!
//! There is no retry and no breaker: each URL is another peer, and whoever calls keeps account of it.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use ipnet::{Ipv4Net, Ipv6Net};
use opentelemetry::KeyValue;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use tracing::{Instrument, field};
use url::{Host, Url};

use super::CALLS;
use crate::server::Profile;

/// The longest URL that is taken, in bytes.
pub const MAX_URL: usize = 2048;
/// For a whole call, name and connection included.
pub const BUDGET: Duration = Duration::from_secs(10);
/// How much of an answer is read, so that its connection can be used again. Nobody looks at it.
const MAX_ANSWER: usize = 4 * 1024;

/// A URL that a user gave and that may be called, as far as can be told without asking for its host's address.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl(Url);

/// Why a URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    /// It is longer than [`MAX_URL`].
    #[error("at most {MAX_URL} characters are allowed")]
    TooLong,
    /// It is no absolute URL with a host.
    #[error("must be an absolute URL")]
    Malformed,
    /// It is not https.
    #[error("must begin with https://")]
    Scheme,
    /// It holds a user name or a password.
    #[error("must not hold a user name or a password")]
    UserInfo,
    /// It has a fragment.
    #[error("must not have a fragment")]
    Fragment,
    /// Its host is an address of a network that is not public.
    #[error("must not name an address that is not public")]
    NotPublic,
}

impl PublicUrl {
    /// Reads a URL as a user wrote it.
    pub fn parse(text: &str, profile: Profile) -> Result<Self, PublicUrlError> {
        if text.len() > MAX_URL {
            return Err(PublicUrlError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| PublicUrlError::Malformed)?;
        // Escaping may have made it longer.
        if url.as_str().len() > MAX_URL {
            return Err(PublicUrlError::TooLong);
        }
        check(&url, profile)?;
        Ok(Self(url))
    }

    /// The URL as it is called.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Without the URL: paths and queries of webhooks often hold a secret.
impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicUrl(***)")
    }
}

fn check(url: &Url, profile: Profile) -> Result<(), PublicUrlError> {
    match (url.scheme(), profile) {
        ("https", _) | ("http", Profile::Local) => {}
        _ => return Err(PublicUrlError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(PublicUrlError::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(PublicUrlError::Fragment);
    }
    let allowed = match url.host() {
        None => return Err(PublicUrlError::Malformed),
        Some(Host::Domain(_)) => true,
        Some(Host::Ipv4(address)) => is_allowed(address.into(), profile),
        Some(Host::Ipv6(address)) => is_allowed(address.into(), profile),
    };
    if allowed { Ok(()) } else { Err(PublicUrlError::NotPublic) }
}

fn is_allowed(address: IpAddr, profile: Profile) -> bool {
    is_public(address) || (profile == Profile::Local && address.is_loopback())
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// What IANA has set aside (RFC 6890 and its successors).
const NOT_PUBLIC_V4: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
    // Azure serves instance metadata and secrets here.
    v4(168, 63, 129, 16, 32),
];

/// All that is public today. Everything else is unassigned, local, or another address in disguise: mapped IPv4
/// (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`), link-local, unique local, multicast.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

/// Of [`GLOBAL_V6`], what is not public all the same.
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [
    // Protocol assignments, among them Teredo.
    v6(0x2001, 0, 23),
    v6(0x2001, 0x0db8, 32),
    // 6to4.
    v6(0x2002, 0, 16),
    v6(0x3fff, 0, 20),
];

/// Whether anybody may reach the address by the internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !NOT_PUBLIC_V6.iter().any(|net| net.contains(&address))
        }
    }
}

/// A host has no address that may be called.
#[derive(Debug, thiserror::Error)]
#[error("the host has no public address")]
struct NoPublicAddress;

/// Gives the connector none but allowed addresses.
struct PublicResolver(Profile);

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let profile = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| is_allowed(address.ip(), profile)).collect();
            if allowed.is_empty() {
                return Err(NoPublicAddress.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Why a call has no answer. It never quotes the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicCallError {
    /// The URL is not one that may be called.
    #[error("the URL {0}")]
    Url(#[from] PublicUrlError),
    /// The host has addresses, none of them public.
    #[error("the host has no public address")]
    NotPublic,
    /// The budget ran out.
    #[error("no answer within {} s", BUDGET.as_secs())]
    Timeout,
    /// No connection, or no TLS.
    #[error("the host cannot be reached")]
    Unreachable,
    /// The connection broke, or the answer is no HTTP.
    #[error("the connection broke")]
    Broken,
}

/// Calls URLs that users gave.
#[derive(Clone)]
pub struct PublicClient {
    http: reqwest::Client,
    profile: Profile,
    budget: Duration,
}

impl PublicClient {
    /// A client for a service of this profile.
    #[allow(clippy::disallowed_methods, reason = "the one place where a client for users' URLs is built")]
    pub fn new(profile: Profile) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .dns_resolver(PublicResolver(profile))
            .https_only(profile == Profile::Production)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent("Garant")
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .build()?;
        Ok(Self { http, profile, budget: BUDGET })
    }

    /// POSTs `body`; any status is an answer. Neither the correlation ID nor the trace leaves with it.
    pub async fn post(
        &self,
        url: &PublicUrl,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<StatusCode, PublicCallError> {
        let span = tracing::info_span!(
            "call",
            otel.kind = "client",
            otel.name = "POST public",
            peer = "public",
            http.response.status_code = field::Empty,
        );
        let outcome = self.exchange(url, headers, body).instrument(span.clone()).await;
        if let Ok(status) = outcome {
            span.record("http.response.status_code", status.as_u16());
        }
        let label = match outcome {
            Ok(status) if status.is_server_error() => "server_error",
            Ok(_) => "answered",
            Err(PublicCallError::Url(_) | PublicCallError::NotPublic) => "refused",
            Err(PublicCallError::Timeout) => "timeout",
            Err(PublicCallError::Unreachable | PublicCallError::Broken) => "unreachable",
        };
        CALLS.add(1, &[KeyValue::new("peer", "public"), KeyValue::new("outcome", label)]);
        outcome
    }

    async fn exchange(
        &self,
        url: &PublicUrl,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<StatusCode, PublicCallError> {
        // It may have been parsed for another profile, and the connector asks no resolver for a literal address.
        check(&url.0, self.profile)?;
        let deadline = tokio::time::Instant::now() + self.budget;
        let sent = self.http.post(url.0.clone()).headers(headers).body(body).send();
        let response = tokio::time::timeout_at(deadline, sent)
            .await
            .map_err(|_| PublicCallError::Timeout)?
            .map_err(|error| reason(&error))?;
        let status = response.status();
        let _ = tokio::time::timeout_at(deadline, drain(response)).await;
        Ok(status)
    }
}

/// Reads the answer as far as that is worth a connection.
async fn drain(response: Response) {
    let mut chunks = response.bytes_stream();
    let mut read = 0;
    while let Some(Ok(chunk)) = chunks.next().await {
        read += chunk.len();
        if read > MAX_ANSWER {
            return;
        }
    }
}

fn reason(error: &reqwest::Error) -> PublicCallError {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    if causes.into_iter().any(|cause| cause.is::<NoPublicAddress>()) {
        PublicCallError::NotPublic
    } else if error.is_connect() {
        PublicCallError::Unreachable
    } else {
        PublicCallError::Broken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::net::TcpListener;
    use wiremock::matchers::{any, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn public(address: &str) -> bool {
        is_public(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_told_from_all_others() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(public(address), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "64:ff9b::7f00:1",
            "64:ff9b::101:101",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn a_url_is_looked_at_when_it_is_registered() {
        use PublicUrlError::*;
        let long = format!("https://example.com/{}", "a".repeat(MAX_URL));
        let escaped = format!("https://example.com/{}", "é".repeat(MAX_URL / 3));
        for (text, expected) in [
            ("https://example.com/hook?key=1", None),
            ("https://example.com:8443", None),
            ("https://1.1.1.1/", None),
            ("https://[2606:4700:4700::1111]/", None),
            ("http://example.com/", Some(Scheme)),
            ("ftp://example.com/", Some(Scheme)),
            ("file:///etc/passwd", Some(Scheme)),
            ("/hook", Some(Malformed)),
            ("", Some(Malformed)),
            ("https://", Some(Malformed)),
            ("https://user@example.com/", Some(UserInfo)),
            ("https://:secret@example.com/", Some(UserInfo)),
            ("https://example.com/#part", Some(Fragment)),
            ("https://127.0.0.1/", Some(NotPublic)),
            ("https://2130706433/", Some(NotPublic)),
            ("https://0x7f.1/", Some(NotPublic)),
            ("https://0177.0.0.1/", Some(NotPublic)),
            ("https://１２７.0.0.1/", Some(NotPublic)),
            ("https://[::1]/", Some(NotPublic)),
            ("https://[::ffff:10.0.0.1]/", Some(NotPublic)),
            ("https://169.254.169.254/latest/meta-data", Some(NotPublic)),
            (&long, Some(TooLong)),
            (&escaped, Some(TooLong)),
        ] {
            assert_eq!(PublicUrl::parse(text, Profile::Production).err(), expected, "{text}");
        }
        for text in ["http://127.0.0.1:9000/", "http://localhost/", "https://[::1]/"] {
            assert!(PublicUrl::parse(text, Profile::Local).is_ok(), "{text}");
        }
        assert_eq!(PublicUrl::parse("http://10.0.0.1/", Profile::Local).unwrap_err(), NotPublic);
    }

    #[test]
    fn debug_output_hides_the_url() {
        let url = PublicUrl::parse("https://example.com/?key=sekret", Profile::Production).unwrap();
        assert_eq!(format!("{url:?}"), "PublicUrl(***)");
    }

    async fn post(profile: Profile, url: &str) -> Result<StatusCode, PublicCallError> {
        // As the local profile takes it, so that the client has to refuse.
        let url = PublicUrl::parse(url, Profile::Local).unwrap();
        PublicClient::new(profile).unwrap().post(&url, HeaderMap::new(), Bytes::from_static(b"{}")).await
    }

    #[tokio::test]
    async fn a_listener_on_loopback_is_reached_in_the_local_profile_only() {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&server).await;
        let port = server.address().port();
        for host in ["127.0.0.1", "localhost"] {
            let url = format!("http://{host}:{port}/");
            assert_eq!(post(Profile::Local, &url).await.unwrap(), 204, "{host}");
            let refused = PublicCallError::Url(PublicUrlError::Scheme);
            assert_eq!(post(Profile::Production, &url).await.unwrap_err(), refused, "{host}");
        }
    }

    #[tokio::test]
    async fn production_does_not_even_connect_to_loopback() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let by_name = post(Profile::Production, &format!("https://localhost:{port}/")).await;
        assert_eq!(by_name.unwrap_err(), PublicCallError::NotPublic);
        let by_address = post(Profile::Production, &format!("https://127.0.0.1:{port}/")).await;
        assert_eq!(by_address.unwrap_err(), PublicCallError::Url(PublicUrlError::NotPublic));
        let connected = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
        assert!(connected.is_err(), "somebody connected");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_followed() {
        let server = MockServer::start().await;
        let redirect = ResponseTemplate::new(307).insert_header("location", "/elsewhere");
        Mock::given(path("/hook")).respond_with(redirect).mount(&server).await;
        assert_eq!(post(Profile::Local, &format!("{}/hook", server.uri())).await.unwrap(), 307);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_slow_receiver_costs_the_budget_and_no_more() {
        let server = MockServer::start().await;
        let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(5));
        Mock::given(any()).respond_with(slow).mount(&server).await;
        let client =
            PublicClient { budget: Duration::from_millis(200), ..PublicClient::new(Profile::Local).unwrap() };
        let url = PublicUrl::parse(&server.uri(), Profile::Local).unwrap();
        let started = Instant::now();
        let outcome = client.post(&url, HeaderMap::new(), Bytes::new()).await;
        assert_eq!(outcome.unwrap_err(), PublicCallError::Timeout);
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn an_answer_without_end_is_cut() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let written = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            while stream.write_all(&[b'a'; 64 * 1024]).await.is_ok() {}
        });
        assert_eq!(post(Profile::Local, &url).await.unwrap(), 200);
        tokio::time::timeout(Duration::from_secs(5), written).await.expect("the connection stays").unwrap();
    }

    #[tokio::test]
    async fn a_closed_port_and_an_unknown_host_are_told_without_the_url() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = post(Profile::Local, &format!("http://{closed}/secret")).await.unwrap_err();
        assert_eq!((error, error.to_string().contains("secret")), (PublicCallError::Unreachable, false));
        let error = post(Profile::Production, "https://does-not-exist.invalid/").await.unwrap_err();
        assert_eq!(error, PublicCallError::Unreachable);
    }
}
