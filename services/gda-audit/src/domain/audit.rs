//! What makes the audit trail prove itself: how rows, segments and the chain are hashed.
//!
//! A row's hash covers where it stands, so neither its content nor its place can change; a segment's root covers its
//! header and all its rows' hashes, so none can be missing or added; the chain's hash covers the place, the root and the
//! hash before it. Only the head has to be kept outside the database (`crate::anchor`) to prove all of it.

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};

use super::control::ControlType;
use super::flow::Flow;
use super::person::{Hash, sha256};
use super::screening::DEFAULT_THRESHOLD;

/// Raised whenever the engine may read a name or score a pair otherwise than before: a control is replayed by its own
/// version only, and so are search keys used.
pub const ENGINE_VERSION: &str = "1";

/// What came before the first segment.
pub const GENESIS: Hash = [0; 32];

/// What the rows of a segment have in common. Its JSON is hashed to the byte as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// What was done.
    pub kind: Kind,
    /// When.
    #[serde(serialize_with = "micros")]
    pub at: DateTime<Utc>,
    /// By what and on whose behalf.
    pub trigger: Trigger,
    /// How it was screened; controls only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screening: Option<Screening>,
    /// What was put in force; editions only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<EditionProof>,
}

/// What a segment tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// Controls, with the statuses that came of them.
    Control,
    /// A decision, a comment or something added by hand.
    Folder,
    /// An edition was put in force.
    Edition,
}

/// What started it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// A batch or a call.
    #[serde(rename = "type")]
    pub kind: TriggerKind,
    /// On whose behalf.
    pub login: String,
}

/// A batch or a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the contract's words")]
pub enum TriggerKind {
    Batch,
    Api,
}

impl TriggerKind {
    /// As the contract writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Batch => "BATCH",
            Self::Api => "API",
        }
    }
}

/// How the persons of a segment were screened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Screening {
    /// The flow.
    pub flow_id: i64,
    /// Its name.
    pub flow_name: String,
    /// The editions that were screened against.
    pub editions: Vec<EditionRef>,
    /// [`ENGINE_VERSION`] then.
    pub engine: String,
    /// SHA-256 of the flow's thresholds and lists.
    pub configuration: String,
}

/// An edition that was screened against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EditionRef {
    /// Its number.
    pub id: i64,
    /// Its list.
    pub source: String,
    /// What the list is for.
    pub control_type: ControlType,
    /// Its last update.
    #[serde(serialize_with = "micros")]
    pub date: DateTime<Utc>,
    /// Its entries.
    pub total: u64,
}

/// What an edition was when it was put in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EditionProof {
    /// Its number.
    pub id: i64,
    /// Its list.
    pub source: String,
    /// SHA-256 of its files.
    #[serde(with = "super::control::hex")]
    pub content: Hash,
    /// SHA-256 of its records' hashes, in its order.
    #[serde(with = "super::control::hex")]
    pub records: Hash,
    /// Its entries.
    pub total: u64,
}

/// `2026-02-27T00:00:00.000000Z` (contract, "Instants").
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn micros<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&instant(*at))
}

/// Hash of all that decides, besides editions and engine, what a flow finds.
pub fn configuration_hash(flow: &Flow) -> String {
    let thresholds: Vec<_> = ControlType::ALL.iter().map(|it| (it.as_str(), flow.threshold(*it))).collect();
    let text = serde_json::json!([DEFAULT_THRESHOLD, thresholds, flow.lists, flow.control_types]).to_string();
    super::control::hex::encode(&sha256(text.as_bytes()))
}

/// A control's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlRow {
    /// The person.
    pub person_id: i64,
    /// What was controlled.
    pub control_type: ControlType,
    /// What was known of the person.
    pub snapshot_id: i64,
    /// SHA-256 of that.
    pub snapshot: Hash,
    /// The import that had brought the person.
    pub import_id: Option<i64>,
    /// JSON of what was found; `None` for nothing.
    pub hits: Option<String>,
}

/// What happened to a risk folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Whose folder.
    pub person_id: i64,
    /// Which of the person's folders.
    pub control_type: ControlType,
    /// What.
    pub kind: EventKind,
    /// JSON of the rest.
    pub body: String,
}

/// Kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words say it")]
pub enum EventKind {
    Status,
    Comment,
    CommentDeleted,
    ManualInformation,
}

impl EventKind {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "STATUS",
            Self::Comment => "COMMENT",
            Self::CommentDeleted => "COMMENT_DELETED",
            Self::ManualInformation => "MANUAL_INFORMATION",
        }
    }

    /// From the database.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Status, Self::Comment, Self::CommentDeleted, Self::ManualInformation]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

impl ControlRow {
    /// The row's hash at its place.
    pub fn hash(&self, segment: i64, position: i32) -> Hash {
        let mut fields = Fields::new("control", segment, position);
        fields.number(self.person_id);
        fields.number(self.control_type.code().into());
        fields.number(self.snapshot_id);
        fields.bytes(&self.snapshot);
        fields.optional(self.import_id.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
        fields.optional(self.hits.as_deref().map(str::as_bytes));
        fields.finish()
    }
}

impl EventRow {
    /// The row's hash at its place.
    pub fn hash(&self, segment: i64, position: i32) -> Hash {
        let mut fields = Fields::new("event", segment, position);
        fields.number(self.person_id);
        fields.number(self.control_type.code().into());
        fields.bytes(self.kind.as_str().as_bytes());
        fields.bytes(self.body.as_bytes());
        fields.finish()
    }
}

/// A segment's root.
pub fn root(segment: i64, header: &str, rows: impl Iterator<Item = Hash>) -> Hash {
    let mut fields = Fields::new("segment", segment, 0);
    fields.bytes(header.as_bytes());
    rows.for_each(|row| fields.bytes(&row));
    fields.finish()
}

/// The chain's hash at a place.
pub fn link(previous: &Hash, seq: i64, root: &Hash) -> Hash {
    let mut fields = Fields::new("link", seq, 0);
    fields.bytes(previous);
    fields.bytes(root);
    fields.finish()
}

/// Hashes fields, each preceded by its length, so that no two rows have the same bytes.
struct Fields(Context);

impl Fields {
    fn new(what: &str, number: i64, position: i32) -> Self {
        let mut fields = Self(Context::new(&SHA256));
        fields.bytes(what.as_bytes());
        fields.number(number);
        fields.number(position.into());
        fields
    }

    fn number(&mut self, number: i64) {
        self.0.update(&number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn optional(&mut self, bytes: Option<&[u8]>) {
        self.0.update(&[u8::from(bytes.is_some())]);
        self.bytes(bytes.unwrap_or_default());
    }

    fn finish(self) -> Hash {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.0.finish().as_ref());
        hash
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    enum Row {
        Control(ControlRow),
        Event(EventRow),
    }

    impl Row {
        fn hash(&self, segment: i64, position: usize) -> Hash {
            match self {
                Self::Control(row) => row.hash(segment, position as i32),
                Self::Event(row) => row.hash(segment, position as i32),
            }
        }
    }

    fn control_type() -> impl Strategy<Value = ControlType> {
        prop::sample::select(ControlType::ALL.to_vec())
    }

    fn control() -> impl Strategy<Value = Row> {
        let fields = (
            any::<i64>(),
            control_type(),
            any::<i64>(),
            any::<Hash>(),
            any::<Option<i64>>(),
            any::<Option<String>>(),
        );
        fields.prop_map(|(person_id, control_type, snapshot_id, snapshot, import_id, hits)| {
            Row::Control(ControlRow { person_id, control_type, snapshot_id, snapshot, import_id, hits })
        })
    }

    fn event() -> impl Strategy<Value = Row> {
        let kinds = vec![
            EventKind::Status,
            EventKind::Comment,
            EventKind::CommentDeleted,
            EventKind::ManualInformation,
        ];
        let fields = (any::<i64>(), control_type(), prop::sample::select(kinds), any::<String>());
        fields.prop_map(|(person_id, control_type, kind, body)| {
            Row::Event(EventRow { person_id, control_type, kind, body })
        })
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        prop::collection::vec(prop_oneof![control(), event()], 1..6)
    }

    /// One field of a row taken from another row of its kind.
    fn with_field_of(row: &Row, field: usize, other: &Row) -> Row {
        let mut changed = row.clone();
        match (&mut changed, other) {
            (Row::Control(row), Row::Control(other)) => match field % 6 {
                0 => row.person_id = other.person_id,
                1 => row.control_type = other.control_type,
                2 => row.snapshot_id = other.snapshot_id,
                3 => row.snapshot = other.snapshot,
                4 => row.import_id = other.import_id,
                _ => row.hits.clone_from(&other.hits),
            },
            (Row::Event(row), Row::Event(other)) => match field % 4 {
                0 => row.person_id = other.person_id,
                1 => row.control_type = other.control_type,
                2 => row.kind = other.kind,
                _ => row.body.clone_from(&other.body),
            },
            (row, other) => *row = other.clone(),
        }
        changed
    }

    fn root_of(segment: i64, header: &str, rows: &[Row]) -> Hash {
        root(segment, header, rows.iter().enumerate().map(|(position, row)| row.hash(segment, position)))
    }

    proptest! {
        #[test]
        fn one_changed_field_of_one_row_changes_the_root(
            segment in any::<i64>(), header in ".*", rows in rows(), at in any::<prop::sample::Index>(),
            field in 0_usize..12, other in prop_oneof![control(), event()],
        ) {
            let known = root_of(segment, &header, &rows);
            let at = at.index(rows.len());
            let mut changed = rows.clone();
            changed[at] = with_field_of(&rows[at], field, &other);
            prop_assert_eq!(root_of(segment, &header, &changed) == known, changed == rows);

            let mut moved = rows.clone();
            moved.swap(0, at);
            prop_assert_eq!(root_of(segment, &header, &moved) == known, moved == rows);
            let mut fewer = rows.clone();
            fewer.remove(at);
            prop_assert_ne!(root_of(segment, &header, &fewer), known);
            prop_assert_ne!(root_of(segment.wrapping_add(1), &header, &rows), known);
            prop_assert_ne!(root_of(segment, &format!("{header} "), &rows), known);
        }

        #[test]
        fn a_link_holds_its_place_the_root_and_all_before(
            previous in any::<Hash>(), root in any::<Hash>(), seq in any::<i64>(), other in any::<Hash>(),
        ) {
            let known = link(&previous, seq, &root);
            prop_assert_eq!(link(&other, seq, &root) == known, other == previous);
            prop_assert_eq!(link(&previous, seq, &other) == known, other == root);
            prop_assert_ne!(link(&previous, seq.wrapping_add(1), &root), known);
        }
    }

    #[test]
    fn nothing_is_not_the_same_as_an_empty_value() {
        let control = |hits: Option<&str>, import_id| ControlRow {
            person_id: 1,
            control_type: ControlType::Pep,
            snapshot_id: 1,
            snapshot: [0; 32],
            import_id,
            hits: hits.map(str::to_owned),
        };
        let hashes = [control(None, None), control(Some(""), None), control(None, Some(0))];
        let hashes: std::collections::HashSet<Hash> = hashes.iter().map(|row| row.hash(1, 0)).collect();
        assert_eq!(hashes.len(), 3);
    }
}
