//! Stanzas to text.

use std::borrow::Cow;
use std::fmt::Write as _;

/// XML being written; whatever goes in as text or value comes out as text or value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Xml {
    out: String,
    in_tag: bool,
}

impl Xml {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self { out: String::with_capacity(256), in_tag: false }
    }

    /// Opens an element.
    pub(crate) fn start(&mut self, name: &str) -> &mut Self {
        self.close_tag();
        self.out.push('<');
        self.out.push_str(name);
        self.in_tag = true;
        self
    }

    /// Opens an element of another namespace.
    pub(crate) fn start_ns(&mut self, name: &str, ns: &str) -> &mut Self {
        self.start(name);
        self.attr("xmlns", ns)
    }

    /// Adds an attribute to the element just opened.
    pub(crate) fn attr(&mut self, key: &str, value: &str) -> &mut Self {
        self.out.push(' ');
        self.out.push_str(key);
        self.out.push_str("='");
        escape(&mut self.out, value, true);
        self.out.push('\'');
        self
    }

    /// Adds a number as an attribute.
    pub(crate) fn attr_number(&mut self, key: &str, value: u64) -> &mut Self {
        let mut text = String::new();
        // Writing to a string can't fail.
        if write!(text, "{value}").is_ok() {
            self.attr(key, &text);
        }
        self
    }

    /// Adds text.
    pub(crate) fn text(&mut self, text: &str) {
        self.close_tag();
        escape(&mut self.out, text, false);
    }

    /// Closes an element.
    pub(crate) fn end(&mut self, name: &str) -> &mut Self {
        if self.in_tag {
            self.out.push_str("/>");
            self.in_tag = false;
        } else {
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
        self
    }

    /// An element that holds only text.
    pub(crate) fn leaf(&mut self, name: &str, text: &str) -> &mut Self {
        self.start(name);
        self.text(text);
        self.end(name)
    }

    /// An empty element of another namespace.
    pub(crate) fn empty_ns(&mut self, name: &str, ns: &str) -> &mut Self {
        self.start_ns(name, ns).end(name)
    }

    /// What was written.
    pub(crate) fn finish(self) -> String {
        self.out
    }

    fn close_tag(&mut self) {
        if self.in_tag {
            self.out.push('>');
            self.in_tag = false;
        }
    }
}

/// `text` without the characters that XML 1.0 can't hold, for which a server would end the stream.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_legal) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().filter(|c| is_legal(*c)).collect())
    }
}

/// XML 1.0 section 2.2, the production `Char`.
fn is_legal(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

fn escape(out: &mut String, text: &str, in_attr: bool) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' if in_attr => out.push_str("&apos;"),
            '"' if in_attr => out.push_str("&quot;"),
            // Unescaped they would be read back as spaces or as a line feed.
            '\n' if in_attr => out.push_str("&#10;"),
            '\t' if in_attr => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            c if is_legal(c) => out.push(c),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::parse_one;

    #[test]
    fn text_never_becomes_markup() {
        let mut xml = Xml::new();
        xml.start("a").attr("b", "'/><c>").text("</a><d/>]]>\u{0}\u{1b}");
        xml.end("a");
        assert_eq!(xml.finish(), "<a b='&apos;/&gt;&lt;c&gt;'>&lt;/a&gt;&lt;d/&gt;]]&gt;</a>");
    }

    proptest! {
        #[test]
        fn any_text_reads_back_without_its_illegal_characters(text in any::<String>(), value in any::<String>()) {
            let mut xml = Xml::new();
            xml.start("a").attr("b", &value).text(&text);
            xml.end("a");
            let read = parse_one(&xml.finish());
            prop_assert_eq!(read.text(), clean(&text));
            prop_assert_eq!(read.attr("b").map(str::to_owned), Some(clean(&value).into_owned()));
        }
    }
}
