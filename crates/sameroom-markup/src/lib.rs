//! Operations on the rich-text tree: dialects, splitting, sanitising.
//!
//! A [`Dialect`] turns the markup of one family of platforms into a [`sameroom_types::text::Text`] and back.
//! Parsing cannot fail; rendering never lets foreign text become markup, a mention, a command or a
//! protocol line. Everything here is a pure function: no I/O, no clock, no randomness.

mod builder;
mod correction;
mod dialect;
mod fuzzing;
mod guard;
mod html;
mod irc;
mod lines;
mod links;
mod markdown;
mod plain;
mod runs;
mod sanitise;
mod split;
mod styling;
mod table;
mod walk;
mod xhtml_im;

pub use correction::correction;
pub use dialect::Dialect;
pub use fuzzing::{FUZZ_TARGETS, FuzzTarget};
pub use guard::no_ping;
pub use html::MatrixHtml;
pub use irc::Irc;
pub use markdown::Markdown;
pub use plain::{Plain, first_line, is_blank, plain_text};
pub use sanitise::{MAX_BLOCK_DEPTH, MAX_TEXT_BYTES, normalise, sanitise};
pub use split::{Part, split};
pub use styling::XmppStyling;
pub use walk::{map_mentions, prepend};
pub use xhtml_im::parse_xhtml_im;
