//! `POST /lists/{source}/imports`: an edition from uploaded files, or from the official URL.

use std::time::Duration;

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use common::auth::Caller;
use common::body;
use common::error::{Problem, ToProblem};
use common::upload::{self, UploadError};
use futures_util::StreamExt;
use serde::Serialize;
use utoipa::ToSchema;

use super::ProblemBody;
use super::lists::EditionBody;
use super::scope::ListsWrite;
use crate::State;
use crate::config::ListConfig;
use crate::store::editions;
use crate::store::lists::Etags;
use crate::work::fetch::FetchError;
use crate::work::import::{EditionFile, ImportError, Imported};

/// The most files that an edition has.
const FILES: usize = 4;
const IDLE: Duration = Duration::from_secs(60);

/// Why no edition was put in force.
#[derive(Debug, thiserror::Error)]
pub enum ImportListError {
    /// 404
    #[error("there is no such list")]
    NotFound,
    /// 400 at `file`
    #[error("1 to {FILES} parts `file`, each with a file name, are expected")]
    Files,
    /// 400, 408, 413, 503
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// 422, 502, 503, 500
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

impl From<ImportError> for ImportListError {
    fn from(error: ImportError) -> Self {
        Self::Fetch(error.into())
    }
}

impl From<sqlx::Error> for ImportListError {
    fn from(error: sqlx::Error) -> Self {
        ImportError::from(error).into()
    }
}

impl ToProblem for ImportListError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        let unprocessable = |code| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail.clone());
        match self {
            Self::NotFound => Problem::not_found(detail),
            Self::Files => Problem::invalid("file", detail),
            Self::Upload(error) => error.problem(),
            Self::Fetch(FetchError::NoUrl) => unprocessable("no_url"),
            Self::Fetch(FetchError::Source(_)) => {
                Problem::new(StatusCode::BAD_GATEWAY, "source_unreachable", detail)
            }
            Self::Fetch(FetchError::Import(ImportError::Unreadable(_))) => unprocessable("list_unreadable"),
            Self::Fetch(FetchError::Import(ImportError::Shrunk(_))) => unprocessable("list_shrunk"),
            Self::Fetch(FetchError::Import(ImportError::Spool(_))) => Problem::internal(),
            Self::Fetch(FetchError::Import(ImportError::Database(error))) => common::db::problem(error),
            Self::Fetch(FetchError::Import(ImportError::Ledger(error))) => error.problem(),
        }
    }
}

common::error_response!(ImportListError);

/// What became of an import.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedBody {
    source: String,
    /// `false` where the same edition was in force already.
    changed: bool,
    edition: EditionBody,
}

/// The files of an edition.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
pub struct FilesBody {
    /// One file, or the four of OFAC's CSV, told apart by their names.
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<Vec<u8>>,
}

/// Imports an edition: from the parts `file` of a multipart body, or without a body from the list's official URLs. It
/// is read to its end and refused whole, or put in force whole.
#[utoipa::path(post, path = "/lists/{source}/imports", tag = "lists", operation_id = "importList",
    params(("source" = String, Path)),
    request_body(content = FilesBody, content_type = "multipart/form-data"),
    security(("bearer" = ["lists:write"])),
    responses(
        (status = 200, description = "The same edition was in force already", body = ImportedBody),
        (status = 201, description = "A new edition is in force", body = ImportedBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Refused: unreadable, empty, cut, or shrunk too much; or there is no official URL",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The official source could not be read",
            body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn import(
    state: web::Data<State>,
    caller: Caller<ListsWrite>,
    source: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ImportListError> {
    let list = state.config.list(&source).ok_or(ImportListError::NotFound)?;
    let imported = if body::has_media_type(&request, "multipart/form-data") {
        let files = files(&state, &request, payload).await?;
        Some(state.importer.import(list, files, &Etags::new(), caller.login()).await?)
    } else {
        state.fetcher.renew(list, caller.login()).await?
    };
    answer(&state, list, imported).await
}

async fn answer(
    state: &State,
    list: &ListConfig,
    imported: Option<Imported>,
) -> Result<HttpResponse, ImportListError> {
    let (id, changed) = match imported {
        Some(Imported::New(id)) => (Some(id), true),
        Some(Imported::Unchanged(id)) => (Some(id), false),
        // The source says that nothing has changed since the edition in force.
        None => {
            let lists = crate::store::lists::all(&state.pool).await?;
            (lists.into_iter().find(|stored| stored.source == list.source).and_then(|s| s.in_force), false)
        }
    };
    let id = id.ok_or(ImportListError::NotFound)?;
    let edition = editions::by_id(&state.pool, id).await?.ok_or(ImportListError::NotFound)?;
    let mut response = if changed { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(response.json(ImportedBody { source: list.source.clone(), changed, edition: edition.into() }))
}

async fn files(
    state: &State,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Vec<EditionFile>, ImportListError> {
    let mut form =
        Multipart::from_request(request, &mut payload.into_inner()).await.map_err(|_| UploadError::Broken)?;
    let mut files = Vec::new();
    while let Some(field) = tokio::time::timeout(IDLE, form.next()).await.map_err(|_| UploadError::Idle)? {
        let field = field.map_err(|_| UploadError::Broken)?;
        let name = field.content_disposition().and_then(|part| part.get_filename()).map(str::to_owned);
        let Some(name) = name.filter(|_| field.name() == Some("file") && files.len() < FILES) else {
            return Err(ImportListError::Files);
        };
        let content = upload::spool(field, state.config.renewal.max_bytes, IDLE).await?;
        files.push(EditionFile { name, content });
    }
    if files.is_empty() { Err(ImportListError::Files) } else { Ok(files) }
}
