//! A destroyed body is gone from the disk, and it is the zeroing that does it.

use sameroom_log::{KeyId, Log as _, LogOptions, Seq, sim::SimDisk};

use crate::support::{assert_filled, fill, open, options, text, try_open_with};

const SLOTS_START: usize = 1024;
const SLOT_BYTES: usize = 128;

fn shred(options: LogOptions) -> SimDisk {
    let disk = SimDisk::new();
    let (mut log, _) = try_open_with(&disk, options, 1).unwrap();
    fill(&mut log, 10);
    log.flusher().flush().unwrap();
    log.destroy(&[KeyId(3), KeyId(4)]).unwrap();
    assert_eq!(log.body(Seq(3)).unwrap(), None);
    log.flusher().flush().unwrap();
    disk.kill();
    disk
}

#[test]
fn the_slot_of_a_destroyed_key_is_zeros_after_the_next_flush() {
    let keys = shred(options()).content("keys").unwrap();
    let slot = |index: usize| &keys[SLOTS_START + index * SLOT_BYTES..][..SLOT_BYTES];
    for index in [2, 3] {
        assert!(slot(index).iter().all(|byte| *byte == 0));
    }
    assert!(slot(4).iter().any(|byte| *byte != 0));
}

#[test]
fn a_destroyed_body_does_not_come_back() {
    let disk = shred(options());
    let mut log = open(&disk);
    assert_eq!(log.body(Seq(3)).unwrap(), None);
    assert_eq!(log.body(Seq(5)).unwrap(), Some(text(5)));
}

#[test]
fn without_zeroing_it_would() {
    let disk = shred(LogOptions { zero_slots: false, ..options() });
    assert_filled(&mut open(&disk), 10);
}

#[test]
fn no_body_is_readable_in_any_file() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    fill(&mut log, 50);
    for name in sameroom_log::disk::Disk::list(&disk).unwrap() {
        let content = disk.content(&name).unwrap();
        assert!(!content.windows(8).any(|window| window == b"the body"), "{name}");
    }
}

#[test]
fn a_slot_is_given_away_only_after_its_zeros_are_flushed() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    fill(&mut log, 1);
    log.flusher().flush().unwrap();
    let slot = disk.content("keys").unwrap()[SLOTS_START..][..SLOT_BYTES].to_vec();
    log.destroy(&[KeyId(1)]).unwrap();
    fill(&mut log, 2);
    assert_eq!(disk.content("keys").unwrap()[SLOTS_START..][..SLOT_BYTES], slot);
    log.flusher().flush().unwrap();
    assert_eq!(disk.content("keys").unwrap()[SLOTS_START..][..SLOT_BYTES], [0; SLOT_BYTES]);
    fill(&mut log, 3);
    assert_ne!(disk.content("keys").unwrap()[SLOTS_START..][..SLOT_BYTES], [0; SLOT_BYTES]);
}

#[test]
fn the_key_file_does_not_grow_while_slots_are_given_back() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    let size = disk.content("keys").unwrap().len();
    for round in 1..=50 {
        fill(&mut log, round * 100);
        log.flusher().flush().unwrap();
        let all = log.live_keys();
        log.destroy(&all).unwrap();
        log.flusher().flush().unwrap();
    }
    assert_eq!(disk.content("keys").unwrap().len(), size);
}
