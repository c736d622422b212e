#!/usr/bin/env python3
"""Proves that what the model is judged by was never in its training data.

    python3 data/check.py --train FILE... --held DIR

It looks for, and names, each held-out case (1) whose conversation up to the answer is the beginning of a training document,
(2) whose last question is asked in training (not where the answer is free or only the absence of a call is judged), (3) whose sum is
worked out in training, (4) that uses a held-out name that training has as a word. Exit code 1 if there is any. It also
prints how varied the training data are.
"""
import argparse
import collections
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from nano import world  # noqa: E402
from nano.core import split, text_hash  # noqa: E402

WORD = re.compile(r"[^\W\d_]+")
NAME_LISTS = (world.TURKISH_NAMES, world.ENGLISH_NAMES, world.TURKISH_CITIES, world.WORLD_CITIES, world.PET_NAMES)


def key(messages):
    return text_hash(json.dumps(messages, ensure_ascii=False))


class Training:
    def __init__(self, paths):
        self.prefixes, self.questions, self.sums, self.words = set(), set(), set(), collections.Counter()
        self.documents, self.characters = 0, 0
        self.answers = collections.Counter()
        for path in paths:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    self.add(json.loads(line))

    def add(self, document):
        self.documents += 1
        for message in document.get("messages", [{"role": "text", "content": document.get("text")}]):
            text = message["content"]
            self.characters += len(text)
            self.words.update(WORD.findall(text))
            if message["role"] == "user":
                self.questions.add(text_hash(text))
            if message["role"] in ("assistant", "text"):
                self.answers[text_hash(text)] += 1
        self.sums.update((min(a, b), op, max(a, b)) for a, op, b in document.get("sums", []))
        messages = document.get("messages", [])
        for n, message in enumerate(messages):
            if message["role"] == "assistant":
                self.prefixes.add(key(messages[:n]))


def problems(case, training, held_names):
    if key(case["messages"]) in training.prefixes:
        yield "the whole conversation"
    last = case["messages"][-1]["content"]
    if case["check"]["type"] not in ("free", "no_call") and text_hash(last) in training.questions:
        yield "the question " + repr(last)
    for a, op, b in case.get("sums", []):
        if (min(a, b), op, max(a, b)) in training.sums:
            yield f"the sum {a} {op} {b}"
    for mark in case["held"]:
        if mark in held_names and training.words[mark]:
            yield "the name " + mark


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", nargs="+", required=True, metavar="FILE")
    parser.add_argument("--held", required=True, type=pathlib.Path, metavar="DIR")
    options = parser.parse_args()
    training = Training(options.train)
    held_names = {name for names in NAME_LISTS for name in split(names)[1]}
    cases, bad = 0, collections.Counter()
    for path in sorted(options.held.glob("*.*.jsonl")):
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                cases += 1
                for problem in problems(json.loads(line), training, held_names):
                    bad[path.name, problem.split(" ")[1]] += 1
                    if bad.total() <= 50:
                        print(f"{path.name}:{number}: training has {problem}")
    distinct = len(training.answers)
    answers = sum(training.answers.values())
    print(f"training: {training.documents} documents, {training.characters} characters, {len(training.words)} different words, "
          f"{answers} answers of which {distinct} differ, {len(training.questions)} different questions")
    print(f"held out: {cases} cases, {bad.total()} overlaps", dict(bad) if bad else "")
    return 1 if bad or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
