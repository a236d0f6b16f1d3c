//! What the fuzzers run, as plain functions that tests run over the kept corpus too.
//!
//! `log_parts` reads any bytes as every piece of the format. `log_folder` takes a sound folder, changes it as the
//! input says, and opens it: it opens with nothing but what was written, or it says why not and touches nothing.

use std::sync::OnceLock;

use sameroom_seal::{Key, SeededEntropy};

use crate::disk::Disk;
use crate::segment::fuzzing::{check_parts, mend_keys, mend_segment};
use crate::sim::{Backup, SimDisk};
use crate::{InstallationId, KeyId, Log, LogError, LogOptions, NewRecord, SegmentLog, Seq};

/// A check and its name.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// Every check with its name, which is also that of its corpus folder.
pub const FUZZ_TARGETS: &[FuzzTarget] = &[("log_parts", check_parts), ("log_folder", check_folder)];

/// Records in the sound folder.
const RECORDS: u64 = 40;

/// The longest that a file may be made.
const LONGEST: usize = 16 * 1024;

fn open(disk: &SimDisk) -> Result<SegmentLog<SimDisk>, LogError> {
    let options = LogOptions { segment_bytes: 1500, ..LogOptions::new(InstallationId([7; 16])) };
    let entropy = Box::new(SeededEntropy::new(1));
    SegmentLog::open(disk.clone(), Key::from_bytes([42; 32]), options, entropy).map(|(log, _)| log)
}

fn text(seq: u64) -> Vec<u8> {
    format!("the body of record {seq}").into_bytes()
}

fn append(log: &mut dyn Log, seq: u64) -> Result<(), LogError> {
    log.append(&[NewRecord { seq: Seq(seq), meta: &seq.to_le_bytes(), body: Some((KeyId(seq), &text(seq))) }])
}

/// A folder of several segments, with destroyed keys and an unflushed tail.
fn sound() -> &'static Backup {
    static SOUND: OnceLock<Backup> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = SimDisk::new();
        let mut log = open(&disk).expect("a new log");
        for seq in 1..=RECORDS {
            append(&mut log, seq).expect("appended");
            if seq == RECORDS / 2 {
                log.destroy(&[KeyId(3), KeyId(4)]).expect("destroyed");
                log.flusher().flush().expect("flushed");
            }
        }
        drop(log);
        disk.backup()
    })
}

fn check_folder(input: &[u8]) {
    let disk = SimDisk::new();
    disk.restore(sound());
    let forged = change(&disk, input);
    let before = disk.backup();
    let mut log = match open(&disk) {
        Ok(log) => log,
        Err(
            LogError::Damaged { .. }
            | LogError::Newer { .. }
            | LogError::Foreign { .. }
            | LogError::WrongKey { .. },
        ) => {
            assert!(disk.backup() == before, "what is refused is not touched");
            return;
        }
        Err(error) => panic!("a disk that works is no reason to fail: {error}"),
    };
    let next = log.next();
    let readable = check_records(&mut log, forged);
    let durable = log.durable();
    assert!(durable < next && log.first() <= next, "what is durable exists");
    // Damage behind the first reading is found later, but never by going on as if nothing were there.
    if !readable || append(&mut log, next.0).is_err() {
        return;
    }
    log.flusher().flush().expect("a flush");
    drop(log);
    disk.kill();
    match open(&disk) {
        Ok(mut log) => {
            assert!(log.next() == next.next() && check_records(&mut log, forged), "all is there again")
        }
        // A forged folder may be at odds with itself in ways that show only now.
        Err(error) => assert!(forged, "a log that was written to opens again: {error}"),
    }
}

/// Whether all records can be read; unless checksums were forged, each is one that was written.
fn check_records(log: &mut SegmentLog<SimDisk>, forged: bool) -> bool {
    let mut expected = log.first();
    let mut seen = Vec::new();
    let replayed = log.replay(Seq::FIRST, &mut |record| seen.push(record));
    for record in seen {
        assert!(record.seq == expected, "positions have no holes");
        expected = expected.next();
        if forged {
            continue;
        }
        assert!(record.meta == record.seq.0.to_le_bytes(), "what is read was written");
        assert!(record.body.is_none_or(|body| body == text(record.seq.0)), "and bodies too");
    }
    replayed.is_ok()
}

/// Changes files as the input says: eight bytes a step. Returns whether checksums were forged.
fn change(disk: &SimDisk, input: &[u8]) -> bool {
    let mut forged = false;
    let mut rest = input;
    while let Some((step, after)) = rest.split_first_chunk::<8>() {
        rest = after;
        let names = disk.list().expect("a list");
        let Some(name) = names.get(usize::from(step[1]) % names.len().max(1)) else { return forged };
        let mut bytes = disk.content(name).unwrap_or_default();
        let at = usize::from(u16::from_le_bytes([step[2], step[3]])) % (bytes.len() + 1);
        let length = usize::from(step[4]);
        match step[0] % 10 {
            0 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= step[5];
                }
            }
            1 => bytes.truncate(at),
            2 => bytes.extend(std::iter::repeat_n(step[5], length)),
            3 => {
                disk.damage(name, None);
                continue;
            }
            4 => {
                let other = names.get(usize::from(step[5]) % names.len()).unwrap_or(name);
                bytes = disk.content(other).unwrap_or_default();
            }
            5 => {
                let (new, after) = rest.split_at(length.min(rest.len()));
                rest = after;
                let end = (at + new.len()).min(bytes.len());
                bytes.splice(at..end, new.iter().copied());
            }
            6 => {
                let end = (at + length).min(bytes.len());
                bytes.drain(at..end);
            }
            7 => {
                let number = u64::from_le_bytes([0, 0, 0, 0, step[4], step[5], step[6], step[7]]);
                let names =
                    ["00000000000000000041.seg".to_owned(), "keys".to_owned(), format!("{number:020}.seg")];
                let new = &names[usize::from(step[3]) % names.len()];
                disk.damage(new, Some(bytes));
                continue;
            }
            8 => {
                forged = true;
                if name.ends_with(".seg") { mend_segment(&mut bytes) } else { mend_keys(&mut bytes) }
            }
            _ => {
                bytes = rest.to_vec();
                rest = &[];
            }
        }
        bytes.truncate(LONGEST);
        disk.damage(name, Some(bytes));
    }
    forged
}
