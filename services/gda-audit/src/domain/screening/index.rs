//! An immutable index of records, and the search in it.

use std::collections::VecDeque;
use std::sync::Arc;

use names::{NameKind, NameRef, Token, Vocabulary, VocabularyBuilder};
use rustc_hash::FxHashMap;

use crate::domain::record::Record;

use super::compare::{self, Comparison};
use super::evidence;
use super::subject::{Facts, Person, Subject};

/// Records, searchable by name. Immutable; share it behind an `Arc`.
#[derive(Debug)]
pub struct Index {
    entries: Vec<Entry>,
    names: Vec<IndexedName>,
    /// The tokens of all names, one name after another.
    tokens: Vec<u32>,
    vocabulary: Vocabulary,
    /// Weights by token number.
    weights: Vec<f32>,
    postings: Postings,
    /// Neighbours in a name that a query may write as one word: the hash of their key, the name; ascending.
    joined: Vec<(u32, u32)>,
    by_document: FxHashMap<Box<str>, Vec<u32>>,
}

#[derive(Debug)]
struct Entry {
    id: Box<str>,
    facts: Facts,
}

#[derive(Debug)]
struct IndexedName {
    entry: u32,
    /// Where its tokens start; they end where the next name's start.
    start: u32,
    weight: f32,
    fingerprint: u64,
    kind: NameKind,
    weak: bool,
    text: Box<str>,
}

/// The names that hold a token.
#[derive(Debug, Default)]
struct Postings {
    starts: Vec<u32>,
    names: Vec<u32>,
}

/// A record that reaches the threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Its place among the records that the index was built from.
    pub record: usize,
    /// Its id on the list.
    pub id: String,
    /// Its score and why.
    pub comparison: Comparison,
}

impl Index {
    /// Reads the names of all records.
    #[must_use]
    pub fn build<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut entries = Vec::new();
        let mut names = Vec::new();
        let mut tokens: Vec<u32> = Vec::new();
        let mut builder = VocabularyBuilder::default();
        let mut joined = Vec::new();
        let mut by_document: FxHashMap<Box<str>, Vec<u32>> = FxHashMap::default();
        for record in records {
            let entry = entries.len() as u32;
            let subject = Subject::of_record(record);
            for subject_name in subject.names {
                let number = names.len() as u32;
                let name = NameRef::from(&subject_name.name);
                for pair in name.tokens.windows(2) {
                    let [first, second] = pair else { continue };
                    joined.extend(names::joined(first, second).map(|joined| (hash(joined.key()), number)));
                }
                names.push(IndexedName {
                    entry,
                    start: tokens.len() as u32,
                    weight: names::total_weight(&name.tokens),
                    fingerprint: name.fingerprint,
                    kind: name.kind,
                    weak: subject_name.weak,
                    text: subject_name.text.into(),
                });
                tokens.extend(name.tokens.iter().map(|token| builder.number(token)));
            }
            for document in &subject.facts.documents {
                by_document.entry(document.clone()).or_default().push(entry);
            }
            entries.push(Entry { id: record.id.as_str().into(), facts: subject.facts });
        }
        let (vocabulary, finals) = builder.finish();
        for token in &mut tokens {
            *token = finals[*token as usize];
        }
        joined.sort_unstable();
        joined.dedup();
        let weights = (0..vocabulary.len() as u32)
            .filter_map(|token| vocabulary.token(token))
            .map(Token::weight)
            .collect();
        let postings = Postings::of(&names, &tokens, vocabulary.len());
        Self { entries, names, tokens, vocabulary, weights, postings, joined, by_document }
    }

    /// How many records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All records whose score reaches the threshold (0–100), the highest first. For more than a few persons keep a
    /// [`Screener`].
    ///
    /// # Errors
    ///
    /// When the person has no name that can be read.
    pub fn screen(&self, person: &Person, threshold: f32) -> Result<Vec<Hit>, names::NameError> {
        Ok(Screener::new(self).screen(&Subject::of_person(person)?, threshold))
    }

    fn name_tokens(&self, name: u32) -> &[u32] {
        let start = self.names[name as usize].start as usize;
        let end = self.names.get(name as usize + 1).map_or(self.tokens.len(), |next| next.start as usize);
        &self.tokens[start..end]
    }

    fn name_ref(&self, name: u32) -> NameRef<'_> {
        let IndexedName { kind, fingerprint, .. } = self.names[name as usize];
        let tokens =
            self.name_tokens(name).iter().filter_map(|token| self.vocabulary.token(*token)).collect();
        NameRef { tokens, kind, fingerprint }
    }
}

impl Postings {
    fn of(names: &[IndexedName], tokens: &[u32], vocabulary: usize) -> Self {
        let mut starts = vec![0_u32; vocabulary + 1];
        for token in tokens {
            starts[*token as usize + 1] += 1;
        }
        for token in 0..vocabulary {
            starts[token + 1] += starts[token];
        }
        let mut next = starts.clone();
        let mut postings = vec![0; tokens.len()];
        for (name, indexed) in names.iter().enumerate() {
            let end = names.get(name + 1).map_or(tokens.len(), |next| next.start as usize);
            for token in &tokens[indexed.start as usize..end] {
                postings[next[*token as usize] as usize] = name as u32;
                next[*token as usize] += 1;
            }
        }
        Self { starts, names: postings }
    }

    fn of_token(&self, token: u32) -> &[u32] {
        &self.names[self.starts[token as usize] as usize..self.starts[token as usize + 1] as usize]
    }
}

fn hash(key: &str) -> u32 {
    let mut hash = 0_u64;
    for byte in key.bytes() {
        hash = (hash.rotate_left(5) ^ u64::from(byte)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    (hash >> 32) as u32
}

/// Tokens of the vocabulary like a query's token, and how many names hold them.
#[derive(Debug)]
struct Alike {
    tokens: Box<[u32]>,
    names: usize,
}

/// A search's working memory, for one thread and many persons.
#[derive(Debug)]
pub struct Screener<'a> {
    index: &'a Index,
    /// By token of the vocabulary: the query's tokens that it is like, one bit each.
    marks: Vec<u32>,
    marked: Vec<u32>,
    /// By name: the last search that looked at it.
    seen: Vec<u32>,
    search: u32,
    /// By entry: its best name so far, in the entries found.
    found: FxHashMap<u32, Found>,
    alike: FxHashMap<(Box<str>, names::Tag, bool), Arc<Alike>>,
    alike_order: VecDeque<(Box<str>, names::Tag, bool)>,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    points: f32,
    query_name: usize,
    name: u32,
}

/// One of a query's names, ready to be held against the index's.
struct Query<'q> {
    number: usize,
    name: NameRef<'q>,
    weak: bool,
    weight: f32,
    facts: &'q Facts,
    threshold: f32,
}

/// Expansions of this many tokens are kept.
const KEPT_TOKENS: usize = 1 << 15;

impl<'a> Screener<'a> {
    /// For one thread.
    #[must_use]
    pub fn new(index: &'a Index) -> Self {
        Self {
            index,
            marks: vec![0; index.vocabulary.len()],
            marked: Vec::new(),
            seen: vec![0; index.names.len()],
            search: 0,
            found: FxHashMap::default(),
            alike: FxHashMap::default(),
            alike_order: VecDeque::new(),
        }
    }

    /// All records whose score reaches the threshold (0–100), the highest first, in the records' order where equal.
    pub fn screen(&mut self, subject: &Subject, threshold: f32) -> Vec<Hit> {
        self.found.clear();
        for (number, name) in subject.names.iter().enumerate() {
            let weak = name.weak;
            let name = NameRef::from(&name.name);
            let weight = names::total_weight(&name.tokens);
            self.search_name(&Query { number, name, weak, weight, facts: &subject.facts, threshold });
        }
        let index = self.index;
        let mut hits: Vec<Hit> = Vec::new();
        for (entry, found) in &self.found {
            let record = &index.entries[*entry as usize];
            let (one, other) =
                (&subject.names[found.query_name].text, &index.names[found.name as usize].text);
            let comparison = compare::explain(found.points, one, other, &subject.facts, &record.facts);
            if comparison.score >= threshold {
                hits.push(Hit { record: *entry as usize, id: record.id.to_string(), comparison });
            }
        }
        hits.sort_by(|a, b| b.comparison.score.total_cmp(&a.comparison.score).then(a.record.cmp(&b.record)));
        hits
    }

    fn search_name(&mut self, query: &Query<'_>) {
        let index = self.index;
        self.search = self.search.wrapping_add(1);
        if self.search == 0 {
            self.seen.fill(0);
            self.search = 1;
        }
        let tokens = &query.name.tokens;
        let alike: Vec<Arc<Alike>> = tokens.iter().map(|token| self.alike(token)).collect();
        for (at, alike) in alike.iter().enumerate() {
            self.mark(&alike.tokens, 1 << at);
        }
        let mut as_one = Vec::new();
        for (at, pair) in tokens.windows(2).enumerate() {
            let [first, second] = pair else { continue };
            if let Some(joined) = names::joined(first, second) {
                let words = index.vocabulary.joined_as(&joined);
                self.mark(&words, 0b11 << at);
                as_one.extend(words);
            }
        }
        // These are compared whatever their marks say, so they come first.
        for document in &query.facts.documents {
            for entry in index.by_document.get(document).into_iter().flatten() {
                let first = index.names.partition_point(|name| name.entry < *entry);
                let end = index.names.partition_point(|name| name.entry <= *entry);
                for name in first..end {
                    self.look_at(query, name as u32, true);
                }
            }
        }
        for token in tokens {
            let key = hash(names::joined_key(token));
            let start = index.joined.partition_point(|(other, _)| *other < key);
            for (_, name) in index.joined[start..].iter().take_while(|(other, _)| *other == key) {
                self.look_at(query, *name, true);
            }
        }
        for token in as_one {
            for name in index.postings.of_token(token) {
                self.look_at(query, *name, false);
            }
        }
        for at in essential(query, &alike) {
            for token in &alike[at].tokens {
                for name in index.postings.of_token(*token) {
                    self.look_at(query, *name, false);
                }
            }
        }
        for token in self.marked.drain(..) {
            self.marks[token as usize] = 0;
        }
    }

    fn mark(&mut self, tokens: &[u32], bits: u32) {
        for token in tokens {
            let mark = &mut self.marks[*token as usize];
            if *mark == 0 {
                self.marked.push(*token);
            }
            *mark |= bits;
        }
    }

    /// Compares a name with the query's, unless it surely stays below the threshold.
    fn look_at(&mut self, query: &Query<'_>, name: u32, surely: bool) {
        let seen = &mut self.seen[name as usize];
        if *seen == self.search {
            return;
        }
        *seen = self.search;
        let index = self.index;
        let indexed = &index.names[name as usize];
        let most = if surely { 100.0 } else { self.most_points(query, name, indexed) };
        if compare::round(most + evidence::most_points(query.facts)) < query.threshold {
            return;
        }
        let entry = &index.entries[indexed.entry as usize];
        let facts: f32 = evidence::weigh(query.facts, &entry.facts).map(|evidence| evidence.points).sum();
        if compare::round(most + facts) < query.threshold {
            return;
        }
        let points = compare::name_points(&query.name, &index.name_ref(name), query.weak || indexed.weak);
        let found = Found { points, query_name: query.number, name };
        self.found
            .entry(indexed.entry)
            .and_modify(|best| {
                // The first of the query's names, then of the record's, wins a tie, as in a full comparison.
                let first = (best.query_name, best.name) < (found.query_name, found.name);
                if points > best.points || points == best.points && !first {
                    *best = found;
                }
            })
            .or_insert(found);
    }

    /// The most points that a name can have, by which of its tokens are marked.
    fn most_points(&self, query: &Query<'_>, name: u32, indexed: &IndexedName) -> f32 {
        let (mut covered, mut shared) = (0_u32, 0.0);
        for token in self.index.name_tokens(name) {
            let mark = self.marks[*token as usize];
            if mark != 0 {
                covered |= mark;
                shared += self.index.weights[*token as usize];
            }
        }
        let rest: f32 = query
            .name
            .tokens
            .iter()
            .enumerate()
            .filter(|(at, _)| covered & 1 << at == 0)
            .map(|(_, token)| token.weight())
            .sum();
        let lenient = names::is_lenient(query.name.kind) && names::is_lenient(indexed.kind);
        100.0
            * names::upper_bound(query.weight, indexed.weight, rest, indexed.weight - shared, lenient)
                .min(1.0)
    }

    fn alike(&mut self, token: &Token) -> Arc<Alike> {
        let key = (Box::from(token.text()), token.tag(), token.is_unvocalised());
        if let Some(alike) = self.alike.get(&key) {
            return Arc::clone(alike);
        }
        let tokens: Box<[u32]> =
            self.index.vocabulary.alike(token).into_iter().map(|(token, _)| token).collect();
        let names = tokens.iter().map(|token| self.index.postings.of_token(*token).len()).sum();
        let alike = Arc::new(Alike { tokens, names });
        if self.alike_order.len() >= KEPT_TOKENS
            && let Some(oldest) = self.alike_order.pop_front()
        {
            self.alike.remove(&oldest);
        }
        self.alike_order.push_back(key.clone());
        self.alike.insert(key, Arc::clone(&alike));
        alike
    }
}

/// The query's tokens of which a name must hold one like it to reach the threshold: the most frequent are left out
/// as long as a name that shares only them stays below.
fn essential(query: &Query<'_>, alike: &[Arc<Alike>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..alike.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(alike[*at].names));
    let most_facts = evidence::most_points(query.facts);
    let lenient = names::is_lenient(query.name.kind);
    let mut skipped = 0.0;
    let mut left_out = 0;
    for at in &order {
        let shared = skipped + query.name.tokens[*at].weight();
        let most = 100.0 * names::upper_bound_by_shared(query.weight, shared, lenient).min(1.0);
        if compare::round(most + most_facts) >= query.threshold {
            break;
        }
        skipped = shared;
        left_out += 1;
    }
    order.split_off(left_out)
}
