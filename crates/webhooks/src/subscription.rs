use std::fmt;

use chrono::{DateTime, Utc};
use common::auth::Identity;
use secrecy::SecretString;
use uuid::Uuid;

/// Whose a subscription is: an issuer and a subject.
#[derive(Clone, PartialEq, Eq)]
pub struct Owner(pub(crate) String);

impl Owner {
    /// The subject of an issuer. An issuer is a URL and has no space.
    pub fn new(issuer: &str, subject: &str) -> Self {
        Self(format!("{issuer} {subject}"))
    }
}

impl From<&Identity> for Owner {
    fn from(caller: &Identity) -> Self {
        Self::new(caller.issuer(), caller.subject())
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owner(***)")
    }
}

/// Who is told of which events, without its secret.
#[derive(Clone)]
pub struct Subscription {
    /// Its identity, a UUIDv7.
    pub id: Uuid,
    /// Where messages are sent.
    pub url: String,
    /// The events that it asked for.
    pub events: Vec<String>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When its receiver answered 410; from then on nothing is sent.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// Without the URL, which may hold a secret.
impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A new subscription.
#[derive(Debug)]
pub struct Registered {
    /// The subscription.
    pub subscription: Subscription,
    /// What its messages are signed with, `whsec_…`. It is shown this once.
    pub secret: SecretString,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "UPPERCASE")]
pub enum State {
    /// It waits: for a place, for the one before it, for the end of a back-off; or is being sent.
    Pending,
    /// The receiver took it.
    Delivered,
    /// Given up.
    Failed,
}

impl State {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Delivered => "DELIVERED",
            Self::Failed => "FAILED",
        }
    }
}

/// One message on its way to one subscription.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The message, which the receiver sees as `webhook-id`; within a subscription it identifies the delivery.
    pub message: Uuid,
    /// The event.
    pub event: String,
    /// When it was published.
    pub created_at: DateTime<Utc>,
    /// Where it stands.
    pub state: State,
    /// How often it was sent, or was about to be.
    pub attempts: i32,
    /// When a pending one is due.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// The status of the last answer.
    pub last_status: Option<i16>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When the receiver took it.
    pub delivered_at: Option<DateTime<Utc>>,
    pub(crate) number: i64,
}

/// Some of a subscription's deliveries, newest first.
#[derive(Debug)]
pub struct Page {
    /// The deliveries.
    pub deliveries: Vec<Delivery>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<i64>,
}
