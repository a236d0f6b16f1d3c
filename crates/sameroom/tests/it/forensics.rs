//! Somebody who has the whole data folder and the master key, and tries every key in it on every sealed body.
//!
//! Reads the files by their documented layouts (`sameroom-log`, `frame.rs` and `slots.rs`), not with the code under test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sameroom_seal::{Key, KeySource, OsEntropy};

/// Where the keys of the key file begin, and how far they are apart.
const SLOTS: (usize, usize) = (1_024, 128);

/// Where the records of a segment begin.
const RECORDS: usize = 64;

/// A sealed body and what it is tied to.
struct Body {
    tie: [u8; 16],
    sealed: Vec<u8>,
}

/// What a search found.
#[derive(Debug)]
pub(crate) struct Findings {
    /// Sealed bodies in the log.
    pub(crate) bodies: usize,
    /// Keys that were tried on each.
    pub(crate) keys: usize,
    /// Bodies that opened.
    pub(crate) opened: Vec<Vec<u8>>,
}

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("list") {
        let path = entry.expect("entry").path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

/// Searches a data folder that nobody uses.
pub(crate) fn search(data: &Path) -> Findings {
    let master = KeySource::File(data.join("master.key")).load(&mut OsEntropy).expect("the master key");
    let purposes = ["log", "vault", "digest", "spool", "credentials", "store"];
    let mut keys: BTreeSet<[u8; 32]> =
        purposes.iter().map(|purpose| *master.derive(purpose).expose()).collect();
    let log = master.derive("log");
    let (mut bodies, mut slots) = (Vec::new(), 0);
    for path in files(data) {
        let bytes = std::fs::read(&path).expect("read");
        if path.extension().is_some_and(|end| end == "seg") {
            read_segment(&bytes, &mut bodies);
        }
        if path.file_name().is_some_and(|name| name == "keys") {
            for slot in bytes.get(SLOTS.0..).unwrap_or_default().chunks(SLOTS.1) {
                let opened = log.open(&[&b"slot"[..], &slot[..16]].concat(), &slot[16..88]);
                keys.extend(opened.ok().and_then(|key| <[u8; 32]>::try_from(key.as_slice()).ok()));
                slots += 1;
            }
        }
        // Whatever else could be a key in the clear.
        let step = if path.file_name().is_some_and(|name| name == "keys") { 1 } else { 8 };
        keys.extend(bytes.windows(32).step_by(step).filter(|window| is_random(window)).map(|window| {
            let mut key = [0; 32];
            key.copy_from_slice(window);
            key
        }));
    }
    assert!(slots > 0, "the key file was found");
    let opened = bodies.iter().filter_map(|body| {
        keys.iter().find_map(|key| Key::from_bytes(*key).open(&body.tie, &body.sealed).ok())
    });
    Findings { opened: opened.collect(), bodies: bodies.len(), keys: keys.len() }
}

/// Whether 32 bytes could be a random key: hardly any byte of those comes three times.
fn is_random(window: &[u8]) -> bool {
    let mut counts = [0_u8; 256];
    window.iter().all(|byte| {
        let count = &mut counts[usize::from(*byte)];
        *count += 1;
        *count <= 3
    })
}

fn read_segment(bytes: &[u8], bodies: &mut Vec<Body>) {
    let number = |at: usize| -> usize {
        let four = bytes.get(at..at + 4).and_then(|four| <[u8; 4]>::try_from(four).ok());
        four.map_or(0, |four| u32::from_le_bytes(four) as usize)
    };
    let mut at = RECORDS;
    while number(at) > 0 {
        let (payload, end) = (at + 8, at + 8 + number(at));
        if bytes[payload + 8] == 1 {
            let meta = payload + 21;
            let mut tie = [0; 16];
            tie[..8].copy_from_slice(&bytes[payload..payload + 8]);
            tie[8..].copy_from_slice(&bytes[payload + 9..payload + 17]);
            bodies.push(Body { tie, sealed: bytes[meta + number(payload + 17)..end].to_vec() });
        }
        at = end;
    }
}
