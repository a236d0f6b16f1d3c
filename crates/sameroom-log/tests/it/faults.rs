//! Full and failing disks: an append that fails leaves the log as it was.

use std::io::ErrorKind;

use sameroom_log::{KeyId, Log as _, LogError, NewRecord, Seq, sim::SimDisk};

use crate::support::{append, assert_filled, fill, open, options, try_open_with};

#[test]
fn a_full_disk_stops_appending_until_there_is_room() {
    for room in (0..3000).step_by(37) {
        let disk = SimDisk::new();
        let mut log = open(&disk);
        fill(&mut log, 5);
        disk.full(room);
        let mut last = 5;
        let error = loop {
            match append(&mut log, last + 1) {
                Ok(()) => last += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, LogError::Full(_)), "{error}");
        assert_eq!(log.next(), Seq(last + 1));
        assert_eq!(log.live_keys().len() as u64, last);
        assert_filled(&mut log, last);
        assert!(matches!(append(&mut log, last + 1), Err(LogError::Full(_))), "still full");
        assert_eq!(log.flusher().flush().unwrap(), Seq(last), "what is written can be flushed");
        log.destroy(&[KeyId(1)]).unwrap();
        log.flusher().flush().unwrap();
        disk.space_back();
        fill(&mut log, last + 10);
        log.flusher().flush().unwrap();
        drop(log);
        let mut log = open(&disk);
        assert_eq!(log.next(), Seq(last + 11));
        assert_eq!((log.body(Seq(1)).unwrap(), log.live_keys().len() as u64), (None, last + 9));
    }
}

#[test]
fn an_append_that_fails_at_any_step_can_be_tried_again() {
    for changes in 0..4 {
        for then_dead in [false, true] {
            let disk = SimDisk::new();
            let mut log = open(&disk);
            fill(&mut log, 12);
            disk.fail_after(changes, ErrorKind::Other);
            let mut last = 12;
            while append(&mut log, last + 1).is_ok() {
                last += 1;
            }
            assert_filled(&mut log, last);
            if then_dead {
                drop(log);
                disk.kill();
                log = open(&disk);
                assert_eq!(log.next(), Seq(last + 1));
            }
            fill(&mut log, last + 30);
            assert_filled(&mut log, last + 30);
            drop(log);
            assert_filled(&mut open(&disk), last + 30);
        }
    }
}

#[test]
fn a_batch_goes_in_whole_or_not_at_all() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    let body = [1; 3000];
    let batch: Vec<NewRecord<'_>> =
        (1..=5).map(|seq| NewRecord { seq: Seq(seq), meta: b"m", body: Some((KeyId(seq), &body)) }).collect();
    disk.full(8000);
    assert!(matches!(log.append(&batch), Err(LogError::Full(_))));
    assert_eq!((log.next(), log.live_keys()), (Seq(1), vec![]));
    disk.kill();
    drop(log);
    disk.space_back();
    let mut log = open(&disk);
    assert_eq!(log.next(), Seq(1), "nothing comes back");
    log.append(&batch).unwrap();
    assert_eq!(log.next(), Seq(6));
}

#[test]
fn a_flush_that_fails_breaks_the_log_until_it_is_opened_again() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    fill(&mut log, 3);
    let mut flusher = log.flusher();
    disk.fail_next(ErrorKind::Other);
    assert!(matches!(flusher.flush(), Err(LogError::Disk(_))));
    assert_eq!(log.durable(), Seq(0), "nothing is claimed");
    assert!(matches!(flusher.flush(), Err(LogError::Broken)));
    assert!(matches!(append(&mut log, 4), Err(LogError::Broken)));
    assert!(matches!(log.destroy(&[KeyId(1)]), Err(LogError::Broken)));
    drop((log, flusher));
    let mut log = open(&disk);
    assert_filled(&mut log, 3);
    append(&mut log, 4).unwrap();
}

#[test]
fn a_batch_is_one_write_and_a_flush_shares_its_cost() {
    let disk = SimDisk::new();
    let mut options = options();
    options.segment_bytes = 1 << 20;
    let (mut log, _) = try_open_with(&disk, options, 1).unwrap();
    let before = disk.counters();
    for batch in 0..10 {
        let records: Vec<NewRecord<'_>> = (1..=20)
            .map(|n| NewRecord {
                seq: Seq(batch * 20 + n),
                meta: b"m",
                body: Some((KeyId(batch * 20 + n), b"b")),
            })
            .collect();
        log.append(&records).unwrap();
    }
    let written = disk.counters();
    assert_eq!(written.writes - before.writes, 20, "for each batch one of keys, one of records");
    assert_eq!(written.syncs, before.syncs, "appending does not flush");
    log.flusher().flush().unwrap();
    assert_eq!(disk.counters().syncs - written.syncs, 2, "one of keys, one of records");
    log.flusher().flush().unwrap();
    assert_eq!(disk.counters().syncs - written.syncs, 2, "nothing to flush");
}
