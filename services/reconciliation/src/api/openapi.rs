//! The OpenAPI document and its page, at `/docs/reconciliation/`.

use actix_web::http::header;
use actix_web::web::{ServiceConfig, get, resource};
use actix_web::{HttpResponse, Responder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{
    applications, authentication, get_user, ingest_transactions, oauth, operators, profiles, put_operator,
    reconcile, task_details, tasks, update_reconciliation,
};

const DOCUMENT: &str = "/docs/reconciliation/openapi.json";
const PAGE: &str = "/docs/reconciliation/index.html";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "reconciliation",
        description = "Matches a payment aggregator's transactions with the statement of each operator."
    ),
    modifiers(&Security, &Everywhere),
    paths(
        oauth::token,
        oauth::revoke,
        oauth::introspect,
        oauth::jwks,
        applications::list,
        applications::form,
        applications::register,
        authentication::register,
        authentication::token,
        authentication::refresh,
        authentication::revoke,
        get_user::get_user,
        profiles::list,
        profiles::show,
        profiles::put,
        operators::list,
        operators::show,
        operators::configuration,
        put_operator::put,
        ingest_transactions::ingest,
        reconcile::reconcile,
        update_reconciliation::update,
        tasks::list,
        tasks::show,
        tasks::progress,
        task_details::show,
    )
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let http = |scheme: HttpAuthScheme| SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
        components.add_security_scheme("bearer", http(HttpAuthScheme::Bearer));
        components.add_security_scheme("client", http(HttpAuthScheme::Basic));
    }
}

/// What any operation may answer: 503 while the database or a place is wanting, and 408 where a body is awaited.
struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for item in document.paths.paths.values_mut() {
            for operation in
                [&mut item.get, &mut item.put, &mut item.post].into_iter().filter_map(Option::as_mut)
            {
                let oauth = operation.responses.responses.get("400").is_some_and(is_oauth);
                let body = if oauth { "OAuthErrorBody" } else { "ErrorBody" };
                let mut add = |status: &str, description: &str| {
                    let content = Content::new(Some(Ref::from_schema_name(body)));
                    let response = ResponseBuilder::new()
                        .description(description)
                        .content("application/json", content)
                        .build();
                    operation.responses.responses.insert(status.to_owned(), response.into());
                };
                add("503", "Temporarily unavailable; safe to repeat after `Retry-After`");
                if operation.request_body.is_some() {
                    add("408", "The body did not arrive in time");
                }
            }
        }
    }
}

fn is_oauth(response: &RefOr<Response>) -> bool {
    let RefOr::T(response) = response else { return false };
    response.content.values().any(|content| match content {
        RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) => {
            schema.ref_location.ends_with("/OAuthErrorBody")
        }
        _ => false,
    })
}

/// The OpenAPI document.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(crate) fn routes(app: &mut ServiceConfig) {
    app.service(resource("/docs/reconciliation").route(get().to(page))).service(
        SwaggerUi::new("/docs/reconciliation/{_:.*}")
            .config(Config::new(["./openapi.json"]))
            .url(DOCUMENT, document()),
    );
}

async fn page() -> impl Responder {
    HttpResponse::Found().insert_header((header::LOCATION, PAGE)).finish()
}
