//! `GET /pisteaudit`: the contract's exact part.

use std::collections::HashSet;

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use common::auth::Caller;
use common::error::{Problem, ToProblem};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::scope::ScreeningRead;
use super::{ProblemBody, ids};
use crate::State;
use crate::domain::audit::{EventKind, Header, Trigger};
use crate::domain::control::ControlType;
use crate::domain::field::FieldError;
use crate::domain::folder::{self, SYSTEM};
use crate::domain::person::{AdditionalInformation, PersonDocument, PersonType, PostalAddress, ProofOfId};
use crate::store::audit_trail::{self, ControlOfTrail, EventOfTrail, Trail};
use crate::work::control::StatusBody as StoredStatus;
use crate::work::folders::{StoredComment, StoredDeletion};

/// Why there is no trail.
#[derive(Debug, thiserror::Error)]
pub enum AuditTrailError {
    /// 400 at the parameter
    #[error(transparent)]
    Field(#[from] FieldError),
    /// 404
    #[error("the source has no such person")]
    NotFound,
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// 500
    #[error("what is stored cannot be read")]
    Unreadable(#[from] serde_json::Error),
}

impl ToProblem for AuditTrailError {
    fn problem(&self) -> Problem {
        match self {
            Self::Field(error) => error.problem(),
            Self::NotFound => Problem::not_found(self.to_string()),
            Self::Database(error) => common::db::problem(error),
            Self::Unreadable(_) => Problem::internal(),
        }
    }
}

common::error_response!(AuditTrailError);

/// Whose trail.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct TrailQuery {
    /// The person's reference in its source.
    #[param(required = true, nullable = false)]
    external_ref_id: Option<String>,
    /// The source.
    #[param(required = true, nullable = false)]
    source_name: Option<String>,
    /// `BLACKLIST` or `PEP`.
    #[param(required = true, nullable = false, pattern = "^(BLACKLIST|PEP)$")]
    control_type: Option<String>,
}

/// A person's controls and risk folder.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrailBody {
    first_person_control_result: Option<ControlResultBody>,
    last_person_control_result: Option<ControlResultBody>,
    risk_folder: Option<RiskFolderBody>,
    /// `id`, and what `PUT /checkrisk` was given.
    #[schema(value_type = PersonDocument)]
    person: Box<RawValue>,
    nb_batchs_stock: i32,
    nb_batchs_accident: i32,
    state: Option<folder::State>,
}

/// A control.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlResultBody {
    person_control_result_id: String,
    r#type: ControlType,
    #[serde(serialize_with = "instant")]
    date: DateTime<Utc>,
    /// The import that had brought the person.
    data_import: Option<DataImportBody>,
    /// The editions that the person was screened against, as they were.
    control_list_imports: Vec<ListImportBody>,
    #[schema(value_type = TriggerBody)]
    trigger: Trigger,
}

/// What started a control.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
pub struct TriggerBody {
    /// `BATCH` or `API`.
    #[schema(pattern = "^(BATCH|API)$")]
    r#type: String,
    login: String,
}

/// An import of persons.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataImportBody {
    data_import_id: String,
    /// `STOCK` or `ACCIDENT`.
    import_type: String,
    source: String,
    sub_sources: Vec<String>,
}

/// An edition of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListImportBody {
    data_import_id: String,
    source: String,
    total_entries: u64,
    #[serde(serialize_with = "instant")]
    date: DateTime<Utc>,
}

/// A risk folder, as the trail shows it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RiskFolderBody {
    id: String,
    r#type: ControlType,
    person_identity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    person_type: Option<PersonType>,
    /// What was added by hand; empty where nothing was.
    #[schema(value_type = ManualInformation)]
    manually_added_information: Box<RawValue>,
    external_ref: ExternalRefBody,
    /// The newest first.
    comments: Vec<CommentBody>,
    /// The newest first.
    statuses: Vec<StatusBody>,
    #[serde(serialize_with = "instant")]
    last_control_date: DateTime<Utc>,
    last_flow_id: String,
    last_flow_name: String,
    last_status: StatusBody,
}

/// What an analyst knows of a person from elsewhere.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ManualInformation {
    /// Its address.
    pub postal_address: PostalAddress,
    /// `YYYY-MM-DD`, `YYYY-MM` or `YYYY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub birth_date: Option<String>,
    /// More of it.
    pub additional_information: AdditionalInformation,
    /// An identity document.
    pub proof_of_id: ProofOfId,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub person_type: Option<PersonType>,
}

/// A person's name in its source.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalRefBody {
    pub(super) source_key: String,
    pub(super) external_ref_id: String,
}

/// A comment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CommentBody {
    pub(super) id: String,
    pub(super) text: String,
    #[serde(serialize_with = "instant")]
    pub(super) timestamp: DateTime<Utc>,
    pub(super) author: String,
}

/// A status.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusBody {
    pub(super) state: folder::State,
    #[serde(serialize_with = "instant")]
    pub(super) date: DateTime<Utc>,
    pub(super) author_login: String,
    /// 0–100; whole points, as the contract's example has them.
    #[serde(serialize_with = "whole_points")]
    #[schema(value_type = u8)]
    pub(super) max_matching_score: f32,
    /// Not in the contract's document: for the folder's own operations.
    #[serde(skip)]
    pub(super) reason: String,
}

fn instant<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&super::screen::instant(*at))
}

/// Rounded down: 100 stays for identical names.
fn whole_points<S: Serializer>(score: &f32, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u8(score.floor() as u8)
}

/// A person's first and last control and its risk folder.
#[utoipa::path(get, path = "/pisteaudit", tag = "audit", operation_id = "auditTrail",
    params(TrailQuery),
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "The trail", body = TrailBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn show(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
    query: web::Query<TrailQuery>,
) -> Result<HttpResponse, AuditTrailError> {
    let given = |name: &'static str, value: &'_ Option<String>| {
        let value = value.clone().filter(|value| !value.is_empty() && !value.contains('\0'));
        value.ok_or_else(|| FieldError::new(name, format!("`{name}` is mandatory")))
    };
    let reference = given("externalRefId", &query.external_ref_id)?;
    let source = given("sourceName", &query.source_name)?;
    let control_type = ControlType::parse(&given("controlType", &query.control_type)?)
        .ok_or_else(|| FieldError::new("controlType", "must be BLACKLIST or PEP"))?;
    let trail = audit_trail::find(&state.pool, &source, &reference, control_type.code())
        .await?
        .ok_or(AuditTrailError::NotFound)?;
    Ok(HttpResponse::Ok().json(told(trail, source, reference, control_type)?))
}

fn told(
    trail: Trail,
    source: String,
    reference: String,
    control_type: ControlType,
) -> Result<TrailBody, AuditTrailError> {
    let id = trail.person_id;
    // The document is an object that begins with its external reference.
    let person = format!("{{\"id\":\"{id}\",{}", trail.document.get(1..).unwrap_or_default());
    let person = RawValue::from_string(person)?;
    let control = |control: &Option<ControlOfTrail>| -> Result<_, serde_json::Error> {
        let Some(control) = control else { return Ok(None) };
        let header: Header = serde_json::from_str(&control.header)?;
        Ok(Some((result(control, &header, &source, control_type), header)))
    };
    let (Some((first, _)), Some((last, last_header))) = (control(&trail.first)?, control(&trail.last)?)
    else {
        return Ok(TrailBody {
            first_person_control_result: None,
            last_person_control_result: None,
            risk_folder: None,
            person,
            nb_batchs_stock: 0,
            nb_batchs_accident: 0,
            state: None,
        });
    };
    let first_segment = trail.first.as_ref().map(|control| control.segment);
    let statuses = statuses(&trail.events, first_segment.map(|segment| (segment, first.date)))?;
    let last_status = statuses.first().cloned().ok_or(AuditTrailError::NotFound)?;
    let document: PersonDocument = serde_json::from_str(&trail.document)?;
    let flow = last_header.screening.map(|screening| (screening.flow_id, screening.flow_name));
    let (flow_id, flow_name) = flow.unwrap_or_default();
    let state = last_status.state;
    let folder = RiskFolderBody {
        id: ids::folder(id, control_type),
        r#type: control_type,
        person_identity: document.person_identity(),
        person_type: document.person_type,
        manually_added_information: RawValue::from_string(
            trail.manual_information.unwrap_or_else(|| "{}".to_owned()),
        )?,
        external_ref: ExternalRefBody { source_key: source, external_ref_id: reference },
        comments: comments(&trail.events)?,
        statuses,
        last_control_date: last.date,
        last_flow_id: flow_id.to_string(),
        last_flow_name: flow_name,
        last_status,
    };
    Ok(TrailBody {
        first_person_control_result: Some(first),
        last_person_control_result: Some(last),
        risk_folder: Some(folder),
        person,
        nb_batchs_stock: trail.stock,
        nb_batchs_accident: trail.accident,
        state: Some(state),
    })
}

fn result(
    control: &ControlOfTrail,
    header: &Header,
    source: &str,
    control_type: ControlType,
) -> ControlResultBody {
    let editions = header.screening.iter().flat_map(|screening| &screening.editions);
    ControlResultBody {
        person_control_result_id: ids::row(control.segment, control.position),
        r#type: control_type,
        date: header.at,
        data_import: control.import.as_ref().map(|import| DataImportBody {
            data_import_id: import.id.to_string(),
            import_type: import.kind.clone(),
            source: source.to_owned(),
            sub_sources: import.sub_sources.clone(),
        }),
        control_list_imports: editions
            .filter(|edition| edition.control_type == control_type)
            .map(|edition| ListImportBody {
                data_import_id: edition.id.to_string(),
                source: edition.source.clone(),
                total_entries: edition.total,
                date: edition.date,
            })
            .collect(),
        trigger: header.trigger.clone(),
    }
}

fn events_of(events: &[EventOfTrail], kind: EventKind) -> impl DoubleEndedIterator<Item = &EventOfTrail> {
    events.iter().filter(move |event| event.kind == kind.as_str())
}

/// A folder's statuses, the newest first. Of a person whose first control (segment and time) found nothing the first
/// status is implied by that.
pub(super) fn statuses(
    events: &[EventOfTrail],
    first_control: Option<(i64, DateTime<Utc>)>,
) -> Result<Vec<StatusBody>, serde_json::Error> {
    let mut statuses = Vec::new();
    for event in events_of(events, EventKind::Status).rev() {
        let stored: StoredStatus = serde_json::from_str(&event.body)?;
        statuses.push(StatusBody {
            state: stored.state,
            date: moment(event),
            author_login: stored.author,
            max_matching_score: stored.max_matching_score,
            reason: stored.reason,
        });
    }
    let first_event = events_of(events, EventKind::Status).next().map(|event| event.segment);
    if let Some((segment, date)) = first_control
        && first_event != Some(segment)
    {
        statuses.push(StatusBody {
            state: folder::State::NoRiskFound,
            date,
            author_login: SYSTEM.to_owned(),
            max_matching_score: 0.0,
            reason: "nothing was found".to_owned(),
        });
    }
    Ok(statuses)
}

/// A folder's comments that were not deleted, the newest first.
pub(super) fn comments(events: &[EventOfTrail]) -> Result<Vec<CommentBody>, serde_json::Error> {
    let deleted: HashSet<String> = events_of(events, EventKind::CommentDeleted)
        .map(|event| serde_json::from_str::<StoredDeletion>(&event.body).map(|deletion| deletion.comment))
        .collect::<Result<_, _>>()?;
    let mut comments = Vec::new();
    for event in events_of(events, EventKind::Comment).rev() {
        let id = ids::row(event.segment, event.position);
        if deleted.contains(&id) {
            continue;
        }
        let StoredComment { text, author } = serde_json::from_str(&event.body)?;
        comments.push(CommentBody { id, text, timestamp: moment(event), author });
    }
    Ok(comments)
}

fn moment(event: &EventOfTrail) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&event.at).map(|at| at.to_utc()).unwrap_or_default()
}
