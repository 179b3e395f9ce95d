//! An immutable index of records, and the search in it.

use std::rc::Rc;

use names::{Keys, NameKind, NameRef, Token, Vocabulary, VocabularyBuilder};
use rustc_hash::FxHashMap;

use crate::domain::record::Record;

use super::compare::{self, Comparison};
use super::evidence;
use super::subject::{Facts, Person, PersonKind, Subject, SubjectName};

/// Records, searchable by name. Immutable; share it behind an `Arc`.
#[derive(Debug)]
pub struct Index {
    entries: Vec<Entry>,
    /// Places of the entries, by their identifiers.
    by_id: Vec<u32>,
    names: Vec<IndexedName>,
    /// What the search reads of each name: apart and small, because it reads it often.
    bounds: Vec<Bounds>,
    /// The tokens of all names, one name after another: the number, and in the upper bits the weight's place in
    /// `weights`.
    tokens: Vec<u32>,
    /// The few weights that tokens have.
    weights: Vec<f32>,
    vocabulary: Vocabulary,
    postings: Postings,
    /// Neighbours in names that a query may write as one word, by their key.
    joined: Keys,
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
    fingerprint: u64,
    kind: NameKind,
    weak: bool,
    text: Box<str>,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Where its tokens start; they end where the next name's start.
    start: u32,
    weight: f32,
    kind: PersonKind,
}

/// The bits of a token that are its number.
const NUMBER_BITS: u32 = 26;
const NUMBER: u32 = (1 << NUMBER_BITS) - 1;

/// The bits that say where in a name neighbours stand: the first's place, and whether they are three.
const RUN_BITS: u32 = 6;

/// Neighbours of a name in one number.
fn pack_run(name: u32, (first, last): (u8, u8)) -> u32 {
    name << RUN_BITS | u32::from(first) << 1 | u32::from(last - first == 2)
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
        let mut entries: Vec<Entry> = Vec::new();
        let mut names = Vec::new();
        let mut bounds = Vec::new();
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
                for (range, run) in names::runs(&name.tokens) {
                    let place = pack_run(number, range);
                    let run = names::joined(run);
                    joined.extend(run.iter().flat_map(|run| run.keys()).map(|key| (names::hash(key), place)));
                }
                let weight = names::total_weight(&name.tokens);
                bounds.push(Bounds {
                    start: tokens.len() as u32,
                    weight,
                    kind: subject.facts.kind.unwrap_or(PersonKind::Natural),
                });
                names.push(IndexedName {
                    entry,
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
        let mut by_id: Vec<u32> = (0..entries.len() as u32).collect();
        by_id.sort_by(|a, b| entries[*a as usize].id.cmp(&entries[*b as usize].id));
        let (vocabulary, finals) = builder.finish();
        bounds.push(Bounds { start: tokens.len() as u32, weight: 0.0, kind: PersonKind::Natural });
        for token in &mut tokens {
            *token = finals[*token as usize];
        }
        let postings = Postings::of(&bounds, &tokens, vocabulary.len());
        let weights = pack_weights(&mut tokens, &vocabulary);
        Self {
            entries,
            by_id,
            names,
            bounds,
            tokens,
            weights,
            vocabulary,
            postings,
            joined: Keys::new(joined),
            by_document,
        }
    }

    /// Places of the records that have this identifier on their lists.
    pub fn places_of(&self, id: &str) -> impl Iterator<Item = usize> {
        let id_of = |place: &u32| &*self.entries[*place as usize].id;
        let first = self.by_id.partition_point(|place| id_of(place) < id);
        let after = self.by_id.partition_point(|place| id_of(place) <= id);
        self.by_id[first..after].iter().map(|place| *place as usize)
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

    /// The numbers of names that hold a token like this one, some of them more than once.
    pub(super) fn names_alike(&self, token: &Token) -> impl Iterator<Item = u32> {
        self.vocabulary.alike(token).into_iter().flat_map(|alike| self.postings.of_token(alike)).copied()
    }

    /// Whether a name may write a token apart.
    pub(super) fn may_split(&self, token: &Token) -> bool {
        names::joined_keys(token).any(|key| self.joined.contains(names::hash(key)))
    }

    /// Whether a name may write neighbours as one that have this among the hashes of their keys.
    pub(super) fn may_be_joined_as(&self, key: u32) -> bool {
        self.vocabulary.may_be_joined_as(key)
    }

    /// Whether a record has a document of this number.
    pub(super) fn has_document(&self, number: &str) -> bool {
        self.by_document.contains_key(number)
    }

    fn name_tokens(&self, name: u32) -> &[u32] {
        let name = name as usize;
        &self.tokens[self.bounds[name].start as usize..self.bounds[name + 1].start as usize]
    }

    /// Whether the neighbours at a place are a token written apart.
    fn writes_as_one(&self, place: u32, token: &Token) -> bool {
        let first = (place >> 1 & 31) as usize;
        let run = self.name_tokens(place >> RUN_BITS).get(first..first + 2 + (place & 1) as usize);
        let run = run.into_iter().flatten().filter_map(|token| self.vocabulary.token(*token & NUMBER));
        names::joined(&run.collect::<Vec<_>>()).is_some_and(|joined| names::is_joined(&joined, token))
    }

    fn names_of(&self, entry: u32) -> std::ops::Range<u32> {
        let first = self.names.partition_point(|name| name.entry < entry);
        first as u32..self.names.partition_point(|name| name.entry <= entry) as u32
    }

    fn name_ref(&self, name: u32) -> NameRef<'_> {
        let IndexedName { kind, fingerprint, .. } = self.names[name as usize];
        let tokens = self
            .name_tokens(name)
            .iter()
            .filter_map(|token| self.vocabulary.token(*token & NUMBER))
            .collect();
        NameRef { tokens, kind, fingerprint }
    }
}

impl Postings {
    fn of(bounds: &[Bounds], tokens: &[u32], vocabulary: usize) -> Self {
        let mut starts = vec![0_u32; vocabulary + 1];
        for token in tokens {
            starts[*token as usize + 1] += 1;
        }
        for token in 0..vocabulary {
            starts[token + 1] += starts[token];
        }
        let mut next = starts.clone();
        let mut postings = vec![0; tokens.len()];
        for (name, pair) in bounds.windows(2).enumerate() {
            let [this, next_name] = pair else { continue };
            for token in &tokens[this.start as usize..next_name.start as usize] {
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

/// Writes each token's weight into its upper bits, as its place in the list of all weights: there are some twenty,
/// and room for 64.
fn pack_weights(tokens: &mut [u32], vocabulary: &Vocabulary) -> Vec<f32> {
    let mut weights: Vec<f32> = Vec::new();
    for token in tokens {
        let weight = vocabulary.token(*token).map_or(1.0, Token::weight);
        let place = weights.iter().position(|known| *known == weight).unwrap_or_else(|| {
            weights.push(weight);
            weights.len() - 1
        });
        *token |= (place as u32) << NUMBER_BITS;
    }
    weights
}

/// Tokens of the vocabulary like a query's token, and how many names hold them.
#[derive(Debug)]
struct Alike {
    tokens: Box<[u32]>,
    names: usize,
}

/// A name of the index and its points against a query's name.
#[derive(Debug, Clone, Copy)]
struct Namesake {
    name: u32,
    points: f32,
}

/// A search's working memory, for one thread and many persons.
///
/// What it remembers of earlier searches spares work and changes no answer: the tokens of the vocabulary that a
/// token is like, and the names of the index that a name is like.
#[derive(Debug)]
pub struct Screener<'a> {
    index: &'a Index,
    /// By token of the vocabulary: the query's tokens that it is like, one bit each.
    marks: Vec<u32>,
    marked: Vec<u32>,
    /// By name: the last search that looked at it.
    seen: Vec<u32>,
    search: u32,
    alike: FxHashMap<TokenKey, Rc<Alike>>,
    namesakes: FxHashMap<NameKey, Rc<[Namesake]>>,
}

type TokenKey = (Box<str>, names::Tag, u8);
/// The name's text and its fingerprint, what bears it, whether it is a poor one, and the least points asked for.
type NameKey = (Box<str>, u64, NameKind, bool, u32);

/// Expansions of this many tokens are kept.
const KEPT_TOKENS: usize = 1 << 15;
/// Results of this many names are kept.
const KEPT_NAMES: usize = 1 << 14;

/// An entry's best name.
#[derive(Debug, Clone, Copy)]
struct Best {
    points: f32,
    query_name: usize,
    name: u32,
}

/// One of a query's names, ready to be held against the index's.
struct Query<'q> {
    name: NameRef<'q>,
    weak: bool,
    weight: f32,
    kind: Option<PersonKind>,
    /// Names with fewer points do not matter.
    least: f32,
}

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
            alike: FxHashMap::default(),
            namesakes: FxHashMap::default(),
        }
    }

    /// All records whose score reaches the threshold (0–100), the highest first, in the records' order where equal.
    pub fn screen(&mut self, subject: &Subject, threshold: f32) -> Vec<Hit> {
        let index = self.index;
        let least = least(threshold, evidence::most_points(&subject.facts));
        let mut found: FxHashMap<u32, Best> = FxHashMap::default();
        for (query_name, name) in subject.names.iter().enumerate() {
            for namesake in self.namesakes(name, subject.facts.kind, least).iter() {
                add(&mut found, index, query_name, *namesake);
            }
            // A shared document adds more than `least` counts with.
            for entry in
                subject.facts.documents.iter().filter_map(|number| index.by_document.get(number)).flatten()
            {
                for number in index.names_of(*entry) {
                    let (indexed, other) = (&index.names[number as usize], index.name_ref(number));
                    let score = names::compare(&NameRef::from(&name.name), &other).score;
                    let points = compare::name_points(score, name.weak || indexed.weak);
                    add(&mut found, index, query_name, Namesake { name: number, points });
                }
            }
        }
        let mut hits: Vec<Hit> = Vec::new();
        for (entry, best) in found {
            let record = &index.entries[entry as usize];
            let facts = evidence::weigh(&subject.facts, &record.facts).map(|evidence| evidence.points).sum();
            if compare::total(best.points, facts) >= threshold {
                let (one, other) =
                    (&subject.names[best.query_name].text, &index.names[best.name as usize].text);
                let comparison = compare::explain(best.points, one, other, &subject.facts, &record.facts);
                hits.push(Hit { record: entry as usize, id: record.id.to_string(), comparison });
            }
        }
        hits.sort_by(|a, b| b.comparison.score.total_cmp(&a.comparison.score).then(a.record.cmp(&b.record)));
        hits
    }

    /// The names of the index with at least so many points.
    fn namesakes(&mut self, name: &SubjectName, kind: Option<PersonKind>, least: f32) -> Rc<[Namesake]> {
        let (weak, of_name) = (name.weak, NameRef::from(&name.name));
        let key = (Box::from(name.text.as_str()), of_name.fingerprint, of_name.kind, weak, least.to_bits());
        if let Some(namesakes) = self.namesakes.get(&key) {
            return Rc::clone(namesakes);
        }
        let weight = names::total_weight(&of_name.tokens);
        let namesakes = self.search(&Query { name: of_name, weak, weight, kind, least });
        if self.namesakes.len() >= KEPT_NAMES {
            self.namesakes.clear();
        }
        self.namesakes.insert(key, Rc::clone(&namesakes));
        namesakes
    }

    fn search(&mut self, query: &Query<'_>) -> Rc<[Namesake]> {
        let index = self.index;
        self.search = self.search.wrapping_add(1);
        if self.search == 0 {
            self.seen.fill(0);
            self.search = 1;
        }
        let tokens = &query.name.tokens;
        let alike: Vec<Rc<Alike>> = tokens.iter().map(|token| self.alike(token)).collect();
        for (at, alike) in alike.iter().enumerate() {
            self.mark(&alike.tokens, 1 << at);
        }
        let mut as_one = Vec::new();
        for ((first, last), run) in names::runs(tokens) {
            if let Some(joined) = names::joined(run) {
                let words = index.vocabulary.joined_as(&joined);
                self.mark(&words, (first..=last).fold(0, |bits, at| bits | 1 << at));
                as_one.extend(words);
            }
        }
        let mut namesakes = Vec::new();
        // What a name splits has no mark: such a name is compared first, and whatever its marks say.
        for token in tokens {
            for key in names::joined_keys(token) {
                index.joined.visit(names::hash(key), &mut |place| {
                    let name = place >> RUN_BITS;
                    if index.writes_as_one(place, token) && self.is_new(name) {
                        namesakes.extend(self.compared(query, name, true));
                    }
                });
            }
        }
        let essential = essential(query, &alike);
        let essential = essential.iter().flat_map(|at| &alike[*at].tokens);
        for token in as_one.iter().chain(essential) {
            for name in index.postings.of_token(*token) {
                if self.is_new(*name) && self.most_points(query, *name) >= query.least {
                    namesakes.extend(self.compared(query, *name, false));
                }
            }
        }
        for token in self.marked.drain(..) {
            self.marks[token as usize] = 0;
        }
        namesakes.into()
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

    /// Whether this search has not yet looked at a name.
    fn is_new(&mut self, name: u32) -> bool {
        std::mem::replace(&mut self.seen[name as usize], self.search) != self.search
    }

    /// A name's points, if they matter; `may_split` says whether it may split what the query's name writes as one.
    fn compared(&self, query: &Query<'_>, name: u32, may_split: bool) -> Option<Namesake> {
        let index = self.index;
        let tokens = index.name_tokens(name);
        let marks = |i: usize, j: usize| self.marks[(tokens[j] & NUMBER) as usize] & 1 << i != 0;
        let score = names::compare_knowing(&query.name, &index.name_ref(name), may_split, marks).score;
        let points = compare::name_points(score, query.weak || index.names[name as usize].weak);
        (points >= query.least).then_some(Namesake { name, points })
    }

    /// The most points that a name can have, by which of its tokens are marked; 0 where the kinds exclude it.
    fn most_points(&self, query: &Query<'_>, name: u32) -> f32 {
        let bounds = self.index.bounds[name as usize];
        if 100.0 + evidence::kind_points(query.kind, Some(bounds.kind)) < query.least {
            return f32::NEG_INFINITY;
        }
        let (mut covered, mut shared) = (0_u32, 0.0);
        for token in self.index.name_tokens(name) {
            let mark = self.marks[(*token & NUMBER) as usize];
            if mark != 0 {
                covered |= mark;
                shared += self.index.weights[(*token >> NUMBER_BITS) as usize];
            }
        }
        let rest = query.name.tokens.iter().enumerate().filter(|(at, _)| covered & 1 << at == 0);
        let rest: f32 = rest.map(|(_, token)| token.weight()).sum();
        let lenient = names::is_lenient(query.name.kind);
        100.0
            * names::upper_bound(query.weight, bounds.weight, rest, bounds.weight - shared, lenient).min(1.0)
    }

    fn alike(&mut self, token: &Token) -> Rc<Alike> {
        let key = (Box::from(token.text()), token.tag(), token.provenance());
        if let Some(alike) = self.alike.get(&key) {
            return Rc::clone(alike);
        }
        let tokens = self.index.vocabulary.alike(token);
        let names = tokens.iter().map(|token| self.index.postings.of_token(*token).len()).sum();
        let alike = Rc::new(Alike { tokens: tokens.into(), names });
        if self.alike.len() >= KEPT_TOKENS {
            self.alike.clear();
        }
        self.alike.insert(key, Rc::clone(&alike));
        alike
    }
}

/// The least points of a name that matters: with fewer it stays below the threshold, with all that facts add.
pub(super) fn least(threshold: f32, facts_points: f32) -> f32 {
    threshold - facts_points - compare::ROUNDING
}

/// Keeps an entry's best name: of equal ones the first of the query's, then of the record's, as a full comparison
/// does.
fn add(found: &mut FxHashMap<u32, Best>, index: &Index, query_name: usize, namesake: Namesake) {
    let new = Best { points: namesake.points, query_name, name: namesake.name };
    let best = found.entry(index.names[namesake.name as usize].entry).or_insert(new);
    let is_first = (new.query_name, new.name) < (best.query_name, best.name);
    if new.points > best.points || new.points == best.points && is_first {
        *best = new;
    }
}

/// The query's tokens of which a name must hold one like it to reach the threshold: the most frequent are left out
/// as long as a name that shares only them stays below.
fn essential(query: &Query<'_>, alike: &[Rc<Alike>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..alike.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(alike[*at].names));
    let lenient = names::is_lenient(query.name.kind);
    let mut shared = 0.0;
    let left_out = order.iter().take_while(|at| {
        shared += query.name.tokens[**at].weight();
        100.0 * names::upper_bound_by_shared(query.weight, shared, lenient).min(1.0) < query.least
    });
    let left_out = left_out.count();
    order.split_off(left_out)
}
