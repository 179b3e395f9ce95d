//! A row of the audit trail as a line of JSON or of CSV.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::audit_trail::TriggerBody;
use crate::api::controls::{RecordedHitBody, hits};
use crate::api::ids;
use crate::api::screen::{EditionBody, instant};
use crate::domain::audit::{Header, Screening, Trigger};
use crate::domain::control::{ControlType, Hit, hex};
use crate::domain::person::PersonDocument;
use crate::store::export::{ExportedControl, ExportedEvent, Place};
use crate::work::control::DecidedHit;

/// A control, or what happened to a risk folder.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineBody {
    /// `CONTROL`, `STATUS`, `COMMENT`, `COMMENT_DELETED` or `MANUAL_INFORMATION`.
    kind: String,
    id: String,
    /// The segment's place in the chain.
    seq: i64,
    at: String,
    #[schema(value_type = TriggerBody)]
    trigger: Trigger,
    person_id: String,
    source: String,
    /// The person's reference in its source.
    reference: String,
    r#type: ControlType,
    /// What was done, of a control.
    #[serde(flatten)]
    control: Option<ControlLineBody>,
    /// Of an event: state, score, author, reason and decided hits of a status; text and author of a comment; what was
    /// added by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Object)]
    event: Option<Box<RawValue>>,
    /// The row's, hexadecimal.
    hash: String,
}

/// How a control was made and what it found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlLineBody {
    flow_id: String,
    flow_name: String,
    engine_version: String,
    /// SHA-256 of the flow's thresholds and lists.
    configuration: String,
    editions: Vec<EditionBody>,
    /// The import that had brought the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    import_id: Option<String>,
    /// The person as it was known.
    #[schema(value_type = PersonDocument)]
    person: Box<RawValue>,
    #[schema(value_type = Vec<RecordedHitBody>)]
    hits: Box<RawValue>,
}

/// The segment that a row stands in.
pub(super) struct Segment {
    pub(super) seq: i64,
    pub(super) header: Header,
}

fn line(segment: &Segment, place: Place, kind: String) -> Result<LineBody, serde_json::Error> {
    Ok(LineBody {
        kind,
        id: ids::row(place.segment, place.position),
        seq: segment.seq,
        at: instant(segment.header.at),
        trigger: segment.header.trigger.clone(),
        person_id: place.person_id.to_string(),
        source: place.source,
        reference: place.reference,
        r#type: control_type(place.control_type)?,
        control: None,
        event: None,
        hash: hex::encode(&place.hash),
    })
}

fn control_type(code: i8) -> Result<ControlType, serde_json::Error> {
    ControlType::of_code(code).ok_or_else(|| serde::de::Error::custom("no such control type"))
}

impl LineBody {
    pub(super) fn of_control(segment: &Segment, control: ExportedControl) -> Result<Self, serde_json::Error> {
        let screening = segment.header.screening.as_ref();
        let Screening { flow_id, flow_name, editions, engine, configuration } =
            screening.ok_or_else(|| serde::de::Error::custom("a control without a screening"))?;
        let line = line(segment, control.place, "CONTROL".to_owned())?;
        let made = ControlLineBody {
            flow_id: flow_id.to_string(),
            flow_name: flow_name.clone(),
            engine_version: engine.clone(),
            configuration: configuration.clone(),
            editions: editions
                .iter()
                .filter(|edition| edition.control_type == line.r#type)
                .map(EditionBody::from)
                .collect(),
            import_id: control.import_id.map(|id| id.to_string()),
            person: RawValue::from_string(control.document)?,
            hits: hits(control.hits)?,
        };
        Ok(Self { control: Some(made), ..line })
    }

    pub(super) fn of_event(segment: &Segment, event: ExportedEvent) -> Result<Self, serde_json::Error> {
        let body = RawValue::from_string(event.body)?;
        Ok(Self { event: Some(body), ..line(segment, event.place, event.kind)? })
    }

    /// The line's cells, in the order of [`COLUMNS`].
    pub(super) fn cells(&self) -> Result<[String; 25], serde_json::Error> {
        let control = self.control.as_ref();
        let of_control =
            |cell: fn(&ControlLineBody) -> &str| control.map(cell).unwrap_or_default().to_owned();
        let hits: Vec<Hit> = match control {
            Some(control) => serde_json::from_str(control.hits.get())?,
            None => Vec::new(),
        };
        let event: EventCells = match &self.event {
            Some(event) => serde_json::from_str(event.get())?,
            None => EventCells::default(),
        };
        let editions = control.iter().flat_map(|control| &control.editions).map(EditionBody::in_one_cell);
        let information = self.event.as_ref().filter(|_| self.kind == "MANUAL_INFORMATION");
        let highest = hits.first().map(|hit| hit.score).or(event.max_matching_score);
        Ok([
            self.kind.clone(),
            self.id.clone(),
            self.seq.to_string(),
            self.at.clone(),
            self.trigger.kind.as_str().to_owned(),
            self.trigger.login.clone(),
            self.source.clone(),
            self.reference.clone(),
            self.person_id.clone(),
            self.r#type.as_str().to_owned(),
            of_control(|control| &control.flow_name),
            of_control(|control| &control.engine_version),
            of_control(|control| &control.configuration),
            joined(editions),
            control.and_then(|control| control.import_id.clone()).unwrap_or_default(),
            control.map(|_| hits.len().to_string()).unwrap_or_default(),
            highest.map(|score| score.to_string()).unwrap_or_default(),
            joined(hits.iter().map(|hit| format!("{}/{}={}", hit.list, hit.record_id, hit.score))),
            event.state.unwrap_or_default(),
            event.author.unwrap_or_default(),
            event.reason.unwrap_or_default(),
            joined(
                event
                    .decided
                    .iter()
                    .map(|hit| format!("{}/{}={}", hit.list, hit.record_id, hit.state.as_str())),
            ),
            event.text.or(event.comment).unwrap_or_default(),
            information.map(|body| body.get().to_owned()).unwrap_or_default(),
            self.hash.clone(),
        ])
    }
}

fn joined(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join("; ")
}

/// The first line of a CSV.
pub(super) const COLUMNS: [&str; 25] = [
    "kind",
    "id",
    "seq",
    "at",
    "trigger",
    "login",
    "source",
    "reference",
    "personId",
    "type",
    "flowName",
    "engineVersion",
    "configuration",
    "editions",
    "importId",
    "hitCount",
    "maxMatchingScore",
    "hits",
    "state",
    "author",
    "reason",
    "decided",
    "comment",
    "manualInformation",
    "hash",
];

/// What of an event has a column.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EventCells {
    state: Option<String>,
    max_matching_score: Option<f32>,
    author: Option<String>,
    reason: Option<String>,
    decided: Vec<DecidedHit>,
    /// Of a comment.
    text: Option<String>,
    /// The comment that was deleted.
    comment: Option<String>,
}
