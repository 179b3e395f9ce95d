//! The OpenAPI document and its page, at `/docs/gda-audit/`.

use actix_web::http::header;
use actix_web::web::{ServiceConfig, get, resource};
use actix_web::{HttpResponse, Responder};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{
    audit_trail, change_folder, check_risk, compare, controls, export, flows, import_list, import_persons,
    imports, lists, replay, rescreening, risk_folders, screen, verify, webhooks,
};

const DOCUMENT: &str = "/docs/gda-audit/openapi.json";
const PAGE: &str = "/docs/gda-audit/index.html";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "gda-audit",
        description = "Screens people and companies against asset-freeze (GDA) and politically-exposed (PPE) lists."
    ),
    modifiers(&Security, &Everywhere),
    paths(
        screen::screen,
        compare::compare,
        lists::list,
        lists::show_edition,
        import_list::import,
        flows::add_source,
        flows::add_flow,
        flows::list_flows,
        check_risk::check,
        audit_trail::show,
        risk_folders::list,
        risk_folders::show,
        change_folder::decide,
        change_folder::comment,
        change_folder::delete_comment,
        change_folder::put_manual_information,
        webhooks::register,
        webhooks::list,
        webhooks::delete,
        webhooks::deliveries,
        webhooks::redeliver,
        verify::show,
        export::export,
        controls::list,
        replay::replay,
        import_persons::import_stock,
        import_persons::import_accident,
        imports::list,
        imports::show,
        imports::rejections,
        rescreening::show,
    )
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        components.add_security_scheme("bearer", bearer);
    }
}

/// What any operation may answer: 503 while the database or the lists are wanting, and 408 where a body is awaited.
struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for item in document.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.delete]
                .into_iter()
                .filter_map(Option::as_mut)
            {
                let mut add = |status: &str, description: &str| {
                    let content = Content::new(Some(Ref::from_schema_name("ProblemBody")));
                    let response = ResponseBuilder::new()
                        .description(description)
                        .content("application/problem+json", content)
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

/// The OpenAPI document.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(crate) fn routes(app: &mut ServiceConfig) {
    app.service(resource("/docs/gda-audit").route(get().to(page))).service(
        SwaggerUi::new("/docs/gda-audit/{_:.*}")
            .config(Config::new(["./openapi.json"]))
            .url(DOCUMENT, document()),
    );
}

async fn page() -> impl Responder {
    HttpResponse::Found().insert_header((header::LOCATION, PAGE)).finish()
}
