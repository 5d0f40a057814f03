//! Character references that scraped text was left with: «&quot;», «&#39;».

use regex::Regex;
use std::borrow::Cow;
use std::sync::OnceLock;

/// What stands behind the character of a reference, for each of its other code points; no text has it (a noncharacter).
const FILLER: char = '\u{ffff}';
/// References by name.
const NAMED: [(&str, char); 19] = [
    ("quot", '"'),
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("apos", '\''),
    ("nbsp", '\u{a0}'),
    ("laquo", '«'),
    ("raquo", '»'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("bdquo", '„'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("hellip", '…'),
    ("bull", '•'),
    ("middot", '·'),
];

fn pattern() -> &'static Regex {
    static PATTERN: OnceLock<Regex> = OnceLock::new();
    PATTERN.get_or_init(|| Regex::new("&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]{2,6}));").expect("a fixed pattern"))
}

/// The character of a reference, of which `found` are the parts; none that is not seen.
fn character(found: &regex::Captures<'_>) -> Option<char> {
    let code = |group: usize, radix: u32| found.get(group).and_then(|digits| u32::from_str_radix(digits.as_str(), radix).ok());
    let named = || NAMED.iter().find(|(name, _)| Some(*name) == found.get(3).map(|name| name.as_str())).map(|(_, c)| *c);
    let numbered = code(1, 10).or_else(|| code(2, 16)).and_then(char::from_u32);
    numbered.or_else(named).filter(|&c| c.is_whitespace() || c.is_alphanumeric() || super::words::is_mark(c))
}

/// `text` with characters for references, each as many code points long as before, so that places in it stay what they are;
/// [`shown`] takes off what fills them up. Text that is nothing but references to spaces is left alone.
pub fn resolved(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let out = pattern().replace_all(text, |found: &regex::Captures<'_>| {
        let length = found[0].len(); // of ASCII
        match character(found) {
            Some(c) if c.is_whitespace() => " ".repeat(length),
            Some(c) => std::iter::once(c).chain(std::iter::repeat_n(FILLER, length - 1)).collect(),
            None => found[0].to_string(),
        }
    });
    if out.trim().is_empty() { Cow::Borrowed(text) } else { out }
}

/// Resolved text as it is shown.
pub fn shown(resolved: &str) -> Cow<'_, str> {
    if resolved.contains(FILLER) { Cow::Owned(resolved.replace(FILLER, "")) } else { Cow::Borrowed(resolved) }
}

/// Whether `word`, between «&» or «&#» and «;», makes a reference with them.
pub fn refers(word: &str) -> bool {
    NAMED.iter().any(|(name, _)| *name == word) || !word.is_empty() && word.chars().all(|c| c.is_ascii_digit())
}

/// Places of bytes of the references in a text.
pub fn references(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    pattern().captures_iter(text).filter(|found| character(found).is_some()).map(|found| found.get(0).map_or(0..0, |whole| whole.range()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references_are_characters() {
        let text = |text: &str| shown(&resolved(text)).into_owned();
        assert_eq!(text("قال &quot;نعم&quot; و&#171;لا&#xBB; &amp; مضى"), "قال \"نعم\" و«لا» & مضى");
        assert_eq!(text("قال&nbsp;نعم").split_whitespace().collect::<Vec<_>>(), ["قال", "نعم"]);
        for plain in ["AT&T; شركة", "س & ص", "&nbsp;", "&#8207;", "&foo;", "&#9999999;"] {
            assert_eq!(text(plain), plain);
        }
        let found: Vec<_> = references("قال &quot;نعم").map(|own| (own.start, own.end)).collect();
        assert_eq!(found, [("قال ".len(), "قال &quot;".len())]);
    }

    proptest! {
        #[test]
        fn places_stay(text in "(&(quot|nbsp|amp|#39|#x22|lt);|[اب &;#]){0,12}") {
            prop_assert_eq!(resolved(&text).chars().count(), text.chars().count());
        }
    }
}
