//! The hash chain of a classification's events: each has the SHA-256 of the one before it and of its own row.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::domain::canonical;

/// SHA-256.
pub type Hash = [u8; 32];

/// Before the first event.
pub const ORIGIN: Hash = [0; 32];

/// An event's row, as it is hashed and stored.
#[derive(Clone, PartialEq, Serialize)]
pub struct Row {
    /// Whose event it is.
    pub classification_id: Uuid,
    /// From 1 on.
    pub seq: i64,
    /// What happened.
    pub r#type: String,
    /// The status before.
    pub from: Option<String>,
    /// The status after.
    pub to: String,
    /// In which part.
    pub actor: String,
    /// Who it was.
    pub login: Option<String>,
    /// Through which client.
    pub client_id: Option<String>,
    /// When it took effect, in microseconds.
    #[serde(serialize_with = "micros")]
    pub at: DateTime<Utc>,
    /// Canonical JSON.
    pub payload: String,
}

impl Row {
    /// Its hash after that of the row before it: SHA-256 of that hash's bytes and the row's canonical JSON.
    ///
    /// # Errors
    /// None that can occur: nothing in a row has no JSON.
    pub fn hash(&self, previous: &Hash) -> serde_json::Result<Hash> {
        let mut bytes = previous.to_vec();
        bytes.extend(canonical::json(self)?.into_bytes());
        let mut hash = ORIGIN;
        hash.copy_from_slice(digest(&SHA256, &bytes).as_ref());
        Ok(hash)
    }
}

fn micros<S: serde::Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn row() -> Row {
        Row {
            classification_id: Uuid::nil(),
            seq: 1,
            r#type: "EXPIRED".to_owned(),
            from: Some("ACTIVE".to_owned()),
            to: "EXPIRED".to_owned(),
            actor: "TIMER".to_owned(),
            login: None,
            client_id: None,
            at: DateTime::UNIX_EPOCH,
            payload: "null".to_owned(),
        }
    }

    #[test]
    fn the_hash_can_be_made_by_anybody_from_the_columns() {
        let text = r#"{"actor":"TIMER","at":"1970-01-01T00:00:00.000000Z","classification_id":"00000000-0000-0000-0000-000000000000","client_id":null,"from":"ACTIVE","login":null,"payload":"null","seq":1,"to":"EXPIRED","type":"EXPIRED"}"#;
        let mut bytes = vec![0; 32];
        bytes.extend(text.as_bytes());
        assert_eq!(row().hash(&ORIGIN).unwrap().as_slice(), digest(&SHA256, &bytes).as_ref());
    }

    #[test]
    fn every_column_and_the_row_before_count() {
        let hash = row().hash(&ORIGIN).unwrap();
        let changed = [
            Row { seq: 2, ..row() },
            Row { to: "ACTIVE".to_owned(), ..row() },
            Row { login: Some("demo1".to_owned()), ..row() },
            Row { payload: "{}".to_owned(), ..row() },
        ];
        for row in changed {
            assert_ne!(row.hash(&ORIGIN).unwrap(), hash);
        }
        assert_ne!(row().hash(&hash).unwrap(), hash);
    }
}
