//! Uploads, spooled to an unnamed file: a slow client holds no database connection, parts may come in any order, and a
//! refused or interrupted upload leaves nothing behind, not even after `kill -9`.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWriteExt;

use crate::error::{Problem, ToProblem};

/// Bytes a second that an upload must have on average, after its first idle time.
const MIN_RATE: u64 = 16 * 1024;

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

crate::error_response!(UploadError);

/// Writes a stream to an unnamed file, rewound. A client that is silent for `idle`, or slower than [`MIN_RATE`] over all,
/// is given up.
pub async fn spool<E>(
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
