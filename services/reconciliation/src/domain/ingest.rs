//! What an upload of transactions changes: same id and same content is no change, other content is a new version.

use std::collections::HashMap;

use super::transaction::NewTransaction;

/// The version of a transaction that is stored as its current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// 1 for the first.
    pub version: i32,
    /// SHA-256 of its content.
    pub content_hash: Vec<u8>,
}

/// A version to store.
#[derive(Debug)]
pub struct Change<'a> {
    /// Its content.
    pub transaction: &'a NewTransaction,
    /// SHA-256 of its content.
    pub content_hash: [u8; 32],
    /// One more than the version before it.
    pub version: i32,
    /// Whether no later row of the same upload follows it.
    pub current: bool,
}

/// What an upload did, counted by row.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// First versions.
    pub inserted: u64,
    /// Later versions.
    pub updated: u64,
    /// Rows that changed nothing.
    pub unchanged: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
    }
}

/// Compares rows, in the order in which they came, with what is stored and with each other.
pub fn plan<'a>(known: &HashMap<String, Known>, incoming: &'a [NewTransaction]) -> (Vec<Change<'a>>, Tally) {
    let mut changes: Vec<Change<'a>> = Vec::with_capacity(incoming.len());
    let mut latest: HashMap<&str, usize> = HashMap::new();
    let mut tally = Tally::default();
    for transaction in incoming {
        let id = transaction.cpm_trans_id.as_str();
        let content_hash = transaction.content_hash();
        let (previous_version, previous_hash) = match latest.get(id).and_then(|&index| changes.get(index)) {
            Some(change) => (change.version, Some(change.content_hash.as_slice())),
            None => match known.get(id) {
                Some(known) => (known.version, Some(known.content_hash.as_slice())),
                None => (0, None),
            },
        };
        if previous_hash == Some(content_hash.as_slice()) {
            tally.unchanged += 1;
            continue;
        }
        if previous_version == 0 {
            tally.inserted += 1;
        } else {
            tally.updated += 1;
        }
        if let Some(followed) = latest.insert(id, changes.len())
            && let Some(change) = changes.get_mut(followed)
        {
            change.current = false;
        }
        changes.push(Change { transaction, content_hash, version: previous_version + 1, current: true });
    }
    (changes, tally)
}
