//! What newer editions change of controls that were made against older ones: only records that differ are screened
//! against the persons, the other hits stay as they stood. That gives what a control against everything would give.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;
use sqlx::PgPool;

use crate::catalogue::{Catalogue, Findings};
use crate::domain::audit::EditionRef;
use crate::domain::control::{ControlType, Hit, hex};
use crate::domain::flow::Flow;
use crate::domain::person::Hash;
use crate::domain::screening::{Screener, Sieve, Subject, Words};
use crate::store::editions;

/// The difference between the editions of past controls and a catalogue, of the lists of one type.
pub struct Delta {
    /// The catalogue's records that differ, indexed by themselves.
    differing: Catalogue,
    /// By list, the records that are not in both of its editions: another list may have the same record.
    hashes: FxHashMap<String, FxHashSet<Hash>>,
    flow: Flow,
    /// What jobs have learned of words, one for each that ran at once.
    words: Mutex<Vec<Words>>,
}

impl Delta {
    /// From `known` editions to the catalogue. `flow` has one control type.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn new(
        pool: &PgPool,
        catalogue: &Catalogue,
        flow: &Flow,
        known: &[EditionRef],
    ) -> Result<Self, sqlx::Error> {
        let (mut hashes, mut differing) = (FxHashMap::default(), Vec::new());
        for (place, edition) in catalogue.meant(flow) {
            let of_list: &mut FxHashSet<Hash> = hashes.entry(edition.source.clone()).or_default();
            let old = known.iter().find(|known| known.source == edition.source);
            if old.is_some_and(|old| old.id == edition.id) {
                continue;
            }
            // A list may have a record twice.
            let mut counts: FxHashMap<Hash, (i32, i32)> = FxHashMap::default();
            for entry in catalogue.entries.iter().filter(|entry| entry.edition == place) {
                counts.entry(entry.record).or_default().0 += 1;
            }
            if let Some(old) = old {
                for hash in editions::hashes(pool, old.id).await? {
                    counts.entry(hash).or_default().1 += 1;
                }
            }
            counts.retain(|_, (new, old)| new != old);
            let wanted: Vec<Vec<u8>> =
                counts.iter().filter(|(_, (new, _))| *new > 0).map(|(hash, _)| hash.to_vec()).collect();
            for stored in editions::records_of(pool, &edition.source, &wanted).await? {
                let times = counts.get(&stored.hash).map_or(0, |(new, _)| *new);
                differing.extend((0..times).map(|_| (place, stored.clone())));
            }
            of_list.extend(counts.into_keys());
        }
        let differing = Catalogue::of(catalogue.editions.clone(), &differing);
        Ok(Self { differing, hashes, flow: flow.clone(), words: Mutex::default() })
    }

    /// The working memory of [`Delta::screen`], for one thread.
    pub fn screener(&self) -> Screener<'_> {
        Screener::new(&self.differing.index)
    }

    /// The working memory of [`Delta::may_change`], for one thread.
    pub fn sieve(&self) -> Sieve<'_> {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Sieve::new(&self.differing.index, self.flow.least_threshold(), words.unwrap_or_default())
    }

    /// Keeps what a sieve has learned, for the next job.
    pub fn keep(&self, sieve: Sieve<'_>) {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).push(sieve.into_words());
    }

    /// Whether a control may find something else than the last one, whose hits are these, as JSON: where it cannot,
    /// [`Delta::screen`] gives `None`.
    pub fn may_change(&self, sieve: &mut Sieve<'_>, search_keys: Option<&[u8]>, last: Option<&str>) -> bool {
        search_keys.is_none_or(|keys| sieve.may_find(keys)) || last.is_some_and(|hits| !self.all_stay(hits))
    }

    fn all_stay(&self, hits: &str) -> bool {
        let hits: Result<Vec<LastHit<'_>>, _> = serde_json::from_str(hits);
        hits.is_ok_and(|hits| hits.iter().all(|hit| self.stays(&hit.list, &hit.record)))
    }

    /// Whether both of the list's editions have a record.
    fn stays(&self, list: &str, record: &Hash) -> bool {
        self.hashes.get(list).is_some_and(|differing| !differing.contains(record))
    }

    /// What a control against the catalogue finds; `None` where that is what the last one found.
    pub fn screen(
        &self,
        screener: &mut Screener<'_>,
        catalogue: &Catalogue,
        subject: &Subject,
        last: &[Hit],
    ) -> Option<Findings> {
        let found = self.differing.screen(screener, &self.flow, subject).pop().unwrap_or_default();
        let stays = |hit: &&Hit| self.stays(&hit.list, &hit.record);
        if found.hits.is_empty() && last.iter().all(|hit| stays(&hit)) {
            return None;
        }
        let mut hits: Vec<(Hit, Hash)> =
            last.iter().filter(stays).map(|hit| (hit.clone(), facts(catalogue, hit))).collect();
        hits.extend(found.hits.into_iter().zip(found.facts));
        Some(Findings::in_order(hits))
    }
}

/// Of a [`Hit`] what tells whether it stays.
#[derive(Deserialize)]
struct LastHit<'h> {
    #[serde(borrow)]
    list: Cow<'h, str>,
    #[serde(with = "hex")]
    record: Hash,
}

fn facts(catalogue: &Catalogue, hit: &Hit) -> Hash {
    let entry = catalogue.entry_of(&hit.list, &hit.record_id, |entry| entry.record == hit.record);
    entry.map(|entry| entry.facts).unwrap_or_default()
}

/// The editions of a type.
pub fn of_type(editions: &[EditionRef], control_type: ControlType) -> Vec<EditionRef> {
    editions.iter().filter(|edition| edition.control_type == control_type).cloned().collect()
}
