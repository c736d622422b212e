"""What every generator uses: a source of random choices that keeps training and held-out material apart.

A Source belongs to one document. `held` decides which half of each list it may see: about one entry in seven of a list
given to ask(), name() or value() is held out, chosen by the entry's own text, so training never meets it. pick() is for
lists that both may use (answers, ordinary words). Everything follows from (seed, number of the document).
"""
import hashlib
import random
import re

HELD_SHARE = 7
_splits = {}


def text_hash(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def is_held(key, share=HELD_SHARE):
    return text_hash(str(key)) % share == 0


def split(items):
    """(for training, held out): the entries with the smallest hashes are held out, at least one."""
    key = tuple(item[0] if isinstance(item, tuple) else item for item in items)
    known = _splits.get(key)
    if known is None:
        ranked = sorted(items, key=lambda item: text_hash(repr(item)))
        count = max(1, len(ranked) // HELD_SHARE)
        _splits[key] = known = (ranked[count:] or ranked, ranked[:count])
    return known


class Source:
    def __init__(self, seed, number, language, held=False):
        self.rng = random.Random(f"{seed}/{number}/{language}/{held}")
        self.language = language
        self.held = held
        self.marks = []  # held-out texts that the document uses

    def pick(self, items):
        return items[int(self.rng.random() * len(items))]

    def _from_split(self, items):
        item = self.pick(split(items)[1 if self.held else 0])
        if self.held:
            self.marks.append(item if isinstance(item, str) else repr(item))
        return item

    def ask(self, phrasings):
        """One way to put a question."""
        return self._from_split(phrasings)

    def name(self, names):
        return self._from_split(names)

    value = name

    def chance(self, probability):
        return self.rng.random() < probability

    def between(self, low, high):
        return low + int(self.rng.random() * (high - low + 1))

    def some(self, items, count):
        """`count` different entries in random order."""
        pool = list(items)
        return [pool.pop(int(self.rng.random() * len(pool))) for _ in range(min(count, len(pool)))]

    def names(self, items, count):
        chosen = self.some(split(items)[1 if self.held else 0], count)
        if self.held:
            self.marks += [item if isinstance(item, str) else repr(item) for item in chosen]
        return chosen

    def number(self, low, high, kind=""):
        """A number of this half: numbers are split by their value."""
        while True:
            n = self.between(low, high)
            if is_held(f"{kind}{n}", 5) == self.held:
                return n

    def fill(self, text, **slots):
        """[a|b] becomes one of its alternatives (they nest), {name} the slot."""
        while True:
            inner = re.search(r"\[([^\[\]]*\|[^\[\]]*)\]", text)
            if inner is None:
                break
            text = text[:inner.start()] + self.pick(inner.group(1).split("|")) + text[inner.end():]
        for key, value in slots.items():
            text = text.replace("{" + key + "}", str(value))
        return text

    def say(self, options, **slots):
        """One of several texts, filled."""
        return self.fill(self.pick(options), **slots)

    def put(self, phrasings, **slots):
        """One way to ask, filled."""
        return self.fill(self.ask(phrasings), **slots)

    def led(self, lead, phrasings, **slots):
        """One way to ask behind a lead such as "Hi, ": small at the start after a comma, unless a name stands there."""
        phrasing = self.ask(phrasings)
        if lead.endswith(", ") and phrasing[1:2].islower() and phrasing[:1] != "{":
            first = {"İ": "i", "I": "ı"}.get(phrasing[0], phrasing[0].lower()) if self.language == "tr" else phrasing[0].lower()
            phrasing = first + phrasing[1:]
        return lead + self.fill(phrasing, **slots)


def user(text):
    return {"role": "user", "content": text}


def assistant(text, reasoning=None, calls=None):
    message = {"role": "assistant", "content": text}
    if reasoning is not None:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    return message


def capital(text, language):
    """The first letter as a capital, Turkish i and ı included."""
    if not text:
        return text
    if language == "tr":
        first = {"i": "İ", "ı": "I"}.get(text[0], text[0].upper())
        return first + text[1:]
    return text[0].upper() + text[1:]


def joined(items, language):
    """a, b and c"""
    items = list(items)
    if len(items) < 2:
        return "".join(items)
    return ", ".join(items[:-1]) + (" and " if language == "en" else " ve ") + items[-1]
