use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;

use crate::AuthorizationServer;

/// The public keys: 200 with a [`KeySet`](crate::KeySet), to be kept for five minutes. A key is published a day before
/// it signs.
pub async fn jwks(server: Data<AuthorizationServer>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).json(server.key_set())
}
