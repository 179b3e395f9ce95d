//! `screen` and `compare` on the command line, for compliance teams who tune thresholds.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use crate::domain::record::Record;
use crate::domain::screening::{Hit, Index, Screener};
use crate::lists::{self, Format, NamedFile};
use crate::wire::{AppliedScoreBody, ComparisonBody, PairBody, PersonBody, applied_scores};

/// Lines that a thread takes at once.
const BATCH: usize = 256;

/// A person's hits; none, and why, where the line cannot be read.
#[derive(Default, Serialize)]
struct Screened {
    id: Option<String>,
    hits: Vec<HitLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A comparison; nothing in common, and why, where the line cannot be read.
#[derive(Serialize)]
struct Compared {
    #[serde(flatten)]
    comparison: ComparisonBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HitLine {
    list: String,
    record_id: String,
    name: String,
    score: f32,
    applied_scores: Vec<AppliedScoreBody>,
}

/// A list read from a file, and where its records are in the index.
struct Loaded {
    name: String,
    records: Vec<Record>,
}

/// Screens the persons of `input` against lists in files, with all cores: a line of output for each of input, in order.
///
/// # Errors
/// A list cannot be read, or the input or the output breaks.
pub fn screen(files: &[PathBuf], threshold: f32, input: impl Read + Send, output: impl Write) -> Result<()> {
    ensure!((0.0..=100.0).contains(&threshold), "the threshold must be 0 to 100");
    let lists = files.iter().map(|path| load(path)).collect::<Result<Vec<_>>>()?;
    let index = Index::build(lists.iter().flat_map(|list| &list.records));
    in_order(input, output, || {
        let mut screener = Screener::new(&index);
        let lists = &lists;
        move |line: &str| {
            let person: PersonBody = match serde_json::from_str(line) {
                Ok(person) => person,
                Err(error) => return Screened { error: Some(error.to_string()), ..Screened::default() },
            };
            match person.parse() {
                Ok(subject) => {
                    let hits = screener.screen(&subject, threshold);
                    let hits = hits.into_iter().filter_map(|hit| told(lists, hit)).collect();
                    Screened { id: person.id, hits, error: None }
                }
                Err(error) => {
                    let error = Some(format!("{}: {error}", error.field));
                    Screened { id: person.id, hits: Vec::new(), error }
                }
            }
        }
    })
}

/// Compares the pairs of `input`, with all cores: a line of output for each of input, in order.
///
/// # Errors
/// The input or the output breaks.
pub fn compare(input: impl Read + Send, output: impl Write) -> Result<()> {
    in_order(input, output, || {
        |line: &str| {
            let compared =
                serde_json::from_str(line).map_err(|error| error.to_string()).and_then(|pair: PairBody| {
                    pair.compare().map_err(|(side, error)| format!("{side}.{}: {error}", error.field))
                });
            match compared {
                Ok(comparison) => Compared { comparison, error: None },
                Err(error) => Compared { comparison: ComparisonBody::default(), error: Some(error) },
            }
        }
    })
}

fn told(lists: &[Loaded], hit: Hit) -> Option<HitLine> {
    let mut place = hit.record;
    let list = lists.iter().find(|list| {
        let here = place < list.records.len();
        if !here {
            place -= list.records.len();
        }
        here
    })?;
    let record = list.records.get(place)?;
    Some(HitLine {
        list: list.name.clone(),
        record_id: hit.id,
        name: record.names.first().map(|name| name.whole.clone()).unwrap_or_default(),
        score: hit.comparison.score,
        applied_scores: applied_scores(hit.comparison.applied_scores),
    })
}

/// A list's file, or OFAC's four: those beside the main one whose names have `alt`, `add` or `comments` in them.
fn load(path: &Path) -> Result<Loaded> {
    let named = || path.display().to_string();
    let mut beginning = vec![0; 4096];
    let read = File::open(path).and_then(|mut file| file.read(&mut beginning)).with_context(named)?;
    let format = Format::detect(beginning.get(..read).unwrap_or_default())
        .with_context(|| format!("{}: no format of an official list is recognised", path.display()))?;
    let mut paths = vec![path.to_owned()];
    if format == Format::OfacCsv {
        paths.extend(companions(path)?);
    }
    let mut opened = Vec::new();
    for path in &paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        opened.push((name, File::open(path).with_context(|| path.display().to_string())?));
    }
    let mut files: Vec<NamedFile<'_>> =
        opened.iter_mut().map(|(name, content)| NamedFile { name, content }).collect();
    let mut records = Vec::new();
    lists::read(format, &mut files, &mut |record| records.push(record))?;
    Ok(Loaded { name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(), records })
}

/// `sdn.csv` has `alt.csv`, `add.csv` and `sdn_comments.csv` beside it; `x.sdn.csv` has `x.alt.csv` and so on.
fn companions(main: &Path) -> Result<Vec<PathBuf>> {
    let name = main.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for (word, others) in
        [("sdn", ["alt", "add", "sdn_comments"]), ("cons_prim", ["cons_alt", "cons_add", "cons_comments"])]
    {
        if let Some((before, after)) = name.to_ascii_lowercase().rsplit_once(word) {
            let (before, after) = (&name[..before.len()], &name[name.len() - after.len()..]);
            found.extend(others.map(|other| main.with_file_name(format!("{before}{other}{after}"))));
            break;
        }
    }
    found.retain(|path| path.is_file());
    Ok(found)
}

/// Answers each line of the input by a line of the output, in order, with all cores: `worker` makes what one thread
/// answers lines with. Blank lines are passed over.
fn in_order<T: Serialize, W: FnMut(&str) -> T>(
    input: impl Read + Send,
    output: impl Write,
    worker: impl Fn() -> W + Sync,
) -> Result<()> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let (mut to, mut from) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let (send_lines, lines) = mpsc::sync_channel::<Vec<String>>(2);
            let (send_answers, answers) = mpsc::sync_channel::<Vec<u8>>(2);
            to.push(send_lines);
            from.push(answers);
            let worker = &worker;
            scope.spawn(move || {
                let mut answer = worker();
                for lines in lines {
                    if send_answers.send(answered(&lines, &mut answer)).is_err() {
                        return;
                    }
                }
            });
        }
        let reader = scope.spawn(move || distribute(BufReader::with_capacity(256 * 1024, input), &to));
        let mut output = BufWriter::with_capacity(256 * 1024, output);
        // Batches go to the threads by turns, and so they come back; the first thread without one has had the last.
        for answers in from.iter().cycle() {
            let Ok(answers) = answers.recv() else { break };
            output.write_all(&answers)?;
        }
        output.flush()?;
        drop(from);
        reader.join().unwrap_or_else(|_| bail!("the input could not be read"))
    })
}

fn distribute(input: impl BufRead, to: &[mpsc::SyncSender<Vec<String>>]) -> Result<()> {
    let mut lines = input.lines().enumerate();
    for thread in to.iter().cycle() {
        let mut batch = Vec::with_capacity(BATCH);
        for (n, line) in lines.by_ref().take(BATCH) {
            batch.push(line.with_context(|| format!("line {}", n + 1))?);
        }
        // Nobody takes it where the output is broken.
        if batch.is_empty() || thread.send(batch).is_err() {
            break;
        }
    }
    Ok(())
}

fn answered<T: Serialize>(lines: &[String], answer: &mut impl FnMut(&str) -> T) -> Vec<u8> {
    let mut answers = Vec::with_capacity(64 * lines.len());
    for line in lines.iter().filter(|line| !line.trim().is_empty()) {
        // Writing to memory, of types whose every value is JSON, cannot fail.
        let _ = serde_json::to_writer(&mut answers, &answer(line));
        answers.push(b'\n');
    }
    answers
}
