//! The key file: which keys exist, and what of the log is certainly flushed. Pure layout; see [`super::keys`] for the file.
//!
//! Two copies of the mark, in sectors 0 and 1, written in turn so that a torn one leaves the other; the rest are slots of
//! [`SLOT_BYTES`], which never straddle a sector. A slot that is all zeros is free.
//!
//! | bytes of a mark | is | bytes of a slot | is |
//! |---|---|---|---|
//! | 8 | `samerkey` | 8 | name of the key |
//! | 4 + 4 | format version, zero | 8 | position of the record that it was made for |
//! | 16 | installation | 72 | the key, sealed with the log's own |
//! | 8 | counter: the copy with the higher one counts | 4 | CRC-32 of all above |
//! | 8 | last durable record | 36 | zero |
//! | 8 | first record | | |
//! | 16 | digest that tells the wrong master key | | |
//! | 4 | CRC-32 of all above | | |

use sameroom_seal::{Entropy, Key};

use super::{
    frame::{number32, number64},
    header::FORMAT_VERSION,
};
use crate::{KeyId, Seq, disk::SECTOR_BYTES, folder::InstallationId};

/// The length of a slot; a sector holds a whole number of them.
pub(super) const SLOT_BYTES: usize = 128;
/// Where the first slot is, behind the two copies of the mark.
pub(super) const SLOTS_START: u64 = 2 * SECTOR_BYTES as u64;

const MAGIC: &[u8; 8] = b"samerkey";
const MARK_SUMMED_BYTES: usize = 72;
const MARK_BYTES: usize = MARK_SUMMED_BYTES + 4;
const SLOT_SUMMED_BYTES: usize = 88;

/// What of the log is certainly flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) counter: u64,
    /// This record and all before it are durable, and so were their keys.
    pub(super) durable: Seq,
    /// Records before this one are dropped.
    pub(super) first: Seq,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkError {
    Invalid,
    Version(u32),
    Foreign,
    WrongKey,
}

impl Mark {
    /// Where this copy belongs.
    pub(super) fn offset(&self) -> u64 {
        (self.counter % 2) * SECTOR_BYTES as u64
    }

    pub(super) fn encode(&self, installation: InstallationId, key: &Key) -> [u8; MARK_BYTES] {
        let mut bytes = [0; MARK_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(&installation.0);
        bytes[32..40].copy_from_slice(&self.counter.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.durable.0.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[56..72].copy_from_slice(&key.digest(&installation.0));
        let checksum = crc32fast::hash(&bytes[..MARK_SUMMED_BYTES]);
        bytes[MARK_SUMMED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads one copy from any bytes.
    fn parse(bytes: &[u8], installation: InstallationId, key: &Key) -> Result<Self, MarkError> {
        let bytes = bytes.first_chunk::<MARK_BYTES>().ok_or(MarkError::Invalid)?;
        if !bytes.starts_with(MAGIC)
            || crc32fast::hash(&bytes[..MARK_SUMMED_BYTES]) != number32(&bytes[MARK_SUMMED_BYTES..])
        {
            return Err(MarkError::Invalid);
        }
        let version = number32(&bytes[8..]);
        if version != FORMAT_VERSION {
            return Err(MarkError::Version(version));
        }
        if bytes[16..32] != installation.0 {
            return Err(MarkError::Foreign);
        }
        if bytes[56..72] != key.digest(&installation.0) {
            return Err(MarkError::WrongKey);
        }
        let number = |at: usize| number64(&bytes[at..]);
        Ok(Self { counter: number(32), durable: Seq(number(40)), first: Seq(number(48)) })
    }

    /// The copy that counts, from a whole key file.
    pub(super) fn choose(file: &[u8], installation: InstallationId, key: &Key) -> Result<Self, MarkError> {
        let copy = |at: usize| Self::parse(file.get(at..).unwrap_or_default(), installation, key);
        match (copy(0), copy(SECTOR_BYTES)) {
            (Ok(one), Ok(two)) => Ok(if one.counter > two.counter { one } else { two }),
            (Ok(mark), Err(MarkError::Invalid)) | (Err(MarkError::Invalid), Ok(mark)) => Ok(mark),
            (Err(MarkError::Invalid), Err(error)) | (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }
}

/// What a slot holds.
#[derive(Debug, Clone)]
pub(super) enum Slot {
    Free,
    Used {
        name: KeyId,
        /// The record that it was made for.
        born: Seq,
        key: Key,
    },
    /// Neither zero nor whole: a write to it was cut by a power loss.
    Torn,
}

impl Slot {
    pub(super) fn encode(
        out: &mut Vec<u8>,
        name: KeyId,
        born: Seq,
        key: &Key,
        wrap: &Key,
        entropy: &mut dyn Entropy,
    ) {
        let start = out.len();
        out.extend_from_slice(&name.0.to_le_bytes());
        out.extend_from_slice(&born.0.to_le_bytes());
        wrap.seal_into(entropy, &aad(name, born), key.expose(), out);
        let checksum = crc32fast::hash(&out[start..]);
        out.extend_from_slice(&checksum.to_le_bytes());
        out.resize(start + SLOT_BYTES, 0);
    }

    /// Reads any bytes.
    pub(super) fn parse(bytes: &[u8], wrap: &Key) -> Self {
        if bytes.iter().all(|byte| *byte == 0) {
            return Self::Free;
        }
        Self::parse_used(bytes, wrap).unwrap_or(Self::Torn)
    }

    fn parse_used(bytes: &[u8], wrap: &Key) -> Option<Self> {
        let bytes = bytes.first_chunk::<SLOT_BYTES>()?;
        if crc32fast::hash(&bytes[..SLOT_SUMMED_BYTES]) != number32(&bytes[SLOT_SUMMED_BYTES..]) {
            return None;
        }
        let (name, born) = (KeyId(number64(bytes)), Seq(number64(&bytes[8..])));
        let opened = wrap.open(&aad(name, born), &bytes[16..SLOT_SUMMED_BYTES]).ok()?;
        let key = <[u8; Key::BYTES]>::try_from(zeroize::Zeroizing::new(opened).as_slice()).ok()?;
        Some(Self::Used { name, born, key: Key::from_bytes(key) })
    }
}

fn aad(name: KeyId, born: Seq) -> [u8; 20] {
    let mut aad = *b"slot................";
    aad[4..12].copy_from_slice(&name.0.to_le_bytes());
    aad[12..].copy_from_slice(&born.0.to_le_bytes());
    aad
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};
    use sameroom_seal::SeededEntropy;

    use super::*;

    const HOME: InstallationId = InstallationId([4; 16]);

    fn wrap() -> Key {
        Key::from_bytes([8; 32])
    }

    #[test]
    fn a_slot_reads_back_and_any_torn_mixture_with_zeros_is_noticed() {
        let key = Key::from_bytes([5; 32]);
        let mut bytes = Vec::new();
        Slot::encode(&mut bytes, KeyId(3), Seq(4), &key, &wrap(), &mut SeededEntropy::new(1));
        assert_eq!(bytes.len(), SLOT_BYTES);
        let Slot::Used { name: KeyId(3), born: Seq(4), key: read } = Slot::parse(&bytes, &wrap()) else {
            panic!("not used")
        };
        assert_eq!(read.expose(), key.expose());
        for cut in 1..SLOT_SUMMED_BYTES {
            let mut torn = bytes.clone();
            torn[cut..].fill(0);
            assert!(matches!(Slot::parse(&torn, &wrap()), Slot::Torn), "zeros after {cut}");
            let mut torn = bytes.clone();
            torn[..cut].fill(0);
            assert!(matches!(Slot::parse(&torn, &wrap()), Slot::Torn), "zeros before {cut}");
        }
        assert!(matches!(Slot::parse(&[0; SLOT_BYTES], &wrap()), Slot::Free));
    }

    #[test]
    fn the_newer_mark_counts_and_a_torn_one_does_not() {
        let mark = |counter| Mark { counter, durable: Seq(counter), first: Seq(1) };
        let mut file = vec![0; 2 * SECTOR_BYTES];
        for counter in [4, 5] {
            let at = usize::try_from(mark(counter).offset()).unwrap();
            file[at..at + MARK_BYTES].copy_from_slice(&mark(counter).encode(HOME, &wrap()));
        }
        assert_eq!(Mark::choose(&file, HOME, &wrap()), Ok(mark(5)));
        assert_eq!(Mark::choose(&file, HOME, &Key::from_bytes([9; 32])), Err(MarkError::WrongKey));
        assert_eq!(Mark::choose(&file, InstallationId([0; 16]), &wrap()), Err(MarkError::Foreign));
        file[SECTOR_BYTES + 50] ^= 1;
        assert_eq!(Mark::choose(&file, HOME, &wrap()), Ok(mark(4)));
        file[50] ^= 1;
        assert_eq!(Mark::choose(&file, HOME, &wrap()), Err(MarkError::Invalid));
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_do_not(bytes: Vec<u8>) {
            prop_assert!(Mark::choose(&bytes, HOME, &wrap()).is_err());
            let used = matches!(Slot::parse(&bytes, &wrap()), Slot::Used { .. });
            prop_assert!(!used);
        }
    }
}
