"""``train_compact_bert``: train a small BERT from scratch if no pretrained BERT is available."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch.nn import functional
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.files import write_json
from fairaudit.core.output_folder import OutputFolder
from fairaudit.core.progress import Advance
from fairaudit.heads.one_thread import one_thread
from fairaudit.heads.text_encoder import MAX_TOKENS, NOTE_FILE, quiet_transformers

# Legend of shape suffixes: B texts of a batch, T tokens.

PAD, UNKNOWN, START, END, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

EPOCHS = 16

#: Share of tokens to predict; of these 80 % are masked, 10 % another token, 10 % left (Devlin et al. 2019).
MASKED = 0.15

_FILES = (NOTE_FILE, "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
_BATCH = 64
_LEARNING_RATE = 3e-3
_DROPOUT = 0.1
_WARM_UP = 0.1
_MAX_LETTERS, _MAX_WORDS, _MAX_PIECES = 1_000, 3_000, 1_000


def train_compact_bert(
    texts: Sequence[str],
    *,
    output: Path,
    seed: int = 0,
    epochs: int = EPOCHS,
    hidden: int = 64,
    layers: int = 2,
    heads: int = 2,
    overwrite: bool = False,
    progress: Advance | None = None,
) -> Path:
    """Train a BERT on ``texts`` alone by masked language modelling, save it for ``open_text_encoder``, return its path.

    Its vocabulary is that of these texts, and its scores do not predict those of a pretrained BERT, which it replaces
    only if none is available. The same texts and seed give the same weights on the same machine; one core is used.

    Parameters
    ----------
    texts : sequence of str
        Of the training split only, so that no test text is learned. Empty texts are left out.
    output : Path
        Folder to write. If it holds this BERT already, nothing changes; another BERT in it is refused.
    seed : int
    epochs : int
        Passes over the texts.
    hidden, layers, heads : int
        Width (a multiple of ``heads``), blocks and attention heads.
    overwrite : bool
        Whether unchanged files of another compact BERT in ``output`` may be replaced.
    progress : Advance, optional
        Called with the number of steps done and of all steps.

    Raises
    ------
    DataError
        If no text has a word.
    ConfigError
        If a size is out of its range, or ``output`` holds other files.
    """
    for name, value in (("epochs", epochs), ("hidden", hidden), ("layers", layers), ("heads", heads)):
        if value < 1:
            raise ConfigError(f"{name} of a compact BERT must be at least 1; got {value}. Give {name}=1 or more.")
    if hidden % heads:
        raise ConfigError(
            f"hidden of a compact BERT must be a multiple of heads; got {hidden} and {heads}. Give for "
            f"example hidden={-(-hidden // heads) * heads}."
        )
    used = [text for text in texts if text.strip()]
    if not used:
        raise DataError("texts of a compact BERT must have words; got none. Give texts, or a pretrained BERT.")
    texts_digest = hashlib.sha256("\0".join(used).encode()).hexdigest()
    target = OutputFolder(output, "compact BERT", _FILES, overwrite=overwrite)
    asked = {"seed": seed, "epochs": epochs, "hidden": hidden, "layers": layers, "heads": heads, "texts": texts_digest}
    if target.check(asked):
        return target.path
    tokenizer = build_tokenizer(used)
    # Dropout draws from the global generator; the caller's state is restored.
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed: it would set those of GPUs too
        model = BertForMaskedLM(
            BertConfig(
                vocab_size=len(tokenizer),
                hidden_size=hidden,
                num_hidden_layers=layers,
                num_attention_heads=heads,
                intermediate_size=2 * hidden,
                max_position_embeddings=MAX_TOKENS,
                hidden_dropout_prob=_DROPOUT,
                attention_probs_dropout_prob=0.0,  # lets attention run fused, which is much faster on a CPU
                pad_token_id=tokenizer.pad_token_id,
            )
        )
        loss = _train(model, tokenizer, used, seed=seed, epochs=epochs, progress=progress)
    with target.replaced() as folder, quiet_transformers():
        model.bert.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        note = {
            "kind": "compact BERT, trained from scratch on these texts only",
            "n_texts": len(used),
            "texts_digest": texts_digest,
            "vocabulary": len(tokenizer),
            "epochs": epochs,
            "seed": seed,
            "final_loss": round(loss, 4),
        }
        write_json(folder / NOTE_FILE, note)
    return target.path


def build_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Return a lower-case WordPiece tokenizer with a vocabulary counted from ``texts``.

    Words that occur twice or more are tokens; others consist of frequent pieces and single letters. The trainer of
    ``tokenizers`` is not used, since its result may depend on the order of a hash table.
    """
    normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    splitter = pre_tokenizers.BertPreTokenizer()
    words: Counter[str] = Counter()
    for text in texts:
        words.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    tokenizer = Tokenizer(models.WordPiece(vocab=_vocabulary(words), unk_token=UNKNOWN, max_input_chars_per_word=100))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(START, SPECIAL.index(START)), (END, SPECIAL.index(END))],
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        cls_token=START,
        sep_token=END,
        mask_token=MASK,
        model_max_length=MAX_TOKENS,
    )


def _vocabulary(words: Counter[str]) -> dict[str, int]:
    """Return token to id: marks, letters (also inside a word), frequent pieces, frequent words."""
    letters: Counter[str] = Counter()
    pieces: Counter[str] = Counter()
    for word, n in words.items():
        letters.update({letter: n * k for letter, k in Counter(word).items()})
        for start in range(len(word)):
            for length in range(2, min(5, len(word) - start) + 1):
                pieces[("##" if start else "") + word[start : start + length]] += 1  # by word, not by use
    tokens = list(SPECIAL)
    for letter in _most_frequent(letters, _MAX_LETTERS):
        tokens += [letter, f"##{letter}"]
    tokens += _most_frequent(pieces, _MAX_PIECES, at_least=3)
    tokens += _most_frequent(words, _MAX_WORDS, at_least=2)
    return {token: i for i, token in enumerate(dict.fromkeys(tokens))}


def _most_frequent(counts: Counter[str], limit: int, *, at_least: int = 1) -> list[str]:
    """Return the most frequent entries, ties in alphabetical order."""
    kept = [(entry, n) for entry, n in counts.items() if n >= at_least]
    return [entry for entry, _ in sorted(kept, key=lambda pair: (-pair[1], pair[0]))[:limit]]


def _train(
    model: BertForMaskedLM,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    *,
    seed: int,
    epochs: int,
    progress: Advance | None,
) -> float:
    """Train in place and return the mean loss of the last epoch, in nats per masked token."""
    rng = np.random.default_rng(seed)
    tokens = tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
    steps = epochs * -(-len(tokens) // _BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=_LEARNING_RATE, total_steps=steps + 1, pct_start=_WARM_UP, anneal_strategy="linear",
        cycle_momentum=False,
    )  # fmt: skip
    model.train()
    done = 0
    for _ in range(epochs):
        losses = []
        for batch in _batches(tokens, rng):
            ids_BT, mask_BT, guess_BT, truth = _masked(batch, tokenizer, rng)
            hidden_BTD = model.bert(input_ids=ids_BT, attention_mask=mask_BT).last_hidden_state
            # Only masked tokens go through the output layer, which would take most of the time for all tokens.
            loss = functional.cross_entropy(model.cls(hidden_BTD[guess_BT]), truth)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
            done += 1
            if progress is not None:
                progress(done, steps)
    model.train(False)
    return float(np.mean(losses))


def _batches(tokens: list[list[int]], rng: np.random.Generator) -> Iterator[list[list[int]]]:
    """Yield batches of texts of similar length, in a newly drawn order."""
    order = rng.permutation(len(tokens))
    order = order[np.argsort([len(tokens[i]) for i in order], kind="stable")]
    for start in rng.permutation(np.arange(0, len(order), _BATCH)):
        yield [tokens[i] for i in order[start : start + _BATCH]]


def _masked(
    batch: list[list[int]], tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return input ids (B, T), attention mask (B, T), which tokens to predict (B, T, bool), and their truth."""
    width = max(len(t) for t in batch)
    ids_BT: npt.NDArray[np.int64] = np.full((len(batch), width), tokenizer.pad_token_id, dtype=np.int64)
    for row, text in enumerate(batch):
        ids_BT[row, : len(text)] = text
    mask_BT = np.arange(width) < np.array([len(t) for t in batch])[:, None]
    words_BT = ids_BT >= len(SPECIAL)
    guess_BT = words_BT & (rng.random(ids_BT.shape) < MASKED)
    if not guess_BT.any():  # a batch without a token to predict has no loss
        guess_BT.ravel()[rng.choice(np.flatnonzero(words_BT | mask_BT))] = True
    truth = ids_BT[guess_BT]
    draw_BT = rng.random(ids_BT.shape)
    ids_BT[guess_BT & (draw_BT < 0.8)] = tokenizer.mask_token_id
    other_BT = guess_BT & (draw_BT >= 0.8) & (draw_BT < 0.9)
    ids_BT[other_BT] = rng.integers(len(SPECIAL), len(tokenizer), size=int(other_BT.sum()))
    return (
        torch.from_numpy(ids_BT),
        torch.from_numpy(mask_BT.astype(np.int64)),
        torch.from_numpy(guess_BT),
        torch.from_numpy(truth),
    )
