//! What every dialect can do.

use std::fmt::Debug;

use sameroom_types::text::Text;

/// A markup language in which a platform takes and gives texts.
pub trait Dialect: Send + Sync + Debug {
    /// The short name, such as `markdown`.
    fn name(&self) -> &'static str;

    /// The tree for `source`, sanitised; whatever cannot be understood stays as text.
    fn parse(&self, source: &str) -> Text;

    /// The markup for `text`; what the dialect lacks is shown in a readable way.
    ///
    /// Text in the tree never becomes markup, a mention, a mass mention or a protocol line, except
    /// in a dialect without escapes, where [`Dialect::is_styled`] tells whether it may.
    fn render(&self, text: &Text) -> String;

    /// Whether a reader may interpret the marks in `rendered`, which [`Dialect::render`] made of `text`.
    ///
    /// False where characters of the text would be taken for marks, which can only happen in a
    /// dialect without escapes; the platform's way to say "no styling here" must then go along.
    fn is_styled(&self, rendered: &str, text: &Text) -> bool {
        let _ = (rendered, text);
        true
    }
}
