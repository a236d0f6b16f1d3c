//! The one rich-text tree in which every message travels between platforms.
//!
//! Plain data: parsing, rendering, splitting and sanitising live in `sameroom-markup`.
//! A message is a list of [`Block`]s; a block that holds running text is a list of [`Inline`]s.

use serde::{Deserialize, Serialize};

/// A formatted text: the body of a message, a caption, a notice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Text {
    /// The blocks from top to bottom; empty for an empty text.
    pub blocks: Vec<Block>,
}

/// A part of a text that starts on its own line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Block {
    /// Running text; line breaks inside it are [`Inline::Break`].
    Paragraph(Vec<Inline>),
    /// Preformatted text that no mark inside may change.
    CodeBlock {
        /// The language that the author named, lower case, such as `rust`.
        language: Option<String>,
        /// The code, lines separated by `\n`, without a final one.
        code: String,
    },
    /// Something said before, by anybody.
    Quote(Vec<Block>),
    /// A list, each item of which holds blocks of its own.
    List {
        /// The first number of a numbered list; `None` for bullets.
        start: Option<u64>,
        /// The items from top to bottom.
        items: Vec<Vec<Block>>,
    },
}

/// A piece of running text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Inline {
    /// Characters as they are; never holds a line break.
    Text(String),
    /// Strong emphasis.
    Bold(Vec<Inline>),
    /// Emphasis.
    Italic(Vec<Inline>),
    /// Struck through.
    Strike(Vec<Inline>),
    /// Underlined.
    Underline(Vec<Inline>),
    /// Monospaced, with no mark inside.
    Code(String),
    /// Hidden until the reader asks for it.
    Spoiler(Vec<Inline>),
    /// A link; an empty label means that the address itself is shown.
    Link {
        /// The address as the author gave it.
        url: String,
        /// What is shown instead of the address.
        label: Vec<Inline>,
    },
    /// Somebody or something addressed by name.
    Mention(Mention),
    /// One emoji.
    Emoji(Emoji),
    /// A hard line break.
    Break,
    /// Something only one dialect can express, with what others show instead.
    Raw {
        /// The dialect that understands `source`, such as `html`.
        dialect: String,
        /// The original markup, only ever given back to that dialect.
        source: String,
        /// What every other dialect shows.
        fallback: String,
    },
}

/// Who or what a message addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mention {
    /// One person.
    User {
        /// The person's id on the platform of the room where this text is; empty when unknown there.
        id: String,
        /// The name shown, without any sign before it.
        name: String,
    },
    /// Another room.
    Room {
        /// The room's id on its platform; empty when unknown there.
        id: String,
        /// The name shown, without any sign before it.
        name: String,
    },
    /// Everybody at once; never rendered so that a platform would notify anybody.
    Mass {
        /// What was typed, such as `everyone` or `here`, without any sign before it.
        name: String,
    },
}

/// One emoji: a Unicode one or a platform's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Emoji {
    /// A Unicode sequence, with skin tone and joiners as given.
    Unicode(String),
    /// A picture that only its own platform knows.
    Custom {
        /// The short name without colons.
        name: String,
        /// Where the picture is, when known.
        url: Option<String>,
    },
}

impl Text {
    /// A text of the given lines, unformatted; an empty line starts a new paragraph.
    #[must_use]
    pub fn plain(source: &str) -> Self {
        let mut blocks = Vec::new();
        let mut current: Vec<Inline> = Vec::new();
        for line in source.split('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() {
                if !current.is_empty() {
                    blocks.push(Block::Paragraph(std::mem::take(&mut current)));
                }
                continue;
            }
            if !current.is_empty() {
                current.push(Inline::Break);
            }
            current.push(Inline::Text(line.to_owned()));
        }
        if !current.is_empty() {
            blocks.push(Block::Paragraph(current));
        }
        Self { blocks }
    }

    /// One paragraph of the given pieces.
    #[must_use]
    pub fn paragraph(inlines: Vec<Inline>) -> Self {
        Self { blocks: vec![Block::Paragraph(inlines)] }
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}

impl From<&str> for Text {
    fn from(source: &str) -> Self {
        Self::plain(source)
    }
}

impl Emoji {
    /// What a dialect without custom emoji shows: the sequence itself or `:name:`.
    #[must_use]
    pub fn fallback(&self) -> String {
        match self {
            Self::Unicode(sequence) => sequence.clone(),
            Self::Custom { name, .. } => format!(":{name}:"),
        }
    }
}
