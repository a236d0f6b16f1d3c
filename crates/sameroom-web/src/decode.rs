//! Paths and queries as text (RFC 3986 section 2.1; WHATWG URL, "application/x-www-form-urlencoded parsing").

/// The decoded segments of a path without its leading slash; `None` where one is no UTF-8.
pub(crate) fn segments(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split('/').map(|segment| decode(segment, false)).collect()
}

/// The decoded pairs of a query; those that are no UTF-8 are left out.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(key, true)?, decode(value, true)?))
        })
        .collect()
}

fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let mut ahead = bytes.clone();
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                match (digit(ahead.next()), digit(ahead.next())) {
                    (Some(high), Some(low)) => {
                        out.push(u8::try_from(high * 16 + low).ok()?);
                        bytes = ahead;
                    }
                    // A sign that escapes nothing stands for itself.
                    _ => out.push(b'%'),
                }
            }
            b'+' if plus_is_space => out.push(b' '),
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn segments_are_split_before_they_are_decoded() {
        assert_eq!(segments("/a%2Fb/c%20d"), Some(vec!["a/b".to_owned(), "c d".to_owned()]));
        assert_eq!(segments("/%F0%9F%91%8D"), Some(vec!["👍".to_owned()]));
        assert_eq!(segments("/%ff"), None);
        assert_eq!(segments("/100%"), Some(vec!["100%".to_owned()]));
    }

    #[test]
    fn pairs_keep_their_order() {
        let expected = vec![("a".to_owned(), "b c".to_owned()), ("d".to_owned(), String::new())];
        assert_eq!(pairs("a=b+c&&d&e=%ff"), expected);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".{0,60}") {
            segments(&text);
            pairs(&text);
        }
    }
}
