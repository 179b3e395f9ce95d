//! The multipart form of an upload, and the places that uploads wait for.

use std::fs::File;
use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::http::header::ContentDisposition;
pub(super) use common::upload::{UploadError, spool};
use futures_util::StreamExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::config::UploadConfig;

const TEXT_PART_LIMIT: usize = 4 * 1024;
/// How long an upload that has arrived waits for its turn; less than the gateway's idle timeout.
const TURN: Duration = Duration::from_secs(45);

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
