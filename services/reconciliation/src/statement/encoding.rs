//! Text files in UTF-8, UTF-16 with a byte order mark, or else Windows-1252, read as UTF-8.

use std::io::{self, Read, Seek, SeekFrom};

use encoding_rs::{CoderResult, Decoder, DecoderResult, Encoding, UTF_8, WINDOWS_1252};

const CHUNK: usize = 16 * 1024;

/// A file's text as UTF-8, without a byte order mark.
pub(super) struct Utf8<R> {
    input: R,
    decoder: Decoder,
    raw: Vec<u8>,
    /// What of `raw` is not decoded yet.
    pending: std::ops::Range<usize>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// The input is at its end, but the decoder may have something left.
    Flushing,
    Done,
}

impl<R: Read + Seek> Utf8<R> {
    /// Reads the file once to tell its encoding, and goes back to its start.
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        let encoding = detect(&mut input)?;
        input.seek(SeekFrom::Start(0))?;
        Ok(Self {
            input,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: vec![0; CHUNK],
            pending: 0..0,
            state: State::Reading,
        })
    }
}

impl<R: Read> Read for Utf8<R> {
    /// Fills the front of `out`, which must hold at least 16 bytes, and gives the number of bytes; 0 at the
    /// end.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.state != State::Done {
            if self.pending.is_empty() && self.state == State::Reading {
                let length = read_some(&mut self.input, &mut self.raw)?;
                self.pending = 0..length;
                if length == 0 {
                    self.state = State::Flushing;
                }
            }
            let raw = self.raw.get(self.pending.clone()).unwrap_or_default();
            let last = self.state == State::Flushing;
            let (result, taken, written, _) = self.decoder.decode_to_utf8(raw, out, last);
            self.pending.start += taken;
            if last && result == CoderResult::InputEmpty {
                self.state = State::Done;
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

fn detect<R: Read + Seek>(input: &mut R) -> io::Result<&'static Encoding> {
    input.seek(SeekFrom::Start(0))?;
    let mut raw = vec![0; CHUNK];
    let mut scratch = vec![0; CHUNK * 3];
    let mut utf8 = UTF_8.new_decoder_without_bom_handling();
    let mut first = true;
    loop {
        let length = read_some(input, &mut raw)?;
        let mut chunk = raw.get(..length).unwrap_or_default();
        if first
            && let Some((encoding, _)) = Encoding::for_bom(chunk)
            && encoding != UTF_8
        {
            return Ok(encoding);
        }
        first = false;
        loop {
            let (result, taken, _) =
                utf8.decode_to_utf8_without_replacement(chunk, &mut scratch, length == 0);
            chunk = chunk.get(taken..).unwrap_or_default();
            match result {
                DecoderResult::Malformed(..) => return Ok(WINDOWS_1252),
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
            }
        }
        if length == 0 {
            return Ok(UTF_8);
        }
    }
}

/// Reads at least a byte order mark's length where the file has it.
fn read_some<R: Read>(input: &mut R, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < 4 {
        match input.read(buffer.get_mut(length..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
