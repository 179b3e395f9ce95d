//! The baseline of the services' CPU per request.

use std::sync::Arc;

use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpResponse, http::header};
use anyhow::Result;
use common::auth::{Authenticator, Identity};
use common::body::{self, BodyError};
use common::clock::SystemClock;
use common::server::{Health, Server, Service};
use common::telemetry::Telemetry;
use msepi05_proxy::config::Config;
use msepi05_proxy::{LOG_TARGETS, SERVICE, api};

/// Serves `POST /echo` with the configuration of msepi05-proxy.
pub(crate) fn serve() -> Result<()> {
    let config: Config = common::config::load(None)?;
    let telemetry = Telemetry::install(&config.telemetry, SERVICE, &LOG_TARGETS)?;
    let registry = telemetry.registry();
    tokio::runtime::Runtime::new()?.block_on(async {
        let issuers = common::auth::trusted_issuers(&config.auth.issuers)?;
        let service = Service {
            renderer: api::RENDERER,
            authenticator: Arc::new(Authenticator::new(SERVICE, issuers, SystemClock::shared())),
            routes: |app: &mut ServiceConfig| {
                app.route("/echo", web::post().to(echo));
            },
        };
        let health = Health::without_database();
        let server = Server::bind(&config.server, &config.management, health, registry, service)?;
        server.run_until_stopped().await?;
        Ok(())
    })
}

async fn echo(_caller: Identity, payload: Payload) -> Result<HttpResponse, BodyError> {
    let body = body::bytes(payload).await?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(body))
}
