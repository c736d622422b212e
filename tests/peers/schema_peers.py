"""The token masks of llguidance and xgrammar along a document, beside hadal's: which bits differ, and the time for each."""
import collections
import gzip
import json
import pathlib
import re
import time

import numpy as np

STOP = 1
ROWS = 129280


def unpack(packed: pathlib.Path, work: pathlib.Path) -> pathlib.Path:
    plain = work / "tokenizer.json"
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    return plain


# Where the engines differ on purpose: (name, who allows more, a pattern over what stands before and the token, from the last
# 240 bytes). RESULTS.md has the reasons.
CHOICES = [
    ("DEL is a character of a string", "hadal", re.compile(rb"\x7f")),
    ("blanks in a row end", "peer", re.compile(rb"[ \t\r\n]{%d,}" % 20)),
    ("numbers stay finite", "peer", re.compile(rb"[eE][+-]?[0-9]{3,}|[0-9]{101,}")),
    ("limited strings are spelt one way", "peer", re.compile(rb"\\")),
]


def choice(hadal_allows: bool, before: bytes, token: bytes) -> str | None:
    text = before[-240:] + token
    for name, who, pattern in CHOICES:
        if (who == "hadal") == hadal_allows and any(m.end() > len(text) - len(token) for m in pattern.finditer(text)):
            return name
    return None


class Vocabulary:
    """The bytes of every id, from the file: byte-level characters back to bytes."""

    def __init__(self, path: pathlib.Path):
        described = json.loads(path.read_text(encoding="utf-8"))
        printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
        spelt = {chr(b): b for b in printable}
        spelt |= {chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in printable)}
        self.tokens = [b""] * ROWS
        for text, i in described["model"]["vocab"].items():
            if all(c in spelt for c in text):
                self.tokens[i] = bytes(spelt[c] for c in text)
        self.added = {t["id"]: t["content"] for t in described["added_tokens"]}
        for i, content in self.added.items():
            self.tokens[i] = content.encode()


class Peer:
    name = ""

    def __init__(self, vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        self.masks = self.equal = self.schemas = self.unsupported = self.left = self.explained = 0
        self.mine: list[float] = []
        self.theirs: list[float] = []
        self.differ: collections.Counter = collections.Counter()
        self.example: dict = {}
        self.chosen: collections.Counter = collections.Counter()

    def compare(self, probe, schema: str, ids: list[int]) -> None:
        matcher = self.matcher(schema)
        if matcher is None:
            self.unsupported += 1
            return
        self.schemas += 1
        path = probe.work / "masks"
        times = probe.ask(schema, masks=ids, to=str(path))["us"]
        ours = np.fromfile(path, dtype=np.uint64).reshape(len(times), -1)
        for i, (mask, mine) in enumerate(zip(ours, times)):
            started = time.thread_time_ns()
            self.fill(matcher)
            self.theirs.append((time.thread_time_ns() - started) / 1000)
            self.mine.append(mine)
            self.masks += 1
            theirs = np.frombuffer(self.bits().tobytes(), dtype=np.uint64)
            changed = np.unpackbits((mask ^ theirs[: len(mask)]).view(np.uint8), bitorder="little").nonzero()[0]
            self.equal += int(len(changed) == 0)
            before = b"".join(self.vocabulary.tokens[t] for t in ids[:i])
            why = set()
            for token in changed:
                mine_allows = bool(int(mask[token // 64]) >> int(token % 64) & 1)
                spelt = self.vocabulary.tokens[token]
                reason = choice(mine_allows, before, spelt)
                why.add(reason)
                if reason is None:
                    what = ("hadal" if mine_allows else self.name, spelt)
                    self.differ[what] += 1
                    self.example.setdefault(what, f"{schema[:400]} after {before[-60:]!r}")
                    break
            self.chosen.update(why)
            self.explained += int(None not in why)
            if i < len(ids) and not self.accept(matcher, ids[i]):
                self.left += 1
                return


class LlGuidance(Peer):
    name = "llguidance"

    def __init__(self, vocabulary: Vocabulary):
        import llguidance
        import llguidance.numpy

        super().__init__(vocabulary)
        self.module = llguidance

        class Wrapped:
            eos_token_id, bos_token_id = STOP, 0
            tokens = vocabulary.tokens
            special_token_ids = sorted(vocabulary.added)

            def __call__(self, text):
                return []

        self.tokenizer = llguidance.LLTokenizer(llguidance.TokenizerWrapper(Wrapped()), n_vocab=ROWS,
                                                slices=llguidance.LLTokenizer.json_slices())
        self.buffer = llguidance.numpy.allocate_token_bitmask(1, ROWS)

    def matcher(self, schema: str):
        try:
            matcher = self.module.LLMatcher(self.tokenizer, self.module.LLMatcher.grammar_from_json_schema(schema), log_level=0)
        except ValueError:
            return None
        return None if matcher.is_error() else matcher

    def fill(self, matcher) -> None:
        self.module.numpy.fill_next_token_bitmask(matcher, self.buffer, 0)

    def bits(self):
        return self.buffer[0]

    def accept(self, matcher, token: int) -> bool:
        return matcher.try_consume_tokens([token]) == 1


class XGrammar(Peer):
    name = "xgrammar"

    def __init__(self, vocabulary: Vocabulary):
        import xgrammar

        super().__init__(vocabulary)
        self.module = xgrammar
        # It takes empty tokens for special ones.
        tokens = [b"" if i in vocabulary.added else token for i, token in enumerate(vocabulary.tokens)]
        info = xgrammar.TokenizerInfo(tokens, xgrammar.VocabType.RAW, vocab_size=ROWS, stop_token_ids=[STOP])
        self.compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
        self.buffer = xgrammar.allocate_token_bitmask(1, ROWS)

    def matcher(self, schema: str):
        try:
            compiled = self.compiler.compile_json_schema(schema, any_whitespace=True, strict_mode=False)
            return self.module.GrammarMatcher(compiled)
        except Exception:  # of several kinds, all of which mean no
            return None

    def fill(self, matcher) -> None:
        self.module.reset_token_bitmask(self.buffer)
        matcher.fill_next_token_bitmask(self.buffer)

    def bits(self):
        return self.buffer[0].numpy()

    def accept(self, matcher, token: int) -> bool:
        return matcher.accept_token(token)


def installed(tokenizer: pathlib.Path) -> list[Peer]:
    vocabulary = Vocabulary(tokenizer)
    peers: list[Peer] = []
    for kind in (LlGuidance, XGrammar):
        try:
            peers.append(kind(vocabulary))
        except ImportError as error:
            print(f"SKIP schemas: masks of {kind.name}: {error}", flush=True)
    return peers


def report(peers: list[Peer]) -> None:
    for peer in peers:
        if not peer.masks:
            continue
        print(f"  {peer.name}: {peer.schemas} schemas ({peer.unsupported} more that only hadal takes), {peer.masks} masks, "
              f"{100 * peer.equal / peer.masks:.1f} % equal, "
              f"{100 * peer.explained / peer.masks:.2f} % equal but for choices, {peer.left} documents left early")
        for who, times in (("hadal", peer.mine), (peer.name, peer.theirs)):
            print("    us of CPU for a mask: " + ", ".join(f"{q} {np.percentile(times, p):.1f}" for q, p in
                                                   (("median", 50), ("P90", 90), ("P99", 99), ("worst", 100))) + f" ({who})")
        for why, count in peer.chosen.most_common():
            print(f"    {count} masks: {why or 'NO REASON'}")
        for (allows, token), count in peer.differ.most_common(12):
            print(f"    {count} masks differ first at {token!r}, which {allows} allows: {peer.example[(allows, token)]}")
