//! `calibrate`: what past collections say of the weights.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use super::batch::evidence;
use crate::domain::calibration::{self, End, Example, Quality};
use crate::domain::form::Form;
use crate::domain::outcome::{Outcome, TABLE, Weights};
use crate::reference::Reference;

/// Parts into which the examples are cut: each is predicted by what the others say.
const FOLDS: usize = 5;
/// Lines of the reliability table.
const BINS: usize = 10;
const FEWEST: usize = 50;

/// A line: the fields of a consumer as the operation takes them, or the reasons of a decision as they were told; and how
/// the collection ended.
#[derive(Deserialize)]
struct Line {
    /// Reason code of the R-transaction; none where it was paid.
    outcome: Option<String>,
    reasons: Option<Vec<Told>>,
}

#[derive(Deserialize)]
struct Told {
    check: String,
    outcome: String,
}

/// Reads past collections, one JSON object a line, and writes what they say: quality and reliability before and after, and
/// the weights as configuration. `plot` gets the reliability as SVG.
///
/// # Errors
/// A line that cannot be read, by its number; fewer than 50 collections that say something.
pub fn calibrate(
    reference: &Reference,
    weights: &Weights,
    input: impl Read,
    mut output: impl Write,
    plot: Option<impl Write>,
) -> anyhow::Result<()> {
    let (examples, unclear) = read(reference, input)?;
    ensure!(
        examples.len() >= FEWEST,
        "{} collections say something, {FEWEST} are needed ({unclear} ended for reasons that say nothing)",
        examples.len()
    );
    let before = TABLE.map(|row| weights.of(row.outcome).weight);
    let prior = predicted(&examples, |_| before);
    let fitted = predicted(&examples, |fold| {
        let others = examples.iter().enumerate().filter(|(n, _)| n % FOLDS != fold);
        calibration::fit(&others.map(|(_, example)| example.clone()).collect::<Vec<_>>(), weights)
    });
    let genuine = examples.iter().filter(|example| example.genuine).count();
    writeln!(
        output,
        "# {} collections: {genuine} genuine, {} not; {unclear} more ended for reasons that say nothing.",
        examples.len(),
        examples.len() - genuine
    )?;
    for (name, predictions) in [("in force", &prior), ("fitted, on the fifth it has not seen", &fitted)] {
        let Quality { brier, auc } = calibration::quality(predictions);
        writeln!(output, "\n# Weights {name}: Brier {brier:.4}, AUC {auc:.4}")?;
        write!(output, "{}", table(predictions))?;
    }
    writeln!(output, "\n# The fitted weights, as configuration:")?;
    let all = calibration::fit(&examples, weights);
    for (row, (weight, was)) in TABLE.iter().zip(all.iter().zip(before)) {
        if (weight - was).abs() >= 0.005 {
            let cap = weights.of(row.outcome).cap.map(|cap| format!(", cap = {cap}")).unwrap_or_default();
            let text = format!("score.{}.{} = {{ weight = {weight:.2}{cap} }}", row.check, row.name);
            writeln!(output, "{text:<64} # was {was:.2}")?;
        }
    }
    if let Some(mut plot) = plot {
        plot.write_all(svg(&prior, &fitted).as_bytes()).context("cannot write the plot")?;
    }
    Ok(())
}

fn read(reference: &Reference, input: impl Read) -> anyhow::Result<(Vec<Example>, usize)> {
    let (mut examples, mut unclear) = (Vec::new(), 0);
    for (number, line) in (1..).zip(BufReader::new(input).split(b'\n')) {
        let text = line.context("cannot read the input")?;
        if text.trim_ascii().is_empty() {
            continue;
        }
        let line: Line = serde_json::from_slice(&text).with_context(|| format!("line {number}"))?;
        let Some(end) = End::of(line.outcome.as_deref()) else {
            bail!("line {number}: `outcome` is no known reason code")
        };
        let outcomes = match line.reasons {
            Some(told) => told.iter().filter_map(outcome).collect(),
            None => {
                let form = Form::read(&text).with_context(|| format!("line {number}"))?;
                evidence(&form, reference).outcomes
            }
        };
        match end {
            End::Unclear => unclear += 1,
            End::Genuine | End::NotGenuine => {
                examples.push(Example { outcomes, genuine: end == End::Genuine });
            }
        }
    }
    Ok((examples, unclear))
}

/// What was told of a connector that did not answer is no outcome.
fn outcome(told: &Told) -> Option<Outcome> {
    let row = TABLE.iter().find(|row| row.check == told.check && row.name == told.outcome)?;
    Some(row.outcome)
}

fn predicted(examples: &[Example], weights_for: impl Fn(usize) -> [f64; TABLE.len()]) -> Vec<(f64, bool)> {
    let folds: Vec<_> = (0..FOLDS).map(weights_for).collect();
    let each = examples.iter().enumerate();
    each.map(|(n, example)| (calibration::likely(&example.outcomes, &folds[n % FOLDS]), example.genuine))
        .collect()
}

/// Of predictions in ten equal ranges: how many, their mean, how many were genuine, and that made ascending.
fn bins(predictions: &[(f64, bool)]) -> Vec<(f64, f64, usize)> {
    let mut bins = [(0.0, 0_usize, 0_usize); BINS];
    for (likely, genuine) in predictions {
        let bin = &mut bins[((likely * BINS as f64) as usize).min(BINS - 1)];
        *bin = (bin.0 + likely, bin.1 + usize::from(*genuine), bin.2 + 1);
    }
    let filled = bins.into_iter().filter(|(_, _, count)| *count > 0);
    filled.map(|(sum, genuine, count)| (sum / count as f64, genuine as f64 / count as f64, count)).collect()
}

fn table(predictions: &[(f64, bool)]) -> String {
    let bins = bins(predictions);
    let ascending: Vec<(f64, f64)> = bins.iter().map(|(_, share, count)| (*share, *count as f64)).collect();
    let mut text = "| score | collections | genuine | isotonic | |\n|---|---|---|---|---|\n".to_owned();
    for ((mean, share, count), isotonic) in bins.iter().zip(calibration::isotonic(&ascending)) {
        let bar = "█".repeat((share * 20.0).round() as usize);
        let _ = writeln!(
            text,
            "| {:.0} | {count} | {:.1} % | {:.1} % | {bar} |",
            mean * 100.0,
            share * 100.0,
            isotonic * 100.0
        );
    }
    text
}

/// The share of genuine collections by score: the nearer to the diagonal, the truer the score.
fn svg(prior: &[(f64, bool)], fitted: &[(f64, bool)]) -> String {
    const SIZE: f64 = 400.0;
    const MARGIN: f64 = 50.0;
    let place = |x: f64, y: f64| (MARGIN + x * SIZE, MARGIN + (1.0 - y) * SIZE);
    let all = SIZE + 2.0 * MARGIN;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all}\" height=\"{all}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <rect x=\"{MARGIN}\" y=\"{MARGIN}\" width=\"{SIZE}\" height=\"{SIZE}\" fill=\"none\" stroke=\"#999\"/>\n\
         <line x1=\"{MARGIN}\" y1=\"{end}\" x2=\"{end}\" y2=\"{MARGIN}\" stroke=\"#bbb\" stroke-dasharray=\"4\"/>\n",
        end = MARGIN + SIZE,
    );
    for tick in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
        let (x, y) = place(tick, tick);
        let label = (tick * 100.0).round();
        let _ = writeln!(text, "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", all - 30.0);
        let _ = writeln!(text, "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{label} %</text>", MARGIN - 6.0);
    }
    let _ =
        writeln!(text, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">score</text>", all / 2.0, all - 10.0);
    let _ = writeln!(text, "<text x=\"{MARGIN}\" y=\"20\">share of genuine collections</text>");
    for (row, (name, colour, predictions)) in
        [("in force", "#c33", prior), ("fitted", "#36c", fitted)].into_iter().enumerate()
    {
        let points: Vec<(f64, f64)> = bins(predictions).iter().map(|bin| place(bin.0, bin.1)).collect();
        let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(text, "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\"/>", line.join(" "));
        for (x, y) in points {
            let _ = writeln!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>");
        }
        let y = MARGIN + 20.0 + 18.0 * row as f64;
        let _ = writeln!(text, "<text x=\"{}\" y=\"{y}\" fill=\"{colour}\">{name}</text>", MARGIN + 10.0);
    }
    text.push_str("</svg>\n");
    text
}
