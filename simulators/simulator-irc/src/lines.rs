//! Cutting a byte stream into lines with bounded memory.

use crate::message::{BODY_MAX, TAGS_MAX};

/// Longest line kept, in bytes; the rest of a longer line is thrown away.
const LINE_MAX: usize = TAGS_MAX + BODY_MAX;

/// Collects bytes until a line is complete. CR, LF and CR LF all end a line.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    partial: Vec<u8>,
}

impl LineBuffer {
    /// Takes bytes in and calls `each` with every line that they complete, empty ones left out.
    pub(crate) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) {
        for &byte in bytes {
            if matches!(byte, b'\r' | b'\n') {
                if !self.partial.is_empty() {
                    each(&self.partial);
                    self.partial.clear();
                }
            } else if self.partial.len() < LINE_MAX {
                self.partial.push(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_MAX, LineBuffer};

    #[test]
    fn lines_survive_any_cut() {
        let mut buffer = LineBuffer::default();
        let mut lines = Vec::new();
        for chunk in [&b"PI"[..], b"NG a\r", b"\nPING b\n\n", b"PING c"] {
            buffer.push(chunk, |line| lines.push(line.to_vec()));
        }
        assert_eq!(lines, [b"PING a".to_vec(), b"PING b".to_vec()]);
    }

    #[test]
    fn an_endless_line_stays_bounded() {
        let mut buffer = LineBuffer::default();
        for _ in 0..100 {
            buffer.push(&[b'x'; 1_000], |_| panic!("no line ended"));
        }
        let mut length = 0;
        buffer.push(b"\n", |line| length = line.len());
        assert_eq!(length, LINE_MAX);
    }
}
