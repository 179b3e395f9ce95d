//! Heads in a file, one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use async_stream::try_stream;
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{Anchor, AnchorError, SignedHead};

/// A file that is only appended to, on a volume that the database's administrators cannot write.
pub struct FileAnchor {
    path: PathBuf,
}

impl FileAnchor {
    /// At a path; its directory must exist.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

fn failed(error: impl std::fmt::Display) -> AnchorError {
    AnchorError(error.to_string())
}

#[async_trait]
impl Anchor for FileAnchor {
    async fn write(&self, head: &SignedHead) -> Result<(), AnchorError> {
        let path = self.path.clone();
        // A line that a crash has cut must not swallow the next one: each begins on its own.
        let line = format!("\n{}", serde_json::to_string(head).map_err(failed)?);
        let written = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
            let mut file: File = OpenOptions::new().create(true).append(true).open(path)?;
            file.write_all(line.as_bytes())?;
            file.sync_data()
        });
        written.await.map_err(failed)?.map_err(failed)
    }

    fn heads(&self) -> BoxStream<'_, Result<SignedHead, AnchorError>> {
        Box::pin(try_stream! {
            let file = match tokio::fs::File::open(&self.path).await {
                Err(error) if error.kind() == ErrorKind::NotFound => return,
                file => file.map_err(failed)?,
            };
            let mut lines = BufReader::new(file).split(b'\n');
            while let Some(line) = lines.next_segment().await.map_err(failed)? {
                if let Ok(head) = serde_json::from_slice(&line) {
                    yield head;
                }
            }
        })
    }
}
