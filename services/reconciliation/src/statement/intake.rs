//! Takes rows from a format's reader, hands the good ones on and remembers the bad ones.

use super::cell::{Cell, Cells, read_row};
use super::{Limits, Refusal, SinkClosed};
use crate::domain::operator::OperatorConfig;
use crate::domain::statement_row::{LineProblem, StatementRow};

/// The most bad lines that an answer names (contract, "Reconciliation").
const MAX_BAD_LINES: u32 = 1_000;

/// Why a reader stops before the end of its file.
#[derive(Debug)]
pub(super) enum Stop {
    /// Enough problems are known, or the file cannot be followed beyond the last one.
    Problems,
    /// The file is no statement.
    Headers(String),
    Sink,
    Io(std::io::Error),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Where the readers put their rows.
pub(super) struct Intake<'a> {
    operator: &'a OperatorConfig,
    limits: &'a Limits,
    sink: &'a mut dyn FnMut(StatementRow) -> Result<(), SinkClosed>,
    rows: u64,
    bad_lines: u32,
    problems: Vec<LineProblem>,
}

impl<'a> Intake<'a> {
    pub(super) fn new(
        operator: &'a OperatorConfig,
        limits: &'a Limits,
        sink: &'a mut dyn FnMut(StatementRow) -> Result<(), SinkClosed>,
    ) -> Self {
        Self { operator, limits, sink, rows: 0, bad_lines: 0, problems: Vec::new() }
    }

    /// The highest line that a file may reach: blank lines do not count as rows, but have an end too.
    pub(super) fn max_line(&self) -> u64 {
        u64::from(self.limits.max_rows) + 1_000
    }

    /// Takes a row. `more` is what the row holds beyond the columns that the header names, if anything.
    pub(super) fn take(&mut self, line: u32, cells: &Cells<'_>, more: More) -> Result<(), Stop> {
        if more == More::Nothing && cells.iter().all(Cell::is_blank) {
            return Ok(());
        }
        self.count(line)?;
        let mut problems = match read_row(line, cells, self.operator) {
            Ok(row) if more != More::Beyond && self.bad_lines == 0 => {
                return (self.sink)(row).map_err(|SinkClosed| Stop::Sink);
            }
            Ok(_) => Vec::new(),
            Err(problems) => problems,
        };
        if more == More::Beyond {
            problems.push(whole_row(line, "more fields than the header has"));
        }
        self.bad_line(problems)
    }

    /// Takes a row that cannot be read at all.
    pub(super) fn refuse(&mut self, line: u32, reason: &str) -> Result<(), Stop> {
        self.count(line)?;
        self.bad_line(vec![whole_row(line, reason)])
    }

    /// Takes a row after which the file cannot be followed.
    pub(super) fn give_up(&mut self, line: u32, reason: &str) -> Stop {
        self.refuse(line, reason).err().unwrap_or(Stop::Problems)
    }

    fn count(&mut self, line: u32) -> Result<(), Stop> {
        self.rows += 1;
        if self.rows <= self.limits.max_rows.into() {
            return Ok(());
        }
        let reason = format!("more than {} rows", self.limits.max_rows);
        self.bad_line(vec![whole_row(line, &reason)])?;
        Err(Stop::Problems)
    }

    fn bad_line(&mut self, problems: Vec<LineProblem>) -> Result<(), Stop> {
        if problems.is_empty() {
            return Ok(());
        }
        self.problems.extend(problems);
        self.bad_lines += 1;
        if self.bad_lines < MAX_BAD_LINES { Ok(()) } else { Err(Stop::Problems) }
    }

    pub(super) fn finish(self, ended: Result<(), Stop>) -> Result<u64, Refusal> {
        match ended {
            Ok(()) | Err(Stop::Problems) if self.rows == 0 || self.bad_lines > 0 => {
                Err(Refusal::Content { problems: self.problems })
            }
            Ok(()) | Err(Stop::Problems) => Ok(self.rows),
            Err(Stop::Headers(reason)) => Err(Refusal::Headers(reason)),
            Err(Stop::Sink) => Err(Refusal::Sink),
            Err(Stop::Io(error)) => Err(Refusal::Io(error)),
        }
    }
}

/// What a row holds outside our eight columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    /// Nothing, or blanks only.
    Nothing,
    /// Something under another header: ignored, but the row is not blank.
    Extra,
    /// Something under no header at all.
    Beyond,
}

fn whole_row(line: u32, reason: &str) -> LineProblem {
    LineProblem { line, column: LineProblem::WHOLE_ROW, reason: reason.to_owned() }
}
