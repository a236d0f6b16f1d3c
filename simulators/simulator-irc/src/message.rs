//! One line of IRC, read and written. Implements <https://modern.ircdocs.horse/#message-format> and
//! <https://ircv3.net/specs/extensions/message-tags>. Knows no command.

/// Longest line without tags, in bytes, without CR LF.
pub(crate) const BODY_MAX: usize = 510;
/// Longest tag section a client may send, in bytes, with `@` and the blank.
pub(crate) const CLIENT_TAGS_MAX: usize = 4_096;
/// Longest tag section at all, in bytes, with `@` and the blank.
pub(crate) const TAGS_MAX: usize = 8_191;
/// Most parameters of a line.
const PARAMS_MAX: usize = 15;

/// A parsed or built line. Parameters are bytes, since clients may use any character set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Message {
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) source: Option<String>,
    pub(crate) command: String,
    pub(crate) params: Vec<Vec<u8>>,
    /// Whether the last parameter is written with a colon even if it needs none.
    trailing: bool,
}

impl Message {
    pub(crate) fn new(source: &str, command: &str) -> Self {
        Self { source: Some(source.to_owned()), command: command.to_owned(), ..Self::default() }
    }

    /// A line as a client writes it, without source.
    pub(crate) fn from_client(command: &str) -> Self {
        Self { command: command.to_owned(), ..Self::default() }
    }

    pub(crate) fn arg(mut self, param: impl AsRef<[u8]>) -> Self {
        self.params.push(param.as_ref().to_vec());
        self
    }

    /// Adds the last parameter, which may hold blanks.
    pub(crate) fn text(mut self, param: impl AsRef<[u8]>) -> Self {
        self.trailing = true;
        self.arg(param)
    }

    pub(crate) fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.retain(|(name, _)| name != key);
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn tag_value(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The parameter as text, invalid bytes replaced; `None` if missing or empty.
    pub(crate) fn word(&self, index: usize) -> Option<String> {
        let param = self.params.get(index).filter(|param| !param.is_empty())?;
        Some(String::from_utf8_lossy(param).into_owned())
    }

    /// Reads one line without its end; `None` if it holds no command.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let mut message = Self::default();
        let mut rest = line;
        if let Some(after) = rest.strip_prefix(b"@") {
            let (tags, body) = split_word(after);
            message.tags = parse_tags(tags);
            rest = body;
        }
        rest = skip_blanks(rest);
        if let Some(after) = rest.strip_prefix(b":") {
            let (source, body) = split_word(after);
            message.source = Some(String::from_utf8_lossy(source).into_owned());
            rest = body;
        }
        let (command, mut rest) = split_word(skip_blanks(rest));
        message.command = String::from_utf8_lossy(command).to_ascii_uppercase();
        if message.command.is_empty() || !message.command.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        loop {
            rest = skip_blanks(rest);
            if rest.is_empty() {
                return Some(message);
            }
            if rest.starts_with(b":") || message.params.len() == PARAMS_MAX - 1 {
                message.params.push(rest.strip_prefix(b":").unwrap_or(rest).to_vec());
                message.trailing = true;
                return Some(message);
            }
            let (param, after) = split_word(rest);
            message.params.push(param.to_vec());
            rest = after;
        }
    }

    /// Cuts the last parameter so that the line without tags fits 512 bytes; at a byte, as servers do.
    pub(crate) fn cut_to_fit(&mut self) {
        let over = self.body_uncut().len().saturating_sub(BODY_MAX);
        if let Some(last) = self.params.last_mut() {
            last.truncate(last.len().saturating_sub(over));
        }
    }

    /// Writes the line with those tags that `keep` allows, ending with CR LF.
    pub(crate) fn write(&self, keep: impl Fn(&str) -> bool) -> Vec<u8> {
        let mut line = Vec::with_capacity(128);
        for (key, value) in self.tags.iter().filter(|(key, _)| keep(key)) {
            let mut piece = String::from(if line.is_empty() { "@" } else { ";" });
            piece.push_str(key);
            if !value.is_empty() {
                piece.push('=');
                escape_into(&mut piece, value);
            }
            if line.len() + piece.len() < TAGS_MAX {
                line.extend_from_slice(piece.as_bytes());
            }
        }
        if !line.is_empty() {
            line.push(b' ');
        }
        let mut body = self.body_uncut();
        body.truncate(BODY_MAX);
        line.append(&mut body);
        line.extend_from_slice(b"\r\n");
        line
    }

    fn body_uncut(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(128);
        if let Some(source) = &self.source {
            body.push(b':');
            body.extend_from_slice(source.as_bytes());
            body.push(b' ');
        }
        body.extend_from_slice(self.command.as_bytes());
        for (index, param) in self.params.iter().enumerate() {
            body.push(b' ');
            let needs_colon = param.is_empty() || param.starts_with(b":") || param.contains(&b' ');
            if index + 1 == self.params.len() {
                if self.trailing || needs_colon {
                    body.push(b':');
                }
                body.extend_from_slice(param);
            } else if needs_colon {
                // Only a client's own mistake, quoted back at it, gets here.
                let word = split_word(param).0;
                let word: Vec<u8> = word.iter().copied().skip_while(|byte| *byte == b':').collect();
                body.extend_from_slice(if word.is_empty() { b"*" } else { &word });
            } else {
                body.extend_from_slice(param);
            }
        }
        body.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        body
    }
}

fn skip_blanks(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|byte| **byte == b' ').count();
    bytes.split_at(blanks).1
}

fn split_word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
    bytes.split_at(end)
}

fn parse_tags(section: &[u8]) -> Vec<(String, String)> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for piece in String::from_utf8_lossy(section).split(';').filter(|piece| !piece.is_empty()) {
        let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
        if key.is_empty() {
            continue;
        }
        tags.retain(|(name, _)| name != key);
        tags.push((key.to_owned(), unescape(value)));
    }
    tags
}

fn unescape(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some(':') => plain.push(';'),
            Some('s') => plain.push(' '),
            Some('r') => plain.push('\r'),
            Some('n') => plain.push('\n'),
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

fn escape_into(out: &mut String, value: &str) {
    for letter in value.chars() {
        match letter {
            ';' => out.push_str("\\:"),
            ' ' => out.push_str("\\s"),
            '\\' => out.push_str("\\\\"),
            '\r' => out.push_str("\\r"),
            '\n' => out.push_str("\\n"),
            '\0' => {}
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    fn rewrite(line: &str) -> String {
        let message = Message::parse(line.as_bytes()).expect("a line with a command");
        String::from_utf8(message.write(|_| true)).expect("text stays text").trim_end().to_owned()
    }

    #[test]
    fn lines_read_back() {
        for line in [
            "PING x",
            ":ana!a@h PRIVMSG #r :hello there",
            ":ana PRIVMSG #r ::-)",
            "@a=b;+c=d\\se\\:f JOIN #r",
            "@+typing=active TAGMSG #r",
            "TOPIC #r :",
        ] {
            assert_eq!(rewrite(line), line);
        }
    }

    #[test]
    fn odd_lines() {
        assert_eq!(Message::parse(b""), None);
        assert_eq!(Message::parse(b"@a=b"), None);
        assert_eq!(Message::parse(b":source"), None);
        assert_eq!(rewrite("   privmsg   #r    a"), "PRIVMSG #r a");
        assert_eq!(rewrite("@a=1;a=2;;=x;b=\\ PING"), "@a=2;b PING");
    }

    #[test]
    fn long_lines_are_cut_and_cannot_smuggle() {
        let message = Message::new("s", "PRIVMSG").arg("#r").text("x".repeat(900));
        assert_eq!(message.write(|_| true).len(), 512);
        let message = Message::new("s", "PRIVMSG").arg("a b").text("x\r\nQUIT");
        assert_eq!(message.write(|_| true), b":s PRIVMSG a :xQUIT\r\n");
    }
}
