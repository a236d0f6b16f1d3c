//! Damaged, foreign and strange files: refused with the place, never a panic.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use sameroom_log::{
    InstallationId, Log, LogError, LogOptions, NewRecord, Record, SegmentLog, Seq,
    disk::{Disk, DiskFile as _, RealDisk},
    sim::SimDisk,
};
use sameroom_seal::{Key, SeededEntropy};

use crate::support::{
    append, assert_filled, fill, open, options, replay, segments, text, try_open, try_open_with,
};

/// A log with some segments, flushed and closed.
fn flushed(last: u64) -> SimDisk {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    fill(&mut log, last);
    log.flusher().flush().unwrap();
    drop(log);
    // Opening brings the mark up to the last record.
    drop(open(&disk));
    disk
}

fn read_everything(disk: &SimDisk) -> Result<Vec<Record>, LogError> {
    let (mut log, _) = try_open(disk)?;
    let mut seen = Vec::new();
    log.replay(Seq(1), &mut |record| seen.push(record))?;
    Ok(seen)
}

#[test]
fn a_torn_tail_is_cut_and_reported() {
    let disk = flushed(5);
    let mut log = open(&disk);
    append(&mut log, 6).unwrap();
    append(&mut log, 7).unwrap();
    drop(log);
    let name = segments(&disk).pop().unwrap();
    let mut content = disk.content(&name).unwrap();
    content.truncate(content.len() - 3);
    disk.damage(&name, Some(content));
    let (mut log, recovery) = try_open(&disk).unwrap();
    let cut = recovery.cut.unwrap();
    assert!(cut.bytes > 20 && cut.path.ends_with(&name));
    assert_eq!((recovery.orphan_keys, log.live_keys().len()), (1, 6));
    let keys = disk.content("keys").unwrap();
    assert!(keys[1024 + 6 * 128..].iter().all(|byte| *byte == 0), "the lost record's key is gone");
    assert_filled(&mut log, 6);
    append(&mut log, 7).unwrap();
    assert_filled(&mut log, 7);
}

#[test]
fn a_record_left_over_from_before_does_not_follow_another() {
    let plain = |log: &mut SegmentLog<SimDisk>, seq, meta| {
        log.append(&[NewRecord { seq: Seq(seq), meta, body: None }]).unwrap();
    };
    let disk = flushed(2);
    let mut log = open(&disk);
    let name = segments(&disk).pop().unwrap();
    let end = disk.content(&name).unwrap().len();
    plain(&mut log, 3, b"old");
    plain(&mut log, 4, b"old");
    let old = disk.content(&name).unwrap();
    disk.damage(&name, Some(old[..end].to_vec()));
    drop(log);
    let mut log = open(&disk);
    plain(&mut log, 3, b"new");
    drop(log);
    let mut spliced = disk.content(&name).unwrap();
    let stale = &old[spliced.len()..];
    assert!(!stale.is_empty());
    spliced.extend_from_slice(stale);
    disk.damage(&name, Some(spliced));
    let (log, recovery) = try_open(&disk).unwrap();
    assert_eq!(log.next(), Seq(4));
    assert_eq!(recovery.cut.unwrap().bytes, stale.len() as u64);
}

#[test]
fn a_torn_slot_is_zeroed_and_its_body_gone() {
    let disk = flushed(5);
    let mut keys = disk.content("keys").unwrap();
    let slot = 1024 + 2 * 128..1024 + 3 * 128;
    keys[slot.clone()][..30].fill(0);
    disk.damage("keys", Some(keys));
    let (mut log, recovery) = try_open(&disk).unwrap();
    assert_eq!((recovery.torn_slots, log.body(Seq(3)).unwrap()), (1, None));
    assert_eq!(log.body(Seq(4)).unwrap(), Some(text(4)));
    assert!(disk.content("keys").unwrap()[slot].iter().all(|byte| *byte == 0), "no part of the key is left");
}

#[test]
fn damage_in_the_middle_is_refused_with_the_place() {
    for (segment, at) in [(0, 70), (0, 1000), (1, 3), (2, 200)] {
        let disk = flushed(60);
        let name = segments(&disk).swap_remove(segment);
        let mut content = disk.content(&name).unwrap();
        content[at] ^= 0x40;
        disk.damage(&name, Some(content));
        let error = read_everything(&disk).unwrap_err();
        let LogError::Damaged { path, offset, .. } = &error else { panic!("{error}") };
        assert!(path.ends_with(&name) && *offset <= at as u64, "{error}");
        assert!(error.to_string().contains("restore the data folder from a backup"), "{error}");
    }
}

#[test]
fn damage_in_the_flushed_part_of_the_last_segment_is_not_taken_for_a_torn_tail() {
    let disk = flushed(9);
    let name = segments(&disk).pop().unwrap();
    let mut content = disk.content(&name).unwrap();
    let at = content.len() - 5;
    content[at] ^= 1;
    disk.damage(&name, Some(content));
    assert!(matches!(try_open(&disk), Err(LogError::Damaged { .. })));
}

#[test]
fn a_missing_file_is_refused() {
    for missing in 0..segments(&flushed(60)).len() {
        let disk = flushed(60);
        disk.damage(&segments(&disk)[missing], None);
        assert!(matches!(read_everything(&disk), Err(LogError::Damaged { .. })), "segment {missing}");
    }
    let disk = flushed(60);
    disk.damage("keys", None);
    let error = read_everything(&disk).unwrap_err();
    assert!(matches!(&error, LogError::Damaged { path, .. } if path.ends_with("keys")), "{error}");
}

#[test]
fn another_key_another_installation_and_a_newer_format_are_refused() {
    let disk = flushed(3);
    let wrong =
        SegmentLog::open(disk.clone(), Key::from_bytes([1; 32]), options(), Box::new(SeededEntropy::new(1)));
    assert!(matches!(wrong, Err(LogError::WrongKey { .. })));
    let foreign = try_open_with(&disk, LogOptions::new(InstallationId([0; 16])), 1);
    assert!(matches!(foreign, Err(LogError::Foreign { .. })));
    let name = segments(&disk).pop().unwrap();
    let mut content = disk.content(&name).unwrap();
    content[8] = 2;
    let checksum = crc32fast::hash(&content[..44]);
    content[44..48].copy_from_slice(&checksum.to_le_bytes());
    disk.damage(&name, Some(content));
    assert!(matches!(try_open(&disk), Err(LogError::Newer { found: 2, known: 1, .. })));
}

#[test]
fn a_log_in_use_is_refused_and_names_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let disk = RealDisk::open(folder.path().join("log")).unwrap();
    let log = open(&disk);
    let flusher = log.flusher();
    let error = try_open(&disk).err().map(with_causes).unwrap();
    assert!(error.contains(&format!("in use by pid {}", std::process::id())), "{error}");
    drop(log);
    assert!(try_open(&disk).is_err(), "the flusher still uses it");
    drop(flusher);
    try_open(&disk).unwrap();
}

/// An error and its causes, as a person is shown them.
fn with_causes(error: LogError) -> String {
    let mut text = error.to_string();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        text = format!("{text}: {next}");
        cause = next;
    }
    text
}

#[test]
fn a_start_that_was_cut_short_begins_anew() {
    for changes in 0..12 {
        let disk = SimDisk::new();
        disk.die_after(changes);
        let died = try_open(&disk).is_err();
        disk.power_loss(&mut SeededEntropy::new(changes));
        let mut log = open(&disk);
        fill(&mut log, 3);
        assert_filled(&mut log, 3);
        assert!(died || changes > 6);
    }
}

proptest! {
    #[test]
    fn any_change_to_any_file_is_survived(
        file in any::<proptest::sample::Index>(), at in any::<proptest::sample::Index>(), with: Vec<u8>, cut: bool,
    ) {
        let disk = flushed(30);
        let names: Vec<String> = disk.list().unwrap();
        let name = &names[file.index(names.len())];
        let mut content = disk.content(name).unwrap();
        let at = at.index(content.len());
        let end = content.len().min(at + with.len());
        content[at..end].copy_from_slice(&with[..end - at]);
        if cut {
            content.truncate(end);
        }
        disk.damage(name, Some(content));
        // Whatever happens, what is shown is right: a body is the one that was appended, or gone with its slot.
        if let Ok(seen) = read_everything(&disk) {
            prop_assert_eq!(seen.len(), 30);
            for record in seen {
                prop_assert!(record.body.is_none_or(|body| body == text(record.seq.0)));
            }
        }
    }

    #[test]
    fn files_of_any_bytes_are_survived(keys: Option<Vec<u8>>, segment: Vec<u8>, seq in 0..3_u64) {
        let disk = SimDisk::new();
        let mut files = vec![(format!("{seq:020}.seg"), segment)];
        files.extend(keys.map(|keys| ("keys".to_owned(), keys)));
        for (name, content) in files {
            disk.create(&name).unwrap().write_at(&content, 0).unwrap();
        }
        prop_assert!(try_open(&disk).is_err());
    }
}

#[test]
fn replay_begins_where_it_is_told_to() {
    let disk = flushed(60);
    let mut log = open(&disk);
    let mut seen = Vec::new();
    log.replay(Seq(57), &mut |record| seen.push(record.seq.0)).unwrap();
    assert_eq!(seen, [57, 58, 59, 60]);
    assert_eq!(replay(&mut log).len(), 60);
}
