//! Folding of nicks and room names. Implements the `CASEMAPPING` token of <https://modern.ircdocs.horse/#casemapping-parameter>.

/// Which letters count as the same letter in nicks and room names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CaseMapping {
    /// Only `A-Z` fold.
    Ascii,
    /// As ASCII, and `[]\~` fold to `{}|^` (RFC 1459, section 2.2).
    #[default]
    Rfc1459,
    /// As ASCII, and `[]\` fold to `{}|`.
    Rfc1459Strict,
}

impl CaseMapping {
    /// The word sent in `005`.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Ascii => "ascii",
            Self::Rfc1459 => "rfc1459",
            Self::Rfc1459Strict => "rfc1459-strict",
        }
    }

    /// The form under which a name is compared.
    #[must_use]
    pub fn fold(self, name: &str) -> String {
        name.chars().map(|letter| self.fold_letter(letter)).collect()
    }

    fn fold_letter(self, letter: char) -> char {
        match (self, letter) {
            (Self::Rfc1459 | Self::Rfc1459Strict, '[') => '{',
            (Self::Rfc1459 | Self::Rfc1459Strict, ']') => '}',
            (Self::Rfc1459 | Self::Rfc1459Strict, '\\') => '|',
            (Self::Rfc1459, '~') => '^',
            _ => letter.to_ascii_lowercase(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CaseMapping;

    #[test]
    fn each_mapping_folds_its_own_letters() {
        assert_eq!(CaseMapping::Ascii.fold("A[]\\~"), "a[]\\~");
        assert_eq!(CaseMapping::Rfc1459.fold("A[]\\~"), "a{}|^");
        assert_eq!(CaseMapping::Rfc1459Strict.fold("A[]\\~"), "a{}|~");
    }
}
