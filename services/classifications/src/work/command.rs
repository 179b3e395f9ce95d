//! Who asks for what, and what comes of it.

use chrono::{DateTime, Utc};
use common::redact::Personal;

use crate::domain::capacity::NoRate;
use crate::domain::classification::Classification;
use crate::domain::country::Country;
use crate::domain::event::Broken;
use crate::domain::refusal::Refusal;
use crate::domain::state::{Party, Status};

/// Who asks.
#[derive(Debug, Clone)]
pub struct By {
    /// An underwriter is the insurer, everybody else insured.
    pub party: Party,
    /// Contracts are their holders' by this name. It must come from an issuer whose names are this service's users.
    pub login: Personal<String>,
    /// The client through which.
    pub client_id: String,
}

/// Under which conditions a command is carried out.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Only if the classification has this version.
    pub if_match: Option<u64>,
    /// Once only.
    pub idempotency: Option<Idempotency>,
}

/// A caller's key for one command.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The caller's own.
    pub key: String,
    /// SHA-256 of what the caller asked for.
    pub fingerprint: [u8; 32],
}

/// What came of a command.
#[derive(Debug, Clone)]
pub struct Done {
    /// The classification as the command left it; of a replayed command, as it left it then, so that the same answer
    /// can be written again.
    pub classification: Classification,
    /// Whether the command had been carried out before, under the same key.
    pub is_replayed: bool,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No such contract or classification that the caller may see.
    #[error("no such contract or classification")]
    NotFound,
    /// `If-Match` names another version.
    #[error("the classification has version {version}")]
    Stale {
        /// The present one.
        version: u64,
    },
    /// The idempotency key stands for another command.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A currency of the configuration has no rate.
    #[error(transparent)]
    NoRate(#[from] NoRate),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// What is stored is not what was written: [`Broken`], or a hash that does not fit.
    #[error("a stored classification contradicts itself")]
    Corrupt,
}

impl From<Broken> for CommandError {
    fn from(_: Broken) -> Self {
        Self::Corrupt
    }
}

impl From<serde_json::Error> for CommandError {
    fn from(_: serde_json::Error) -> Self {
        Self::Corrupt
    }
}

/// What to list. Without a number or a status it is the portfolio: all that was not denied.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// One request; the only way to see one that was denied.
    pub request_no: Option<u64>,
    /// All of one endorsement.
    pub endorsement_no: Option<u64>,
    /// All on one debtor, by its tax code in its one spelling.
    pub debtor: Option<(Country, String)>,
    /// All with the insured's own reference.
    pub customer_reference: Option<String>,
    /// All in one status.
    pub status: Option<Status>,
}

/// A part of a list.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// After this request's number; 0 from the first on.
    pub after: u64,
    /// How many at most.
    pub limit: u32,
}

/// An event of a classification's history.
#[derive(Debug, Clone)]
pub struct Past {
    /// Its number, from 1 on.
    pub seq: u64,
    /// What happened.
    pub event: crate::domain::event::Event,
    /// The login of whoever did it; none for what time or the engine did.
    pub login: Option<Personal<String>>,
    /// The client through which.
    pub client_id: Option<String>,
}

/// What became of a file of debtors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Debtors that were added or changed.
    pub accepted: u64,
    /// Lines that were not.
    pub rejected: Vec<RejectedLine>,
}

/// A line of a file that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedLine {
    /// Its number, from 1 on; the header is line 1.
    pub line: u64,
    /// The column at fault, where one is.
    pub field: Option<&'static str>,
    /// What is wrong with it, without its content.
    pub reason: String,
}

/// At the present, or at an instant before.
pub type AsOf = Option<DateTime<Utc>>;
