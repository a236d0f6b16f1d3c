//! Writing a line that nothing said on another platform can break out of.

/// A line under construction: tags first, then the command, then its parameters.
#[derive(Debug, Default)]
pub(crate) struct LineBuilder {
    bytes: Vec<u8>,
}

impl LineBuilder {
    /// An empty line.
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::with_capacity(160) }
    }

    /// Adds a tag; only before the command.
    pub(crate) fn tag(mut self, key: &str, value: &str) -> Self {
        self.bytes.push(if self.bytes.is_empty() { b'@' } else { b';' });
        self.bytes.extend_from_slice(key.as_bytes());
        if !value.is_empty() {
            self.bytes.push(b'=');
            for byte in value.bytes() {
                match byte {
                    b';' => self.bytes.extend_from_slice(b"\\:"),
                    b' ' => self.bytes.extend_from_slice(b"\\s"),
                    b'\\' => self.bytes.extend_from_slice(b"\\\\"),
                    b'\r' => self.bytes.extend_from_slice(b"\\r"),
                    b'\n' => self.bytes.extend_from_slice(b"\\n"),
                    0 => {}
                    other => self.bytes.push(other),
                }
            }
        }
        self
    }

    /// The command.
    pub(crate) fn command(mut self, command: &str) -> Self {
        if !self.bytes.is_empty() {
            self.bytes.push(b' ');
        }
        self.bytes.extend_from_slice(command.as_bytes());
        self
    }

    /// A parameter without blanks; blanks and control characters in it are left out.
    pub(crate) fn arg(mut self, word: &str) -> Self {
        self.bytes.push(b' ');
        let word = word.trim_start_matches(':');
        self.bytes.extend(word.bytes().filter(|byte| *byte > b' ' && *byte != 0x7f));
        self
    }

    /// The last parameter: one line of text. NUL and CTCP's delimiter are left out, line ends become blanks.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.bytes.extend_from_slice(b" :");
        self.bytes.extend(text.bytes().filter_map(|byte| match byte {
            0 | 1 => None,
            b'\r' | b'\n' => Some(b' '),
            other => Some(other),
        }));
        self
    }

    /// The last parameter as a CTCP message.
    pub(crate) fn ctcp(self, text: &str) -> Self {
        let start = self.bytes.len() + 2;
        let mut line = self.text(text);
        line.bytes.insert(start, 1);
        line.bytes.push(1);
        line
    }

    /// The line with its end.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(b"\r\n");
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: LineBuilder, expected: &str) {
        assert_eq!(String::from_utf8_lossy(&line.finish()), expected);
    }

    #[test]
    fn foreign_text_stays_in_its_place() {
        let say = |text| LineBuilder::new().command("PRIVMSG").arg("#a").text(text);
        check(say(":)"), "PRIVMSG #a ::)\r\n");
        check(say("a\r\nQUIT :b\0"), "PRIVMSG #a :a  QUIT :b\r\n");
        check(say("\u{1}VERSION\u{1}"), "PRIVMSG #a :VERSION\r\n");
        check(LineBuilder::new().command("JOIN").arg("#a b\r\n:c"), "JOIN #ab:c\r\n");
        check(LineBuilder::new().command("X").arg(":a"), "X a\r\n");
        check(LineBuilder::new().tag("+r", "a b;\\").tag("c", "").command("X"), "@+r=a\\sb\\:\\\\;c X\r\n");
        check(
            LineBuilder::new().command("NOTICE").arg("b").ctcp("PING 1\u{1}"),
            "NOTICE b :\u{1}PING 1\u{1}\r\n",
        );
    }
}
