//! Patterns of `KEYS`, `SCAN` and `CONFIG GET`: `*`, `?`, `[a-z]`, `[^a]`, and `\` before
//! what stands for itself. On bytes; case counts.
//!
//! The trap: a pattern is the client's. Matching is linear in the text for every `*` and never
//! recurses, so that no pattern is expensive.

/// Whether all of the text fits the pattern.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last `*` does not fit: it takes one byte more.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, t));
            p += 1;
            continue;
        }
        match text.get(t) {
            None if p == pattern.len() => return true,
            None => return false,
            Some(byte) => match one(&pattern[p..], *byte) {
                Some(used) => (p, t) = (p + used, t + 1),
                None => match retry {
                    Some((after_star, from)) => {
                        retry = Some((after_star, from + 1));
                        (p, t) = (after_star, from + 1);
                    }
                    None => return false,
                },
            },
        }
    }
}

/// How many bytes of the pattern this byte of the text takes, if it fits.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'\\', literal, ..] => (*literal == byte).then_some(2),
        [b'[', class @ ..] => {
            let (fits, used) = in_class(class, byte);
            fits.then_some(used + 1)
        }
        [literal, ..] => (*literal == byte).then_some(1),
    }
}

/// Whether the class has this byte, and how long it is. One that is not closed ends with the
/// pattern.
fn in_class(class: &[u8], byte: u8) -> (bool, usize) {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    while let Some(rest) = class.get(at..).filter(|rest| !rest.is_empty()) {
        match rest {
            [b']', ..] => return (found != negated, at + 1),
            [b'\\', literal, ..] => {
                found |= *literal == byte;
                at += 2;
            }
            [first, b'-', last, ..] if *last != b']' => {
                found |= (*first.min(last)..=*first.max(last)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= *literal == byte;
                at += 1;
            }
            [] => unreachable!("filtered above"),
        }
    }
    (found != negated, at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a*c", "abcabc", true),
            ("a*c", "abcab", false),
            ("*a*b*", "xxaxxbxx", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            ("[a-]", "-", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("[\\]]", "]", true),
            ("[abc", "b", true),
            ("a\\", "a\\", true),
            ("ab", "AB", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_are_cheap() {
        let pattern = "a*".repeat(1000) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(20_000).as_bytes()));
    }

    proptest! {
        #[test]
        fn never_panics(
            pattern in "[a*?\\[\\]^\\\\-]{0,9}",
            text in "[a*?\\[\\]^\\\\-]{0,9}",
        ) {
            let _ = matches(pattern.as_bytes(), text.as_bytes());
            prop_assert!(matches(b"*", text.as_bytes()));
        }
    }
}
