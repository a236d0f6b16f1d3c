//! The beginning of a segment file, and its name.
//!
//! | bytes | is |
//! |---|---|
//! | 8 | `sameroom` |
//! | 4 | format version |
//! | 4 | zero |
//! | 16 | installation |
//! | 8 | position of the first record |
//! | 4 | checksum of the last record before |
//! | 4 | CRC-32 of all above, with which the first record's checksum goes on |
//! | 16 | zero |

use super::frame::{number32, number64};
use crate::{Seq, folder::InstallationId};

/// The version that this program writes, and the only one it reads so far.
pub(super) const FORMAT_VERSION: u32 = 1;
/// The length of the header.
pub(super) const HEADER_BYTES: usize = 64;

const MAGIC: &[u8; 8] = b"sameroom";
const SUMMED_BYTES: usize = 44;
const EXTENSION: &str = ".seg";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) installation: InstallationId,
    pub(super) first: Seq,
    /// The checksum of the last record before, 0 if there never was one.
    pub(super) previous: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderError {
    Invalid(&'static str),
    Version(u32),
}

impl Header {
    /// The header's bytes and the checksum that the first record goes on with.
    pub(super) fn encode(&self) -> ([u8; HEADER_BYTES], u32) {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.installation.0);
        bytes[32..40].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.previous.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..SUMMED_BYTES]);
        bytes[44..48].copy_from_slice(&checksum.to_le_bytes());
        (bytes, checksum)
    }

    /// Reads any bytes.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, u32), HeaderError> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>().ok_or(HeaderError::Invalid("header is cut off"))?;
        if !bytes.starts_with(MAGIC) {
            return Err(HeaderError::Invalid("not a segment of a log"));
        }
        let checksum = number32(&bytes[44..]);
        if crc32fast::hash(&bytes[..SUMMED_BYTES]) != checksum {
            return Err(HeaderError::Invalid("header's checksum does not match"));
        }
        let version = number32(&bytes[8..]);
        if version != FORMAT_VERSION {
            return Err(HeaderError::Version(version));
        }
        let mut installation = InstallationId([0; 16]);
        installation.0.copy_from_slice(&bytes[16..32]);
        let header =
            Self { installation, first: Seq(number64(&bytes[32..])), previous: number32(&bytes[40..]) };
        Ok((header, checksum))
    }
}

/// The name of the segment that begins with a record; names sort as positions do.
pub(super) fn name(first: Seq) -> String {
    format!("{:020}{EXTENSION}", first.0)
}

/// The record that a segment begins with, if this is a segment's name.
pub(super) fn parse_name(file: &str) -> Option<Seq> {
    let digits = file.strip_suffix(EXTENSION)?;
    let valid = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| digits.parse().ok().map(Seq)).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn names_lead_back_to_positions() {
        for seq in [1, 42, u64::MAX] {
            assert_eq!(parse_name(&name(Seq(seq))), Some(Seq(seq)));
        }
        for other in ["keys", "1.seg", "99999999999999999999.seg", "+0000000000000000001.seg", ".seg"] {
            assert_eq!(parse_name(other), None, "{other}");
        }
    }

    #[test]
    fn another_version_is_named() {
        let header = Header { installation: InstallationId([1; 16]), first: Seq(1), previous: 0 };
        let (mut bytes, _) = header.encode();
        bytes[8] = 9;
        let checksum = crc32fast::hash(&bytes[..SUMMED_BYTES]);
        bytes[44..48].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(Header::parse(&bytes), Err(HeaderError::Version(9)));
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_do_not(bytes: Vec<u8>) {
            prop_assert!(Header::parse(&bytes).is_err());
        }

        #[test]
        fn what_was_encoded_parses(installation: [u8; 16], first: u64, previous: u32) {
            let header = Header { installation: InstallationId(installation), first: Seq(first), previous };
            let (bytes, checksum) = header.encode();
            prop_assert_eq!(Header::parse(&bytes), Ok((header, checksum)));
        }
    }
}
