//! Reading a line without copying it.

use std::borrow::Cow;

/// The most parameters of a line; what follows belongs to the last.
const PARAMS_MAX: usize = 15;

/// One line, split into its parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    tags: &'a str,
    /// Who sent it: `nick!user@host` or a server's name; empty where the line names nobody.
    pub(crate) source: &'a str,
    /// The command or numeric.
    pub(crate) command: &'a str,
    params: [&'a str; PARAMS_MAX],
    count: usize,
}

impl<'a> Line<'a> {
    /// Splits a line without its CR and LF; `None` where there is no command.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut rest = text.trim_start_matches(' ');
        let mut tags = "";
        if let Some(tagged) = rest.strip_prefix('@') {
            (tags, rest) = tagged.split_once(' ')?;
            rest = rest.trim_start_matches(' ');
        }
        let mut source = "";
        if let Some(sourced) = rest.strip_prefix(':') {
            (source, rest) = sourced.split_once(' ')?;
            rest = rest.trim_start_matches(' ');
        }
        let (command, mut rest) = rest.split_once(' ').unwrap_or((rest, ""));
        if command.is_empty() {
            return None;
        }
        let mut line = Self { tags, source, command, params: [""; PARAMS_MAX], count: 0 };
        loop {
            rest = rest.trim_start_matches(' ');
            if rest.is_empty() || line.count == PARAMS_MAX {
                return Some(line);
            }
            if let Some(last) = rest.strip_prefix(':') {
                line.push(last);
                return Some(line);
            }
            if line.count == PARAMS_MAX - 1 {
                line.push(rest);
                return Some(line);
            }
            let (param, after) = rest.split_once(' ').unwrap_or((rest, ""));
            line.push(param);
            rest = after;
        }
    }

    fn push(&mut self, param: &'a str) {
        if let Some(slot) = self.params.get_mut(self.count) {
            *slot = param;
            self.count += 1;
        }
    }

    /// A parameter, counted from 0; empty where there is none.
    pub(crate) fn param(&self, index: usize) -> &'a str {
        self.params().get(index).copied().unwrap_or_default()
    }

    /// The last parameter; empty where there is none.
    pub(crate) fn last(&self) -> &'a str {
        self.params().last().copied().unwrap_or_default()
    }

    /// All parameters.
    pub(crate) fn params(&self) -> &[&'a str] {
        self.params.get(..self.count).unwrap_or_default()
    }

    /// A tag's value, unescaped; the last of several; `None` where it is absent, empty where it has none.
    pub(crate) fn tag(&self, key: &str) -> Option<Cow<'a, str>> {
        if self.tags.is_empty() {
            return None;
        }
        let raw = self.tags.rsplit(';').find_map(|tag| {
            let value = tag.strip_prefix(key)?;
            if value.is_empty() { Some("") } else { value.strip_prefix('=') }
        })?;
        Some(unescape(raw))
    }

    /// The nick of who sent it, or the whole source of a server.
    pub(crate) fn nick(&self) -> &'a str {
        self.source.split_once('!').map_or(self.source, |(nick, _)| nick)
    }

    /// `user@host` of who sent it.
    pub(crate) fn user_host(&self) -> Option<&'a str> {
        self.source.split_once('!').map(|(_, rest)| rest)
    }
}

/// Undoes the escapes of a tag's value; a lone backslash at the end is dropped.
fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some(':') => out.push(';'),
            Some('s') => out.push(' '),
            Some('r') => out.push('\r'),
            Some('n') => out.push('\n'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::LineBuilder;
    use proptest::prelude::*;

    #[test]
    fn a_line_splits_into_its_parts() {
        let line =
            Line::parse("@time=t;msgid=a\\:b\\s;x :ann!~a@h PRIVMSG  #dev :hello  there :)").expect("line");
        assert_eq!(line.tag("msgid").as_deref(), Some("a;b "));
        assert_eq!(line.tag("x").as_deref(), Some(""));
        assert_eq!(line.tag("tim"), None);
        assert_eq!((line.nick(), line.user_host()), ("ann", Some("~a@h")));
        assert_eq!(line.command, "PRIVMSG");
        assert_eq!(line.params(), ["#dev", "hello  there :)"]);
    }

    #[test]
    fn odd_lines_are_read_or_left() {
        assert_eq!(Line::parse("PING").expect("command").params(), [""; 0]);
        assert_eq!(Line::parse("PING :").expect("command").params(), [""]);
        assert_eq!(Line::parse("005 a b :").expect("command").params().len(), 3);
        for broken in ["", " ", ":only", "@tag", "@tag ", ":src ", "@t :s "] {
            assert!(Line::parse(broken).is_none(), "{broken:?}");
        }
        let many = format!("CMD {}", "p ".repeat(20));
        assert_eq!(Line::parse(&many).expect("line").params().len(), 15);
        let twice = Line::parse("@a=1;a=2 X").expect("line");
        assert_eq!(twice.tag("a").as_deref(), Some("2"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,80}", tags in "[@:; =\\\\a-z]{0,40}") {
            for text in [&text, &tags, &format!("{tags} {text}")] {
                if let Some(line) = Line::parse(text) {
                    line.tag("a");
                    line.nick();
                }
            }
        }

        #[test]
        fn what_is_written_is_read_back(tag in "[^\\x00]{1,30}", text in "[^\\x00\\x01\r\n]{0,60}") {
            let bytes = LineBuilder::new().tag("+k", &tag).command("PRIVMSG").arg("#a").text(&text).finish();
            let whole = String::from_utf8(bytes).expect("utf-8");
            let line = Line::parse(whole.strip_suffix("\r\n").expect("end")).expect("line");
            prop_assert_eq!(line.tag("+k").expect("tag"), tag);
            prop_assert_eq!(line.params(), ["#a", text.as_str()]);
        }
    }
}
