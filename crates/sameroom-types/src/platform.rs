//! How a platform describes itself, so that pages, configuration and docs need not know it.

use serde::{Deserialize, Serialize};

use crate::capabilities::Capabilities;

/// A platform, as its connector describes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlatformDescription {
    /// The word in `platform = "..."`.
    pub id: &'static str,
    /// The name for people.
    pub name: &'static str,
    /// An SVG icon, at most a few hundred bytes, drawn with `currentColor`.
    pub icon: &'static str,
    /// One sentence on what kind of account to use and why.
    pub advice: &'static str,
    /// The fields of an account, in the order of the form.
    pub fields: &'static [Field],
    /// How an account is linked, step by step.
    pub linking: &'static [LinkStep],
    /// What its rooms can do unless a session says otherwise.
    pub capabilities: Capabilities,
    /// Whether its contract suite is not yet green.
    pub preview: bool,
}

/// One field of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// The key in the configuration.
    pub key: &'static str,
    /// What to call it in a form.
    pub label: &'static str,
    /// What it is for, where to find it, its default.
    pub help: &'static str,
    /// What may stand there.
    pub kind: FieldKind,
    /// Whether it must be given.
    pub required: bool,
}

/// What may stand in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldKind {
    /// Text.
    Text,
    /// Text that is sealed, never shown, and may come as `<key>_env` or `<key>_file`.
    Secret,
    /// A whole number.
    Number,
    /// Yes or no.
    Bool,
    /// A list of texts.
    List,
    /// A table or one of several shapes, explained in the help; secrets inside it follow the same rule.
    Table,
}

/// One step of linking an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LinkStep {
    /// Enter these fields.
    Enter {
        /// Keys of fields.
        fields: &'static [&'static str],
        /// What to do, in a sentence.
        say: &'static str,
    },
    /// Open this address.
    Open {
        /// The address; `{field}` stands for a field's value.
        url: &'static str,
        /// What to do there, in a sentence.
        say: &'static str,
    },
    /// Wait until the platform answers.
    Wait {
        /// What is being waited for, in a sentence.
        say: &'static str,
    },
}
