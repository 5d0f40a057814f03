"""The tokenizer of mujaz models: normaliser and pre-tokenizer shared with the Rust program.

`src/text/normalise.rs` implements the same character rules with offsets into the original;
`tests/integration/tokenizer.rs` holds the two to the same ids.
"""

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<entity>", "<claim>"]
CLS, PAD, SEP, UNK, MASK, ENTITY, CLAIM = range(len(SPECIALS))

# Marks that carry no spelling: honorific signs, harakat, dagger alef, Koranic signs, tatweel,
# soft hyphen, zero-width and bidi controls, variation selectors, BOM. Keep equal to `is_dropped` in Rust.
DROPPED = (
    "\u00ad\u034f\u0610-\u061a\u061c\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"
    "\u08d3-\u08ff\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb"
)
# Letters of other keyboards that stand for the Arabic ones in scraped text.
FOLDED = {"\u06cc": "\u064a", "\u06a9": "\u0643"}
WORD_BREAK = r"[\p{P}\p{S}]"


def normalizer():
    """NFKC, marks dropped, Persian yeh/kaf and Arabic-Indic digits folded. No other letter is folded."""
    steps = [normalizers.NFKC(), normalizers.Replace(Regex(f"[{DROPPED}]+"), "")]
    steps += [normalizers.Replace(source, target) for source, target in FOLDED.items()]
    for digit in range(10):
        both = f"[{chr(0x660 + digit)}{chr(0x6F0 + digit)}]"
        steps.append(normalizers.Replace(Regex(both), str(digit)))
    return normalizers.Sequence(steps)


def pre_tokenizer():
    """Words are runs without white space; every punctuation mark or symbol is a word of its own."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(WORD_BREAK), behavior="isolated"),
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False),
        ]
    )


def build(vocab):
    """A tokenizer over `vocab`, a list of (piece, log-probability) that starts with SPECIALS."""
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=UNK, byte_fallback=False))
    tokenizer.normalizer = normalizer()
    tokenizer.pre_tokenizer = pre_tokenizer()
    tokenizer.add_special_tokens(SPECIALS)
    return tokenizer
