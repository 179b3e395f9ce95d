use actix_web::http::StatusCode;
use common::client::public::PublicUrlError;
use common::error::{Problem, ToProblem};
use common::seal::SealError;

/// Why webhooks could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No key for the secrets.
    #[error("webhooks: {0}")]
    Key(#[from] SealError),
    /// The HTTP client could not be made.
    #[error("webhooks: {0}")]
    Client(#[from] reqwest::Error),
}

/// Why a subscription or its deliveries were not shown or deleted.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// 404: there is none, or it is somebody else's.
    #[error("there is no such webhook")]
    NotFound,
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for WebhookError {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::not_found(self.to_string()),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

/// Why a subscription was not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// 400 at `url`
    #[error("{0}")]
    Url(#[from] PublicUrlError),
    /// 400 at `events`
    #[error("at least one event is needed")]
    NoEvents,
    /// 400 at `events[n]`
    #[error("must be one of: {allowed}")]
    UnknownEvent {
        /// Its place.
        place: usize,
        /// What the service tells of.
        allowed: String,
    },
    /// 400 at `events[n]`
    #[error("the event is there twice")]
    RepeatedEvent {
        /// The second one's place.
        place: usize,
    },
    /// 409
    #[error("the URL has a webhook already")]
    AlreadyRegistered,
    /// 409
    #[error("at most {0} webhooks are allowed")]
    TooMany(u32),
    /// 500
    #[error("the secret could not be made: {0}")]
    Secret(SealError),
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for RegisterError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        let conflict = |code| Problem::new(StatusCode::CONFLICT, code, detail.clone());
        match self {
            Self::Url(_) => Problem::invalid("url", detail),
            Self::NoEvents => Problem::invalid("events", detail),
            Self::UnknownEvent { place, .. } | Self::RepeatedEvent { place } => {
                Problem::invalid(format!("events[{place}]"), detail)
            }
            Self::AlreadyRegistered => conflict("already_registered").at("url"),
            Self::TooMany(_) => conflict("too_many_webhooks"),
            Self::Secret(_) => Problem::internal(),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

/// Why a message is not sent again.
#[derive(Debug, thiserror::Error)]
pub enum RedeliverError {
    /// 404: there is none, or it is somebody else's, or it was purged.
    #[error("there is no such webhook or delivery")]
    NotFound,
    /// 409
    #[error("the webhook is disabled: its receiver answered 410")]
    Disabled,
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for RedeliverError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::NotFound => Problem::not_found(detail),
            Self::Disabled => Problem::new(StatusCode::CONFLICT, "webhook_disabled", detail),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

common::error_response!(WebhookError, RegisterError, RedeliverError);
