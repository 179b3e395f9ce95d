//! How alike two names are: their tokens are aligned without regard to order, and what remains is weighed.
//!
//! What only one name has is an omission (a father's name, a second family name) and costs little where what is
//! shared says much. What each has and the other lacks is a contradiction (a sibling, another company) and costs
//! three times as much.

use smallvec::SmallVec;

use crate::romanised;
use crate::similarity::{is_romanised_alike, similarity};
use crate::sound;
use crate::token::{Tag, Token};
use crate::{Name, NameKind};

/// A name as a comparison sees it: its tokens may live in a vocabulary.
#[derive(Debug, Clone)]
pub struct NameRef<'a> {
    /// In the order of the text.
    pub tokens: SmallVec<[&'a Token; 12]>,
    /// What bears the name.
    pub kind: NameKind,
    /// Equal for texts that differ at most in case and spaces.
    pub fingerprint: u64,
}

impl<'a> From<&'a Name> for NameRef<'a> {
    fn from(name: &'a Name) -> Self {
        Self { tokens: name.tokens.iter().collect(), kind: name.kind, fingerprint: name.fingerprint }
    }
}

/// How alike two names are and why.
#[derive(Debug, Clone, PartialEq)]
pub struct NameScore {
    /// 0–1; 1 for texts that differ at most in case and spaces.
    pub score: f32,
    /// What was aligned.
    pub pairs: SmallVec<[Pair; 8]>,
}

/// Tokens that were aligned: one on each side, or neighbours on one side that the other writes as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The first and the last token of the one name.
    pub left: (u8, u8),
    /// The first and the last token of the other.
    pub right: (u8, u8),
    /// How alike they are, 0–1.
    pub similarity: f32,
    /// The lesser of the two sides' weights.
    pub weight: f32,
}

/// The best score of texts that are not identical.
const NOT_IDENTICAL: f32 = 0.99;
/// Names whose numbers contradict each other reach no more.
const OTHER_NUMBER: f32 = 0.45;
/// Persons whose first words contradict each other reach no more.
const OTHER_GIVEN_NAME: f32 = 0.6;
/// A middle name, a father's name is often left out: its share of the cost, where as much as this is matched.
const BETWEEN: f32 = 0.65;
const MATCHED_AROUND: f32 = 1.3;
/// Given names less alike than this may be two names.
const DOUBTFUL: f32 = 0.86;
/// Tokens in another order.
const OTHER_ORDER: f32 = 0.01;
/// Cost of each unit of weight that is aligned but not alike.
const DEVIATION: f32 = 1.0;
/// Cost of each unit of weight by which the names contradict each other, on each side.
const CONTRADICTION: f32 = 1.5;
/// Vowels may differ this much where one name joins what the other splits.
const JOINED_VOWELS: f32 = 0.25;
const JOINED: f32 = 0.95;
/// Shorter joined words are chance.
pub(crate) const MIN_JOINED: usize = 4;

/// Compares two names.
#[must_use]
pub fn compare(left: &NameRef<'_>, right: &NameRef<'_>) -> NameScore {
    compare_knowing(left, right, true, |_, _| true)
}

/// Compares two names, sparing what is known of them, as a [`Vocabulary`](crate::Vocabulary) tells it:
/// `may_be_alike` says which tokens (by their places) are surely not alike, neither by themselves nor a left one as
/// part of neighbours that the right name writes as one; `may_split` whether the right name may split what the left
/// writes as one. The score is that of [`compare()`].
#[must_use]
pub fn compare_knowing(
    left: &NameRef<'_>,
    right: &NameRef<'_>,
    may_split: bool,
    may_be_alike: impl Fn(usize, usize) -> bool,
) -> NameScore {
    let pairs = align(&left.tokens, &right.tokens, may_split, may_be_alike);
    if left.fingerprint == right.fingerprint && is_same_reading(&left.tokens, &right.tokens) {
        return NameScore { score: 1.0, pairs };
    }
    let (mut rest_left, mut rest_right) = (total_weight(&left.tokens), total_weight(&right.tokens));
    let (mut matched, mut deviation) = (0.0, 0.0);
    let (mut seen_left, mut seen_right) = (0_u32, 0_u32);
    for pair in &pairs {
        for at in pair.left.0..=pair.left.1 {
            rest_left -= left.tokens[usize::from(at)].weight;
            seen_left |= 1 << at;
        }
        for at in pair.right.0..=pair.right.1 {
            rest_right -= right.tokens[usize::from(at)].weight;
            seen_right |= 1 << at;
        }
        matched += pair.weight;
        deviation += pair.weight * (1.0 - pair.similarity);
    }
    let lenient = is_lenient(left.kind) && is_lenient(right.kind) && !may_be_persons(left, right);
    let (rest_left, rest_right) = (rest_left.max(0.0), rest_right.max(0.0));
    let between = !lenient && is_enclosed(left, right, &pairs);
    let omission = Omission { lenient, between }.cost(matched);
    let mut score = blend(2.0 * matched + rest_left + rest_right, deviation, rest_left, rest_right, omission);
    if is_out_of_order(&pairs) {
        score -= OTHER_ORDER;
    }
    let other_number = |tokens: &[&Token], seen: u32| {
        tokens.iter().enumerate().any(|(at, token)| token.tag == Tag::Number && seen & 1 << at == 0)
    };
    if !lenient && is_other_given_name(left, right, &pairs) {
        score = score.min(OTHER_GIVEN_NAME);
    }
    if other_number(&left.tokens, seen_left) && other_number(&right.tokens, seen_right) {
        score = score.min(OTHER_NUMBER);
    }
    NameScore { score: score.clamp(0.0, NOT_IDENTICAL), pairs }
}

/// The most that `compare` gives two names, from what is known before they are aligned.
///
/// `left_rest` and `right_rest` are weights that surely stay unaligned. Proof: the cost in `blend` grows with each
/// rest (`2 * CONTRADICTION` exceeds every `omission`) and falls with what is matched; the total is at most the sum
/// of both weights; everything else `compare` does lowers the score.
#[must_use]
#[inline]
pub fn upper_bound(
    left_weight: f32,
    right_weight: f32,
    left_rest: f32,
    right_rest: f32,
    lenient: bool,
) -> f32 {
    let (left_rest, right_rest) = (left_rest.max(0.0), right_rest.max(0.0));
    let matched = (left_weight - left_rest).min(right_weight - right_rest).max(0.0);
    ROUNDING
        + blend(
            left_weight + right_weight,
            0.0,
            left_rest,
            right_rest,
            Omission::least_cost(matched, lenient),
        )
}

/// The most that `compare` gives a name and any other that shares with it at most tokens of this weight.
///
/// Proof: against a name of just the shared tokens, the cost is `omission * rest` of the total; what that name has
/// besides first contradicts the rest (`CONTRADICTION` is at least every `omission`, so the share of the cost grows)
/// and then is an omission itself, whose share tends to `omission`.
#[must_use]
pub fn upper_bound_by_shared(weight: f32, shared: f32, lenient: bool) -> f32 {
    let shared = shared.min(weight);
    let alone = upper_bound(weight, shared, weight - shared, 0.0, lenient);
    alone.max(1.0 - Omission::least_cost(shared, lenient) + ROUNDING)
}

/// More than the sums of at most 64 weights can differ by their order.
const ROUNDING: f32 = 1e-4;

/// The weight of a name's tokens together.
#[must_use]
pub fn total_weight(tokens: &[&Token]) -> f32 {
    tokens.iter().map(|token| token.weight).sum()
}

/// Names of companies and ships: much of them is filling, so that what one omits says less.
#[must_use]
pub fn is_lenient(kind: NameKind) -> bool {
    kind != NameKind::Person
}

/// Of both it is not said what bears the name, and nothing in them is a company's word.
fn may_be_persons(left: &NameRef<'_>, right: &NameRef<'_>) -> bool {
    let is_unsaid = |name: &NameRef<'_>| {
        let says_company = name.tokens.iter().any(|token| matches!(token.tag, Tag::Legal | Tag::Common));
        name.kind == NameKind::Unknown && !says_company
    };
    is_unsaid(left) && is_unsaid(right)
}

#[inline]
fn blend(total: f32, deviation: f32, left: f32, right: f32, omission: f32) -> f32 {
    if total <= 0.0 {
        return 0.0;
    }
    let contradiction = 2.0 * CONTRADICTION * left.min(right);
    let omission = omission * (left - right).abs();
    1.0 - (2.0 * DEVIATION * deviation + contradiction + omission) / total
}

/// What it costs that one name omits what the other has.
#[derive(Debug, Clone, Copy)]
struct Omission {
    lenient: bool,
    /// The first words of the names are aligned, and the last words: what is omitted stands between them.
    between: bool,
}

impl Omission {
    /// The least cost of each unit of weight omitted that a comparison may come to.
    #[inline]
    fn least_cost(matched: f32, lenient: bool) -> f32 {
        // The cost falls in a step, which rounding must not miss.
        let matched = matched + ROUNDING;
        let strict = Self { lenient: false, between: true }.cost(matched);
        // A name of which it is not said what bears it meets persons and others.
        if lenient { strict.min(Self { lenient: true, between: false }.cost(matched)) } else { strict }
    }

    /// Cost of each unit of weight omitted: high where what is matched says little (one word, or two frequent
    /// ones), low where it says much.
    #[inline]
    fn cost(self, matched: f32) -> f32 {
        let (most, least) = if self.lenient { (1.1, 0.5) } else { (1.5, 0.5) };
        let share = ((matched - 1.0) / 0.9).clamp(0.0, 1.0);
        let cost = most + (least - most) * share;
        if self.between && matched >= MATCHED_AROUND { cost * BETWEEN } else { cost }
    }
}

/// The same text of a person and of a company may be read into different tokens.
fn is_same_reading(left: &[&Token], right: &[&Token]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|(one, other)| one.text == other.text && one.tag == other.tag)
}

/// Aligns tokens, the weightiest and most alike first.
fn align(
    left: &[&Token],
    right: &[&Token],
    may_split: bool,
    may_be_alike: impl Fn(usize, usize) -> bool,
) -> SmallVec<[Pair; 8]> {
    let mut edges: SmallVec<[Pair; 24]> = SmallVec::new();
    for (i, one) in left.iter().enumerate() {
        for (j, other) in right.iter().enumerate() {
            let similarity = if may_be_alike(i, j) { similarity(one, other) } else { 0.0 };
            if similarity > 0.0 {
                let (i, j) = (i as u8, j as u8);
                let weight = one.weight.min(other.weight);
                edges.push(Pair { left: (i, i), right: (j, j), similarity, weight });
            }
        }
    }
    let may_join = |(first, last): (u8, u8), j| (first..=last).all(|i| may_be_alike(usize::from(i), j));
    joined_edges(left, right, may_join, |left, j, weight| {
        edges.push(Pair { left, right: (j, j), similarity: JOINED, weight });
    });
    if may_split {
        joined_edges(
            right,
            left,
            |_, _| true,
            |right, i, weight| {
                edges.push(Pair { left: (i, i), right, similarity: JOINED, weight });
            },
        );
    }
    let distance = |pair: &Pair| pair.left.0.abs_diff(pair.right.0);
    edges.sort_by(|a, b| {
        let gain = (b.similarity * b.weight).total_cmp(&(a.similarity * a.weight));
        gain.then(distance(a).cmp(&distance(b))).then(a.left.cmp(&b.left)).then(a.right.cmp(&b.right))
    });
    let mut pairs = SmallVec::new();
    let (mut used_left, mut used_right) = (0_u32, 0_u32);
    for edge in edges {
        let (of_left, of_right) = (mask(edge.left), mask(edge.right));
        if used_left & of_left == 0 && used_right & of_right == 0 {
            used_left |= of_left;
            used_right |= of_right;
            pairs.push(edge);
        }
    }
    pairs
}

fn mask((first, last): (u8, u8)) -> u32 {
    (first..=last).fold(0, |mask, at| mask | 1 << at)
}

/// Neighbours of one name that the other writes as one word: calls with the first of the two, the word and the weight.
fn joined_edges(
    split: &[&Token],
    whole: &[&Token],
    may_join: impl Fn((u8, u8), usize) -> bool,
    mut found: impl FnMut((u8, u8), u8, f32),
) {
    for (range, run) in runs(split) {
        let length: usize = run.iter().map(|token| token.text.len()).sum();
        let may_be = |(j, word): &(usize, &&Token)| {
            word.text.len().abs_diff(length) <= 3
                && (may_begin_alike(run[0], word) || !word.romanised.is_empty())
                && may_join(range, *j)
        };
        let mut words = whole.iter().enumerate().filter(may_be).peekable();
        let Some(joined) = words.peek().and_then(|_| joined(run)) else { continue };
        for (j, word) in words.filter(|(_, word)| is_joined(&joined, word)) {
            found(range, j as u8, total_weight(run).min(word.weight));
        }
    }
}

/// The neighbours, two or three, that others may write as one word, and the places of the first and the last.
pub fn runs<'t, 'a>(tokens: &'t [&'a Token]) -> impl Iterator<Item = ((u8, u8), &'t [&'a Token])> {
    (2..=3).flat_map(move |length| {
        let run = move |(at, run)| ((at as u8, (at + length - 1) as u8), run);
        tokens.windows(length).enumerate().map(run)
    })
}

/// Equal first letters, or vowels, which transliterations exchange.
fn may_begin_alike(one: &Token, other: &Token) -> bool {
    let (a, b) = (one.text.as_bytes()[0], other.text.as_bytes()[0]);
    a == b || sound::is_vowel(a) && sound::is_vowel(b)
}

/// Neighbours as the one word that others may write; `None` where no one would.
#[must_use]
pub fn joined(run: &[&Token]) -> Option<Joined> {
    let joins = |token: &&Token| matches!(token.tag, Tag::Name | Tag::Particle | Tag::Common | Tag::Initial);
    let text: String = run.iter().map(|token| &*token.text).collect();
    if !run.iter().all(joins) || text.len() < MIN_JOINED {
        return None;
    }
    let folded = sound::fold(&text);
    let skeleton = sound::skeleton(&folded);
    let romanised = romanised::joined(run.iter().map(|token| &token.romanised));
    Some(Joined { text, folded, skeleton, romanised, bare: run.iter().any(|token| token.unvocalised) })
}

/// Two neighbours as one word.
#[derive(Debug, Clone)]
pub struct Joined {
    text: String,
    folded: String,
    skeleton: String,
    romanised: romanised::Keys,
    bare: bool,
}

impl Joined {
    /// What a word must have one of in common with it: the skeleton, or where that is short the whole text; and what
    /// romanisations of one name have in common.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        [self.key()].into_iter().chain(self.romanised())
    }

    pub(crate) fn key(&self) -> &str {
        if self.is_exact() { &self.text } else { &self.skeleton }
    }

    pub(crate) fn romanised(&self) -> impl Iterator<Item = &str> {
        self.romanised.iter().map(|key| &**key)
    }

    /// Short words of the same consonants are too many to sound alike by more than chance.
    pub(crate) fn is_exact(&self) -> bool {
        self.skeleton.len() < MIN_JOINED_SKELETON
    }
}

const MIN_JOINED_SKELETON: usize = 3;

/// What neighbours must have one of in common with a word to be joined to it: [`Joined::keys`] of them. None for a word
/// that no neighbours make.
pub fn joined_keys(word: &Token) -> impl Iterator<Item = &str> {
    joined_key(word).into_iter().chain(word.romanised.iter().map(|key| &**key))
}

fn joined_key(word: &Token) -> Option<&str> {
    let may_be = matches!(word.tag, Tag::Name | Tag::Common) && word.text.len() >= MIN_JOINED;
    let key = if word.skeleton.len() < MIN_JOINED_SKELETON { &word.text } else { &word.skeleton };
    may_be.then_some(&**key)
}

/// Whether a word is these neighbours as one.
#[must_use]
pub fn is_joined(joined: &Joined, word: &Token) -> bool {
    if !joined.romanised.is_empty() && !word.romanised.is_empty() {
        return is_romanised_alike(&joined.romanised, &word.romanised);
    }
    joined_key(word) == Some(joined.key())
        && joined.skeleton == *word.skeleton
        && (joined.text == *word.text
            || joined.text.len().abs_diff(word.text.len()) <= 3
                && sound::vowel_distance(&joined.folded, &word.folded, joined.bare || word.unvocalised)
                    <= JOINED_VOWELS)
}

/// Whether the first words of the names are aligned with one another, and so are the last.
fn is_enclosed(left: &NameRef<'_>, right: &NameRef<'_>, pairs: &[Pair]) -> bool {
    let Some((first, other_first)) = first_word(&left.tokens).zip(first_word(&right.tokens)) else {
        return false;
    };
    let (last, other_last) = (left.tokens.len() as u8 - 1, right.tokens.len() as u8 - 1);
    pairs.iter().any(|pair| pair.left.0 == first && pair.right.0 == other_first)
        && pairs.iter().any(|pair| pair.left.1 == last && pair.right.1 == other_last)
}

/// Where the name proper begins.
fn first_word(tokens: &[&Token]) -> Option<u8> {
    tokens.iter().position(|token| matches!(token.tag, Tag::Name | Tag::Initial)).map(|at| at as u8)
}

/// Whether each name begins with a word that the other lacks, or with words that are alike only but for the first
/// letter: a brother, a sister. Who mistypes a name seldom mistypes its first letter.
fn is_other_given_name(left: &NameRef<'_>, right: &NameRef<'_>, pairs: &[Pair]) -> bool {
    let Some((one, other)) = first_word(&left.tokens).zip(first_word(&right.tokens)) else { return false };
    let of_one = pairs.iter().find(|pair| (pair.left.0..=pair.left.1).contains(&one));
    let of_other = pairs.iter().find(|pair| (pair.right.0..=pair.right.1).contains(&other));
    match (of_one, of_other) {
        (None, None) => true,
        (Some(pair), Some(of_other)) if pair == of_other && pair.similarity < DOUBTFUL => {
            let (one, other) = (left.tokens[usize::from(one)], right.tokens[usize::from(other)]);
            one.text.as_bytes()[0] != other.text.as_bytes()[0] && !may_begin_alike(one, other)
        }
        _ => false,
    }
}

/// Whether the aligned names proper stand in another order.
fn is_out_of_order(pairs: &[Pair]) -> bool {
    let mut order: SmallVec<[(u8, u8); 8]> =
        pairs.iter().filter(|pair| pair.weight >= 0.2).map(|pair| (pair.left.0, pair.right.0)).collect();
    order.sort_unstable();
    order.windows(2).any(|pair| matches!(pair, [first, second] if first.1 > second.1))
}
