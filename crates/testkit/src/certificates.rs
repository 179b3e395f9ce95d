//! A made-up certificate authority, for tests of TLS.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use reqwest::{Certificate, Client, Identity};
use tempfile::TempDir;

/// An authority, and the PEM files of what it has signed. They go when it is dropped.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

/// PEM files of a certificate and of its key.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Authority {
    /// An authority that nobody else trusts.
    ///
    /// # Errors
    /// A key cannot be made, or a file not written.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "made-up authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let directory = tempfile::tempdir()?;
        fs::write(directory.path().join("ca.pem"), issuer.pem())?;
        Ok(Self { issuer, directory })
    }

    /// PEM file of its own certificate.
    pub fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A certificate for `common_name`, with one further name: a URI, an address or a host.
    ///
    /// # Errors
    /// As [`Authority::new`]; or the further name is none.
    pub fn issue(&self, common_name: &str, name: &str) -> Result<Issued> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names.push(match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) if name.contains("://") => SanType::URI(name.try_into()?),
            Err(_) => SanType::DnsName(name.try_into()?),
        });
        let key = KeyPair::generate()?;
        let write = |kind: &str, content: String| -> Result<PathBuf> {
            let path = self.directory.path().join(format!("{common_name}.{kind}"));
            fs::write(&path, content)?;
            Ok(path)
        };
        let certificate = write("pem", params.signed_by(&key, &self.issuer)?.pem())?;
        Ok(Issued { certificate, key: write("key", key.serialize_pem())? })
    }

    /// A client that trusts this authority alone, and shows a certificate where it has one.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn client(&self, identity: Option<&Issued>) -> Result<Client> {
        let ca = Certificate::from_pem(&read(&self.ca())?)?;
        let mut builder = Client::builder().no_proxy().tls_certs_only([ca]);
        if let Some(Issued { certificate, key }) = identity {
            let pem = [read(certificate)?, read(key)?].concat();
            builder = builder.identity(Identity::from_pem(&pem)?);
        }
        builder.build().context("cannot make an HTTPS client")
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
