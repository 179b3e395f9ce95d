//! Fetches a list from its official URLs.

use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use chrono::TimeDelta;
use common::client::{Answer, CallError, Client, ClientConfig, Repeat, TlsError};
use reqwest::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use reqwest::{Method, Request, StatusCode, Url};

use super::import::{EditionFile, ImportError, Imported, Importer};
use crate::config::{ListConfig, RenewalConfig};
use crate::store::lists::{self, Etags, Outcome};

/// Why a list was not renewed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// 422: the configuration gives no URL.
    #[error("the list has no official URL: upload its files")]
    NoUrl,
    /// 502: the source does not answer, or not with a file.
    #[error("the official source could not be read: {0}")]
    Source(String),
    /// As for an upload.
    #[error(transparent)]
    Import(#[from] ImportError),
}

impl From<sqlx::Error> for FetchError {
    fn from(error: sqlx::Error) -> Self {
        Self::Import(error.into())
    }
}

/// Renews lists from their official URLs.
pub struct Fetcher {
    client: Client,
    importer: Importer,
}

/// What a source said of one file.
enum File {
    Unchanged,
    New(Answer),
}

impl Fetcher {
    /// With the configured limits.
    ///
    /// # Errors
    /// The TLS library cannot start.
    pub fn new(importer: Importer, config: &RenewalConfig) -> Result<Self, TlsError> {
        let timeout_ms = config.fetch_timeout_s * 1_000;
        let config = ClientConfig {
            connect_timeout_ms: 5_000,
            attempt_timeout_ms: timeout_ms,
            total_timeout_ms: 2 * timeout_ms,
            max_attempts: 2,
            max_concurrent: 4,
            max_body: usize::try_from(config.max_bytes).unwrap_or(usize::MAX),
            ..ClientConfig::default()
        };
        Ok(Self { client: Client::new("lists", &config)?, importer })
    }

    /// Fetches a list's files, unless the source says that they are those in force, and imports them.
    ///
    /// # Errors
    /// [`FetchError`]; the edition in force stays.
    pub async fn renew(&self, list: &ListConfig, by: &str) -> Result<Option<Imported>, FetchError> {
        if list.urls.is_empty() {
            return Err(FetchError::NoUrl);
        }
        let pool = &self.importer.pool;
        let known = lists::etags(pool, &list.source).await?;
        let outcome = self.files(list, &known).await;
        let now = self.importer.clock.now();
        match outcome {
            Err(error) => {
                tracing::warn!(
                    source = list.source,
                    error = error.to_string(),
                    "a list could not be fetched"
                );
                let reason = error.to_string();
                lists::note(pool, &list.source, Outcome::Unreachable, Some(&reason), now).await?;
                Err(error)
            }
            Ok(None) => {
                lists::note(pool, &list.source, Outcome::Unchanged, None, now).await?;
                Ok(None)
            }
            Ok(Some((files, etags))) => Ok(Some(self.importer.import(list, files, &etags, by).await?)),
        }
    }

    /// The files, or `None` where all are those in force.
    async fn files(
        &self,
        list: &ListConfig,
        known: &Etags,
    ) -> Result<Option<(Vec<EditionFile>, Etags)>, FetchError> {
        let mut answers = Vec::new();
        for url in &list.urls {
            answers.push((url, self.file(url, known.get(url.as_str())).await?));
        }
        if answers.iter().all(|(_, file)| matches!(file, File::Unchanged)) {
            return Ok(None);
        }
        let (mut files, mut etags) = (Vec::new(), Etags::new());
        for (url, file) in answers {
            let answer = match file {
                File::New(answer) => answer,
                // One of several has changed: an edition is all of them.
                File::Unchanged => match self.file(url, None).await? {
                    File::New(answer) => answer,
                    File::Unchanged => {
                        return Err(FetchError::Source("304 to an unconditional GET".to_owned()));
                    }
                },
            };
            if let Some(etag) = answer.headers.get(ETAG).and_then(|etag| etag.to_str().ok()) {
                etags.insert(url.to_string(), etag.to_owned());
            }
            let name =
                url.path_segments().and_then(|mut path| path.next_back()).unwrap_or_default().to_owned();
            files.push(EditionFile { name, content: spooled(&answer.body).map_err(ImportError::Spool)? });
        }
        Ok(Some((files, etags)))
    }

    async fn file(&self, url: &Url, etag: Option<&String>) -> Result<File, FetchError> {
        let mut request = Request::new(Method::GET, url.clone());
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            request.headers_mut().insert(IF_NONE_MATCH, etag);
        }
        let answer = self
            .client
            .send(request, Repeat::Safe)
            .await
            .map_err(|error: CallError| FetchError::Source(error.to_string()))?;
        match answer.status {
            StatusCode::OK => Ok(File::New(answer)),
            StatusCode::NOT_MODIFIED => Ok(File::Unchanged),
            status => Err(FetchError::Source(format!("it answered {status}"))),
        }
    }

    /// Renews each list that has a schedule, for ever; of all replicas one does it.
    pub async fn keep_renewing(self, configured: Vec<ListConfig>) {
        loop {
            for list in &configured {
                let Some(every) = list.every_s else { continue };
                let every = TimeDelta::seconds(every.into());
                let now = self.importer.clock.now();
                match lists::claim(&self.importer.pool, &list.source, every, now).await {
                    // How it went is logged and noted at the list.
                    Ok(true) => drop(self.renew(list, "schedule").await),
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(error = common::db::loggable(&error), "no list is renewed now")
                    }
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

fn spooled(content: &[u8]) -> std::io::Result<std::fs::File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(content)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}
