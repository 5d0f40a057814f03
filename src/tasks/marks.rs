//! Marks between words that stay, and where the last sentence ends.

use super::cut::Opening;
use super::tidy::tidy;
use crate::text::words::among;
use std::ops::Range;

/// Marks that end a sentence.
const STOPS: [&str; 3] = [".", "؟", "!"];
/// Last words of a sentence that are not worth a cut where they go on with a list.
const FEW: usize = 2;

/// Words that open what stands before a sentence's verb.
const ADVERBIAL: &str = "في بعد قبل خلال رغم وسط مع على من عقب إثر منذ عند بين أثناء ضمن بينما فيما عندما حين لدى تحت بسبب بحضور برعاية";

impl Opening<'_> {
    /// Let the last sentence end with its stop, and with the last of the things it names («أو خارجها»), and what a comma opened end
    /// with one. After the search: heads that refuse gaps have learnt of last ones that hold them.
    pub(super) fn close(&self, written: &mut [bool]) {
        self.close_appositions(written);
        let end = written.iter().rposition(|&stays| stays).map_or(0, |word| word + 1);
        let sentence = end.checked_sub(1).map(|word| self.words[word].sentence);
        let rest = self.words[end..].iter().take_while(|word| Some(word.sentence) == sentence && word.free);
        let spoken: Vec<usize> = rest.enumerate().filter(|(_, word)| !word.mark).map(|(at, _)| end + at).collect();
        let other = |word: usize| matches!(self.words[word].text, "أو" | "او" | "أم") || self.words[word].text.starts_with('و');
        if let [first, .., last] | [first @ last] = spoken[..]
            && spoken.len() <= FEW
            && first == end
            && other(first)
        {
            written[first..=last].fill(true);
        }
        let Some(last) = written.iter().rposition(|&stays| stays).map(|word| self.words[word].sentence) else { return };
        if let Some(stop) = self.words.iter().rposition(|word| word.sentence == last && word.free && STOPS.contains(&word.text)) {
            written[stop] |= self.words.get(stop + 1).is_none_or(|next| next.sentence != last);
        }
    }

    /// Where an odd number of commas is written and what goes then has one behind its words, that one stays: «قال زيد، وزير العدل
    /// [أمس]، إن». The comma behind what a sentence opens with opens nothing: «في حفل كبير، دشنت مصر [أمس،] مشروعا».
    fn close_appositions(&self, written: &mut [bool]) {
        let (mut commas, mut opening) = (0, false);
        for word in 0..written.len() {
            let own = &self.words[word];
            if own.first {
                let bare = own.text.strip_prefix('و').filter(|rest| rest.chars().count() > 1).unwrap_or(own.text);
                (commas, opening) = (0, among(ADVERBIAL, bare));
            }
            let next = self.words.get(word + 1).filter(|next| next.sentence == own.sentence && next.apart && written[word + 1]);
            let comma = own.mark && ["،", ","].contains(&own.text);
            if comma && own.free && !written[word] && commas % 2 == 1 && next.is_some_and(|next| !next.mark) {
                written[word] = true;
            }
            if comma && written[word] {
                commas += usize::from(!opening);
                opening = false;
            }
        }
    }

    /// Runs of words of one sentence that are `kept`.
    pub(super) fn runs(&self, kept: &[bool]) -> Vec<Range<usize>> {
        let words: Vec<usize> = (0..kept.len()).collect();
        let together = |&a: &usize, &b: &usize| kept[a] && kept[b] && self.words[a].sentence == self.words[b].sentence;
        words.chunk_by(together).filter(|run| kept[run[0]]).map(|run| run[0]..run[run.len() - 1] + 1).collect()
    }

    /// The words that are written where `kept` stay: with marks between words that stay side by side, and without those that are
    /// loose, unless they are so in the whole sentence; behind an odd number of commas the next one stays, for it closes what
    /// another one opened.
    pub(super) fn written(&self, kept: &[bool]) -> Vec<bool> {
        let mut kept = kept.to_vec();
        let mut before: Option<usize> = None;
        for word in (0..kept.len()).filter(|&word| kept[word]).collect::<Vec<_>>() {
            if let Some(before) = before.filter(|&before| self.words[before].sentence == self.words[word].sentence)
                && self.words[before + 1..word].iter().all(|between| between.mark && between.free)
            {
                kept[before..word].fill(true);
            }
            before = Some(word);
        }
        let whole = self.tidied(&vec![true; kept.len()]);
        let mut out = self.tidied(&kept);
        let within = |out: &[bool], word: usize| word > 0 && word + 1 < kept.len() && out[word - 1] && out[word + 1];
        let loose: Vec<usize> = (0..kept.len()).filter(|&word| kept[word] && !whole[word] && within(&out, word)).collect();
        loose.into_iter().for_each(|word| out[word] = true);
        let comma = |word: usize| self.words[word].mark && ["،", ","].contains(&self.words[word].text);
        let mut commas = 0;
        for word in 0..out.len() {
            commas = if self.words[word].first { 0 } else { commas };
            let later = || {
                (word + 1..out.len()).take_while(|&other| self.words[other].sentence == self.words[word].sentence).any(|other| out[other])
            };
            if comma(word) && self.words[word].free && !out[word] && commas % 2 == 1 && out[word - 1] && later() {
                out[word] = true;
            }
            commas += usize::from(comma(word) && out[word]);
        }
        // The stop of a sentence stays where another one follows.
        for word in 0..out.len() {
            let (own, ends) = (&self.words[word], self.words.get(word + 1).is_some_and(|next| next.sentence != self.words[word].sentence));
            let some = |same: bool| {
                (0..out.len()).any(|other| out[other] && if same { self.words[other].sentence == own.sentence } else { other > word })
            };
            if ends && own.free && STOPS.contains(&own.text) && some(true) && some(false) {
                out[word] = true;
            }
        }
        out
    }

    /// The words that are kept, without loose marks.
    fn tidied(&self, kept: &[bool]) -> Vec<bool> {
        let mut out = vec![false; kept.len()];
        for part in self.runs(kept) {
            for run in tidy(&self.words[part.clone()].iter().map(|word| (word.text, word.mark)).collect::<Vec<_>>()) {
                out[part.start + run.start..part.start + run.end].fill(true);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::cut::Word;
    use super::*;
    use crate::model::CutWords;
    use crate::model::config::CutConfig;
    use crate::pipeline::document::Document;
    use std::collections::HashSet;

    #[test]
    fn names_stay_whole_and_the_last_sentence_keeps_its_stop() -> crate::Result<()> {
        let model = crate::model::Model::load(&crate::model::Source::Bundled, &crate::model::Device::Cpu, None)?;
        let mujaz = model.config.mujaz()?;
        let text = "أدان عبداللطيف بن راشد الزياني الهجوم على المدينة الأخير.";
        let document = Document::new(&crate::Article::new(text), &model.tokenizer, mujaz);
        let config =
            CutConfig { gap: None, bias: 0.0, least: 1, ..mujaz.heads.extract.as_ref().and_then(|e| e.cut.clone()).expect("it cuts") };
        let written = |inside: &[usize]| {
            let opening = Opening::new(&document, &[0], &[0], &inside.iter().copied().collect(), &HashSet::new(), &config, |_| true);
            // Without the end of the name, and without the last word and the stop.
            let goes = |word: &Word<'_>| matches!(word.text, "بن" | "راشد" | "الزياني" | "الأخير" | ".");
            let logits = opening.words.iter().flat_map(|word| [if goes(word) { -2.0 } else { 9.0 }, 0.0, 0.0]).collect();
            let own = CutWords { logits, states: vec![0.0; opening.words.len() * config.size] };
            let parts = opening.parts(&document, &own, &config, 50, |_| None).unwrap_or_default();
            parts.into_iter().map(|part| &document.text.text()[part]).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(written(&[]), "أدان عبداللطيف الهجوم على المدينة .");
        assert_eq!(written(&[2, 3, 4]), "أدان عبداللطيف بن راشد الزياني الهجوم على المدينة .");
        Ok(())
    }

    #[test]
    fn what_a_comma_opens_is_closed() -> crate::Result<()> {
        let model = crate::model::Model::load(&crate::model::Source::Bundled, &crate::model::Device::Cpu, None)?;
        let mujaz = model.config.mujaz()?;
        let config =
            CutConfig { gap: None, bias: 0.0, least: 1, ..mujaz.heads.extract.as_ref().and_then(|e| e.cut.clone()).expect("it cuts") };
        let written = |text: &str, goes: &str| {
            let document = Document::new(&crate::Article::new(text), &model.tokenizer, mujaz);
            let opening = Opening::new(&document, &[0], &[0], &HashSet::new(), &HashSet::new(), &config, |_| true);
            let out = |word: &Word<'_>| goes.split(' ').any(|other| other == word.text);
            let logits = opening.words.iter().flat_map(|word| [if out(word) { -9.0 } else { 9.0 }, 0.0, 0.0]).collect();
            let own = CutWords { logits, states: vec![0.0; opening.words.len() * config.size] };
            let parts = opening.parts(&document, &own, &config, 50, |_| None).unwrap_or_default();
            parts.into_iter().map(|part| document.text.text()[part].to_string()).collect::<Vec<_>>().join(" ")
        };
        let text = "دافع سمير حداد، وزير العدل البارز كثيرا، عن الخطة الجديدة.";
        assert_eq!(written(text, "البارز كثيرا"), "دافع سمير حداد، وزير العدل ، عن الخطة الجديدة.");
        let text = "دافع سمير حداد وزير العدل البارز كثيرا، عن الخطة الجديدة.";
        assert_eq!(written(text, "البارز كثيرا"), "دافع سمير حداد وزير العدل عن الخطة الجديدة.", "nothing is open");
        let text = "في حفل كبير، دشنت سلمى البارز كثيرا، مشروع الطريق.";
        assert_eq!(written(text, "البارز كثيرا"), "في حفل كبير، دشنت سلمى مشروع الطريق.", "nor behind what opens a sentence");
        let text = "قال &quot;الوزير كثيرا&quot; عن الخطة الجديدة.";
        assert_eq!(written(text, "كثيرا quot"), "قال &quot;الوزير &quot; عن الخطة الجديدة.", "a reference is one");
        Ok(())
    }

    #[test]
    fn the_last_of_a_short_list_stays() -> crate::Result<()> {
        let model = crate::model::Model::load(&crate::model::Source::Bundled, &crate::model::Device::Cpu, None)?;
        let mujaz = model.config.mujaz()?;
        let config =
            CutConfig { gap: None, bias: 0.0, least: 1, ..mujaz.heads.extract.as_ref().and_then(|e| e.cut.clone()).expect("it cuts") };
        let written = |kept: &str, rest: &str| {
            let text = format!("{kept} {rest}.");
            let document = Document::new(&crate::Article::new(text.clone()), &model.tokenizer, mujaz);
            let opening = Opening::new(&document, &[0], &[0], &HashSet::new(), &HashSet::new(), &config, |_| true);
            let stays = kept.split(' ').count();
            let logits = (0..opening.words.len()).flat_map(|word| [if word < stays { 9.0 } else { -2.0 }, 0.0, 0.0]).collect();
            let own = CutWords { logits, states: vec![0.0; opening.words.len() * config.size] };
            let parts = opening.parts(&document, &own, &config, 50, |_| None).unwrap_or_default();
            parts.into_iter().map(|part| document.text.text()[part].to_string()).collect::<Vec<_>>().join(" ")
        };
        let kept = "قتل خمسة جنود داخل المدينة";
        for rest in ["أو خارجها", "او خارجها", "وخارجها", "وريفها الشرقي"] {
            assert_eq!(written(kept, rest), format!("{kept} {rest}."));
        }
        for rest in ["أو خارج حدودها", "ليلة أمس", "الشرقية وريفها"] {
            assert_ne!(written(kept, rest), format!("{kept} {rest}."), "too long, or no list");
        }
        Ok(())
    }
}
