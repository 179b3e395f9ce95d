//! Looks a workbook over before the workbook library is let near it.
//!
//! Nothing that the archive's directory claims is believed: every part is inflated once, its bytes are
//! counted, and its XML is walked with the tokenizer that the library itself uses. What passes can make the
//! library hold no more than some hundred MiB (contract, "Hostile files").

use std::cell::Cell;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

const MIB: u64 = 1024 * 1024;
/// The most parts of a workbook.
const MAX_PARTS: usize = 2_000;
/// The most bytes of all parts together, inflated; so no sheet is longer either.
const MAX_INFLATED: u64 = 1024 * MIB;
/// The highest ratio of inflated bytes to compressed ones, beyond the first 16 MiB.
const MAX_RATIO: u64 = 100;
const RATIO_FREE: u64 = 16 * MIB;
/// The longest part of which the library keeps all: shared strings, styles, the workbook itself.
const MAX_KEPT_PART: u64 = 64 * MIB;
/// The most shared strings.
const MAX_STRINGS: u64 = 2_000_000;
/// The most styles, sheets, names and relationships.
const MAX_KEPT: u64 = 65_536;
/// The longest tag or cell.
const MAX_CELL: u64 = MIB;
/// The longest tag that names a font or a number format: each style has a copy of both.
const MAX_STYLE_NAME: usize = 1_024;

/// Gives the input back where it is a workbook that can be read in bounded memory, else why it is none.
pub(super) fn inspect<R: Read + Seek>(mut input: R) -> Result<R, String> {
    let damaged = |_| "not a readable archive".to_owned();
    let length = inspect_directory(&mut input).map_err(damaged)??;
    let mut archive = ZipArchive::new(input).map_err(|_| "not a readable archive".to_owned())?;
    let mut totals = Totals { archive: length, ..Totals::default() };
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|_| "not a readable archive".to_owned())?;
        totals.compressed = part.compressed_size().min(length);
        let name = part.name().map_err(|_| "not a readable archive".to_owned())?.to_ascii_lowercase();
        let xml = name.ends_with(".xml") || name.ends_with(".rels");
        let inflated = inspect_part(part, xml, &mut totals)?;
        totals.inflated += inflated;
    }
    Ok(archive.into_inner())
}

/// Checks what the archive library would believe when it makes room for the directory: the number of entries,
/// in the directory and as the end records give it. Gives the file's length.
fn inspect_directory<R: Read + Seek>(input: &mut R) -> io::Result<Result<u64, String>> {
    const ENTRY: &[u8] = b"PK\x01\x02";
    const END_64: &[u8] = b"PK\x06\x06";
    /// The 64-bit end record up to its counts of entries (APPNOTE.TXT, 4.3.14).
    const END_64_LENGTH: usize = 40;

    input.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(64 * 1024, &mut *input);
    let (mut length, mut entries) = (0, 0);
    let mut window = Vec::with_capacity(128 * 1024);
    loop {
        let kept = window.len();
        let read = reader.by_ref().take(64 * 1024).read_to_end(&mut window)?;
        length += read as u64;
        if length == read as u64 && !window.starts_with(b"PK\x03\x04") {
            return Ok(Err("not an archive".to_owned()));
        }
        for record in window.windows(END_64_LENGTH) {
            if record.starts_with(ENTRY) {
                entries += 1;
            } else if record.starts_with(END_64) {
                let disks = (record.get(16..20), record.get(20..24));
                let small = |count: Option<&[u8]>| {
                    count.is_some_and(|count| {
                        count.get(2..) == Some(&[0; 6])
                            && count.iter().take(2).rev().fold(0, |sum, byte| sum * 256 + usize::from(*byte))
                                <= MAX_PARTS
                    })
                };
                if disks.0 == disks.1 && !(small(record.get(24..32)) && small(record.get(32..40))) {
                    return Ok(Err("too many parts".to_owned()));
                }
            }
        }
        if entries > MAX_PARTS {
            return Ok(Err("too many parts".to_owned()));
        }
        if read == 0 {
            return Ok(Ok(length));
        }
        // A record may lie across two reads.
        let done = (kept + read).saturating_sub(END_64_LENGTH - 1);
        window.drain(..done);
    }
}

/// What the archive has come to so far.
#[derive(Default)]
struct Totals {
    /// The archive's length.
    archive: u64,
    /// The compressed length of the part at hand, at most the archive's.
    compressed: u64,
    /// Inflated bytes of the parts before.
    inflated: u64,
    strings: u64,
    kept: u64,
}

/// Counts a part's bytes as they are inflated, and stops where they are too many.
struct Metered<R> {
    part: R,
    meter: Rc<Meter>,
}

struct Meter {
    inflated: Cell<u64>,
    /// How far the part may be read before the XML reader has to make progress.
    granted: Cell<u64>,
    /// Inflated bytes of the parts before, and the two compressed lengths.
    before: u64,
    compressed: u64,
    archive: u64,
    refusal: Cell<Option<&'static str>>,
}

impl Meter {
    fn grant(&self, more: u64) {
        self.granted.set(self.inflated.get().saturating_add(more));
    }

    fn refusal(&self) -> Option<&'static str> {
        let inflated = self.inflated.get();
        let all = inflated + self.before;
        let bomb =
            |inflated: u64, compressed: u64| inflated > RATIO_FREE && inflated / MAX_RATIO > compressed;
        if bomb(inflated, self.compressed) || bomb(all, self.archive) {
            Some("the archive inflates to more than 100 times its size")
        } else if all > MAX_INFLATED {
            Some("the archive inflates to more than 1 GiB")
        } else if inflated > self.granted.get() {
            Some("a cell longer than 1 MiB")
        } else {
            None
        }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.part.read(out)?;
        self.meter.inflated.set(self.meter.inflated.get() + length as u64);
        if let Some(refusal) = self.meter.refusal() {
            self.meter.refusal.set(Some(refusal));
            return Err(io::Error::other(refusal));
        }
        Ok(length)
    }
}

/// Inflates a part to its end, and gives the number of bytes. Parts that are not XML by name are walked all
/// the same, as far as they go: nothing keeps a workbook from calling its sheet a picture.
fn inspect_part<R: Read>(part: R, is_xml: bool, totals: &mut Totals) -> Result<u64, String> {
    let meter = Rc::new(Meter {
        inflated: Cell::new(0),
        granted: Cell::new(MAX_CELL),
        before: totals.inflated,
        compressed: totals.compressed,
        archive: totals.archive,
        refusal: Cell::new(None),
    });
    let mut xml = quick_xml::Reader::from_reader(BufReader::new(Metered { part, meter: Rc::clone(&meter) }));
    // As the workbook library sets its own.
    let config = xml.config_mut();
    config.check_end_names = false;
    config.trim_text(false);
    config.check_comments = false;
    config.expand_empty_elements = true;

    let well_formed = walk(&mut xml, &meter, totals)?;
    // The library reads no further than this reader could, but what follows was inflated all the same.
    meter.granted.set(u64::MAX);
    let rest = io::copy(&mut xml.into_inner(), &mut io::sink());
    match (meter.refusal.get(), rest) {
        (Some(refusal), _) => Err(refusal.to_owned()),
        (None, Err(_)) => Err("the archive is damaged".to_owned()),
        (None, Ok(_)) if is_xml && !well_formed => Err("a part is not XML".to_owned()),
        (None, Ok(_)) => Ok(meter.inflated.get()),
    }
}

/// Walks a part's XML to its end, or to where it is none, which gives `false`.
fn walk<R: Read>(
    xml: &mut quick_xml::Reader<BufReader<Metered<R>>>,
    meter: &Meter,
    totals: &mut Totals,
) -> Result<bool, String> {
    let mut buffer = Vec::new();
    // The elements whose text the library gathers until they end. It ignores what else ends inside them.
    let mut gathering: Vec<String> = Vec::new();
    let mut kept_part = false;
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer) {
            Ok(Event::DocType(_)) => return Err("a document type declaration".to_owned()),
            Ok(Event::Start(tag)) => {
                kept_part |= count(&tag, totals)?;
                let outer = gathering.last().and_then(|name| name.rsplit(':').next());
                let gathers = match tag.local_name().as_ref() {
                    "t" => outer.is_none_or(|outer| matches!(outer, "is" | "si")),
                    "is" | "si" | "v" | "f" | "definedName" => outer.is_none(),
                    _ => false,
                };
                if gathers {
                    gathering.push(tag.name().as_ref().to_owned());
                }
            }
            Ok(Event::End(tag)) if gathering.last().is_some_and(|name| *name == tag.name().as_ref()) => {
                gathering.pop();
            }
            Ok(Event::Eof) => return Ok(true),
            Err(_) => return Ok(false),
            Ok(_) => {}
        }
        if gathering.is_empty() {
            meter.grant(MAX_CELL);
        }
        if kept_part && meter.inflated.get() > MAX_KEPT_PART {
            return Err("shared strings or styles longer than 64 MiB".to_owned());
        }
    }
}

/// Counts what the library keeps of a part, and says whether the tag is of that kind.
fn count(tag: &BytesStart<'_>, totals: &mut Totals) -> Result<bool, String> {
    let too_many = |what: &str| Err(format!("too many {what}"));
    match tag.local_name().as_ref() {
        "si" => {
            totals.strings += 1;
            if totals.strings > MAX_STRINGS { too_many("shared strings") } else { Ok(true) }
        }
        "sst" => {
            let declared = tag.attributes().with_checks(false).flatten().find(|attribute| {
                let digits = attribute.value.trim();
                attribute.key.as_ref() == "uniqueCount"
                    && digits.parse::<u64>().map_or(digits.len() > 18, |count| count > MAX_STRINGS)
            });
            if declared.is_some() { too_many("shared strings") } else { Ok(true) }
        }
        "name" | "numFmt" if tag.len() > MAX_STYLE_NAME => Err("a style's name longer than 1 KiB".to_owned()),
        "xf" | "font" | "fill" | "border" | "numFmt" | "sheet" | "definedName" | "Relationship" => {
            totals.kept += 1;
            if totals.kept > MAX_KEPT { too_many("styles, sheets, names or relationships") } else { Ok(true) }
        }
        _ => Ok(false),
    }
}
