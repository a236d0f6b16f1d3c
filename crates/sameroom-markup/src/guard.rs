//! Keeps names from notifying people who were not addressed on purpose.
//!
//! The means is U+200B (zero width space), which readers do not see and platforms do not match.

use std::borrow::Cow;

use sameroom_types::text::Mention;
use unicode_segmentation::UnicodeSegmentation;

/// The character that breaks a name up.
pub(crate) const GUARD: char = '\u{200b}';

/// The words that address everybody on some platform when an `@` stands before them.
const MASS_WORDS: [&str; 10] =
    ["everyone", "here", "channel", "all", "room", "group", "team", "online", "thread", "topic"];

/// Those that some platform finds at the start of longer words too.
const GREEDY_WORDS: [&str; 3] = ["everyone", "here", "channel"];

/// `name` with U+200B after its first grapheme, so that it notifies nobody of that name.
#[must_use]
pub fn no_ping(name: &str) -> String {
    let mut graphemes = name.graphemes(true);
    match graphemes.next() {
        Some(first) => format!("{first}{GUARD}{}", graphemes.as_str()),
        None => String::new(),
    }
}

/// `text` in which no mass mention acts: `@everyone`, `<!here>` and the like are broken up.
pub(crate) fn guard_mass(text: &str) -> Cow<'_, str> {
    insert(text, |before, sign, rest| match sign {
        '@' => starts_with_mass_word(rest) && !is_mail_address(before, rest),
        '<' => rest.strip_prefix('!').is_some_and(starts_with_mass_word),
        _ => false,
    })
}

/// As [`guard_mass`] for a piece of text that something else may follow.
pub(crate) fn guard_mass_piece(text: &str) -> Cow<'_, str> {
    insert(text, |before, sign, rest| match sign {
        '@' => rest.is_empty() || (starts_with_mass_word(rest) && !is_mail_address(before, rest)),
        '<' => rest.strip_prefix('!').is_some_and(starts_with_mass_word),
        _ => false,
    })
}

/// `text` in which no `@name` acts, whoever it names, and no mass mention.
pub(crate) fn guard_names(text: &str) -> Cow<'_, str> {
    insert(text, |before, sign, rest| match sign {
        '@' => !rest.starts_with(|c: char| c.is_whitespace() || c == GUARD) && !is_mail_address(before, rest),
        '<' => rest.strip_prefix('!').is_some_and(starts_with_mass_word),
        _ => false,
    })
}

/// Takes the guards after `@` and `<` out again.
pub(crate) fn unguard(text: &str) -> Cow<'_, str> {
    if text.contains(GUARD) {
        Cow::Owned(text.replace("@\u{200b}", "@").replace("<\u{200b}!", "<!"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A mention for dialects in which a name alone can notify: one with an id goes as it is.
pub(crate) fn push_mention(out: &mut String, mention: &Mention) {
    match mention {
        Mention::User { id, name } => {
            out.push('@');
            if id.is_empty() {
                out.push(GUARD);
            }
            out.push_str(name);
        }
        Mention::Room { name, .. } => {
            out.push('#');
            out.push_str(name);
        }
        Mention::Mass { name } => push_mass(out, name),
    }
}

/// A mass mention that notifies nobody.
pub(crate) fn push_mass(out: &mut String, name: &str) {
    out.push('@');
    out.push(GUARD);
    out.push_str(&guard_mass(name));
}

/// Whether `name` is one of the words that address everybody.
pub(crate) fn is_mass_word(name: &str) -> bool {
    MASS_WORDS.iter().any(|word| word.eq_ignore_ascii_case(name))
}

fn insert(text: &str, needed: impl Fn(char, char, &str) -> bool) -> Cow<'_, str> {
    if !text.contains(['@', '<']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(c);
        if matches!(c, '@' | '<') && needed(before, c, chars.as_str()) {
            out.push(GUARD);
        }
        before = c;
    }
    Cow::Owned(out)
}

/// Whether an `@` after `before` is one of `info@room.example`, which must stay as it is.
fn is_mail_address(before: char, rest: &str) -> bool {
    let domain = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-');
    before.is_ascii_alphanumeric()
        && domain.len() < rest.len()
        && domain.strip_prefix('.').is_some_and(|tail| tail.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

fn starts_with_mass_word(rest: &str) -> bool {
    MASS_WORDS.iter().any(|word| {
        let matches = rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        let goes_on = rest
            .get(word.len()..)
            .is_some_and(|after| after.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        matches && (!goes_on || GREEDY_WORDS.contains(word))
    })
}
