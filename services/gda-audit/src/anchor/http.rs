//! Heads at a URL; the service's `README.md` has the protocol.

use async_stream::try_stream;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::client::{CallError, Client, ClientConfig, Repeat, TlsError};
use futures_util::stream::BoxStream;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, StatusCode};
use serde::Deserialize;
use url::Url;

use super::{Anchor, AnchorError, SignedHead};

/// Of a page of heads, in bytes: some 60,000 of them.
const PAGE: usize = 16 * 1024 * 1024;

/// A sink that speaks HTTP.
pub struct HttpAnchor {
    client: Client,
    url: Url,
    credentials: Option<HeaderValue>,
}

#[derive(Deserialize)]
struct Heads {
    heads: Vec<SignedHead>,
}

impl HttpAnchor {
    /// At a URL; user and password in it are sent as `Authorization: Basic`.
    ///
    /// # Errors
    /// The TLS library cannot start.
    pub fn new(mut url: Url) -> Result<Self, TlsError> {
        let credentials = url.password().map(|password| {
            let decoded =
                |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
            let pair = STANDARD.encode(format!("{}:{}", decoded(url.username()), decoded(password)));
            format!("Basic {pair}")
        });
        let credentials = credentials.and_then(|text| HeaderValue::from_str(&text).ok()).map(|mut value| {
            value.set_sensitive(true);
            value
        });
        // Neither can fail where there is a host, which such a URL has.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        let config = ClientConfig { max_body: PAGE, ..ClientConfig::default() };
        Ok(Self { client: Client::new("audit-anchor", &config)?, url, credentials })
    }

    fn request(&self, method: Method, url: Url) -> Request {
        let mut request = Request::new(method, url);
        if let Some(credentials) = &self.credentials {
            request.headers_mut().insert(AUTHORIZATION, credentials.clone());
        }
        request
    }

    /// Heads after a place.
    async fn page(&self, after: i64) -> Result<Vec<SignedHead>, AnchorError> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("after", &after.to_string());
        let answer = self.client.send(self.request(Method::GET, url), Repeat::Safe).await?;
        match answer.status {
            StatusCode::OK => Ok(answer.json::<Heads>()?.heads),
            status => Err(refused(status)),
        }
    }
}

impl From<CallError> for AnchorError {
    fn from(error: CallError) -> Self {
        Self(error.to_string())
    }
}

fn refused(status: StatusCode) -> AnchorError {
    AnchorError(format!("the sink answered {}", status.as_u16()))
}

#[async_trait]
impl Anchor for HttpAnchor {
    async fn write(&self, head: &SignedHead) -> Result<(), AnchorError> {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend([head.seq.to_string().as_str(), &head.hash]);
        }
        let mut request = self.request(Method::PUT, url);
        let body = serde_json::to_vec(head).map_err(|error| AnchorError(error.to_string()))?;
        *request.body_mut() = Some(body.into());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = self.client.send(request, Repeat::Safe).await?;
        match answer.status {
            status if status.is_success() => Ok(()),
            // A sink that never overwrites has it already.
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Ok(()),
            status => Err(refused(status)),
        }
    }

    fn heads(&self) -> BoxStream<'_, Result<SignedHead, AnchorError>> {
        Box::pin(try_stream! {
            let mut after = 0;
            loop {
                let page = self.page(after).await?;
                let Some(last) = page.iter().map(|head| head.seq).max() else { break };
                if last <= after {
                    Err(AnchorError("the sink's pages do not advance".to_owned()))?;
                }
                for head in page {
                    yield head;
                }
                after = last;
            }
        })
    }
}
