#!/usr/bin/env python3
"""Finds functions that a unit for one instruction set shares with the rest of the program.

Of an inline function that several objects define the linker keeps one copy for all: if that is the copy of an AVX unit, the
program dies on a CPU without AVX. Such functions must be always inlined, or known to that unit alone.
Usage: tools/check_isa.py BUILD_DIR
"""
import collections
import pathlib
import re
import subprocess
import sys

UNIT = re.compile(r"_(avx2|avx512|amx|neon)\.cc\.o$")


def main() -> int:
    objects = sorted(pathlib.Path(sys.argv[1]).glob("CMakeFiles/hadal_*.dir/src/**/*.cc.o"))
    units = [o for o in objects if UNIT.search(o.name)]
    if not units:
        print(f"check_isa.py: no units for instruction sets among the {len(objects)} objects of {sys.argv[1]}", file=sys.stderr)
        return 1
    users = collections.defaultdict(set)  # symbol -> objects that define or want it
    shared = collections.defaultdict(set)  # weak symbol -> units that define it
    for made in objects:
        for line in subprocess.run(["nm", made], check=True, capture_output=True, text=True).stdout.splitlines():
            kind, symbol = line.split()[-2:]
            users[symbol].add(made)
            if kind in "WVu" and made in units:
                shared[symbol].add(made)
    errors = sorted((s, made) for s, makers in shared.items() if len(users[s]) > 1 for made in makers)
    for symbol, made in errors:
        print(f"{made.name} defines {symbol}, which others use too: make it always inlined or keep it to the unit", file=sys.stderr)
    print(f"instruction sets: {len(units)} units, {len(shared)} inline functions of their own, {len(errors)} shared")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
