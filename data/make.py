#!/usr/bin/env python3
"""Generates the built-in model's training data, or with --held-out the files it is judged by.

    python3 data/make.py --out DIR --tokens 60000000 --seed 1
    python3 data/make.py --out DIR --held-out --seed 1

Training: DIR/train-NNN.jsonl, each with documents of all skills and both languages, in lines that `hadal data prepare` reads.
Held-out: DIR/SKILL.LANGUAGE.jsonl, each line with the messages, the check for the answer and the held-out texts that it uses;
DIR/loss.jsonl, whole documents for the held-out loss. The same seed gives the same bytes. Only the standard library is used.
"""
import argparse
import collections
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from nano import arithmetic, code, dates, hadal_qa, limits, mixed, schema, smalltalk, stories, tools  # noqa: E402
from nano.core import Source, text_hash  # noqa: E402

LANGUAGES = ("en", "tr")
# Share of the documents. Long documents (tools, schema) weigh more in tokens.
SKILLS = {"smalltalk": (18, smalltalk), "hadal": (14, hadal_qa), "arithmetic": (16, arithmetic), "dates": (6, dates), "code": (4, code),
          "tools": (13, tools), "schema": (10, schema), "stories": (5, stories), "limits": (4, limits), "mixed": (14, mixed)}
# Here every letter counts, or a name must be copied as it stands.
CAREFUL = {"tools", "schema", "code"}
# Measured with nano's tokenizer over 60 M tokens: bytes of a JSON line to a token of the rendered document.
BYTES_PER_TOKEN = 4.3
# The same short document may come so often.
MOST_REPEATS = 3
CASES = 400
LOSS_DOCUMENTS = 1500


def carelessly(text, language):
    """As people type in a hurry: small letters, no full stop."""
    if language == "tr":
        text = text.replace("İ", "i").replace("I", "ı")
    return text.lower().rstrip(".?! ")


def document(skill, source):
    module = SKILLS[skill][1]
    entry = module.document(source, smalltalk.single) if skill == "tools" else module.document(source)
    if skill not in CAREFUL and "messages" in entry and source.chance(0.1):
        for message in entry["messages"]:
            if message["role"] == "user" and "`" not in message["content"]:
                message["content"] = carelessly(message["content"], source.language) or message["content"]
    return entry


def case(skill, source, number):
    module = SKILLS[skill][1]
    if skill == "tools":
        return module.held_case(source, smalltalk.single)
    if skill == "hadal":
        return module.held_case(source, number % len(hadal_qa.FACTS))
    return module.held_case(source)


def schedule():
    """The skills in the order in which they come round."""
    total = sum(share for share, _ in SKILLS.values())
    order, owed = [], dict.fromkeys(SKILLS, 0)
    for _ in range(total):
        for skill, (share, _) in SKILLS.items():
            owed[skill] += share
        skill = max(owed, key=owed.get)
        owed[skill] -= total
        order.append(skill)
    return order


def prompts_of(entry):
    """The hashes of what stands before each answer."""
    messages = entry.get("messages", [])
    return [text_hash(json.dumps(messages[:n], ensure_ascii=False)) for n, message in enumerate(messages) if message["role"] == "assistant"]


def write_training(out, tokens, seed, forbidden):
    order = schedule()
    wanted = int(tokens * BYTES_PER_TOKEN)
    written = number = part = 0
    seen = collections.Counter()
    counts = collections.Counter()
    skipped = 0
    file = None
    while written < wanted:
        if file is None or file.tell() > 64 << 20:
            if file:
                file.close()
            file = open(out / f"train-{part:03}.jsonl", "w", encoding="utf-8", newline="\n")
            part += 1
        skill = order[number % len(order)]
        language = LANGUAGES[(number // len(order)) % 2]
        entry = document(skill, Source(seed, number, language))
        number += 1
        line = json.dumps(entry, ensure_ascii=False)
        key = text_hash(line)
        # A short document may come a few times, no more; what the held-out files ask is left out.
        if seen[key] >= MOST_REPEATS or not forbidden.isdisjoint(prompts_of(entry)):
            skipped += 1
            continue
        seen[key] += 1
        counts[skill, language] += 1
        file.write(line + "\n")
        written += len(line.encode()) + 1
    file.close()
    repeated = sum(count - 1 for count in seen.values())
    print(f"{sum(counts.values())} documents in {part} files, about {written / BYTES_PER_TOKEN / 1e6:.1f} M tokens; {repeated} repeat an earlier one, {skipped} left out")
    for (skill, language), count in sorted(counts.items()):
        print(f"  {skill} {language}: {count}")


def held_out(seed):
    """(skill, language) -> cases, each prompt once."""
    files = {}
    for skill in SKILLS:
        for language in LANGUAGES:
            cases, prompts, number = [], set(), 0
            while len(cases) < CASES and number < 40 * CASES:
                source = Source(f"held/{seed}", number, language, held=True)
                entry = case(skill, source, number)
                number += 1
                prompt = json.dumps(entry["messages"], ensure_ascii=False)
                if prompt in prompts:
                    continue
                prompts.add(prompt)
                cases.append({"skill": skill, "language": language, **entry, "held": sorted(set(source.marks))})
            files[skill, language] = cases
    return files


def held_documents(seed):
    order = schedule()
    return [document(order[n % len(order)], Source(f"loss/{seed}", n, LANGUAGES[(n // len(order)) % 2], held=True)) for n in range(LOSS_DOCUMENTS)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=pathlib.Path, metavar="DIR")
    parser.add_argument("--tokens", type=int, default=60_000_000, metavar="N", help="about so many tokens (default 60,000,000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", action="store_true", help="write the files for evaluation instead")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    cases = held_out(options.seed)
    if options.held_out:
        for (skill, language), entries in cases.items():
            with open(options.out / f"{skill}.{language}.jsonl", "w", encoding="utf-8", newline="\n") as file:
                file.writelines(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
            print(f"{skill}.{language}: {len(entries)} cases")
        with open(options.out / "loss.jsonl", "w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(entry, ensure_ascii=False) + "\n" for entry in held_documents(options.seed))
    else:
        forbidden = {text_hash(json.dumps(entry["messages"], ensure_ascii=False)) for entries in cases.values() for entry in entries}
        write_training(options.out, options.tokens, options.seed, forbidden)


if __name__ == "__main__":
    main()
