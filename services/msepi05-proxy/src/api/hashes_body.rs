//! The body of a search: `[{"proxy_hash":"…"}]`.
//!
//! serde's own messages quote what they don't like, and what they would quote here is as good as a phone number. So the
//! reader says where it stopped and why in its own words, and serde's are dropped.

use std::fmt;

use actix_web::http::StatusCode;
use common::error::{Problem, ToProblem};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::code;
use crate::domain::proxy_hash::ProxyHash;

/// Items of a request at most.
pub const ITEMS: usize = 1_000;

/// Why a body was refused: 400 REQ0002, always.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashesError {
    /// Another media type, or none.
    #[error("Content-Type invalide : application/json est attendu.")]
    MediaType,
    /// Too large, cut, or too slow.
    #[error("Le corps de la requête est trop grand ou incomplet.")]
    Unread,
    /// No JSON.
    #[error("Le corps de la requête n'est pas du JSON valide (ligne {line}, colonne {column}).")]
    Syntax {
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
    },
    /// JSON of another shape.
    #[error("{field} : {expected}.")]
    Shape {
        /// Where: `corps`, `[3]` or `[3].proxy_hash`.
        field: String,
        /// What belongs there.
        expected: &'static str,
    },
}

impl ToProblem for HashesError {
    fn problem(&self) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code::BODY, self.to_string())
    }
}

/// Reads the hashes of a body, in its order.
pub fn parse(body: &[u8]) -> Result<Vec<ProxyHash>, HashesError> {
    let mut reader = Reader { at: None, in_hash: false, expected: ARRAY };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let hashes = reader.deserialize(&mut deserializer);
    match hashes.and_then(|hashes| deserializer.end().map(|()| hashes)) {
        Ok(hashes) => Ok(hashes),
        Err(error) if error.is_data() => Err(reader.shape_error()),
        Err(error) => Err(HashesError::Syntax { line: error.line(), column: error.column() }),
    }
}

const ARRAY: &str = "un tableau d'objets est attendu";
const TOO_MANY: &str = "au plus 1000 éléments sont acceptés";
const ITEM: &str = "un objet avec le seul membre proxy_hash est attendu";
const HASH: &str = "32 octets en base64url canonique avec remplissage (44 caractères) sont attendus";

/// Where the reading is, and what is expected there.
struct Reader {
    at: Option<usize>,
    in_hash: bool,
    expected: &'static str,
}

impl Reader {
    fn deserialize<'de, D: Deserializer<'de>>(
        &mut self,
        deserializer: D,
    ) -> Result<Vec<ProxyHash>, D::Error> {
        deserializer.deserialize_seq(Items(self))
    }

    fn shape_error(&self) -> HashesError {
        let field = match (self.at, self.in_hash) {
            (None, _) => "corps".to_owned(),
            (Some(at), false) => format!("[{at}]"),
            (Some(at), true) => format!("[{at}].proxy_hash"),
        };
        HashesError::Shape { field, expected: self.expected }
    }
}

/// Stops the reading; the message is never shown.
fn stop<E: de::Error>() -> E {
    E::custom("")
}

struct Items<'r>(&'r mut Reader);

impl<'de> Visitor<'de> for Items<'_> {
    type Value = Vec<ProxyHash>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(ARRAY)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let Self(reader) = self;
        let mut hashes = Vec::new();
        loop {
            (reader.at, reader.in_hash, reader.expected) = (Some(hashes.len()), false, ITEM);
            let Some(hash) = items.next_element_seed(Item(reader))? else { return Ok(hashes) };
            if hashes.len() == ITEMS {
                (reader.at, reader.expected) = (None, TOO_MANY);
                return Err(stop());
            }
            hashes.push(hash);
        }
    }
}

struct Item<'r>(&'r mut Reader);

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = ProxyHash;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ProxyHash, D::Error> {
        // A map and nothing else: a derived struct would also be read from an array of its members.
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = ProxyHash;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(ITEM)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<ProxyHash, A::Error> {
        let Self(reader) = self;
        let mut hash = None;
        while let Some(IsProxyHash(known)) = members.next_key()? {
            if !known || hash.is_some() {
                return Err(stop());
            }
            (reader.in_hash, reader.expected) = (true, HASH);
            hash = Some(members.next_value::<Hash>()?.0);
            (reader.in_hash, reader.expected) = (false, ITEM);
        }
        hash.ok_or_else(stop)
    }
}

struct IsProxyHash(bool);

impl<'de> de::Deserialize<'de> for IsProxyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Key;
        impl Visitor<'_> for Key {
            type Value = IsProxyHash;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str(ITEM)
            }

            fn visit_str<E: de::Error>(self, key: &str) -> Result<IsProxyHash, E> {
                Ok(IsProxyHash(key == "proxy_hash"))
            }
        }
        deserializer.deserialize_str(Key)
    }
}

struct Hash(ProxyHash);

impl<'de> de::Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Hash;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str(HASH)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Hash, E> {
                ProxyHash::parse(text).map(Hash).ok_or_else(stop)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HASH: &str = "uT1CLsQ1AZPd_fUu1MS07IddzTQ4VpNGg08FcAD0Wrw=";

    fn field(body: &str) -> String {
        match parse(body.as_bytes()) {
            Err(HashesError::Shape { field, .. }) => field,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn reads_hashes_in_order_and_an_empty_array() {
        assert_eq!(parse(b" [ ] "), Ok(vec![]));
        let other = ProxyHash::from([0; 32]).spelled();
        let body = format!(r#"[{{"proxy_hash":"{HASH}"}}, {{"proxy\u005fhash":"{other}"}}]"#);
        let hashes = parse(body.as_bytes()).unwrap();
        assert_eq!(hashes.iter().map(ProxyHash::spelled).collect::<Vec<_>>(), [HASH, &other]);
    }

    #[test]
    fn names_the_item_and_the_member_at_fault() {
        let ok = format!(r#"{{"proxy_hash":"{HASH}"}}"#);
        for (body, expected) in [
            ("{}".to_owned(), "corps"),
            ("null".to_owned(), "corps"),
            (format!("[{ok},null]"), "[1]"),
            (format!("[[\"{HASH}\"]]"), "[0]"),
            (format!("[\"{HASH}\"]"), "[0]"),
            ("[{}]".to_owned(), "[0]"),
            (format!(r#"[{ok},{{"proxy_hash":"{HASH}","more":1}}]"#), "[1]"),
            (format!(r#"[{{"proxy_hash":"{HASH}","proxy_hash":"{HASH}"}}]"#), "[0]"),
            (r#"[{"proxy_hash":1}]"#.to_owned(), "[0].proxy_hash"),
            (r#"[{"proxy_hash":null}]"#.to_owned(), "[0].proxy_hash"),
            (format!(r#"[{ok},{ok},{{"proxy_hash":"{}"}}]"#, &HASH[1..]), "[2].proxy_hash"),
        ] {
            assert_eq!(field(&body), expected, "{body}");
        }
    }

    #[test]
    fn takes_a_thousand_items_and_not_one_more() {
        let of =
            |count: usize| format!("[{}]", vec![format!(r#"{{"proxy_hash":"{HASH}"}}"#); count].join(","));
        assert_eq!(parse(of(1_000).as_bytes()).unwrap().len(), 1_000);
        assert_eq!(field(&of(1_001)), "corps");
    }

    #[test]
    fn says_where_json_ends_to_be_json() {
        assert_eq!(parse(b"[{\n\"proxy_hash\"!"), Err(HashesError::Syntax { line: 2, column: 13 }));
        for body in [format!(r#"[{{"proxy_hash":"{HASH}"}}] x"#), String::new(), "[".to_owned()] {
            assert!(matches!(parse(body.as_bytes()), Err(HashesError::Syntax { .. })), "{body}");
        }
        assert!(parse(&[b'[', 0xff, b']']).is_err());
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn never_quotes_its_input(secret in "[A-Za-z0-9_-]{12,60}", shape in 0..6) {
            let body = match shape {
                0 => format!(r#"[{{"proxy_hash":"{secret}"}}]"#),
                1 => format!(r#"[{{"{secret}":1}}]"#),
                2 => format!(r#"["{secret}"]"#),
                3 => format!(r#""{secret}""#),
                4 => secret.clone(),
                _ => format!(r#"{{"{secret}":"{secret}"}}"#),
            };
            let message = parse(body.as_bytes()).unwrap_err().to_string();
            prop_assert!(!message.contains(&secret), "{}", message);
        }
    }
}
