//! `check`: scores the consumers of a file, one JSON object a line, by our own checks alone.

use std::io::{BufRead, BufReader, Read, Write};

use anyhow::Context;
use serde::Serialize;

use crate::domain::evidence::Offline;
use crate::domain::form::Form;
use crate::domain::outcome::Weights;
use crate::domain::score::{Colour, Evidence, Reason, Score};
use crate::reference::Reference;

#[derive(Serialize)]
struct Scored {
    result: bool,
    score: String,
    colour: Colour,
    raw: u8,
    reasons: Vec<Reason>,
}

#[derive(Serialize)]
struct Refused {
    result: bool,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
}

/// Scores each line and writes one for it, in the same order. Nobody is asked and nothing is kept: what connectors and
/// history would add is missing evidence.
///
/// # Errors
/// The input cannot be read or the output not be written.
pub fn check(
    reference: &Reference,
    weights: &Weights,
    input: impl Read,
    mut output: impl Write,
) -> anyhow::Result<()> {
    for line in BufReader::new(input).split(b'\n') {
        let line = line.context("cannot read the input")?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        match Form::read(&line) {
            Ok(form) => {
                let score = Score::of(&evidence(&form, reference), weights);
                let colour = score.colour();
                let Score { points, raw, reasons } = score;
                let scored = Scored { result: true, score: points.to_string(), colour, raw, reasons };
                serde_json::to_writer(&mut output, &scored)?;
            }
            Err(fault) => {
                let refused = Refused { result: false, code: fault.code.as_str(), field: fault.field };
                serde_json::to_writer(&mut output, &refused)?;
            }
        }
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(())
}

/// What our own checks find out.
pub fn evidence(form: &Form, reference: &Reference) -> Evidence {
    let mut offline = Offline::of(form, reference);
    offline.trust_mail();
    Evidence { outcomes: offline.outcomes, down: Vec::new() }
}
