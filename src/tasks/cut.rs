//! Summaries by deletion: which words of an article's opening stay, as a chain of three states.

use super::chain::{Step, decode};
use super::gaps::Gap;
use super::pool::marker;
use crate::model::CutWords;
use crate::model::config::CutConfig;
use crate::pipeline::document::Document;
use crate::text::asides;
use crate::text::references::references;
use crate::text::words::among;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

/// Words that want another behind them: no part ends with one. As in `scripts/mujaz_train/text.py`.
const HOLDING: &str = "في من على إلى الى عن مع بين بعد قبل خلال منذ حتى عند لدى نحو ضد أمام وراء تحت فوق دون بدون حول عبر وسط ضمن عقب إثر اثر \
    أثناء رغم بسبب بحسب حسب وفق وفقا نتيجة أن إن ان أنه إنه أنها إنها بأن لأن لأنه لأنها كأن لكن لكنه لكنها التي الذي الذين \
    اللذين اللتين ما لا لم لن لو إذا إذ حيث حين حينما عندما بعدما قبلما فيما بينما كما مما عما أو أم ثم بل و قد سوف كان كانت \
    يكون تكون ليس ليست غير سوى إلا كل بعض أي هذا هذه ذلك تلك هؤلاء هو هي هم نحن وهو وهي وهم أحد إحدى أكثر أقل كي لكي عدم عدة \
    بضع نفس قال قالت";

/// Words that name the source of what stands before them, alone or before another one: without them a claim would become a fact.
const SOURCE: [&str; 9] = ["بحسب", "حسب", "بحسبما", "حسبما", "وفق", "وفقا", "وفقما", "طبقا", "نقلا"];
const SOURCE_PAIRS: [&str; 16] = [
    "على ما",
    "على حد",
    "كما أفاد",
    "كما أفادت",
    "كما ذكر",
    "كما ذكرت",
    "كما قال",
    "كما قالت",
    "كما أعلن",
    "كما أعلنت",
    "كما أكد",
    "كما أكدت",
    "كما أوضح",
    "كما أوضحت",
    "كما نقل",
    "كما نقلت",
];
/// Words that say what the ones before them announce: no part ends before one, nor within [`CLAUSE`] words behind it, where
/// what it announces is not yet said. As in `scripts/mujaz_train/text.py`.
const THAT: [&str; 12] = ["أن", "إن", "ان", "بأن", "أنه", "إنه", "أنها", "إنها", "أنهم", "إنهم", "بأنه", "بأنها"];

/// Titles that want the name of a person behind them: «اعتمد الأمير فيصل بن خالد أمير عسير» is not «اعتمد الأمير أمير عسير».
const TITLES: &str = "الدكتور الدكتورة المهندس المهندسة الأستاذ الأستاذة الشيخ السيد السيدة الأمير الأميرة الملك الفريق اللواء العميد العقيد";

/// Words and marks from one of [`THAT`] to where its clause may end.
const CLAUSE: usize = 7;

/// Most searches for states without a gap that is refused; then sentences are taken whole.
const SEARCHES: usize = 10;
/// Whether the source of what was said is named from `word` on, before `next`.
fn names_source(word: &str, next: &str) -> bool {
    SOURCE.contains(&word) || SOURCE_PAIRS.iter().any(|pair| pair.split_once(' ') == Some((word, next)))
}

/// Whether a part may not end with `word`.
pub(super) fn holds(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| HOLDING.split_whitespace().collect());
    let dated = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()); // «الـ12 من»
    let held = |word: &str| WORDS.contains(word) || word.strip_prefix("ال").is_some_and(dated);
    held(word) || word.strip_prefix(['و', 'ف']).is_some_and(held)
}

/// A word of an article's opening.
#[derive(Debug)]
pub struct Word<'d> {
    /// Its number in the document.
    pub number: usize,
    /// Itself, normalised.
    pub(super) text: &'d str,
    /// The number of its sentence, from 0.
    pub sentence: usize,
    /// Whether a summary may have it: words of asides go.
    pub(super) free: bool,
    /// Whether white space or another sentence stands before it.
    pub(super) apart: bool,
    /// Whether a summary may begin with it or a sentence of a summary: the first word of a sentence, asides left out.
    pub(super) opens: bool,
    /// Whether a part may end with it.
    pub(super) ends: bool,
    /// Whether it is one of [`THAT`].
    pub(super) that: bool,
    /// Whether it is the first of its sentence.
    pub(super) first: bool,
    /// Whether it is a mark.
    pub(super) mark: bool,
    /// Whether the source of what stands before it is named from here on.
    pub(super) source: bool,
    /// Whether it goes on with a name, or with a reference to a character, which stays or goes as a whole.
    pub(super) inside: bool,
}

/// The words of an article's first sentences.
#[derive(Debug)]
pub struct Opening<'d> {
    /// In order.
    pub words: Vec<Word<'d>>,
}

impl<'d> Opening<'d> {
    /// The opening of a document whose sentences with news are `pool`, in order; words of those that are not `chosen` go. It ends
    /// before the first word that has no `state`; words without pieces are passed over. Words `inside` names go on with them,
    /// `persons` begin one of a person.
    pub fn new(
        document: &'d Document,
        pool: &[usize],
        chosen: &[usize],
        inside: &HashSet<usize>,
        persons: &HashSet<usize>,
        config: &CutConfig,
        has_state: impl Fn(usize) -> bool,
    ) -> Self {
        let mut out: Vec<Word<'d>> = Vec::new();
        let references: Vec<Range<usize>> = references(document.text.text()).collect();
        let refers = |number: usize| references.iter().find(|own| own.contains(&document.words[number].start));
        for (sentence, &i) in pool.iter().take(config.sentences).enumerate() {
            let range = document.sentences[i].words.clone();
            let listed = marker(document, &document.sentences[i]);
            let asides = asides::asides(document.text.text(), &document.words[range.clone()]);
            for number in range.clone().filter(|&number| !document.pieces_of(number).is_empty()) {
                if out.len() == config.words || !has_state(number) {
                    return Self { words: out };
                }
                let last = out.last().filter(|last| last.sentence == sentence);
                let before = last.map(|last| document.words[last.number]);
                // What goes by itself is no cut: the word behind it is still the first.
                let first = last.is_none_or(|last| last.first && !last.free);
                let next = if number + 1 < range.end { document.word(number + 1) } else { "" };
                // The marks of a reference are none.
                let reference = refers(number);
                out.push(Word {
                    number,
                    text: if reference.is_some() { "" } else { document.word(number) },
                    sentence,
                    free: chosen.contains(&i)
                        && number - range.start >= listed
                        && !asides.iter().any(|aside| aside.contains(&(number - range.start))),
                    apart: before.is_none_or(|before| before.end != document.words[number].start),
                    opens: first,
                    ends: !(holds(document.word(number))
                        || document.word(number) == "أمس" && next == "الأول"
                        || among(TITLES, document.word(number)) && persons.contains(&(number + 1))),
                    that: THAT.contains(&document.word(number)),
                    first,
                    mark: document.words[number].mark && reference.is_none(),
                    source: names_source(document.word(number), next),
                    inside: inside.contains(&number) && !first || reference.is_some_and(|own| own.start < document.words[number].start),
                });
            }
        }
        Self { words: out }
    }

    /// Whether the `chosen` sentences are here to their ends: what lies behind the opening would be lost with the words that go.
    pub fn covers(&self, document: &Document, chosen: &[usize]) -> bool {
        let end = self.words.last().map_or(0, |word| word.number + 1);
        let beyond = |i: usize| document.sentences[i].words.clone().skip_while(|&word| word < end);
        chosen.iter().all(|&i| beyond(i).all(|word| document.pieces_of(word).is_empty()))
    }

    /// Parts of the document's text that stay, as ranges of bytes of the normalised text, at most `limit` words in all; `None`
    /// where fewer than `config.least` words can stay, or every search has a gap that is refused. `own` is what
    /// [`Heads::cut`](crate::model::Heads::cut) says of the opening, `broken` what [`Heads::gaps`](crate::model::Heads::gaps) of gaps.
    pub fn parts(
        &self,
        document: &Document,
        own: &CutWords,
        config: &CutConfig,
        limit: usize,
        broken: impl Fn(&[f32]) -> Option<Vec<f32>>,
    ) -> Option<Vec<Range<usize>>> {
        let refused = |gaps: &[Gap]| -> Vec<bool> {
            let Some(gap) = config.gap.as_ref().filter(|_| !gaps.is_empty()) else { return vec![false; gaps.len()] };
            let features: Vec<f32> = gaps.iter().flat_map(|gap| self.features(gap, &own.states, config.size)).collect();
            broken(&features).unwrap_or_default().iter().map(|&share| share > gap.most).collect()
        };
        let mut written = self.keep(&own.logits, config, limit, refused)?;
        self.close(&mut written);
        let word = |at: usize| &document.words[self.words[at].number];
        Some(self.runs(&written).into_iter().map(|run| word(run.start).start..word(run.end - 1).end).collect())
    }

    /// Which words are written: those of the best states none of whose gaps is `refused` or takes a source away. What is refused
    /// is closed, a sentence that would lose its source ends nowhere but at its end, and the search goes on.
    fn keep(&self, logits: &[f32], config: &CutConfig, limit: usize, refused: impl Fn(&[Gap]) -> Vec<bool>) -> Option<Vec<bool>> {
        let free: Vec<usize> = (0..self.words.len()).filter(|&word| self.words[word].free).collect();
        let mut steps = self.steps(logits, config.bias, config.begin_cost, config.end_cost);
        for _ in 0..SEARCHES {
            let mut kept = vec![false; self.words.len()];
            free.iter().zip(decode(&steps, limit, config.least)?).for_each(|(&word, stays)| kept[word] = stays);
            let written = self.written(&kept);
            let gaps = self.gaps(&written);
            let refused: Vec<bool> =
                gaps.iter().zip(refused(&gaps)).map(|(gap, refused)| refused || self.unsourced(gap).is_some()).collect();
            if !refused.contains(&true) {
                return Some(written);
            }
            for (gap, _) in gaps.iter().zip(refused).filter(|(_, refused)| *refused) {
                if let Some(sentence) = self.unsourced(gap) {
                    let own = steps.iter_mut().zip(&free).filter(|(_, word)| self.words[**word].sentence == sentence);
                    own.filter(|(step, _)| !step.first).for_each(|(step, _)| step.end = f32::NEG_INFINITY);
                    continue;
                }
                // A gap before all that stays is closed where the chain opens, any other where it first leaves out a word.
                let opens = gap.before.is_none();
                let last = (0..gap.words.start).rev().find(|&word| kept[word]);
                let place = free.iter().position(|&word| kept[word] == opens && (opens || last.is_none_or(|last| word > last)));
                let step = place.map(|place| &mut steps[place])?;
                *if opens { &mut step.open } else { &mut step.end } = f32::NEG_INFINITY;
            }
        }
        None
    }

    /// One step for each word that is free: what goes by itself stands between none of them.
    fn steps(&self, logits: &[f32], bias: f32, begin_cost: f32, end_cost: f32) -> Vec<Step> {
        let mut before: Option<usize> = None;
        let step = |at: usize| {
            let word = &self.words[at];
            let [stay, begin, end] = [0, 1, 2].map(|i| logits[3 * at + i]);
            let next = before.is_some_and(|before| before + 1 == at);
            let last = before.map(|before| &self.words[before]);
            let apart = usize::from(word.apart || !next);
            let begin = stay + begin + bias - if word.first { 0.0 } else { begin_cost };
            let open = self.words[at.saturating_sub(CLAUSE - 1)..=at].iter().any(|other| other.that && other.sentence == word.sentence);
            let may_end = !open && !word.inside && last.is_none_or(|last| last.ends);
            let at_mark = word.first || word.mark || last.is_some_and(|last| last.mark);
            let end = end - if at_mark { 0.0 } else { end_cost };
            // What a preposition or a negation holds does not stay without it.
            let bound = next && last.is_some_and(|last| !last.ends && !last.that) || word.inside;
            before = Some(at);
            let open = if word.opens { begin } else { f32::NEG_INFINITY };
            Step {
                first: word.first,
                open,
                enter: open,
                begin: if bound { f32::NEG_INFINITY } else { begin },
                go_on: stay + bias * apart as f32,
                end: if may_end { end } else { f32::NEG_INFINITY },
                apart,
            }
        };
        (0..self.words.len()).filter(|&word| self.words[word].free).map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Where gaps are refused what stays has none of them, and where none is, it is what the chain decodes to.
        #[test]
        fn no_refused_gap_is_left(
            words in prop::collection::vec(([-3.0f32..3.0, -3.0f32..3.0, -3.0f32..3.0], 0u8..128), 1..14),
            limit in 1usize..12,
            odd in any::<bool>(),
        ) {
            let flag = |bits: u8, place: u8| bits >> place & 1 == 1;
            let word = |(number, (_, bits)): (usize, &([f32; 3], u8))| Word {
                number,
                sentence: number / 6,
                free: bits % 5 != 0,
                apart: flag(*bits, 0),
                opens: flag(*bits, 1) || number == 0,
                ends: flag(*bits, 2),
                that: false,
                first: number % 6 == 0,
                mark: flag(*bits, 3),
                source: false,
                inside: false,
                text: if flag(*bits, 3) { ["،", "(", ")", "."][usize::from(bits >> 5) % 4] } else { "س" },
            };
            let opening = Opening { words: words.iter().enumerate().map(word).collect() };
            let logits: Vec<f32> = words.iter().flat_map(|(logits, _)| *logits).collect();
            let config = CutConfig { size: 1, layers: 0, heads: 1, feed_forward: 1, inner: None, sentences: 3, words: 20, least: 1, bias: 0.0,
                begin_cost: 0.0, end_cost: 0.0, gap: None };
            let bad = |gap: &Gap| odd && gap.words.start % 2 == 1;
            let written = opening.keep(&logits, &config, limit, |gaps| gaps.iter().map(bad).collect());
            if let Some(written) = &written {
                prop_assert!(!opening.gaps(written).iter().any(bad), "{written:?}");
            }
            if !odd {
                let plain = decode(&opening.steps(&logits, 0.0, 0.0, 0.0), limit, 1);
                let free: Vec<usize> = (0..opening.words.len()).filter(|&word| opening.words[word].free).collect();
                let kept = |states: Vec<bool>| -> Vec<bool> {
                    (0..opening.words.len()).map(|word| free.binary_search(&word).is_ok_and(|place| states[place])).collect()
                };
                prop_assert_eq!(written, plain.map(|states| opening.written(&kept(states))));
            }
        }
    }

    /// What is written of sentences whose words are apart by spaces, where the chain would rather do without those in brackets.
    fn cut(text: &str) -> Option<String> {
        let (mut words, mut logits, mut outside, mut sentence) = (Vec::new(), Vec::new(), false, 0);
        let all: Vec<&str> = text.split(' ').filter(|word| !["[", "]"].contains(word)).collect();
        for part in text.split(' ') {
            if part == "[" || part == "]" {
                outside = part == "[";
                continue;
            }
            let number = words.len();
            let first = number == 0 || all[number - 1] == ".";
            sentence += usize::from(first && number > 0);
            words.push(Word {
                number,
                text: part,
                sentence,
                free: true,
                apart: true,
                opens: first,
                ends: !holds(part),
                that: false,
                first,
                mark: part.chars().all(crate::text::words::is_mark),
                source: names_source(part, all.get(number + 1).unwrap_or(&"")),
                inside: false,
            });
            logits.extend([if outside { -2.0 } else { 2.0 }, 0.0, 0.0]);
        }
        let config = CutConfig {
            size: 1,
            layers: 0,
            heads: 1,
            feed_forward: 1,
            inner: None,
            sentences: 3,
            words: 60,
            least: 1,
            bias: 0.0,
            begin_cost: 0.0,
            end_cost: 0.0,
            gap: None,
        };
        let written = Opening { words }.keep(&logits, &config, 60, |gaps| vec![false; gaps.len()])?;
        Some(all.iter().zip(written).filter_map(|(word, stays)| stays.then_some(*word)).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn what_is_cut_leaves_a_sentence_its_beginning_its_source_and_its_commas() {
        let same = |text: &str, want: &str| assert_eq!(cut(text).as_deref(), Some(want), "{text}");
        same("قتل شخصان في حلب [ أمس ] .", "قتل شخصان في حلب");
        same("قتل شخصان في حلب [ ، بحسب مصدر طبي ] .", "قتل شخصان في حلب ، بحسب مصدر طبي .");
        same("قتل شخصان [ كما أفادت وكالة ] .", "قتل شخصان كما أفادت وكالة .");
        same("فاز الفريق . [ قال المدرب ] إنه سعيد جدا .", "فاز الفريق . قال المدرب إنه سعيد جدا .");
        same("قال الوزير ، زيد [ ، مساء اليوم ، ] إن الخطة جاهزة", "قال الوزير ، زيد ، إن الخطة جاهزة");
        same("قال الوزير [ ، مساء اليوم ، ] إن الخطة جاهزة", "قال الوزير إن الخطة جاهزة");
        same("قال زيد [ ، ] إن الخطة جاهزة", "قال زيد ، إن الخطة جاهزة");
        same("وصف الخطة ب ” العدو ” [ أمس ]", "وصف الخطة ب ” العدو ”");
    }

    #[test]
    fn a_title_keeps_the_name_behind_it() -> crate::Result<()> {
        let model = crate::model::Model::load(&crate::model::Source::Bundled, &crate::model::Device::Cpu, None)?;
        let mujaz = model.config.mujaz()?;
        let document = Document::new(&crate::Article::new("اعتمد الأمير فيصل أمير منطقة الشمال الخطة الجديدة."), &model.tokenizer, mujaz);
        let config =
            CutConfig { gap: None, bias: 0.0, least: 1, ..mujaz.heads.extract.as_ref().and_then(|e| e.cut.clone()).expect("it cuts") };
        let written = |persons: &[usize]| {
            let persons = persons.iter().copied().collect();
            let opening = Opening::new(&document, &[0], &[0], &HashSet::new(), &persons, &config, |_| true);
            let logits = opening.words.iter().flat_map(|word| [if word.text == "فيصل" { -2.0 } else { 9.0 }, 0.0, 0.0]).collect();
            let own = CutWords { logits, states: vec![0.0; opening.words.len() * config.size] };
            let parts = opening.parts(&document, &own, &config, 50, |_| None).unwrap_or_default();
            parts.into_iter().map(|part| &document.text.text()[part]).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(written(&[]), "اعتمد الأمير أمير منطقة الشمال الخطة الجديدة.");
        assert_eq!(written(&[2]), "اعتمد الأمير فيصل أمير منطقة الشمال الخطة الجديدة.");
        Ok(())
    }

    #[test]
    fn a_sentence_behind_the_opening_is_not_covered() -> crate::Result<()> {
        let model = crate::model::Model::load(&crate::model::Source::Bundled, &crate::model::Device::Cpu, None)?;
        let mujaz = model.config.mujaz()?;
        let text = ["وصل الوزير إلى المدينة."; 8].join("\n");
        let document = Document::new(&crate::Article::new(text), &model.tokenizer, mujaz);
        let config = mujaz.heads.extract.as_ref().and_then(|extract| extract.cut.as_ref()).expect("the bundled model cuts");
        let pool: Vec<usize> = (0..document.sentences.len()).collect();
        let covers = |chosen: &[usize], states: usize| {
            Opening::new(&document, &pool, chosen, &HashSet::new(), &HashSet::new(), config, |word| word < states).covers(&document, chosen)
        };
        assert_eq!((pool.len(), config.sentences), (8, 6));
        assert!(covers(&[0, 5], 99) && !covers(&[0, 6], 99), "the seventh sentence is behind the opening");
        assert!(covers(&[0], 5) && !covers(&[0, 1], 8), "words without a state are behind it too");
        Ok(())
    }

    #[test]
    fn chains_decode_as_in_python() -> Result<(), Box<dyn std::error::Error>> {
        #[derive(serde::Deserialize)]
        struct Case {
            logits: Vec<[f32; 3]>,
            apart: Vec<u8>,
            first: Vec<u8>,
            opens: Vec<u8>,
            that: Vec<u8>,
            sentences: Vec<usize>,
            marks: Vec<u8>,
            holds: Vec<u8>,
            words: Vec<String>,
            limit: usize,
            least: usize,
            bias: f32,
            begin_cost: f32,
            end_cost: f32,
            states: Option<Vec<u8>>,
            written: Option<Vec<u8>>,
            vectors: Vec<[f32; 2]>,
            gaps: Vec<[isize; 4]>,
            features: Vec<Vec<f32>>,
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cut-cases.jsonl");
        for line in std::fs::read_to_string(path)?.lines() {
            let case: Case = serde_json::from_str(line)?;
            let set = |flags: &[u8]| flags.iter().map(|&flag| flag == 1).collect::<Vec<bool>>();
            let word = |at: usize| Word {
                number: at,
                text: &case.words[at],
                sentence: case.sentences[at],
                free: true,
                apart: case.apart[at] == 1,
                opens: case.opens[at] == 1,
                ends: case.holds[at] == 0,
                that: case.that[at] == 1,
                first: case.first[at] == 1,
                mark: case.marks[at] == 1,
                source: false,
                inside: false,
            };
            let opening = Opening { words: (0..case.logits.len()).map(word).collect() };
            let steps = opening.steps(case.logits.as_flattened(), case.bias, case.begin_cost, case.end_cost);
            let want = case.states.as_deref().map(set);
            assert_eq!(decode(&steps, case.limit, case.least), want, "{line}");
            let written = want.map(|kept| opening.written(&kept));
            assert_eq!(written, case.written.as_deref().map(set), "{line}");
            let gaps = written.map(|written| opening.gaps(&written)).unwrap_or_default();
            let place = |word: Option<usize>| word.map_or(-1, |word| word as isize);
            let told = |gap: &Gap| [place(gap.before), gap.words.start as isize, gap.words.end as isize - 1, place(gap.behind)];
            assert_eq!(gaps.iter().map(told).collect::<Vec<_>>(), case.gaps, "{line}");
            for (gap, want) in gaps.iter().zip(&case.features) {
                let got = opening.features(gap, case.vectors.as_flattened(), 2);
                assert!(got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-3), "{gap:?}: {got:?}, {want:?}");
            }
        }
        Ok(())
    }
}
