#!/usr/bin/env python3
"""Writes src/text/unicode_tables.cc: the character classes of the pre-tokeniser, as a two-level table.

Usage: tools/make_unicode_tables.py unicode_classes.json > src/text/unicode_tables.cc

The input has inclusive code point ranges under "N", "L", "M", "P", "S" and "space" (Unicode 16.0 as the reference's regex
engine sees it). It changes only when the tokenizer of the model family does.
"""
import json
import pathlib
import sys

LIMIT = 0x110000
# Numbered as CharClass in src/text/unicode_tables.h.
OTHER, WORD, PUNCTUATION, HAN_OTHER, HAN_WORD, HAN_PUNCTUATION, NUMBER, SPACE, LINE_BREAK = range(9)
HAN_RANGES = [(0x4E00, 0x9FA5), (0x3040, 0x309F), (0x30A0, 0x30FF)]  # spec deepseek-v4 section 7, step 2

HEAD = """// Made by tools/make_unicode_tables.py from the reference's character classes (Unicode 16.0); do not edit.
#include "text/unicode_tables.h"

// clang-format off
namespace hadal {
"""


def main() -> None:
    classes = char_classes(json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")))
    # 128 code points to a block makes the two tables smallest.
    blocks: dict[bytes, int] = {}
    index = [blocks.setdefault(bytes(classes[start:start + 128]), len(blocks)) for start in range(0, LIMIT, 128)]
    assert len(blocks) <= 256
    print(HEAD)
    print_table("kCharClassIndex", index)
    print_table("kCharClassBlocks", b"".join(blocks))
    print("}  // namespace hadal")


def char_classes(ranges: dict) -> bytearray:
    classes = bytearray(LIMIT)
    for name, value in (("N", NUMBER), ("L", WORD), ("M", WORD), ("P", PUNCTUATION), ("S", PUNCTUATION), ("space", SPACE)):
        for first, last in ranges[name]:
            assert not any(classes[first:last + 1]), f"U+{first:04X}..U+{last:04X} of {name} is in two classes"
            classes[first:last + 1] = bytes([value]) * (last + 1 - first)
    for first, last in HAN_RANGES:
        for c in range(first, last + 1):
            classes[c] = {OTHER: HAN_OTHER, WORD: HAN_WORD, PUNCTUATION: HAN_PUNCTUATION}[classes[c]]
    classes[ord("\n")] = classes[ord("\r")] = LINE_BREAK
    return classes


def print_table(name: str, values) -> None:
    print(f"const uint8_t {name}[] = {{")
    line = ""
    for value in values:
        if len(line) + len(f"{value},") > 108:
            print(line)
            line = ""
        line += f"{value},"
    print(line + "};\n")


if __name__ == "__main__":
    main()
