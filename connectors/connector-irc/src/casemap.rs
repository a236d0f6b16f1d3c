//! Which letters a server takes for the same: `CASEMAPPING`, <https://modern.ircdocs.horse/#casemapping-parameter>.

/// A server's rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CaseMapping {
    /// Only a to z.
    Ascii,
    /// Also `[]\~` with `{}|^`; what the RFC says and so the default.
    #[default]
    Rfc1459,
    /// Also `[]\` with `{}|`.
    Rfc1459Strict,
}

impl CaseMapping {
    /// Reads the token's value; anything unknown is compared as ASCII.
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "rfc1459" => Self::Rfc1459,
            "rfc1459-strict" | "strict-rfc1459" => Self::Rfc1459Strict,
            _ => Self::Ascii,
        }
    }

    fn letter(self, c: char) -> char {
        match (self, c) {
            (Self::Rfc1459 | Self::Rfc1459Strict, '[') => '{',
            (Self::Rfc1459 | Self::Rfc1459Strict, ']') => '}',
            (Self::Rfc1459 | Self::Rfc1459Strict, '\\') => '|',
            (Self::Rfc1459, '~') => '^',
            _ => c.to_ascii_lowercase(),
        }
    }

    /// The form in which names are compared and stored.
    pub(crate) fn fold(self, name: &str) -> String {
        name.chars().map(|c| self.letter(c)).collect()
    }

    /// Whether two names are the same.
    pub(crate) fn same(self, a: &str, b: &str) -> bool {
        a.len() == b.len() && a.chars().zip(b.chars()).all(|(a, b)| self.letter(a) == self.letter(b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_folds_its_own_letters() {
        assert_eq!(CaseMapping::Ascii.fold("#A[]\\~"), "#a[]\\~");
        assert_eq!(CaseMapping::Rfc1459.fold("#A[]\\~"), "#a{}|^");
        assert_eq!(CaseMapping::Rfc1459Strict.fold("#A[]\\~"), "#a{}|~");
        assert!(CaseMapping::Rfc1459.same("Ann[]", "aNN{}"));
        assert!(!CaseMapping::Ascii.same("Ann[]", "aNN{}"));
    }
}
