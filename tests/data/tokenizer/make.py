#!/usr/bin/env python3
"""Writes the tokenizer cases of this folder: a small tokenizer.json and what HF tokenizers makes of some texts with it.

Usage: tests/data/tokenizer/make.py, with the packages of tests/peers/requirements.txt. The tokenizer is trained on
bench/corpus with the pre-tokeniser of DeepSeek-V4 (spec deepseek-v4 section 7) and has control tokens of every kind. Texts are
those of tests/peers/texts.py and a few that are hard by design.
"""
import json
import pathlib
import random
import sys

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "tests/peers"))
from texts import Texts  # noqa: E402

VOCABULARY = 900
FIRST = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"]
LAST = ["<｜User｜>", "<｜Assistant｜>", "<think>", "</think>", "｜DSML｜", "<｜/table>｜", "<｜table｜>", "<dsml:", "<|EOT|>", "<｜User｜>>"]
SPLITS = [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
          r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^""" "\r\n" r"\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[" "\r\n"
          r"]*|\s*[" "\r\n" r"]+|\s+(?!\S)|\s+"]
HARD = ["", " ", "\n", "a", "  1", "  漢", "  x", "\t\n \n  x", "\n\n  \n", "½Ⅻ〇１２３٣٤٥٦", "々〆ヶ゛・一龥龦", "x\u0000y\u0001\u0002z", "\u0301a\u0301\u0301b",
        "_Abc__Abcé", "((abc", " (abc", "'s don't I'LL", "。。\n\n。", "\u00a0x\u3000x", "\r\n\r\n x", "a\u200db\ufeffc", "\ue000x\ue000\ue001 x", "<｜User｜>>x",
        "<｜User｜><｜User｜>>", "<｜User｜", "a<think>b</think>c", "<dsml:invoke>", "｜DSML｜｜", "<｜/table>｜>", "<<|EOT|>|EOT|>", "x" * 300, " " * 300, "7" * 300,
        "\n" * 70 + "a", "的" * 70, "👩‍👩‍👧‍👦" * 12, "=-" * 90]


def main() -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(split), "isolated") for split in SPLITS] + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=FIRST, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train([str(p) for p in sorted((ROOT / "bench/corpus").glob("*.txt"))], trainer)
    described = json.loads(tokenizer.to_str())
    plain = Tokenizer.from_str(json.dumps(described | {"added_tokens": []}))
    like = described["added_tokens"][0]
    described["added_tokens"] += [like | {"id": VOCABULARY + i, "content": text, "special": False, "normalized": i % 2 == 0} for i, text in enumerate(LAST)]
    text = json.dumps(described, ensure_ascii=False, separators=(",", ":"))
    (HERE / "tokenizer.json").write_text(text, encoding="utf-8")
    tokenizer = Tokenizer.from_str(text)
    rng = random.Random(4)
    texts = Texts(rng, FIRST + LAST)
    with (HERE / "cases.jsonl").open("w", encoding="utf-8") as f:
        for text in HARD + [texts.text() for _ in range(160)]:
            pieces = [text[begin:end] for _, (begin, end) in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
            row = {"text": text, "pieces": pieces, "ids": tokenizer.encode(text, add_special_tokens=False).ids, "ids_plain": plain.encode(text, add_special_tokens=False).ids}
            f.write(json.dumps(row, ensure_ascii=rng.random() < 0.5, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
