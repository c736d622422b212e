"""What the judges share: where hadal and the shared cases are, runs of hadal, JSON lines in and out, the verdict line.

A judge is a program of its own: it makes --count cases from --seed, lets hadal and a published package look at the same
case, prints a small reproducer for every difference, ends with one line `peers NAME: ...` and exits 1 if anything differed.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_SHOWN = 5  # differences printed in full; the rest are counted


def hadal() -> str:
    return os.environ.get("HADAL", str(ROOT / "build/release/hadal"))


def shared(below: str) -> pathlib.Path | None:
    """A file of the shared golden cases (HADAL_SHARED, or `shared` beside the checkout), or None."""
    path = pathlib.Path(os.environ.get("HADAL_SHARED", ROOT.parent / "shared")) / below
    return path if path.exists() else None


def run(*args: str, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([hadal(), *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, **kwargs)


def run_ok(*args: str, **kwargs) -> str:
    done = run(*args, **kwargs)
    if done.returncode != 0:
        raise HadalFailed(f"{command(*args)}\n  exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def run_jsonl(args: list[str], rows: list[dict], work: pathlib.Path) -> list[dict]:
    """One object in, one object out, in order. Half of the lines spell non-ASCII as \\u escapes."""
    source, result = work / "in.jsonl", work / "out.jsonl"
    with source.open("w", encoding="utf-8") as f:
        for i, row in enumerate(rows):
            f.write(json.dumps(row, ensure_ascii=i % 2 == 1) + "\n")
    with source.open("rb") as fin, result.open("wb") as fout:
        done = subprocess.run([hadal(), *args], stdin=fin, stdout=fout, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise HadalFailed(f"{command(*args)}\n  exit code {done.returncode}: {done.stderr.strip()}")
    with result.open(encoding="utf-8") as f:
        answers = [json.loads(line) for line in f.read().split("\n")[:-1]]
    if len(answers) != len(rows):
        raise HadalFailed(f"{command(*args)}\n  {len(rows)} lines in, {len(answers)} lines out")
    return answers


def command(*args: str) -> str:
    return " ".join(["hadal", *(a if a.isprintable() and " " not in a else repr(a) for a in args)])


class HadalFailed(Exception):
    pass


class Verdict:
    """Counts cases and differences, and prints the one line that a judge ends with."""

    def __init__(self, name: str):
        self.name = name
        self.cases = 0
        self.differences = 0
        self.notes: dict[str, object] = {}
        self.started = time.monotonic()

    def difference(self, text: str) -> None:
        self.differences += 1
        if self.differences <= MAX_SHOWN:
            print(f"DIFFERENT ({self.name}, case {self.cases}):\n  " + text.replace("\n", "\n  "), flush=True)

    @property
    def shows_more(self) -> bool:
        return self.differences < MAX_SHOWN

    def count(self, note: str, by: int = 1) -> None:
        self.notes[note] = self.notes.get(note, 0) + by

    def finish(self) -> None:
        seconds = time.monotonic() - self.started
        notes = "".join(f", {value} {note}" for note, value in self.notes.items())
        word = "OK" if self.differences == 0 else "DIFFERENT"
        print(f"peers {self.name}: {word}: {self.cases} cases, {self.differences} differences{notes}, {seconds:.0f} s", flush=True)
        sys.exit(0 if self.differences == 0 else 1)


def skip(name: str, reason: str) -> None:
    print(f"peers {name}: SKIPPED: {reason}", flush=True)
    sys.exit(0)


def arguments(description: str, count: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seed", type=int, default=20261124, help="the cases follow from it (default %(default)s)")
    parser.add_argument("--count", type=int, default=count, help="number of cases (default %(default)s)")
    return parser
