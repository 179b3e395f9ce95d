//! The OpenAPI 3.0 document and its page, at `/docs/msepi05-proxy/`.
//!
//! The contract fixes the document's version, names and texts, so it is written by hand; schemathesis holds the service
//! to it.

use actix_web::http::header;
use actix_web::web::{ServiceConfig, get, resource};
use actix_web::{HttpResponse, Responder};
use serde_json::{Value, json};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::config::OpenApiConfig;

const DOCUMENT: &str = "/docs/msepi05-proxy/openapi.json";
const PAGE: &str = "/docs/msepi05-proxy/index.html";

/// The document, naming the configured server.
pub fn document(config: &OpenApiConfig) -> serde_json::Result<Value> {
    let mut document: Value = serde_json::from_str(include_str!("openapi.json"))?;
    document["servers"] = json!([{ "url": config.server_url }]);
    Ok(document)
}

pub(crate) fn routes(app: &mut ServiceConfig, document: &Value) {
    app.service(resource("/docs/msepi05-proxy").route(get().to(page))).service(
        SwaggerUi::new("/docs/msepi05-proxy/{_:.*}")
            .config(Config::new(["./openapi.json"]))
            .external_url_unchecked(DOCUMENT, document.clone()),
    );
}

async fn page() -> impl Responder {
    HttpResponse::Found().insert_header((header::LOCATION, PAGE)).finish()
}
