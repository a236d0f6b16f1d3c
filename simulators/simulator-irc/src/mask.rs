//! Wildcards (`*` and `?`) as used in bans, `WHO` and `LIST`.

/// Whether `text` matches `pattern`; both must already be folded.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to resume after the last star, and how much text that star has taken.
    let mut resume: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                resume = Some((p + 1, t));
                p += 1;
            }
            Some(&letter) if letter == '?' || letter == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match resume {
                Some((star, taken)) => {
                    p = star;
                    t = taken + 1;
                    resume = Some((star, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|letter| *letter == '*')
}

/// Completes a ban mask to `nick!user@host`.
pub(crate) fn complete(mask: &str) -> String {
    match (mask.contains('!'), mask.contains('@')) {
        (true, true) => mask.to_owned(),
        (true, false) => format!("{mask}@*"),
        (false, true) => format!("*!{mask}"),
        (false, false) => format!("{mask}!*@*"),
    }
}

#[cfg(test)]
mod tests {
    use super::{complete, matches};

    #[test]
    fn wildcards() {
        assert!(matches("*!*@host", "ana!a@host"));
        assert!(matches("a?a!*", "ana!a@host"));
        assert!(matches("*a*a*", "banana"));
        assert!(matches("*", ""));
        assert!(!matches("a?", "a"));
        assert!(!matches("*b", "abc"));
    }

    #[test]
    fn masks_are_completed() {
        assert_eq!(complete("ana"), "ana!*@*");
        assert_eq!(complete("u@h"), "*!u@h");
        assert_eq!(complete("n!u"), "n!u@*");
    }
}
