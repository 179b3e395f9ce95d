//! `GET /riskfolders` and `GET /riskfolders/{id}`: the analyst's queue, and one folder with all that is known.

use actix_web::{HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use common::auth::Caller;
use common::error::{Problem, ToProblem};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::PgPool;
use utoipa::{IntoParams, ToSchema};

use super::audit_trail::{self, CommentBody, ExternalRefBody, ManualInformation};
use super::scope::ScreeningRead;
use super::{ProblemBody, ids, screen};
use crate::State;
use crate::domain::control::{ControlType, Hit};
use crate::domain::field::FieldError;
use crate::domain::folder::{self, Folder};
use crate::domain::person::PersonDocument;
use crate::store::audit_trail as trails;
use crate::store::editions;
use crate::store::folders::{self, Filter, Key, Place, QueuedFolder, StoredFolder};
use crate::store::persons;
use crate::wire::{AppliedScoreBody, applied_scores};

const LIMIT: i64 = 50;
const MOST: i64 = 200;

/// Why no folder is shown.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// 400 at the parameter
    #[error(transparent)]
    Field(#[from] FieldError),
    /// 404
    #[error("there is no such risk folder")]
    NotFound,
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// 500
    #[error("what is stored cannot be read")]
    Unreadable(#[from] serde_json::Error),
}

impl ToProblem for FolderError {
    fn problem(&self) -> Problem {
        match self {
            Self::Field(error) => error.problem(),
            Self::NotFound => Problem::not_found(self.to_string()),
            Self::Database(error) => common::db::problem(error),
            Self::Unreadable(_) => Problem::internal(),
        }
    }
}

common::error_response!(FolderError);

/// Which folders are looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QueueQuery {
    /// Folders in this state.
    #[param(nullable = false, pattern = "^(NO_RISK_FOUND|POTENTIAL_RISK|MATCH|NO_MATCH|UNKNOWN)$")]
    state: Option<String>,
    /// Folders of this type.
    #[param(nullable = false, pattern = "^(BLACKLIST|PEP)$")]
    control_type: Option<String>,
    /// Folders of persons of this source.
    #[param(nullable = false)]
    source_name: Option<String>,
    /// Folders of the person with this reference.
    #[param(nullable = false)]
    external_ref_id: Option<String>,
    /// Folders with a hit on this list.
    #[param(nullable = false)]
    list: Option<String>,
    /// Folders with at least this score, 0–100.
    #[param(nullable = false, minimum = 0, maximum = 100)]
    min_score: Option<f64>,
    /// `next` of the page before.
    #[param(nullable = false)]
    after: Option<String>,
    /// Folders of a page, 1–200; by default 50.
    #[param(nullable = false, minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A page of the queue.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueueBody {
    /// Those that have waited longest first.
    folders: Vec<FolderBody>,
    /// For the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// A risk folder in brief.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FolderBody {
    id: String,
    r#type: ControlType,
    person_id: String,
    person_identity: String,
    external_ref: ExternalRefBody,
    state: folder::State,
    /// 0–100
    max_matching_score: f32,
    /// What a change must name.
    version: i64,
    opened_at: String,
    updated_at: String,
}

impl TryFrom<QueuedFolder> for FolderBody {
    type Error = FolderError;

    fn try_from(row: QueuedFolder) -> Result<Self, FolderError> {
        let control_type = ControlType::of_code(row.r#type).ok_or(FolderError::NotFound)?;
        let document: PersonDocument = serde_json::from_str(&row.document)?;
        Ok(Self {
            id: ids::folder(row.person_id, control_type),
            r#type: control_type,
            person_id: row.person_id.to_string(),
            person_identity: document.person_identity(),
            external_ref: ExternalRefBody { source_key: row.source, external_ref_id: row.reference },
            state: folder::State::parse(&row.state).ok_or(FolderError::NotFound)?,
            max_matching_score: row.max_score,
            version: row.version,
            opened_at: screen::instant(row.opened_at),
            updated_at: screen::instant(row.updated_at),
        })
    }
}

/// The analyst's queue: folders that ever had a hit, a comment or something added by hand.
#[utoipa::path(get, path = "/riskfolders", tag = "risk folders", operation_id = "listRiskFolders",
    params(QueueQuery),
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "A page", body = QueueBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn list(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
    query: Result<web::Query<QueueQuery>, actix_web::Error>,
) -> Result<HttpResponse, FolderError> {
    let query = query.map_err(|_| FieldError::new("query", "unknown or malformed parameters"))?;
    let texts = [
        ("sourceName", &query.source_name),
        ("externalRefId", &query.external_ref_id),
        ("list", &query.list),
    ];
    if let Some((field, _)) =
        texts.into_iter().find(|(_, text)| text.as_ref().is_some_and(|t| t.contains('\0')))
    {
        return Err(FieldError::new(field, "has a NUL character").into());
    }
    let filter = Filter {
        state: parsed("state", query.state.as_deref(), folder::State::parse)?,
        control_type: parsed("controlType", query.control_type.as_deref(), ControlType::parse)?,
        source: query.source_name.as_deref(),
        reference: query.external_ref_id.as_deref(),
        list: query.list.as_deref(),
        least_score: query.min_score.unwrap_or(0.0) as f32,
    };
    if query.min_score.is_some_and(|least| !(0.0..=100.0).contains(&least)) {
        return Err(FieldError::new("minScore", "must be 0 to 100").into());
    }
    let after = parsed("after", query.after.as_deref(), parse_place)?;
    let limit = query.limit.unwrap_or(LIMIT);
    if !(1..=MOST).contains(&limit) {
        return Err(FieldError::new("limit", "must be 1 to 200").into());
    }
    let mut rows = folders::queue(&state.pool, &filter, after, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| place((row.updated_at, row.person_id, row.r#type)));
    let folders = rows.into_iter().map(FolderBody::try_from).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(QueueBody { folders, next }))
}

fn parsed<T>(
    field: &'static str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, FieldError> {
    let read =
        |text| parse(text).ok_or_else(|| FieldError::new(field, "is none of the values that it may have"));
    text.map(read).transpose()
}

fn place((at, person_id, code): Place) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{person_id}.{code}", at.timestamp_micros()))
}

fn parse_place(text: &str) -> Option<Place> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let mut parts = text.split('.');
    let at = DateTime::<Utc>::from_timestamp_micros(parts.next()?.parse().ok()?)?;
    Some((at, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// A risk folder with all that is known.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FolderDetailBody {
    #[serde(flatten)]
    folder: FolderBody,
    /// The person as it is known now.
    #[schema(value_type = PersonDocument)]
    person: Box<RawValue>,
    #[schema(value_type = ManualInformation)]
    manually_added_information: Box<RawValue>,
    /// Every record that was ever found, the highest score first.
    hits: Vec<FolderHitBody>,
    /// The newest first.
    statuses: Vec<FolderStatusBody>,
    /// The newest first.
    comments: Vec<CommentBody>,
}

/// A record that was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FolderHitBody {
    list: String,
    record_id: String,
    /// 0–100
    score: f32,
    /// `POTENTIAL_RISK` until it is qualified.
    status: folder::State,
    /// Whether the last control found it.
    active: bool,
    /// What the score is made of; only where the last control found it.
    applied_scores: Vec<AppliedScoreBody>,
    /// The record as it was found last.
    #[schema(value_type = Object)]
    record: Option<Box<RawValue>>,
}

/// A status with its reason.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FolderStatusBody {
    state: folder::State,
    date: String,
    author_login: String,
    max_matching_score: f32,
    reason: String,
}

/// One risk folder: hits with their records, statuses with their reasons, comments. `ETag` is its version.
#[utoipa::path(get, path = "/riskfolders/{id}", tag = "risk folders", operation_id = "showRiskFolder",
    params(("id" = String, Path)),
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "The folder", body = FolderDetailBody),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn show(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
    id: web::Path<String>,
) -> Result<HttpResponse, FolderError> {
    let key = ids::parse_folder(&id).ok_or(FolderError::NotFound)?;
    shown(&state.pool, key).await
}

/// The answer that shows a folder.
pub(super) async fn shown(pool: &PgPool, key: Key) -> Result<HttpResponse, FolderError> {
    let (person_id, control_type) = key;
    let mut db = pool.acquire().await?;
    let person = persons::by_id(&mut *db, person_id).await?.ok_or(FolderError::NotFound)?;
    let code = control_type.code();
    let last = trails::last_control(&mut *db, person_id, code).await?.ok_or(FolderError::NotFound)?;
    let first = trails::first_control(&mut *db, person_id, code).await?.ok_or(FolderError::NotFound)?;
    let stored = folders::one(&mut db, key).await?.unwrap_or_else(|| StoredFolder {
        source_id: person.source_id,
        version: 0,
        opened_at: first.at,
        updated_at: first.at,
        manual_information: None,
        folder: Folder::default(),
    });
    let events = trails::events(&mut *db, person_id, code).await?;
    let document: PersonDocument = serde_json::from_str(&person.document)?;

    let found: Vec<Hit> = last.hits.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
    let mut hits = Vec::new();
    for known in &stored.folder.hits {
        let last = found.iter().find(|hit| hit.list == known.list && hit.record_id == known.record_id);
        let record = editions::record(&mut *db, &known.list, &known.record).await?;
        hits.push(FolderHitBody {
            list: known.list.clone(),
            record_id: known.record_id.clone(),
            score: known.score,
            status: known.state,
            active: known.active,
            applied_scores: last.map(|hit| applied_scores(hit.applied_scores.clone())).unwrap_or_default(),
            record: record.map(RawValue::from_string).transpose()?,
        });
    }
    let statuses = audit_trail::statuses(&events, Some((first.segment, first.at)))?;
    let body = FolderDetailBody {
        folder: FolderBody {
            id: ids::folder(person_id, control_type),
            r#type: control_type,
            person_id: person_id.to_string(),
            person_identity: document.person_identity(),
            external_ref: ExternalRefBody {
                source_key: document.external_ref.source_key.clone().unwrap_or_default(),
                external_ref_id: document.external_ref.external_ref_id.clone(),
            },
            state: stored.folder.state(),
            max_matching_score: stored.folder.max_score(),
            version: stored.version,
            opened_at: screen::instant(stored.opened_at),
            updated_at: screen::instant(stored.updated_at),
        },
        person: RawValue::from_string(person.document)?,
        manually_added_information: RawValue::from_string(
            stored.manual_information.clone().unwrap_or_else(|| "{}".to_owned()),
        )?,
        hits,
        statuses: statuses
            .into_iter()
            .map(|status| FolderStatusBody {
                state: status.state,
                date: screen::instant(status.date),
                author_login: status.author_login,
                max_matching_score: status.max_matching_score,
                reason: status.reason,
            })
            .collect(),
        comments: audit_trail::comments(&events)?,
    };
    Ok(HttpResponse::Ok().insert_header(("ETag", format!("\"{}\"", stored.version))).json(body))
}
