//! How a record stands in a segment file. Pure: bytes in, bytes out.
//!
//! | bytes | is |
//! |---|---|
//! | 4 | length of what follows the checksum |
//! | 4 | checksum: CRC-32 over the checksum of the frame before, the length and what follows |
//! | 8 | position |
//! | 1 | kind: 0 without a body, 1 with one |
//! | 8 + 4 | only kind 1: name of the key, length of the meta |
//! | .. | meta |
//! | .. | only kind 1: the sealed body |
//!
//! All numbers are little-endian. Because each checksum continues the one before, a frame left over from a failed append
//! is never taken for the successor of a frame that was written in its stead.

use std::ops::Range;

use sameroom_seal::{Entropy, Key, key::OVERHEAD_BYTES};

use crate::{KeyId, NewRecord, Seq, record::MAX_RECORD_BYTES};

const PREFIX_BYTES: usize = 8;
const PLAIN_BYTES: usize = 9;
const SEALED_BYTES: usize = PLAIN_BYTES + 12;
/// The longest that can follow a checksum.
const MAX_PAYLOAD_BYTES: usize = SEALED_BYTES + MAX_RECORD_BYTES + OVERHEAD_BYTES;

/// A frame found at the beginning of some bytes; the ranges are into them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) seq: Seq,
    pub(super) key: Option<KeyId>,
    pub(super) meta: Range<usize>,
    /// Empty without a key.
    pub(super) sealed: Range<usize>,
    /// Its checksum, with which the next frame's goes on.
    pub(super) checksum: u32,
    pub(super) size: usize,
}

/// What some bytes begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    Frame(Frame),
    /// More bytes are needed to tell, so many in all.
    Short(usize),
    Invalid(&'static str),
}

/// Reads the frame at the beginning of any bytes.
pub(super) fn parse(bytes: &[u8], previous: u32) -> Parsed {
    let Some(prefix) = bytes.first_chunk::<PREFIX_BYTES>() else {
        return Parsed::Short(PREFIX_BYTES);
    };
    let payload_bytes = number32(prefix) as usize;
    if !(PLAIN_BYTES..=MAX_PAYLOAD_BYTES).contains(&payload_bytes) {
        return Parsed::Invalid("impossible record length");
    }
    let size = PREFIX_BYTES + payload_bytes;
    let Some(payload) = bytes.get(PREFIX_BYTES..size) else {
        return Parsed::Short(size);
    };
    let checksum = number32(&prefix[4..]);
    if checksum != sum(previous, payload_bytes, payload) {
        return Parsed::Invalid("checksum does not match");
    }
    let seq = Seq(number64(payload));
    let frame = |key, meta, sealed| Parsed::Frame(Frame { seq, key, meta, sealed, checksum, size });
    match payload[8] {
        0 => frame(None, PREFIX_BYTES + PLAIN_BYTES..size, size..size),
        1 if payload_bytes >= SEALED_BYTES => {
            let start = PREFIX_BYTES + SEALED_BYTES;
            let end = start.saturating_add(number32(&payload[17..]) as usize);
            if end > size {
                return Parsed::Invalid("impossible meta length");
            }
            frame(Some(KeyId(number64(&payload[9..]))), start..end, end..size)
        }
        _ => Parsed::Invalid("unknown kind of record"),
    }
}

/// Appends a frame; the key must be given exactly when there is a body. Returns its checksum.
pub(super) fn encode(
    out: &mut Vec<u8>,
    previous: u32,
    record: &NewRecord<'_>,
    key: Option<&Key>,
    entropy: &mut dyn Entropy,
) -> u32 {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX_BYTES]);
    out.extend_from_slice(&record.seq.0.to_le_bytes());
    match (record.body, key) {
        (Some((name, body)), Some(key)) => {
            out.push(1);
            out.extend_from_slice(&name.0.to_le_bytes());
            out.extend_from_slice(&length32(record.meta.len()).to_le_bytes());
            out.extend_from_slice(record.meta);
            key.seal_into(entropy, &aad(record.seq, name), body, out);
        }
        _ => {
            out.push(0);
            out.extend_from_slice(record.meta);
        }
    }
    let payload_bytes = out.len() - start - PREFIX_BYTES;
    let checksum = sum(previous, payload_bytes, &out[start + PREFIX_BYTES..]);
    out[start..start + 4].copy_from_slice(&length32(payload_bytes).to_le_bytes());
    out[start + 4..start + PREFIX_BYTES].copy_from_slice(&checksum.to_le_bytes());
    checksum
}

/// Ties a sealed body to its record.
pub(super) fn aad(seq: Seq, key: KeyId) -> [u8; 16] {
    let mut aad = [0; 16];
    aad[..8].copy_from_slice(&seq.0.to_le_bytes());
    aad[8..].copy_from_slice(&key.0.to_le_bytes());
    aad
}

/// The number in the first 4 bytes, which must be there.
pub(super) fn number32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(*bytes.first_chunk().expect("the caller has checked the length"))
}

/// The number in the first 8 bytes, which must be there.
pub(super) fn number64(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(*bytes.first_chunk().expect("the caller has checked the length"))
}

fn length32(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("records are limited to a few MiB")
}

/// The checksum of a frame behind another one.
pub(super) fn sum(previous: u32, payload_bytes: usize, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&previous.to_le_bytes());
    hasher.update(&length32(payload_bytes).to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
    use sameroom_seal::SeededEntropy;

    use super::*;

    fn encoded(previous: u32, meta: &[u8], body: Option<&[u8]>) -> Vec<u8> {
        let key = Key::from_bytes([3; 32]);
        let record = NewRecord { seq: Seq(7), meta, body: body.map(|body| (KeyId(5), body)) };
        let mut out = Vec::new();
        encode(&mut out, previous, &record, body.is_some().then_some(&key), &mut SeededEntropy::new(1));
        out
    }

    proptest! {
        #[test]
        fn what_was_encoded_parses(previous: u32, meta: Vec<u8>, body: Option<Vec<u8>>, tail: Vec<u8>) {
            let mut bytes = encoded(previous, &meta, body.as_deref());
            let size = bytes.len();
            bytes.extend(tail);
            let Parsed::Frame(frame) = parse(&bytes, previous) else { panic!("no frame") };
            prop_assert_eq!((frame.seq, frame.size), (Seq(7), size));
            prop_assert_eq!(&bytes[frame.meta], &meta);
            let opened = frame.key.map(|key| Key::from_bytes([3; 32]).open(&aad(Seq(7), key), &bytes[frame.sealed]));
            prop_assert_eq!(opened, body.map(Ok));
        }

        #[test]
        fn a_changed_cut_or_misplaced_frame_is_not_taken(
            previous: u32, meta: Vec<u8>, body: Option<Vec<u8>>, at in any::<proptest::sample::Index>(), bit in 0..8_u32,
        ) {
            let bytes = encoded(previous, &meta, body.as_deref());
            let at = at.index(bytes.len());
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            prop_assert!(!matches!(parse(&changed, previous), Parsed::Frame(_)));
            prop_assert!(matches!(parse(&bytes[..at], previous), Parsed::Short(needed) if needed > at));
            prop_assert!(!matches!(parse(&bytes, previous.wrapping_add(1)), Parsed::Frame(_)));
        }

        #[test]
        fn parsing_any_bytes_never_panics(previous: u32, mut bytes: Vec<u8>, kind in 0..3_u8) {
            parse(&bytes, previous);
            // The same bytes again with a right length and checksum, so that the rest is reached.
            if bytes.len() >= PREFIX_BYTES + PLAIN_BYTES {
                bytes[PREFIX_BYTES + 8] = kind;
                let payload_bytes = bytes.len() - PREFIX_BYTES;
                let checksum = sum(previous, payload_bytes, &bytes[PREFIX_BYTES..]);
                bytes[..4].copy_from_slice(&length32(payload_bytes).to_le_bytes());
                bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
                if let Parsed::Frame(frame) = parse(&bytes, previous) {
                    prop_assert!(frame.meta.end <= frame.sealed.start && frame.sealed.end == bytes.len());
                }
            }
        }
    }
}
