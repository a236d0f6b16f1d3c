//! Lines as they go over the wire: <https://modern.ircdocs.horse/#message-format> and
//! <https://ircv3.net/specs/extensions/message-tags>.

mod format;
mod parse;

pub(crate) use format::LineBuilder;
pub(crate) use parse::Line;

/// The longest line without tags, with CR and LF (RFC 1459, section 2.3).
pub(crate) const LINE_MAX_BYTES: usize = 512;

/// The longest tags section that a server may send, with `@` and the space.
pub(crate) const TAGS_MAX_BYTES: usize = 8191;
