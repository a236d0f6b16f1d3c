//! What the tests share.

use sameroom_log::{
    InstallationId, KeyId, Log, LogError, LogOptions, NewRecord, Record, Recovery, SegmentLog, Seq,
    disk::Disk, sim::SimDisk,
};
use sameroom_seal::{Key, SeededEntropy};

pub(crate) const HOME: InstallationId = InstallationId([7; 16]);

pub(crate) fn key() -> Key {
    Key::from_bytes([42; 32])
}

/// Segments so small that the tests have many.
pub(crate) fn options() -> LogOptions {
    LogOptions { segment_bytes: 2000, ..LogOptions::new(HOME) }
}

pub(crate) fn try_open<D: Disk>(disk: &D) -> Result<(SegmentLog<D>, Recovery), LogError> {
    try_open_with(disk, options(), 1)
}

pub(crate) fn try_open_with<D: Disk>(
    disk: &D,
    options: LogOptions,
    seed: u64,
) -> Result<(SegmentLog<D>, Recovery), LogError> {
    SegmentLog::open(disk.clone(), key(), options, Box::new(SeededEntropy::new(seed)))
}

pub(crate) fn open<D: Disk>(disk: &D) -> SegmentLog<D> {
    try_open(disk).unwrap().0
}

pub(crate) fn text(seq: u64) -> Vec<u8> {
    format!("the body of record {seq}").into_bytes()
}

/// Appends records up to this one, each with a body and a key of its own.
pub(crate) fn fill(log: &mut dyn Log, last: u64) {
    for seq in log.next().0..=last {
        append(log, seq).unwrap();
    }
}

pub(crate) fn append(log: &mut dyn Log, seq: u64) -> Result<(), LogError> {
    log.append(&[NewRecord { seq: Seq(seq), meta: &seq.to_le_bytes(), body: Some((KeyId(seq), &text(seq))) }])
}

pub(crate) fn replay(log: &mut dyn Log) -> Vec<Record> {
    let mut records = Vec::new();
    log.replay(Seq(1), &mut |record| records.push(record)).unwrap();
    records
}

/// Checks that the log has just these records, with all bodies.
pub(crate) fn assert_filled(log: &mut dyn Log, last: u64) {
    let records = replay(log);
    assert_eq!(records.len() as u64, last);
    for (seq, record) in (1..).zip(records) {
        assert_eq!((record.seq, record.body), (Seq(seq), Some(text(seq))));
    }
}

/// The names of the segments, oldest first.
pub(crate) fn segments(disk: &SimDisk) -> Vec<String> {
    disk.list().unwrap().into_iter().filter(|name| name.ends_with(".seg")).collect()
}
