#!/usr/bin/env python3
"""Random strings through `hadal tokenize` and HF tokenizers: ids, plain ids and decoded bytes must be equal.

Twice: with the tokenizer.json of DeepSeek-V4 (from the shared cases; skipped loudly where they are missing) and with the small
one that `hadal make-random` writes. Plain text is judged by the same library after taking the added tokens out of its
vocabulary file. Decoding is judged on the ids of every string, which must give back its bytes, and on random id sequences,
whose bytes with U+FFFD in place of damage must be the library's text.
"""
import gzip
import json
import pathlib
import random
import tempfile

import common
from texts import Texts
from tokenizers import Tokenizer


def main() -> None:
    options = common.arguments(__doc__, 100_000).parse_args()
    verdict = common.Verdict("strings")
    with tempfile.TemporaryDirectory(prefix="peers-strings-") as folder:
        work = pathlib.Path(folder)
        real = common.shared("golden/tokenizer/tokenizer.json.gz")
        if real is None:
            print("SKIP strings: the real tokenizer.json is not here; set HADAL_SHARED to the golden cases", flush=True)
            verdict.count("parts skipped (no real tokenizer.json)")
        else:
            path = work / "tokenizer.json"
            path.write_bytes(gzip.decompress(real.read_bytes()))
            Judge("real", path, work, verdict).run(options.seed, options.count)
        common.run_ok("make-random", str(work / "small"), "--preset", "tiny", "--seed", str(options.seed % 2**31))
        Judge("small", work / "small/tokenizer.json", work, verdict).run(options.seed + 1, options.count)
    verdict.finish()


class Judge:
    def __init__(self, name: str, path: pathlib.Path, work: pathlib.Path, verdict: common.Verdict):
        self.name, self.path, self.work, self.verdict = name, path, work, verdict
        described = json.loads(path.read_text(encoding="utf-8"))
        self.added = [t["content"] for t in described["added_tokens"]]
        self.with_added = Tokenizer.from_file(str(path))
        described["added_tokens"] = []
        self.plain = Tokenizer.from_str(json.dumps(described))
        self.vocab = self.with_added.get_vocab_size(with_added_tokens=True)

    def run(self, seed: int, count: int) -> None:
        rng = random.Random(seed)
        named = [t for t in self.added if "hold" not in t]  # the rest are numbered place holders
        texts = Texts(rng, named * 8 + self.added)
        strings = [texts.text() for _ in range(count)]
        self.verdict.cases += count
        self.verdict.count(f"UTF-8 bytes ({self.name})", sum(len(s.encode()) for s in strings))
        for plain in (False, True):
            bad = [s for s, mine, theirs in zip(strings, self.ours(strings, plain), self.theirs(strings, plain)) if mine != theirs]
            self.report(bad, plain)
        self.check_round_trip(strings)
        self.check_random_ids(rng, count // 5)

    def ours(self, strings: list[str], plain: bool) -> list:
        args = ["tokenize", str(self.path), "--jsonl"] + (["--plain"] if plain else [])
        return [a.get("ids", a) for a in common.run_jsonl(args, [{"text": s} for s in strings], self.work)]

    def theirs(self, strings: list[str], plain: bool) -> list[list[int]]:
        tokenizer = self.plain if plain else self.with_added
        return [e.ids for e in tokenizer.encode_batch_fast(strings, add_special_tokens=False)]

    def report(self, bad: list[str], plain: bool) -> None:
        for text in bad:
            if not self.verdict.shows_more:
                self.verdict.difference("")
                continue
            text = self.shrink(text, plain)
            mine, theirs = self.ours([text], plain)[0], self.theirs([text], plain)[0]
            self.verdict.difference(f"{self.name} tokenizer{', --plain' if plain else ''}: {ascii(text)}\nhadal  {mine}\npeer   {theirs}")

    def shrink(self, text: str, plain: bool) -> str:
        """The shortest string found by cutting pieces out of it that still differs."""
        piece = max(1, len(text) // 2)
        while True:
            candidates = [text[:i] + text[i + piece:] for i in range(0, len(text), piece)]
            found = next((c for c, m, t in zip(candidates, self.ours(candidates, plain), self.theirs(candidates, plain)) if m != t), None)
            if found is not None:
                text = found
                piece = max(1, min(piece, len(text) // 2))
            elif piece == 1:
                return text
            else:
                piece //= 2

    def decoded(self, sequences: list[list[int]]) -> list[bytes]:
        answers = common.run_jsonl(["tokenize", str(self.path), "--jsonl", "--decode"], [{"ids": ids} for ids in sequences], self.work)
        return [bytes.fromhex(a["hex"]) if "hex" in a else str(a).encode() for a in answers]

    def check_round_trip(self, strings: list[str]) -> None:
        sequences = self.theirs(strings, plain=False)
        for text, ids, mine in zip(strings, sequences, self.decoded(sequences)):
            if mine != text.encode():
                self.verdict.difference(f"{self.name} tokenizer, --decode of {ids}\nhadal  {mine.hex()}\ntext   {text.encode().hex()}")

    def check_random_ids(self, rng: random.Random, count: int) -> None:
        sequences = [[rng.randrange(self.vocab) for _ in range(rng.randint(0, 24))] for _ in range(count)]
        self.verdict.count(f"random id sequences ({self.name})", count)
        theirs = self.with_added.decode_batch(sequences, skip_special_tokens=False)
        for ids, mine, their in zip(sequences, self.decoded(sequences), theirs):
            if mine.decode("utf-8", "replace") != their:
                self.verdict.difference(f"{self.name} tokenizer, --decode of {ids}\nhadal  {mine.hex()}\npeer   {ascii(their)}")


if __name__ == "__main__":
    main()
