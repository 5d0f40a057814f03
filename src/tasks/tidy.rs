//! Parts of sentences without the marks that say nothing there.

use std::ops::Range;

/// Marks that open something, and what closes each.
const PAIRS: [(&str, &str); 7] = [("(", ")"), ("[", "]"), ("{", "}"), ("«", "»"), ("“", "”"), ("”", "”"), ("\"", "\"")];
/// Marks that say nothing at the end of a part, and no mark but an opening one does at its beginning.
const LOOSE: [&str; 11] = ["،", ",", "؛", ";", ":", "-", "–", "—", "−", "/", "…"];

/// A part without brackets and quotes that nothing closes or opens, and without loose marks at its ends: the runs of words
/// that are left of it. Words come with whether they are marks.
pub(super) fn tidy(words: &[(&str, bool)]) -> Vec<Range<usize>> {
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut single = vec![false; words.len()];
    for (at, &(word, _)) in words.iter().enumerate().filter(|(_, (_, mark))| *mark) {
        if let Some(place) = open.iter().rposition(|(_, closing)| *closing == word) {
            open.drain(place..).skip(1).for_each(|(other, _)| single[other] = true);
        } else if let Some((_, closing)) = PAIRS.iter().find(|(opening, _)| *opening == word) {
            open.push((at, closing));
        } else {
            single[at] = PAIRS.iter().any(|(_, closing)| *closing == word);
        }
    }
    open.into_iter().for_each(|(at, _)| single[at] = true);
    let mut out = Vec::new();
    for run in runs(&single) {
        let opens = |word: &str| PAIRS.iter().any(|(opening, _)| *opening == word);
        let start = run.clone().find(|&i| !words[i].1 || opens(words[i].0));
        let end = run.rev().find(|&i| !LOOSE.contains(&words[i].0));
        if let (Some(start), Some(end)) = (start, end)
            && words[start..=end.max(start)].iter().any(|(_, mark)| !mark)
        {
            out.push(start..end + 1);
        }
    }
    out
}

/// Ranges between the places that are `out`.
fn runs(out: &[bool]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, _) in out.iter().enumerate().filter(|(_, out)| **out) {
        found.push(start..at);
        start = at + 1;
    }
    found.push(start..out.len());
    found.retain(|run| !run.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_tidied() {
        let tidied = |text: &str| {
            let words: Vec<&str> = text.split(' ').collect();
            let runs = tidy(&words.iter().map(|w| (*w, w.chars().all(crate::text::words::is_mark))).collect::<Vec<_>>());
            runs.into_iter().map(|run| words[run].join(" ")).collect::<Vec<_>>().join(" | ")
        };
        assert_eq!(tidied("، قال الوزير ، :"), "قال الوزير");
        assert_eq!(tidied("قال الوزير ."), "قال الوزير .");
        assert_eq!(tidied("( رويترز ) قالت « نعم"), "( رويترز ) قالت | نعم");
        assert_eq!(tidied("الجواد \" ثندر سنو \" فاز \" أمس"), "الجواد \" ثندر سنو \" فاز | أمس");
        assert_eq!((tidied("فاز ” أمس ”"), tidied("فاز ” أمس")), ("فاز ” أمس ”".into(), "فاز | أمس".into()));
        assert_eq!(tidied("الأول ) ثم ( الثاني"), "الأول | ثم | الثاني");
        assert_eq!(tidied("« ( »"), "");
        assert_eq!(tidied("- ."), "");
    }
}
