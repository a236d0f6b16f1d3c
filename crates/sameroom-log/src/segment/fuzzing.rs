//! Checks of the pure parsers, and what mends checksums so that a fuzzer gets past them.

use sameroom_seal::Key;

use super::frame::{self, Parsed, number32};
use super::header::Header;
use super::slots::{Mark, SLOT_BYTES, Slot};
use crate::InstallationId;
use crate::disk::SECTOR_BYTES;

/// The bytes of a segment's header.
const HEADER_BYTES: usize = 48;

/// Any bytes, read as every piece of the format: they are taken or not, and what is taken lies within them.
pub(crate) fn check_parts(input: &[u8]) {
    let key = Key::from_bytes([42; 32]);
    let installation = InstallationId([7; 16]);
    let mut segment = input.to_vec();
    let mut keys = input.to_vec();
    for _ in 0..2 {
        if let Ok((header, _)) = Header::parse(&segment) {
            let again = Header::parse(&header.encode().0).map(|(header, _)| header);
            assert_eq!(again, Ok(header), "a header reads as it was written");
        }
        if let Ok(mark) = Mark::choose(&keys, installation, &key) {
            let again = Mark::choose(&mark.encode(installation, &key), installation, &key);
            assert_eq!(again, Ok(mark), "a mark reads as it was written");
        }
        for slot in keys.chunks(SLOT_BYTES) {
            if let Slot::Used { .. } = Slot::parse(slot, &key) {
                assert!(slot.len() == SLOT_BYTES, "a slot is whole");
            }
        }
        let mut at = HEADER_BYTES;
        let mut previous = segment.get(44..HEADER_BYTES).map_or(0, number32);
        while let Parsed::Frame(frame) = frame::parse(segment.get(at..).unwrap_or_default(), previous) {
            let rest = segment.len() - at;
            assert!(frame.size <= rest && frame.sealed.end == frame.size, "a frame lies within the bytes");
            assert!(
                frame.meta.start <= frame.meta.end && frame.meta.end <= frame.sealed.start,
                "so do its parts"
            );
            previous = frame.checksum;
            at += frame.size;
        }
        mend_segment(&mut segment);
        mend_keys(&mut keys);
    }
}

/// Gives a segment's header and frames the checksums that belong to what they say.
pub(crate) fn mend_segment(bytes: &mut [u8]) {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return };
    let mut previous = crc32fast::hash(&header[..44]);
    bytes[44..HEADER_BYTES].copy_from_slice(&previous.to_le_bytes());
    let mut at = HEADER_BYTES;
    while let Some(prefix) = bytes.get(at..at + 8) {
        let length = number32(prefix) as usize;
        let Some(payload) = bytes.get(at + 8..(at + 8).saturating_add(length)) else { return };
        previous = frame::sum(previous, length, payload);
        bytes[at + 4..at + 8].copy_from_slice(&previous.to_le_bytes());
        at += 8 + length;
    }
}

/// Gives both copies of a key file's mark, and its slots, their checksums.
pub(crate) fn mend_keys(bytes: &mut [u8]) {
    for at in [0, SECTOR_BYTES] {
        mend(bytes, at, 72);
    }
    let mut at = 2 * SECTOR_BYTES;
    while at + SLOT_BYTES <= bytes.len() {
        if bytes[at..at + SLOT_BYTES].iter().any(|byte| *byte != 0) {
            mend(bytes, at, 88);
        }
        at += SLOT_BYTES;
    }
}

fn mend(bytes: &mut [u8], at: usize, summed: usize) {
    let Some(part) = bytes.get_mut(at..at + summed + 4) else { return };
    let checksum = crc32fast::hash(&part[..summed]);
    part[summed..].copy_from_slice(&checksum.to_le_bytes());
}
