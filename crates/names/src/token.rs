//! A name's tokens: words with what they are and how much they weigh.

use crate::lexicon::{self, Known, Role};
use crate::romanised;
use crate::script::{self, Word};
use crate::sound;
use crate::{Name, NameError, NameKind};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tag {
    /// A word of the name proper.
    Name,
    /// A single letter for a name.
    Initial,
    /// `Dr`, `Sheikh`, `M/V`.
    Title,
    /// `al`, `bin`, `von`, `de`.
    Particle,
    /// A legal form.
    Legal,
    /// A word that most companies could bear (`group`, `trading`), what they do (`shipping`), where they are (`Tehran`).
    Common,
    /// A number, in digits without leading zeros.
    Number,
}

/// One token of a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub(crate) text: Box<str>,
    pub(crate) tag: Tag,
    pub(crate) weight: f32,
    pub(crate) folded: Box<str>,
    pub(crate) skeleton: Box<str>,
    pub(crate) unvocalised: bool,
    /// What it has in common with other romanisations of the same Chinese or Korean name.
    pub(crate) romanised: romanised::Keys,
    /// `text` without vowels but the first letter.
    pub(crate) consonants: Box<str>,
    pub(crate) known: Option<&'static Known>,
    /// Of `abdkarim` the token `karim`.
    pub(crate) stem: Option<Box<Token>>,
}

/// Longer texts are not names.
const MAX_CHARACTERS: usize = 1_000;
/// Words past this many do not count: no name of the official lists has as many.
pub(crate) const MAX_TOKENS: usize = 32;
/// The longest word kept; the rest of a longer one does not count.
const MAX_LETTERS: usize = 64;

/// The bits of a provenance.
const UNVOCALISED: u8 = 1;
const CHINESE: u8 = 2;
const KOREAN: u8 = 4;

const WEIGHT_FREQUENT: f32 = 0.6;
const WEIGHT_KNOWN: f32 = 0.8;
const WEIGHT_KUNYA: f32 = 0.3;

impl Token {
    fn new(text: &str, tag: Tag, weight: f32) -> Self {
        let text = text.get(..MAX_LETTERS).unwrap_or(text);
        let folded = sound::fold(text);
        let skeleton = sound::skeleton(&folded);
        Self {
            text: text.into(),
            tag,
            weight,
            folded: folded.into(),
            skeleton: skeleton.into(),
            unvocalised: false,
            romanised: romanised::Keys::new(),
            consonants: sound::consonants(text).into(),
            stem: None,
            known: match tag {
                Tag::Name => lexicon::known(text),
                Tag::Legal => lexicon::legal_form(text),
                _ => None,
            },
        }
    }

    fn name(word: &Word, kind: NameKind) -> Self {
        let mut token = Self::new(&word.text, Tag::Name, 1.0);
        token.unvocalised = word.unvocalised;
        if let Some(stem) = token.text.strip_prefix("abd").filter(|stem| stem.len() >= 3 && *stem != "ullah")
        {
            let stem = Self::new(stem, Tag::Name, 1.0);
            token.stem = Some(Box::new(Self { unvocalised: word.unvocalised, ..stem }));
        }
        token.weight = match (token.known, word.text.len()) {
            // The servant of a name is as frequent as the name.
            (Some(known), _) if known.frequent && kind != NameKind::Organisation => WEIGHT_FREQUENT,
            (Some(_), _) => WEIGHT_KNOWN,
            (None, 0..=2) => 0.5,
            (None, 3) => 0.85,
            (None, _) => 1.0,
        };
        token
    }

    /// The token of which [`Token::text`], [`Token::tag`], [`Token::provenance`] and [`Token::weight`] said this.
    #[must_use]
    pub fn recalled(text: &str, tag: Tag, provenance: u8, weight: f32) -> Self {
        let unvocalised = provenance & UNVOCALISED != 0;
        let token = match tag {
            Tag::Name => Self::name(&Word { text: text.to_owned(), unvocalised }, NameKind::Unknown),
            _ => Self::new(text, tag, weight),
        };
        let romanised = romanised::recalled(text, provenance & CHINESE != 0, provenance & KOREAN != 0);
        Self { weight, romanised, ..token }
    }

    /// The token and, of a compound, what it is a compound of.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Self> {
        let is_word = matches!(self.tag, Tag::Name | Tag::Common | Tag::Legal);
        is_word.then_some(self).into_iter().chain(self.stem.as_deref())
    }

    /// Normalised, in ASCII.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How its text came about, which its likeness to others depends on: whether its script writes no short vowels, and
    /// which romanisations it may be. Below 8.
    #[must_use]
    pub fn provenance(&self) -> u8 {
        let romanised = self.romanised.iter().map(|key| if key.starts_with('c') { CHINESE } else { KOREAN });
        romanised.fold(if self.unvocalised { UNVOCALISED } else { 0 }, |bits, bit| bits | bit)
    }

    /// What it is.
    #[must_use]
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// How much it says about who bears the name, 0–1.
    #[must_use]
    pub fn weight(&self) -> f32 {
        self.weight
    }
}

/// Reads a name's tokens; `whole` is the text that it is a reading of.
pub(crate) fn parse(text: &str, whole: &str, kind: NameKind) -> Result<Name, NameError> {
    if text.len() > 4 * MAX_CHARACTERS || text.chars().count() > MAX_CHARACTERS {
        return Err(NameError::TooLong);
    }
    // `FAMILY, Given` is turned round, so that a compound that the comma cut is whole again.
    let turned = match text.split_once(',') {
        Some((family, given)) if kind == NameKind::Person && !given.contains(',') => {
            Some(format!("{given} {family}"))
        }
        _ => None,
    };
    let mut words = script::words(turned.as_deref().unwrap_or(text), kind == NameKind::Person);
    if words.is_empty() {
        return Err(NameError::Empty);
    }
    let fingerprint = fingerprint(whole);
    split_initials(&mut words, kind);
    join_dotted_forms(&mut words, kind);
    join_compounds(&mut words);
    words.truncate(MAX_TOKENS);
    let mut tokens: Vec<Token> = Vec::with_capacity(words.len());
    let may_be_romanised = is_person(kind) && !script::has_own_letters(whole);
    let romanised = if may_be_romanised { romanised::keys(&words) } else { Vec::new() };
    for at in 0..words.len() {
        // What the syllables of a Chinese or Korean name look like elsewhere (`bin`, `do`, `ing`) they are not.
        tokens.push(match romanised.get(at).filter(|keys| !keys.is_empty()) {
            Some(keys) if words[at].text.len() > 1 => {
                Token { romanised: keys.clone(), ..Token::name(&words[at], kind) }
            }
            Some(keys) => Token { romanised: keys.clone(), ..tag(&words, at, kind) },
            None => tag(&words, at, kind),
        });
    }
    halve_patronymics(&mut tokens);
    // Nothing but titles, particles or company words: then these are the name.
    if !tokens.iter().any(|token| matches!(token.tag, Tag::Name | Tag::Initial)) {
        let weightiest = tokens.iter().map(|token| token.weight).fold(0.0, f32::max);
        for (token, word) in tokens.iter_mut().zip(&words) {
            if matches!(token.tag, Tag::Title | Tag::Particle)
                || (weightiest < 0.5 && token.tag == Tag::Common)
            {
                *token = Token::name(word, kind);
            }
        }
    }
    Ok(Name { tokens, kind, fingerprint })
}

/// Bears a person's name, as far as it is said.
fn is_person(kind: NameKind) -> bool {
    matches!(kind, NameKind::Person | NameKind::Unknown)
}

/// A father's or grandfather's name inside a name (`bin Muhammad` before the last name) is often left out.
fn halve_patronymics(tokens: &mut [Token]) {
    for at in 1..tokens.len().saturating_sub(1) {
        let (before, token) = (&tokens[at - 1], &tokens[at]);
        if token.tag == Tag::Name
            && before.tag == Tag::Particle
            && matches!(&*before.text, "bin" | "bint" | "ould" | "wuld")
        {
            tokens[at].weight /= 2.0;
        }
    }
}

/// Tells two texts apart that differ in more than case and spaces (FNV-1a).
fn fingerprint(text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for character in text.chars().filter(|character| !character.is_whitespace()).flat_map(char::to_lowercase)
    {
        hash = (hash ^ u64::from(u32::from(character))).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

/// `JC Perez`: two consonants that are no word are the initials of two given names.
fn split_initials(words: &mut Vec<Word>, kind: NameKind) {
    let [first, _, ..] = words.as_slice() else { return };
    let text = first.text.clone();
    let is_word = lexicon::known(&text).is_some() || !lexicon::roles(&text).is_empty();
    let is_consonant = |letter: u8| letter.is_ascii_lowercase() && !sound::is_vowel(letter) && letter != b'y';
    if kind == NameKind::Person && text.len() == 2 && !is_word && text.bytes().all(is_consonant) {
        words.splice(0..1, text.chars().map(Word::new));
    }
}

/// `L.L.C.` came as three words of one letter: joined where that is a legal form.
fn join_dotted_forms(words: &mut Vec<Word>, kind: NameKind) {
    if kind == NameKind::Person {
        return;
    }
    let mut at = 0;
    while at < words.len() {
        let run = words[at..].iter().take_while(|word| word.text.len() == 1).count();
        for length in (2..=run.min(5)).rev() {
            let joined: String = words[at..at + length].iter().map(|word| word.text.as_str()).collect();
            if lexicon::roles(&joined).iter().any(|role| matches!(role, Role::Legal | Role::Title)) {
                words.splice(at..at + length, [Word::new(joined)]);
                break;
            }
        }
        at += 1;
    }
}

const SERVANT: &[&str] = &[
    "abd", "abdl", "abdr", "abdal", "abdul", "abdel", "abdal", "abdol", "abdoul", "abdur", "abdus", "abdu",
    "abdou", "abdil", "abdi",
];
const ARTICLE: &[&str] = &[
    "al", "el", "ul", "il", "ol", "ur", "ar", "er", "us", "as", "es", "ad", "ed", "ud", "an", "en", "un",
    "az", "ez", "uz", "ash", "esh", "oul",
];

/// Arabic names of several words that other spellings write as one: `Abd al-Rahman`, `Nur ad-Din`, `Nasr Allah`.
fn join_compounds(words: &mut Vec<Word>) {
    let mut at = 0;
    while at < words.len() {
        let text = |offset: usize| words.get(at + offset).map_or("", |word: &Word| word.text.as_str());
        if SERVANT.contains(&text(0)) {
            let article = usize::from(ARTICLE.contains(&text(1)));
            let rest = text(1 + article);
            // `Abdi` and a lone `Abdul` are names of their own where another given or family name follows them.
            if rest.len() >= 3 && (text(0) != "abdi" || article == 1) && !SERVANT.contains(&rest) {
                let joined =
                    Word { text: servant_of(rest), unvocalised: words[at + 1 + article].unvocalised };
                words.splice(at..=at + 1 + article, [joined]);
            }
        } else if at > 0 && words[at - 1].text.len() >= 3 {
            let article = usize::from(ARTICLE.contains(&text(0)));
            let joined = match text(article) {
                "din" | "deen" | "dine" | "dien" => Some("addin"),
                "eddine" | "eddin" | "uddin" | "addin" | "aldin" | "eldin" | "uldin" | "uddeen"
                    if article == 0 =>
                {
                    Some("addin")
                }
                "allah" | "lah" if article == 0 || text(1) == "lah" => Some("ullah"),
                "ullah" | "ollah" if article == 0 => Some("ullah"),
                _ => None,
            };
            if let Some(ending) = joined {
                let before = &words[at - 1];
                let joined =
                    Word { text: format!("{}{ending}", before.text), unvocalised: before.unvocalised };
                words.splice(at - 1..=at + article, [joined]);
                continue;
            }
        }
        at += 1;
    }
    for word in words {
        if let Some(usual) = usual_compound(&word.text) {
            word.text = usual;
        }
    }
}

fn servant_of(rest: &str) -> String {
    match rest {
        "allah" | "llah" | "lah" | "alla" | "ullah" | "llh" | "lh" => "abdullah".to_owned(),
        _ => format!("abd{rest}"),
    }
}

/// One spelling for compounds that came as one word.
fn usual_compound(word: &str) -> Option<String> {
    if let Some(rest) = word.strip_prefix("abd") {
        if matches!(rest, "ullah" | "allah" | "ulla" | "alla" | "ollah" | "ellah" | "oullah" | "ilah") {
            return Some("abdullah".to_owned());
        }
        if word.len() < 7 {
            return None;
        }
        let bytes = rest.as_bytes();
        let vowels = bytes.iter().take_while(|letter| sound::is_vowel(**letter)).count();
        let consonant = |at: usize| bytes.get(at).is_some_and(|letter| !sound::is_vowel(*letter));
        // The article's l, or the sun letter that it became.
        let article = consonant(vowels)
            && consonant(vowels + 1)
            && (bytes[vowels] == b'l' || bytes[vowels] == bytes[vowels + 1]);
        let name = rest.get(vowels + usize::from(article)..)?;
        return (name.len() < rest.len() && name.len() >= 3).then(|| servant_of(name));
    }
    for ending in ["in", "een", "ine"] {
        let Some(stem) = word.strip_suffix(ending) else { continue };
        let Some(stem) = stem.strip_suffix("dd").or_else(|| stem.strip_suffix("ld")) else { continue };
        if stem.len() >= 4 && stem.as_bytes().last().is_some_and(|letter| sound::is_vowel(*letter)) {
            return Some(format!("{}addin", &stem[..stem.len() - 1]));
        }
    }
    for ending in ["allah", "ollah", "ulla"] {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| stem.len() >= 3) {
            return Some(format!("{stem}ullah"));
        }
    }
    None
}

fn tag(words: &[Word], at: usize, kind: NameKind) -> Token {
    let (word, count) = (&words[at], words.len());
    let text = word.text.as_str();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return number(text);
    }
    let person = kind == NameKind::Person;
    if !person && let Some(value) = ordinal(text) {
        return number(value);
    }
    let last = at + 1 == count;
    let single = text.len() == 1;
    for role in lexicon::roles(text) {
        match role {
            Role::Title if kind == NameKind::Vessel && at > 0 => {}
            // At the end of a name such a word is a family name (`Stephen King`), unless it never is one.
            Role::Title if last && count <= 2 && !is_suffix(text) => {}
            // `Md. Rahman` is Mohammed.
            Role::Title if text == "md" && !last => {}
            Role::Title if kind != NameKind::Organisation => return Token::new(text, Tag::Title, 0.04),
            // `Le Van Minh`, `Kim Yong An`: a family or given name.
            Role::Particle if person && (at == 0 || last) && lexicon::known(text).is_some() => {}
            Role::Particle if !single || !person => {
                let text = usual_particle(text);
                return Token::new(
                    text,
                    Tag::Particle,
                    if matches!(text, "abu" | "umm") { WEIGHT_KUNYA } else { 0.08 },
                );
            }
            Role::Legal if !person && count > 1 => return Token::new(text, Tag::Legal, 0.06),
            Role::Filler if !person => return Token::new(text, Tag::Common, 0.2),
            Role::Sector if !person => return Token::new(text, Tag::Common, 0.4),
            Role::Place if !person => return Token::new(text, Tag::Common, 0.6),
            Role::Number(value) if !person && (!single || (last && at > 0)) => return number(value),
            _ => {}
        }
    }
    // Two letters at the end are what a field's width left of a word.
    let follows_article = at > 0 && ARTICLE.contains(&words[at - 1].text.as_str());
    if single || (text.len() == 2 && last && count > 2 && (follows_article || lexicon::known(text).is_none()))
    {
        return Token::new(text, Tag::Initial, if single { 0.25 } else { 0.5 });
    }
    if SERVANT.contains(&text) && text.len() > 3 || text == "abd" {
        return Token::new(text, Tag::Particle, 0.15);
    }
    Token::name(word, kind)
}

/// Titles that no one bears as a family name.
fn is_suffix(text: &str) -> bool {
    matches!(text, "jr" | "sr" | "esq" | "phd" | "md" | "mr" | "mrs" | "dipl")
}

fn usual_particle(text: &str) -> &str {
    match text {
        "el" | "ul" | "ad" | "ar" | "as" | "ash" | "az" => "al",
        "ibn" | "ben" | "ibnu" => "bin",
        "binti" | "bent" => "bint",
        "abou" | "aboo" | "abi" => "abu",
        "oum" | "um" => "umm",
        "vom" => "von",
        other => other,
    }
}

/// `313th` is 313.
fn ordinal(text: &str) -> Option<&str> {
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|ending| text.strip_suffix(ending))?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

fn number(digits: &str) -> Token {
    let value = digits.trim_start_matches('0');
    Token::new(if value.is_empty() { "0" } else { value }, Tag::Number, 0.6)
}
