//! Uploads, spooled to an unnamed file: a slow client holds no database connection, parts may come in any order, and a
//! refused or interrupted upload leaves nothing behind, not even after `kill -9`.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::time::{Duration, Instant};

use actix_multipart::{Field, Multipart};
use actix_web::http::StatusCode;
use actix_web::http::header::ContentDisposition;
use bytes::Bytes;
use common::error::{Problem, ToProblem};
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::config::UploadConfig;

const TEXT_PART_LIMIT: usize = 4 * 1024;
/// Bytes a second that an upload must have on average, after its first idle time.
const MIN_RATE: u64 = 16 * 1024;
/// How long an upload that has arrived waits for its turn; less than the gateway's idle timeout.
const TURN: Duration = Duration::from_secs(45);

/// Why an upload was not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// 413
    #[error("the upload is larger than {0} bytes")]
    TooLarge(u64),
    /// 408
    #[error("the upload stopped in the middle, or was too slow")]
    Idle,
    /// 400
    #[error("the upload could not be read")]
    Broken,
    /// 400 at the part
    #[error("{1}")]
    Part(String, String),
    /// 503
    #[error("too many uploads at once")]
    Busy,
    /// 500
    #[error("spool file: {0}")]
    Spool(#[from] std::io::Error),
}

impl ToProblem for UploadError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::TooLarge(_) => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail),
            Self::Idle => Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail),
            Self::Broken => Problem::new(StatusCode::BAD_REQUEST, "invalid", detail),
            Self::Part(field, _) => Problem::invalid(field, detail),
            Self::Busy => Problem::unavailable(),
            Self::Spool(_) => Problem::internal(),
        }
    }
}

/// A place among the uploads that may arrive at once; it is given up when the upload lies on disk.
pub(super) fn admit(spooling: &Semaphore) -> Result<SemaphorePermit<'_>, UploadError> {
    spooling.try_acquire().map_err(|_| UploadError::Busy)
}

/// A place among the uploads that are read and stored at once. Their clients have sent everything, so the wait is for
/// work of ours and never for a slow client.
pub(super) async fn turn(uploads: &Semaphore) -> Result<SemaphorePermit<'_>, UploadError> {
    tokio::time::timeout(TURN, uploads.acquire())
        .await
        .map_err(|_| UploadError::Busy)?
        .map_err(|_| UploadError::Busy)
}

/// Writes a stream to an unnamed file, rewound. A client that is silent for `idle`, or slower than [`MIN_RATE`] over all,
/// is given up.
pub(super) async fn spool<E>(
    stream: impl Stream<Item = Result<Bytes, E>>,
    limit: u64,
    idle: Duration,
) -> Result<File, UploadError> {
    let started = Instant::now();
    let mut stream = std::pin::pin!(stream);
    let file = tokio::task::spawn_blocking(tempfile::tempfile).await.map_err(std::io::Error::other)??;
    let mut writer = tokio::io::BufWriter::with_capacity(256 * 1024, tokio::fs::File::from_std(file));
    let mut written = 0_u64;
    while let Some(chunk) = tokio::time::timeout(idle, stream.next()).await.map_err(|_| UploadError::Idle)? {
        let chunk = chunk.map_err(|_| UploadError::Broken)?;
        written += chunk.len() as u64;
        if written > limit {
            return Err(UploadError::TooLarge(limit));
        }
        if started.elapsed() > idle + Duration::from_secs(written / MIN_RATE) {
            return Err(UploadError::Idle);
        }
        writer.write_all(&chunk).await?;
    }
    writer.flush().await?;
    let mut file = writer.into_inner().into_std().await;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// The file of a multipart upload, with what the part said of it.
pub(super) struct UploadedFile {
    pub file: File,
    pub file_name: Option<String>,
    pub content_type: Option<String>,
}

/// A multipart form whose part `file_part` is a file and whose other parts are short texts, in any order.
pub(super) struct Form {
    texts: Vec<(String, String)>,
    pub file: Option<UploadedFile>,
}

impl Form {
    /// The text of a part.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().find(|(part, _)| part == name).map(|(_, text)| text.as_str())
    }

    /// Reads the form to its end. A part that comes twice, or of another name than these, is refused.
    pub async fn read(
        mut form: Multipart,
        file_part: &str,
        text_parts: &[&str],
        config: &UploadConfig,
    ) -> Result<Self, UploadError> {
        let idle = Duration::from_secs(config.idle_s);
        let mut read = Self { texts: Vec::new(), file: None };
        while let Some(field) =
            tokio::time::timeout(idle, form.next()).await.map_err(|_| UploadError::Idle)?
        {
            let field = field.map_err(|_| UploadError::Broken)?;
            let name = field.name().unwrap_or_default().to_owned();
            if name != file_part && !text_parts.contains(&name.as_str()) {
                return Err(UploadError::Part(name, "unknown field".to_owned()));
            }
            if read.text(&name).is_some() || (name == file_part && read.file.is_some()) {
                return Err(UploadError::Part(name, "given twice".to_owned()));
            }
            if name == file_part {
                let disposition = field.content_disposition();
                let file_name = disposition.and_then(file_name);
                let content_type = field.content_type().map(ToString::to_string);
                let file = spool(field, config.max_bytes, idle).await?;
                read.file = Some(UploadedFile { file, file_name, content_type });
            } else {
                let text = text_part(field, idle).await?;
                read.texts.push((name, text));
            }
        }
        Ok(read)
    }
}

/// `filename`, else the `filename*` of RFC 5987.
fn file_name(disposition: &ContentDisposition) -> Option<String> {
    let extended = || Some(String::from_utf8_lossy(&disposition.get_filename_ext()?.value).into_owned());
    disposition.get_filename().map(str::to_owned).or_else(extended)
}

async fn text_part(mut field: Field, idle: Duration) -> Result<String, UploadError> {
    let name = field.name().unwrap_or_default().to_owned();
    let mut text = Vec::new();
    while let Some(chunk) = tokio::time::timeout(idle, field.next()).await.map_err(|_| UploadError::Idle)? {
        text.extend_from_slice(&chunk.map_err(|_| UploadError::Broken)?);
        if text.len() > TEXT_PART_LIMIT {
            return Err(UploadError::Part(name, format!("longer than {TEXT_PART_LIMIT} bytes")));
        }
    }
    String::from_utf8(text).map_err(|_| UploadError::Part(name, "not UTF-8".to_owned()))
}
