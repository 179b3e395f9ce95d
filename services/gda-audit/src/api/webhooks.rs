//! `POST`, `GET /webhooks`, `DELETE /webhooks/{id}`, and a webhook's deliveries. Everybody sees their own webhooks only.

use ::webhooks::{Delivery, Owner, RedeliverError, RegisterError, Subscription, WebhookError, Webhooks};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use common::auth::Caller;
use common::body::{self, BodyError};
use common::error::{Problem, ToProblem};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::ProblemBody;
use super::scope::ScreeningWrite;
use super::screen::instant;

/// Why no webhook was registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterWebhookError {
    /// 400, 408, 413, 415
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 400, 409, 503, 500
    #[error(transparent)]
    Register(#[from] RegisterError),
}

impl ToProblem for RegisterWebhookError {
    fn problem(&self) -> Problem {
        match self {
            Self::Body(error) => error.problem(),
            Self::Register(error) => error.problem(),
        }
    }
}

/// Why deliveries were not listed.
#[derive(Debug, thiserror::Error)]
pub enum ListDeliveriesError {
    /// 400
    #[error("wrong value")]
    Query(&'static str),
    /// 404, 503, 500
    #[error(transparent)]
    Webhook(#[from] WebhookError),
}

impl ToProblem for ListDeliveriesError {
    fn problem(&self) -> Problem {
        match self {
            Self::Query(field) => Problem::invalid(*field, self.to_string()),
            Self::Webhook(error) => error.problem(),
        }
    }
}

common::error_response!(RegisterWebhookError, ListDeliveriesError);

/// Where to send what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookDraftBody {
    /// An https URL with a public host.
    #[schema(max_length = 2048, pattern = "^https://", example = "https://receiver.example/hook")]
    url: String,
    #[schema(min_items = 1, value_type = Vec<EventName>)]
    events: Vec<String>,
}

/// An event.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(dead_code, clippy::enum_variant_names, reason = "only described, in the OpenAPI document")]
pub enum EventName {
    /// A risk folder got another status.
    BlacklistPepRiskStatusUpdate,
    /// A risk folder's comments changed.
    BlacklistPepRiskCommentsUpdate,
}

/// A webhook.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookBody {
    id: Uuid,
    url: String,
    #[schema(value_type = Vec<EventName>)]
    events: Vec<String>,
    created_at: String,
    /// When its receiver answered 410; from then on nothing is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    disabled_at: Option<String>,
}

impl From<Subscription> for WebhookBody {
    fn from(subscription: Subscription) -> Self {
        Self {
            id: subscription.id,
            url: subscription.url,
            events: subscription.events,
            created_at: instant(subscription.created_at),
            disabled_at: subscription.disabled_at.map(instant),
        }
    }
}

/// A new webhook.
#[derive(Serialize, ToSchema)]
pub struct RegisteredWebhookBody {
    #[serde(flatten)]
    webhook: WebhookBody,
    /// `whsec_` and the key of the signatures in base64. It is shown this once.
    secret: String,
}

/// Subscribes a URL to events. Messages and signatures follow <https://www.standardwebhooks.com>.
#[utoipa::path(post, path = "/webhooks", tag = "webhooks", operation_id = "registerWebhook",
    request_body = WebhookDraftBody,
    security(("bearer" = ["screening:write"])),
    responses(
        (status = 201, description = "The webhook and its secret", body = RegisteredWebhookBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The URL has a webhook already, or there are too many",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn register(
    webhooks: web::Data<Webhooks>,
    caller: Caller<ScreeningWrite>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, RegisterWebhookError> {
    let draft: WebhookDraftBody = body::json(&request, payload).await?;
    let registered = webhooks.register(&Owner::from(&*caller), &draft.url, &draft.events).await?;
    let mut response = HttpResponse::Created();
    // It holds the secret.
    response.insert_header((CACHE_CONTROL, "no-store"));
    Ok(response.json(RegisteredWebhookBody {
        webhook: registered.subscription.into(),
        secret: registered.secret.expose_secret().to_owned(),
    }))
}

/// The caller's webhooks, oldest first.
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", operation_id = "listWebhooks",
    security(("bearer" = ["screening:write"])),
    responses(
        (status = 200, description = "The webhooks", body = Vec<WebhookBody>),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn list(
    webhooks: web::Data<Webhooks>,
    caller: Caller<ScreeningWrite>,
) -> Result<HttpResponse, WebhookError> {
    let found = webhooks.list(&Owner::from(&*caller)).await?;
    Ok(HttpResponse::Ok().json(found.into_iter().map(WebhookBody::from).collect::<Vec<_>>()))
}

/// Ends a webhook; what is pending is not sent any more.
#[utoipa::path(delete, path = "/webhooks/{id}", tag = "webhooks", operation_id = "deleteWebhook",
    params(("id" = String, Path)),
    security(("bearer" = ["screening:write"])),
    responses(
        (status = 204, description = "There is no such webhook any more"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn delete(
    webhooks: web::Data<Webhooks>,
    caller: Caller<ScreeningWrite>,
    id: web::Path<String>,
) -> Result<HttpResponse, WebhookError> {
    let id: Uuid = id.parse().map_err(|_| WebhookError::NotFound)?;
    webhooks.delete(&Owner::from(&*caller), id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveriesQuery {
    /// `next` of the page before.
    #[param(pattern = "^[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// Deliveries at most.
    #[serde(default = "page")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: u32,
}

fn page() -> u32 {
    50
}

/// One message on its way.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryBody {
    /// The message: the receiver sees it as `webhook-id`.
    id: Uuid,
    #[schema(value_type = EventName)]
    event: String,
    created_at: String,
    #[schema(pattern = "^(PENDING|DELIVERED|FAILED)$")]
    state: &'static str,
    attempts: i32,
    /// When a pending one is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_attempt_at: Option<String>,
    /// The HTTP status of the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_status: Option<i16>,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    delivered_at: Option<String>,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.message,
            event: delivery.event,
            created_at: instant(delivery.created_at),
            state: delivery.state.name(),
            attempts: delivery.attempts,
            next_attempt_at: delivery.next_attempt_at.map(instant),
            last_status: delivery.last_status,
            last_error: delivery.last_error,
            delivered_at: delivery.delivered_at.map(instant),
        }
    }
}

/// A page of deliveries, newest first.
#[derive(Serialize, ToSchema)]
pub struct DeliveriesBody {
    deliveries: Vec<DeliveryBody>,
    /// `cursor` of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// What became of a webhook's messages, newest first.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", tag = "webhooks", operation_id = "listDeliveries",
    params(("id" = String, Path), DeliveriesQuery),
    security(("bearer" = ["screening:write"])),
    responses(
        (status = 200, description = "The deliveries", body = DeliveriesBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn deliveries(
    webhooks: web::Data<Webhooks>,
    caller: Caller<ScreeningWrite>,
    id: web::Path<String>,
    query: Result<web::Query<DeliveriesQuery>, actix_web::Error>,
) -> Result<HttpResponse, ListDeliveriesError> {
    let query = query.map_err(|_| ListDeliveriesError::Query("limit"))?;
    if !(1..=100).contains(&query.limit) {
        return Err(ListDeliveriesError::Query("limit"));
    }
    let cursor = query.cursor.as_deref().map(place).transpose()?;
    let id: Uuid = id.parse().map_err(|_| WebhookError::NotFound)?;
    let page = webhooks.deliveries(&Owner::from(&*caller), id, cursor, query.limit).await?;
    Ok(HttpResponse::Ok().json(DeliveriesBody {
        deliveries: page.deliveries.into_iter().map(DeliveryBody::from).collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}

/// A place in the list, as a page before gave it.
fn place(cursor: &str) -> Result<i64, ListDeliveriesError> {
    let place = cursor.parse().ok().filter(|place: &i64| *place > 0 && place.to_string() == cursor);
    place.ok_or(ListDeliveriesError::Query("cursor"))
}

/// Sends a message again, whatever became of it, with the same `webhook-id`.
#[utoipa::path(post, path = "/webhooks/{id}/deliveries/{deliveryId}/redeliver", tag = "webhooks",
    operation_id = "redeliver",
    params(("id" = String, Path), ("deliveryId" = String, Path)),
    security(("bearer" = ["screening:write"])),
    responses(
        (status = 202, description = "It will be sent", body = DeliveryBody),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The webhook is disabled",
            body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn redeliver(
    webhooks: web::Data<Webhooks>,
    caller: Caller<ScreeningWrite>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, RedeliverError> {
    let parsed = (path.0.parse(), path.1.parse());
    let (Ok(id), Ok(message)) = parsed else { return Err(RedeliverError::NotFound) };
    let delivery = webhooks.redeliver(&Owner::from(&*caller), id, message).await?;
    Ok(HttpResponse::Accepted().json(DeliveryBody::from(delivery)))
}
