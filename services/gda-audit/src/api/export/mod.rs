//! `GET /audit/export`: the audit trail for somebody else's tools.

mod line;

use std::collections::HashMap;

use actix_web::http::header::{ACCEPT, CONTENT_DISPOSITION};
use actix_web::{HttpRequest, HttpResponse, web};
use async_stream::try_stream;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use common::auth::Caller;
use common::error::{Problem, ToProblem};
use futures_util::Stream;
use serde::Deserialize;
use sqlx::PgPool;
use utoipa::IntoParams;

use self::line::{COLUMNS, LineBody, Segment};
use super::ProblemBody;
use super::scope::ScreeningRead;
use crate::State;
use crate::domain::audit::Header;
use crate::domain::control::ControlType;
use crate::domain::field::FieldError;
use crate::store::export::{self as store, Filter};
use crate::store::{flows, proof};

/// Rows that are written at once, but for a segment's.
const ROWS: i64 = 2_000;

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// 400 at the parameter
    #[error(transparent)]
    Field(#[from] FieldError),
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for ExportError {
    fn problem(&self) -> Problem {
        match self {
            Self::Field(error) => error.problem(),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

common::error_response!(ExportError);

/// What is exported.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// What was done at or after: RFC 3339, or a day of UTC.
    #[param(nullable = false)]
    from: Option<String>,
    /// What was done before: RFC 3339, or a day of UTC.
    #[param(nullable = false)]
    to: Option<String>,
    /// Of persons of this source; by default of all.
    #[param(nullable = false)]
    source_name: Option<String>,
    /// `BLACKLIST` or `PEP`; by default both.
    #[param(nullable = false, pattern = "^(BLACKLIST|PEP)$")]
    control_type: Option<String>,
    /// `jsonl` or `csv`; by default what `Accept` prefers.
    #[param(nullable = false, pattern = "^(jsonl|csv)$")]
    format: Option<String>,
    /// `1`: cells of the CSV that a spreadsheet would take for a formula begin with `'`.
    #[param(nullable = false, pattern = "^[01]$")]
    excel: Option<String>,
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    JsonLines,
    Csv { guarded: bool },
}

struct Export {
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    rows: Filter,
    format: Format,
    /// The place in the chain where it ends.
    until: i64,
}

/// Exports every control, with the versions of the lists, scores and hits, and every event of the risk folders, with who
/// decided what and why, in the order of the chain. The answer is streamed; should something fail meanwhile, the
/// connection is broken off, so that nobody takes a part for the whole.
#[utoipa::path(get, path = "/audit/export", tag = "audit", operation_id = "exportAudit",
    params(ExportQuery),
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "A line for each control and event", content(
            (LineBody = "application/x-ndjson"),
            (String = "text/csv"),
        )),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn export(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
    query: web::Query<ExportQuery>,
    request: HttpRequest,
) -> Result<HttpResponse, ExportError> {
    let accepted = request.headers().get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    let format = format(&query, accepted.unwrap_or_default())?;
    let (from, to) = (instant("from", query.from.as_deref())?, instant("to", query.to.as_deref())?);
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(FieldError::new("to", "must not be before `from`").into());
    }
    let control_type = query.control_type.as_deref().map(|text| {
        ControlType::parse(text).ok_or_else(|| FieldError::new("controlType", "must be BLACKLIST or PEP"))
    });
    let source_id = match query.source_name.as_deref().filter(|name| !name.contains('\0')) {
        Some(name) => flows::source(&state.pool, name).await?,
        None => None,
    };
    if query.source_name.is_some() && source_id.is_none() {
        return Err(FieldError::new("sourceName", "there is no such source").into());
    }
    let rows = Filter { source_id, control_type: control_type.transpose()?.map(ControlType::code) };
    let until = proof::head(&state.pool).await?.map_or(0, |(seq, _)| seq);
    let export = Export { from, to, rows, format, until };
    let (content_type, name) = match format {
        Format::JsonLines => ("application/x-ndjson", "audit.jsonl"),
        Format::Csv { .. } => ("text/csv; charset=utf-8", "audit.csv"),
    };
    Ok(HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(document(state.pool.clone(), export)))
}

fn format(query: &ExportQuery, accepted: &str) -> Result<Format, FieldError> {
    let guarded = match query.excel.as_deref() {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(FieldError::new("excel", "must be 0 or 1")),
    };
    match query.format.as_deref() {
        Some("jsonl") => Ok(Format::JsonLines),
        Some("csv") => Ok(Format::Csv { guarded }),
        Some(_) => Err(FieldError::new("format", "must be jsonl or csv")),
        None if accepted.contains("text/csv") => Ok(Format::Csv { guarded }),
        None => Ok(Format::JsonLines),
    }
}

fn instant(field: &'static str, text: Option<&str>) -> Result<Option<DateTime<Utc>>, FieldError> {
    let Some(text) = text else { return Ok(None) };
    let day = || Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc());
    let instant = DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()).or_else(day);
    instant.map(Some).ok_or_else(|| FieldError::new(field, "must be an instant (RFC 3339) or YYYY-MM-DD"))
}

/// Why an export ends before its end.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("a stored row cannot be read")]
    Unreadable(#[from] serde_json::Error),
    #[error("a row cannot be written")]
    Unwritable,
}

fn document(pool: PgPool, export: Export) -> impl Stream<Item = Result<Bytes, Cut>> {
    try_stream! {
        if export.format != Format::JsonLines {
            yield Bytes::from(format!("{}\n", COLUMNS.join(",")));
        }
        let mut after = 0;
        // Pages, so that a slow reader holds no connection.
        while after < export.until {
            let segments = proof::segments(&pool, after, ROWS).await?;
            let Some(last) = segments.last() else { break };
            after = last.seq;
            let mut wanted: Vec<(i64, Segment)> = Vec::new();
            for segment in segments.into_iter().filter(|segment| segment.seq <= export.until && segment.rows > 0) {
                let header: Header = serde_json::from_str(&segment.header)?;
                if export.from.is_none_or(|from| header.at >= from) && export.to.is_none_or(|to| header.at < to) {
                    wanted.push((segment.id, Segment { seq: segment.seq, header }));
                }
            }
            if !wanted.is_empty() {
                yield Bytes::from(page(&pool, &export, wanted).await?);
            }
        }
    }
}

/// The lines of some segments.
async fn page(pool: &PgPool, export: &Export, segments: Vec<(i64, Segment)>) -> Result<Vec<u8>, Cut> {
    let ids: Vec<i64> = segments.iter().map(|(id, _)| *id).collect();
    let headers: HashMap<i64, &Segment> = segments.iter().map(|(id, segment)| (*id, segment)).collect();
    let mut lines: HashMap<i64, Vec<LineBody>> = HashMap::new();
    for control in store::controls(pool, &ids, export.rows).await? {
        let id = control.place.segment;
        let Some(segment) = headers.get(&id) else { continue };
        lines.entry(id).or_default().push(LineBody::of_control(segment, control)?);
    }
    for event in store::events(pool, &ids, export.rows).await? {
        let id = event.place.segment;
        let Some(segment) = headers.get(&id) else { continue };
        lines.entry(id).or_default().push(LineBody::of_event(segment, event)?);
    }
    written(export.format, ids.iter().filter_map(|id| lines.remove(id)).flatten())
}

fn written(format: Format, lines: impl Iterator<Item = LineBody>) -> Result<Vec<u8>, Cut> {
    let Format::Csv { guarded } = format else {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, &line)?;
            text.push(b'\n');
        }
        return Ok(text);
    };
    let mut csv = csv::Writer::from_writer(Vec::new());
    for line in lines {
        let cells = line.cells()?;
        let cells = cells.into_iter().map(|cell| if guarded { guarded_cell(cell) } else { cell });
        csv.write_record(cells).map_err(|_| Cut::Unwritable)?;
    }
    csv.into_inner().map_err(|_| Cut::Unwritable)
}

/// A cell that no spreadsheet takes for a formula.
fn guarded_cell(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}
