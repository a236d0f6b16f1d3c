//! Reading a segment from some place on, frame by frame.

use std::ops::Range;

use super::frame::{Frame, Parsed, parse};
use crate::disk::{DiskError, DiskFile};

/// How much to read at a time when all will be read.
pub(super) const MANY: usize = 256 * 1024;
/// How much to read at a time when a few records are looked for.
pub(super) const FEW: usize = 16 * 1024;

/// Reads frames in order.
pub(super) struct Scanner<'f, F> {
    file: &'f F,
    /// Where the current frame begins; the next one once it is asked for.
    offset: u64,
    checksum: u32,
    buffer: Vec<u8>,
    /// Where in the buffer the current frame begins.
    start: usize,
    /// The length of the frame that was returned last.
    size: usize,
    at_end: bool,
    chunk_bytes: usize,
}

/// What comes next in a segment.
#[derive(Debug)]
pub(super) enum Step {
    Frame(Frame),
    /// The file ends here, behind a whole frame.
    End,
    /// What stands here is no frame.
    Invalid(&'static str),
}

impl<'f, F: DiskFile> Scanner<'f, F> {
    /// Begins at a frame, whose predecessor has this checksum.
    pub(super) fn new(file: &'f F, offset: u64, checksum: u32, chunk_bytes: usize) -> Self {
        Self { file, offset, checksum, buffer: Vec::new(), start: 0, size: 0, at_end: false, chunk_bytes }
    }

    /// Where the frame, or what is none, that was returned last begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of the frame that was returned last.
    pub(super) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        &self.buffer[self.start + range.start..self.start + range.end]
    }

    pub(super) fn next(&mut self) -> Result<Step, DiskError> {
        self.offset += self.size as u64;
        self.start += self.size;
        self.size = 0;
        loop {
            let rest = &self.buffer[self.start..];
            match parse(rest, self.checksum) {
                Parsed::Frame(frame) => {
                    self.checksum = frame.checksum;
                    self.size = frame.size;
                    return Ok(Step::Frame(frame));
                }
                Parsed::Short(_) if self.at_end && rest.is_empty() => return Ok(Step::End),
                Parsed::Short(_) if self.at_end => return Ok(Step::Invalid("record is cut off")),
                Parsed::Short(bytes) => self.read(bytes)?,
                Parsed::Invalid(why) => return Ok(Step::Invalid(why)),
            }
        }
    }

    /// Reads on until the buffer has so many bytes from the current frame on, or the file ends.
    fn read(&mut self, bytes: usize) -> Result<(), DiskError> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let have = self.buffer.len();
        let want = bytes.max(have + self.chunk_bytes);
        self.buffer.resize(want, 0);
        let read = self.file.read_at(&mut self.buffer[have..], self.offset + have as u64)?;
        self.buffer.truncate(have + read);
        self.at_end = have + read < want;
        Ok(())
    }
}
