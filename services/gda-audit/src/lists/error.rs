//! Why an edition of a list is refused, as a whole.

use std::fmt;
use std::io;

/// A refused file: nothing of what was read before may be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}{at}: {fault}")]
pub struct ListError {
    /// The file's name as it was given.
    pub file: String,
    /// Where in the file.
    pub at: Position,
    /// What is wrong there.
    pub fault: Fault,
}

impl ListError {
    pub(super) fn new(file: &str, at: Position, fault: Fault) -> Self {
        Self { file: file.to_owned(), at, fault }
    }
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The file as a whole.
    Whole,
    /// Counted from 1.
    Line(u64),
    /// Counted from 0.
    Byte(u64),
    /// Counted from 1.
    Entry(u64),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Line(line) => write!(f, ", line {line}"),
            Self::Byte(byte) => write!(f, ", byte {byte}"),
            Self::Entry(entry) => write!(f, ", entry {entry}"),
        }
    }
}

/// What is wrong with a list.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No byte, or no entry.
    #[error("the list holds no entry")]
    Empty,
    /// The file ends before its end.
    #[error("the file is cut: {0}")]
    Cut(String),
    /// An edition of several files lacks some of them.
    #[error("the edition lacks {0}")]
    Incomplete(String),
    /// Another format than the one it was read as.
    #[error("this is not {0}")]
    WrongFormat(&'static str),
    /// The format's own rules are broken.
    #[error("{0}")]
    Malformed(String),
    /// An entry without the list's identifier.
    #[error("an entry without {0}")]
    NoId(&'static str),
    /// An entry without any name.
    #[error("entry {0:?} has no name")]
    NoName(String),
    /// Two entries of one identifier.
    #[error("two entries have the identifier {0:?}")]
    DuplicateId(String),
    /// What no official list holds and only an attack needs: a document type, an entity, deep nesting.
    #[error("{0} is not accepted")]
    Forbidden(&'static str),
    /// More than an entry of any list has.
    #[error("{what} is longer than {limit}")]
    TooLarge {
        /// What is too long.
        what: &'static str,
        /// The most that is accepted, in bytes or pieces.
        limit: u64,
    },
    /// Bytes that are no text in the encoding that the file is in.
    #[error("{0}")]
    Encoding(String),
    /// The file could not be read.
    #[error("the file cannot be read: {0}")]
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::QuotaExceeded => too_long_entry(),
            io::ErrorKind::InvalidData => Self::Encoding(error.to_string()),
            _ => Self::Io(error),
        }
    }
}

impl From<quick_xml::Error> for Fault {
    fn from(error: quick_xml::Error) -> Self {
        use quick_xml::Error;
        use quick_xml::errors::SyntaxError;
        match error {
            Error::Io(error) => io::Error::new(error.kind(), error.to_string()).into(),
            Error::Encoding(error) => Self::Encoding(error.to_string()),
            Error::Syntax(SyntaxError::InvalidBangMarkup) => Self::Malformed(error.to_string()),
            Error::Syntax(error) => Self::Cut(error.to_string()),
            error => Self::Malformed(error.to_string()),
        }
    }
}

impl From<csv::Error> for Fault {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => error.into(),
            error => Self::Malformed(format!("{error:?}")),
        }
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        use serde_json::error::Category;
        match error.classify() {
            Category::Io => io::Error::from(error).into(),
            Category::Eof => Self::Cut(error.to_string()),
            Category::Syntax | Category::Data => Self::Malformed(error.to_string()),
        }
    }
}

fn too_long_entry() -> Fault {
    Fault::TooLarge { what: "an entry", limit: super::input::MAX_ENTRY }
}
