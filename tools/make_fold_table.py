#!/usr/bin/env python3
"""Writes src/text/fold_table.cc: what Engram's vocabulary makes of a character.

Usage: tools/make_fold_table.py > src/text/fold_table.cc

A character becomes its compatibility decomposition (NFKD) without marks (category M), each part in lower case. Hangul
syllables decompose by a formula and are left out. The tables are those of Python's unicodedata.
"""
import unicodedata

SYLLABLES = range(0xAC00, 0xD7A4)
SURROGATES = range(0xD800, 0xE000)


def fold(code: int) -> list[int]:
    parts = unicodedata.normalize("NFKD", chr(code))
    kept = "".join(part.lower() for part in parts if unicodedata.category(part)[0] != "M")
    return [ord(part) for part in kept]


def main() -> None:
    single, others = [], []
    for code in range(0x110000):
        if code in SYLLABLES or code in SURROGATES:
            continue
        parts = fold(code)
        if parts == [code]:
            continue
        if len(parts) == 1:
            single.append((code, parts[0]))
        else:
            others.append((code, parts))
    runs = runs_of(single)
    gone = ranges_of([code for code, parts in others if not parts])
    many = [(code, parts) for code, parts in others if parts]
    pool: list[int] = []
    entries = []
    for code, parts in many:
        entries.append((code, len(pool), len(parts)))
        pool += parts
    print(HEAD % unicodedata.unidata_version)
    table("FoldRun kFoldRuns", [f"{{{a},{b},{step},{target}}}" for a, b, step, target in runs])
    table("FoldRange kFoldGone", [f"{{{a},{b}}}" for a, b in gone])
    table("FoldMany kFoldMany", [f"{{{a},{at},{n}}}" for a, at, n in entries])
    table("uint32_t kFoldPool", [str(code) for code in pool])
    for name, items in (("Run", runs), ("Gone", gone), ("Many", many)):
        plural = name + ("s" if name == "Run" else "")
        print(f"const int64_t kFold{plural}Count = {len(items)};")
    print("\n}  // namespace hadal")


def runs_of(single: list[tuple[int, int]]) -> list[tuple[int, int, int, int]]:
    """(first, last, step, target of the first): code points a step apart whose targets are as far apart."""
    runs = []
    i = 0
    while i < len(single):
        first, target = single[i]
        step = single[i + 1][0] - first if i + 1 < len(single) else 1
        j = i + 1
        while step in (1, 2) and j < len(single) and single[j] == (first + (j - i) * step, target + (j - i) * step):
            j += 1
        runs.append((first, single[j - 1][0], step if j > i + 1 else 1, target))
        i = j
    return runs


def ranges_of(codes: list[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return ranges


def table(name: str, items: list[str]) -> None:
    print(f"const {name}[] = {{")
    line = ""
    for item in items:
        if len(line) + len(item) + 1 > 118:
            print(line)
            line = ""
        line += item + ","
    print(line)
    print("};")


HEAD = """// Made by tools/make_fold_table.py (Unicode %s); do not edit.
#include "text/fold_table.h"

// clang-format off
namespace hadal {
"""

if __name__ == "__main__":
    main()
