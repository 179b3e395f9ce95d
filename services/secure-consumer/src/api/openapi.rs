//! The OpenAPI document and its page, at `/docs/secure-consumer/`.

use actix_web::http::header;
use actix_web::web::{ServiceConfig, get, resource};
use actix_web::{HttpResponse, Responder};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{check, decision};

const DOCUMENT: &str = "/docs/secure-consumer/openapi.json";
const PAGE: &str = "/docs/secure-consumer/index.html";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "secure-consumer",
        description = "Scores how genuine a consumer, a company and a bank account are before a SEPA direct debit."
    ),
    modifiers(&Security, &Everywhere),
    paths(check::check, decision::show)
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let basic = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Basic).build());
        components.add_security_scheme("basic", basic);
    }
}

/// What any operation may answer: 503 while the database is wanting, and 408 where a body is awaited.
struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for item in document.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post].into_iter().filter_map(Option::as_mut) {
                let mut add = |status: &str, description: &str| {
                    let content = Content::new(Some(Ref::from_schema_name("RefusedBody")));
                    let response = ResponseBuilder::new()
                        .description(description)
                        .content("application/json", content)
                        .build();
                    operation.responses.responses.insert(status.to_owned(), response.into());
                };
                add("500", "TECH_001");
                add("503", "TECH_002: safe to repeat after `Retry-After`");
                if operation.request_body.is_some() {
                    add("408", "TECH_002: the body did not arrive in time");
                }
            }
        }
    }
}

/// The OpenAPI document.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(crate) fn routes(app: &mut ServiceConfig) {
    app.service(resource("/docs/secure-consumer").route(get().to(page))).service(
        SwaggerUi::new("/docs/secure-consumer/{_:.*}")
            .config(Config::new(["./openapi.json"]))
            .url(DOCUMENT, document()),
    );
}

async fn page() -> impl Responder {
    HttpResponse::Found().insert_header((header::LOCATION, PAGE)).finish()
}
