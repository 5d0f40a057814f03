"""The multi-task model in PyTorch: a BERT-family encoder and the heads of `src/model/heads.rs`, under the same names."""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModel, logging

GAP_FLAGS = 8  # numbers that tell of a gap beside the states around it
STANCES = ["favor", "against", "neutral", "unrelated"]


class SelfAttention(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(size, size) for _ in range(3))


class Projection(nn.Module):
    """A linear layer and the layer norm after its residual."""

    def __init__(self, inputs, size, eps):
        super().__init__()
        self.dense = nn.Linear(inputs, size)
        self.LayerNorm = nn.LayerNorm(size, eps=eps)


class Attention(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.self = SelfAttention(size)
        self.output = Projection(size, size, eps)


class Up(nn.Module):
    def __init__(self, size, feed_forward):
        super().__init__()
        self.dense = nn.Linear(size, feed_forward)


class Layer(nn.Module):
    """A post-norm transformer layer with BERT's parameter names."""

    def __init__(self, size, feed_forward, heads, eps, dropout=0.0):
        super().__init__()
        self.heads, self.drop = heads, nn.Dropout(dropout)
        self.attention = Attention(size, eps)
        self.intermediate = Up(size, feed_forward)
        self.output = Projection(feed_forward, size, eps)

    def forward(self, x, mask):
        batch, length, size = x.shape
        split = lambda t: t.view(batch, length, self.heads, size // self.heads).transpose(1, 2)
        part = self.attention.self
        scores = split(part.query(x)) @ split(part.key(x)).transpose(-1, -2) / (size // self.heads) ** 0.5
        weights = scores.masked_fill(~mask[:, None, None, :], -1e9).softmax(-1)
        context = (weights @ split(part.value(x))).transpose(1, 2).reshape(batch, length, size)
        x = self.attention.output.LayerNorm(x + self.drop(self.attention.output.dense(context)))
        return self.output.LayerNorm(x + self.drop(self.output.dense(nn.functional.gelu(self.intermediate.dense(x)))))


class TopicsHead(nn.Module):
    """Topics from the mean hidden state and, with `vocabulary`, from what single pieces say: a row of logits for each,
    summed over an article's distinct pieces and divided by the root of their count."""

    def __init__(self, hidden, labels, vocabulary=None):
        super().__init__()
        self.dense, self.out = nn.Linear(hidden, hidden), nn.Linear(hidden, labels)
        self.pieces = None
        if vocabulary:
            self.pieces = nn.Embedding(vocabulary, labels)
            nn.init.zeros_(self.pieces.weight)

    def forward(self, pooled, pieces):
        """[batch, hidden] and, for each article, its distinct pieces."""
        logits = self.out(nn.functional.gelu(self.dense(pooled)))
        if self.pieces is None:
            return logits
        count = torch.tensor([len(own) for own in pieces], device=logits.device)
        rows = torch.repeat_interleave(torch.arange(len(pieces), device=logits.device), count)
        said = self.pieces.weight.new_zeros(logits.shape).index_add_(0, rows, self.pieces(torch.cat(list(pieces))))
        return logits + said / count.clamp(min=1)[:, None] ** 0.5


# Matrices of an encoder layer that an adapter changes: its name for each, and the layer's own.
ADAPTED = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention": "attention.output.dense",
    "up": "intermediate.dense",
    "down": "output.dense",
}


class LowRank(nn.Module):
    """A change of a linear layer: `into` [rank, inputs], then `out` [outputs, rank]."""

    def __init__(self, linear, rank):
        super().__init__()
        self.into, self.out = nn.Linear(linear.in_features, rank, bias=False), nn.Linear(rank, linear.out_features, bias=False)
        nn.init.zeros_(self.out.weight)

    def forward(self, x):
        return self.out(self.into(x))


class Adapter(nn.ModuleList):
    """Low-rank changes of an encoder's layers, added to their outputs while `on`: `layer.name.into`, `layer.name.out`."""

    def __init__(self, encoder, rank):
        layers = encoder.encoder.layer
        super().__init__(nn.ModuleDict({k: LowRank(layer.get_submodule(own), rank) for k, own in ADAPTED.items()}) for layer in layers)
        self.on = False
        for layer, changes in zip(layers, self):
            for name, own in ADAPTED.items():
                change = changes[name]
                layer.get_submodule(own).register_forward_hook(lambda _, x, y, change=change: y + change(x[0]) if self.on else None)


class StanceHead(nn.Module):
    """Stance from a pass with the target (claims, unnamed entities) and, with `size`, from its mentions alone. `adapter`
    changes the encoder in passes with a target."""

    def __init__(self, hidden, size=None, adapter=None):
        super().__init__()
        self.adapter = adapter
        self.dense = nn.Linear(2 * hidden, hidden)
        self.claim, self.entity = nn.Linear(hidden, len(STANCES)), nn.Linear(hidden, len(STANCES))
        if size:
            self.mention = nn.ModuleDict({"dense": nn.Linear(2 * hidden, size), "out": nn.Linear(size, len(STANCES))})

    def forward(self, features):
        """[rows, 2 · hidden] to claim and entity logits, [rows, 4] each."""
        inner = nn.functional.gelu(self.dense(features))
        return self.claim(inner), self.entity(inner)

    def of_mentions(self, features):
        """[targets, 2 · hidden], the mean over first pieces of mentions and over the article, to logits [targets, 4]."""
        return self.mention["out"](nn.functional.gelu(self.mention["dense"](features)))


class CutHead(nn.Module):
    """Which words of an article's opening a summary keeps: inter-word layers over hidden states of first pieces, and three
    logits a word: to keep it, to begin a part with it, and to end one before it."""

    def __init__(self, hidden, config, eps, dropout=0.0):
        super().__init__()
        size = config["size"]
        states = 2 if config.get("inner") else 1  # of the last layer, and of an inner one
        self.dense, self.sentence = nn.Linear(states * hidden, size), nn.Embedding(config["sentences"], size)
        self.layer = nn.ModuleList(Layer(size, config["feed_forward"], config["heads"], eps, dropout) for _ in range(config["layers"]))
        self.out, self.drop = nn.Linear(size, 3), nn.Dropout(dropout)
        nn.init.zeros_(self.sentence.weight)
        if config.get("gap"):
            inner = config["gap"]["size"]
            self.gap = nn.ModuleDict({"dense": nn.Linear(5 * size + GAP_FLAGS, inner), "out": nn.Linear(inner, 1)})

    def states(self, first_pieces, sentences, mask):
        """[batch, words, hidden or 2 · hidden], the number of each word's sentence, and a mask of real words to the words'
        states [batch, words, size]."""
        x = nn.functional.gelu(self.dense(self.drop(first_pieces))) + self.sentence(sentences)
        for layer in self.layer:
            x = layer(x, mask)
        return x

    def forward(self, first_pieces, sentences, mask):
        """As `states`, to logits [batch, words, 3]."""
        return self.out(self.drop(self.states(first_pieces, sentences, mask)))

    def of_gaps(self, features):
        """[gaps, 5 · size + GAP_FLAGS] to logits [gaps]: whether the text reads as broken where words were deleted."""
        return self.gap["out"](nn.functional.gelu(self.gap["dense"](features))).squeeze(-1)


class ExtractHead(nn.Module):
    """Sentence scores from sentence means: projection, positions, inter-sentence layers."""

    def __init__(self, hidden, config, eps):
        super().__init__()
        self.project = nn.Linear(hidden, config["size"])
        self.positions = nn.Embedding(config["positions"], config["size"])
        self.norm = nn.LayerNorm(config["size"], eps=eps)
        self.layer = nn.ModuleList(Layer(config["size"], config["feed_forward"], config["heads"], eps) for _ in range(config["layers"]))
        self.out = nn.Linear(config["size"], 1)
        if config.get("word"):
            self.word = nn.ModuleDict({"dense": nn.Linear(hidden, config["word"]["size"]), "out": nn.Linear(config["word"]["size"], 1)})
        if config.get("cut"):
            self.cut = CutHead(hidden, config["cut"], eps)

    def of_words(self, first_pieces):
        """[words, hidden] to logits [words]: whether an editor's summary has the word."""
        return self.word["out"](nn.functional.gelu(self.word["dense"](first_pieces))).squeeze(-1)

    def forward(self, sentences, mask):
        """[batch, sentences, hidden] and a mask of real sentences to logits [batch, sentences]."""
        place = torch.arange(sentences.shape[1], device=sentences.device).clamp(max=self.positions.num_embeddings - 1)
        x = self.norm(self.project(sentences) + self.positions(place))
        for layer in self.layer:
            x = layer(x, mask)
        return self.out(x).squeeze(-1)


class Mujaz(nn.Module):
    """Encoder and heads. `mujaz` is the `mujaz` object of config.json."""

    def __init__(self, encoder, mujaz):
        super().__init__()
        self.encoder, self.mujaz = encoder, mujaz
        hidden, eps = encoder.config.hidden_size, encoder.config.layer_norm_eps
        config = mujaz["heads"]
        heads = {}
        if config.get("topics"):
            heads["topics"] = TopicsHead(hidden, len(config["topics"]["labels"]), encoder.config.vocab_size if config["topics"].get("pieces") else None)
        if config.get("entities"):
            heads["entities"] = nn.Linear(hidden, len(config["entities"]["labels"]))
        if config.get("stance"):
            rank = config["stance"].get("adapter", {}).get("rank")
            heads["stance"] = StanceHead(hidden, config["stance"].get("mention", {}).get("size"), Adapter(encoder, rank) if rank else None)
        if config.get("extract"):
            heads["extract"] = ExtractHead(hidden, config["extract"], eps)
        self.heads = nn.ModuleDict(heads)

    def hidden(self, ids, types, mask, target=False):
        """Hidden states [batch, length, hidden] in f32; of passes with a `target`, which the adapter changes."""
        if target and (adapter := self.heads["stance"].adapter) is not None:
            adapter.on = True
            try:
                return self.hidden(ids, types, mask)
            finally:
                adapter.on = False
        most = self.encoder.config.type_vocab_size
        kinds = torch.where(types < most, types, types % 2).clamp(max=most - 1)  # without rows for shared words
        return self.encoder(input_ids=ids, token_type_ids=kinds, attention_mask=mask).last_hidden_state.float()

    def openings(self, ids, types, mask):
        """Hidden states that CutHead reads, in f32: of the last layer and, with "inner", of one inside."""
        inner = self.mujaz["heads"]["extract"]["cut"].get("inner")
        states = self.encoder(input_ids=ids, token_type_ids=types, attention_mask=mask, output_hidden_states=bool(inner))
        return torch.cat([states.last_hidden_state, *([states.hidden_states[inner]] if inner else [])], -1).float()

    def pool(self, hidden, groups, count):
        """Means of pieces by group: `groups` [batch, length] holds 0 .. count - 1, or -1 for pieces of no group."""
        one_hot = nn.functional.one_hot(groups + 1, count + 1)[..., 1:].float()
        sums = torch.einsum("bls,blh->bsh", one_hot, hidden)
        return sums / one_hot.sum(1).clamp(min=1)[..., None]

    def topics(self, hidden, content, pieces):
        """`pieces`: for each article its distinct pieces."""
        return self.heads["topics"](self.pool(hidden, content.long() - 1, 1)[:, 0], pieces)

    def entities(self, hidden, rows):
        """`rows`: flat indices of the first pieces of words."""
        return self.heads["entities"](hidden.reshape(-1, hidden.shape[-1])[rows])

    def stance(self, hidden, text):
        return self.heads["stance"](torch.cat([hidden[:, 0], self.pool(hidden, text.long() - 1, 1)[:, 0]], -1))

    def mentions(self, hidden, content, targets):
        """`targets`: (row of the batch, positions of the mentions' first pieces); logits [targets, 4]."""
        pooled = self.pool(hidden, content.long() - 1, 1)[:, 0]
        means = [torch.cat([hidden[row, places].mean(0), pooled[row]]) for row, places in targets]
        return self.heads["stance"].of_mentions(torch.stack(means))

    def extract(self, hidden, groups):
        count = int(groups.max()) + 1
        present = nn.functional.one_hot(groups + 1, count + 1)[..., 1:].any(1)
        return self.heads["extract"](self.pool(hidden, groups, count), present), present

    def words(self, hidden, rows):
        """`rows`: flat indices of the first pieces of words."""
        return self.heads["extract"].of_words(hidden.reshape(-1, hidden.shape[-1])[rows])

    def save(self, folder, tokenizer, dtype=torch.float16):
        """A model folder: encoder under the usual BERT names, heads under heads.*"""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = {k: v for k, v in self.encoder.state_dict().items() if not k.startswith("pooler")}
        state |= {f"heads.{k}": v for k, v in self.heads.state_dict().items()}
        state = {k: v.detach().to("cpu", dtype).contiguous() for k, v in state.items() if v.is_floating_point()}
        save_file(state, str(folder / "model.safetensors"), metadata={"format": "pt"})
        config = {k: v for k, v in self.encoder.config.to_dict().items() if k not in ("dtype", "torch_dtype", "_name_or_path", "transformers_version")}
        config["mujaz"] = self.mujaz
        (folder / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)


def with_shared_types(encoder):
    """Rows for token types 2 and 3, the words that a target and an article share, which begin like 0 and 1."""
    old = encoder.embeddings.token_type_embeddings.weight.detach()
    if len(old) < 4:
        rows = torch.stack([old[min(i % 2, len(old) - 1)] for i in range(4)])
        rows[2:] += 0.02 * torch.randn(2, old.shape[1], generator=torch.Generator().manual_seed(1))
        encoder.embeddings.token_type_embeddings = nn.Embedding.from_pretrained(rows, freeze=False)
        encoder.config.type_vocab_size = 4


def load_encoder(folder, dropout=0.0):
    """The encoder of a folder without its pooler, in f32. Tensors that the folder lacks are named, and begin at random."""
    config = AutoConfig.from_pretrained(folder)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    loud = logging.get_verbosity()
    logging.set_verbosity_error()  # of heads, which are no tensors of the encoder, there would be a page
    model, told = AutoModel.from_pretrained(folder, config=config, add_pooling_layer=False, dtype=torch.float32, output_loading_info=True)
    logging.set_verbosity(loud)
    if missing := sorted(told["missing_keys"]):
        print(f"{folder}: the weights lack {', '.join(missing)}", file=sys.stderr)
    return model


def tensors(folder):
    """The tensors of a model folder; those of heads that pack.py packed, as floats again."""
    state = load_file(str(Path(folder) / "model.safetensors"))
    scales = {name: state.pop(name) for name in list(state) if name.endswith(".scale")}
    for name, scale in scales.items():
        weight = name.removesuffix(".scale") + ".weight"
        state[weight] = state[weight].float() * scale[:, None]
    return state


def load(folder, adapter=None):
    """A model folder written by `Mujaz.save`, in f32 and ready to evaluate. `adapter` is the rank of a new one, which changes
    nothing yet, where the model has none."""
    mujaz = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))["mujaz"]
    if adapter:
        mujaz["heads"]["stance"].setdefault("adapter", {"rank": adapter})
    model = Mujaz(load_encoder(folder), mujaz)
    heads = {k.removeprefix("heads."): v.float() for k, v in tensors(folder).items() if k.startswith("heads.")}
    missing, unknown = model.heads.load_state_dict(heads, strict=False)
    missing = [name for name in missing if not (adapter and name.startswith("stance.adapter."))]
    if missing or unknown:
        raise SystemExit(f"{folder}: tensors of heads missing: {missing}, unknown: {unknown}")
    return model.eval()
