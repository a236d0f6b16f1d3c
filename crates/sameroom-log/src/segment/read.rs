//! Reading records back.

use std::sync::Arc;

use super::{
    SegmentLog,
    frame::{Frame, aad},
    header::{FORMAT_VERSION, HEADER_BYTES, Header, HeaderError},
    scan::{FEW, MANY, Scanner, Step},
};
use crate::{
    LogError, Record, Seq,
    disk::{Disk, DiskFile},
};

/// How many records lie between two waypoints, so that an index of a full log stays small.
const STRIDE: u64 = 64;

/// Places in a segment where reading can begin, ascending.
#[derive(Debug, Default)]
pub(super) struct Waypoints(Vec<Waypoint>);

#[derive(Debug, Clone, Copy)]
struct Waypoint {
    seq: Seq,
    offset: u64,
    /// Checksum of the record before.
    checksum: u32,
}

impl Waypoints {
    /// Remembers where a record begins, if none near it is remembered.
    pub(super) fn note(&mut self, seq: Seq, offset: u64, checksum: u32) {
        if self.0.last().is_none_or(|last| seq.0 >= last.seq.0 + STRIDE) {
            self.0.push(Waypoint { seq, offset, checksum });
        }
    }

    /// Goes on with places that lie behind all of these.
    pub(super) fn append(&mut self, more: Self) {
        for waypoint in more.0 {
            self.note(waypoint.seq, waypoint.offset, waypoint.checksum);
        }
    }

    fn before(&self, seq: Seq) -> Option<Waypoint> {
        self.0.get(self.0.partition_point(|waypoint| waypoint.seq <= seq).checked_sub(1)?).copied()
    }
}

/// Reads and checks a segment's header. Returns it and the checksum that its first record goes on with.
pub(super) fn read_header<F: DiskFile>(file: &F) -> Result<Result<(Header, u32), HeaderError>, LogError> {
    let mut bytes = [0; HEADER_BYTES];
    let read = file.read_at(&mut bytes, 0)?;
    Ok(Header::parse(&bytes[..read]))
}

impl<D: Disk> SegmentLog<D> {
    pub(super) fn read_all(&mut self, from: Seq, visit: &mut dyn FnMut(Record)) -> Result<(), LogError> {
        let mut previous = None;
        for index in 0..self.segments.len() {
            if self.end(index) <= from {
                continue;
            }
            previous = Some(self.scan_whole(index, previous, &mut |record, log| {
                if record.0.seq >= from {
                    visit(log.record(index, record.0, record.1)?);
                }
                Ok(())
            })?);
        }
        Ok(())
    }

    pub(super) fn read_body(&mut self, seq: Seq) -> Result<Option<Vec<u8>>, LogError> {
        if seq < self.segments[0].first || seq >= self.next {
            return Err(LogError::NotHere(seq));
        }
        let index = self.segments.partition_point(|segment| segment.first <= seq) - 1;
        if self.segments[index].waypoints.is_none() {
            self.scan_whole(index, None, &mut |_, _| Ok(()))?;
        }
        let waypoint = self.segments[index].waypoints.as_ref().and_then(|waypoints| waypoints.before(seq));
        let Some(waypoint) = waypoint else { return Err(LogError::NotHere(seq)) };
        let file = self.file(index)?;
        let mut scanner = Scanner::new(&*file, waypoint.offset, waypoint.checksum, FEW);
        let mut expected = waypoint.seq;
        loop {
            let frame = self.expect_frame(index, &mut scanner, expected)?;
            if expected == seq {
                return self.open_body(index, &frame, &scanner);
            }
            expected = expected.next();
        }
    }

    /// Shows every record of a segment and learns its waypoints. `previous` is the checksum of the record before, if it is known.
    /// Returns the checksum of its last record.
    #[expect(clippy::type_complexity, reason = "a callback that is used twice, both times above")]
    fn scan_whole(
        &mut self,
        index: usize,
        previous: Option<u32>,
        visit: &mut dyn FnMut((&Frame, &Scanner<'_, D::File>), &Self) -> Result<(), LogError>,
    ) -> Result<u32, LogError> {
        let file = self.file(index)?;
        let mut checksum = self.check_header(index, &*file, previous)?;
        let mut waypoints = Waypoints::default();
        let mut scanner = Scanner::new(&*file, HEADER_BYTES as u64, checksum, MANY);
        let mut seq = self.segments[index].first;
        while seq < self.end(index) {
            let frame = self.expect_frame(index, &mut scanner, seq)?;
            waypoints.note(seq, scanner.offset(), checksum);
            checksum = frame.checksum;
            visit((&frame, &scanner), self)?;
            seq = seq.next();
        }
        self.segments[index].waypoints = Some(waypoints);
        Ok(checksum)
    }

    fn check_header(&self, index: usize, file: &D::File, previous: Option<u32>) -> Result<u32, LogError> {
        let path = self.path(index);
        let (header, checksum) = match read_header(file)? {
            Ok(parsed) => parsed,
            Err(HeaderError::Version(found)) => {
                return Err(LogError::Newer { path, found, known: FORMAT_VERSION });
            }
            Err(HeaderError::Invalid(why)) => return Err(LogError::Damaged { path, offset: 0, why }),
        };
        if header.installation != self.options.installation {
            return Err(LogError::Foreign { path });
        }
        if header.first != self.segments[index].first || previous.is_some_and(|sum| sum != header.previous) {
            return Err(LogError::Damaged { path, offset: 0, why: "does not follow the segment before" });
        }
        Ok(checksum)
    }

    fn expect_frame(
        &self,
        index: usize,
        scanner: &mut Scanner<'_, D::File>,
        seq: Seq,
    ) -> Result<Frame, LogError> {
        let why = match scanner.next()? {
            Step::Frame(frame) if frame.seq == seq => return Ok(frame),
            Step::Frame(_) => "record out of order",
            Step::End => "records are missing",
            Step::Invalid(why) => why,
        };
        Err(LogError::Damaged { path: self.path(index), offset: scanner.offset(), why })
    }

    fn record(
        &self,
        index: usize,
        frame: &Frame,
        scanner: &Scanner<'_, D::File>,
    ) -> Result<Record, LogError> {
        let body = self.open_body(index, frame, scanner)?;
        Ok(Record { seq: frame.seq, meta: scanner.bytes(&frame.meta).to_vec(), key: frame.key, body })
    }

    fn open_body(
        &self,
        index: usize,
        frame: &Frame,
        scanner: &Scanner<'_, D::File>,
    ) -> Result<Option<Vec<u8>>, LogError> {
        let Some(name) = frame.key else { return Ok(None) };
        let Some(live) = self.live.find(name).filter(|live| live.born <= frame.seq) else {
            return Ok(None);
        };
        let opened = live.key.open(&aad(frame.seq, name), scanner.bytes(&frame.sealed));
        opened.map(Some).map_err(|_| LogError::Damaged {
            path: self.path(index),
            offset: scanner.offset(),
            why: "the body does not open with its key",
        })
    }

    /// The position behind a segment's last record.
    fn end(&self, index: usize) -> Seq {
        self.segments.get(index + 1).map_or(self.next, |segment| segment.first)
    }

    fn file(&self, index: usize) -> Result<Arc<D::File>, LogError> {
        let segment = &self.segments[index];
        match &segment.file {
            Some(file) => Ok(Arc::clone(file)),
            None => Ok(Arc::new(self.shared.disk.open(&segment.name)?)),
        }
    }

    fn path(&self, index: usize) -> std::path::PathBuf {
        self.shared.disk.path(&self.segments[index].name)
    }
}
