use std::path::{Path, PathBuf};

use reqwest::{Certificate, ClientBuilder, Identity};
use serde::Deserialize;

/// `<peer>.tls.*`: PEM files of a peer that is called over mutual TLS.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// Authorities that the peer's certificate must come from; the system's where absent.
    pub ca: Option<PathBuf>,
    /// Our own certificate, followed by its chain.
    pub certificate: Option<PathBuf>,
    /// The private key of our certificate.
    pub key: Option<PathBuf>,
}

/// Why an HTTP client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A certificate comes without its key, or a key without its certificate.
    #[error("certificate and key go together")]
    Half,
    /// A file holds no usable PEM, or the TLS library cannot start.
    #[error("TLS: {0}")]
    Client(#[from] reqwest::Error),
}

impl TlsConfig {
    pub(super) fn apply(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, TlsError> {
        if let Some(ca) = &self.ca {
            builder = builder.tls_certs_only(Certificate::from_pem_bundle(&read(ca)?)?);
        }
        match (&self.certificate, &self.key) {
            (None, None) => Ok(builder),
            (Some(certificate), Some(key)) => {
                let mut pem = read(certificate)?;
                pem.push(b'\n');
                pem.extend(read(key)?);
                Ok(builder.identity(Identity::from_pem(&pem)?))
            }
            _ => Err(TlsError::Half),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File { path: path.display().to_string(), source })
}
