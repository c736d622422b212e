#!/usr/bin/env python3
"""Writes the corpus that the tokenizer's benchmark reads: prose in twelve languages, code in five, JSON, all made up here.

Usage: bench/corpus/make.py (in any folder; same output every time). Sentences are drawn from the patterns of words.py, with
invented names, numbers and compounds mixed in so that words do not simply repeat.
"""
import json
import pathlib
import random
import re

from words import ADJECTIVES, LANGUAGES, NOUNS, VERBS

HERE = pathlib.Path(__file__).resolve().parent


def main() -> None:
    for name, language in LANGUAGES.items():
        write(f"{name}.txt", prose(random.Random(name), language))
    for name, size, make in (("code.cpp", 40_000, cpp), ("code.py", 40_000, python), ("code.rs", 20_000, rust), ("page.html", 25_000, html),
                             ("notes.md", 20_000, markdown), ("records.json", 50_000, record)):
        rng = random.Random(name)
        parts = []
        while sum(map(len, parts)) < size:
            parts.append(make(rng))
        write(name, "".join(parts))


def write(name: str, text: str) -> None:
    # Sources end in .txt too, so that nothing takes them for a part of the project.
    (HERE / (name if name.endswith(".txt") else name + ".txt")).write_text(text, encoding="utf-8")


def prose(rng: random.Random, language: dict) -> str:
    text, paragraph = "", ""
    while len((text + paragraph).encode()) < language["bytes"]:
        paragraph += sentence(rng, language) + rng.choice(language["stop"])
        if rng.random() < 0.12:
            text += paragraph.strip() + "\n\n"
            paragraph = ""
    return text


def sentence(rng: random.Random, language: dict) -> str:
    def fill(match: re.Match) -> str:
        key = match[1]
        if key == "name":
            return "".join(rng.choices(language["syllables"], k=rng.randint(2, 4))).capitalize()
        if key == "year":
            return str(rng.randint(1400, 2090))
        if key == "n":
            return rng.choice((str(rng.randint(2, 99)), f"{rng.randint(1000, 99999):,}", f"{rng.random() * 100:.2f}"))
        drawn = rng.choice(language[key.lower()])
        return drawn[:1].upper() + drawn[1:] if key[0].isupper() else drawn

    return re.sub(r"\{(\w+)\}", fill, rng.choice(language["pattern"]))


def snake(rng: random.Random) -> str:
    return "_".join(rng.choices(ADJECTIVES, k=rng.randint(0, 1)) + rng.choices(NOUNS, k=rng.randint(1, 2)))


def pascal(rng: random.Random) -> str:
    return snake(rng).title().replace("_", "")


def number(rng: random.Random) -> str:
    return rng.choice((str(rng.randint(0, 9)), str(rng.randint(10, 4096)), hex(rng.getrandbits(32)), f"{rng.uniform(-9, 9):.3f}", "1e-6"))


def english(rng: random.Random) -> str:
    return sentence(rng, LANGUAGES["english"])


def cpp(rng: random.Random) -> str:
    name, item, verb = pascal(rng), snake(rng), rng.choice(VERBS)
    lines = [f"// {english(rng)}.", f"class {name} {{", " public:", f"  explicit {name}(size_t {item}_count) : {item}s_({item}_count) {{}}", ""]
    for _ in range(rng.randint(1, 3)):
        a, b = snake(rng), snake(rng)
        lines += [f"  std::optional<{pascal(rng)}> {rng.choice(VERBS)}_{a}(const std::vector<uint{rng.choice((8, 16, 32, 64))}_t>& {b}s) const {{",
                  f"    for (size_t i = {number(rng)}; i < {b}s.size(); ++i) {{",
                  f"      if (({b}s[i] & {number(rng)}u) != 0 && !{a}_.{rng.choice(VERBS)}({b}s[i] >> {rng.randint(1, 31)})) continue;  // {rng.choice(ADJECTIVES)} {a}",
                  f"      total_{a} += static_cast<float>({b}s[i]) * {number(rng)}f;", "    }",
                  f"    return total_{a} > {number(rng)} ? std::make_optional({verb}({item}s_)) : std::nullopt;", "  }", ""]
    lines += [" private:", f"  std::vector<{pascal(rng)}> {item}s_;", "};", "", ""]
    return "\n".join(lines)


def python(rng: random.Random) -> str:
    verb, item, other = rng.choice(VERBS), snake(rng), snake(rng)
    lines = [f"def {verb}_{item}({other}s: list[{pascal(rng)}], *, {snake(rng)}: int = {number(rng)}) -> dict[str, float]:",
             f'    """{english(rng)}."""', f"    {item} = {{}}"]
    for _ in range(rng.randint(1, 4)):
        a = snake(rng)
        lines.append(rng.choice((
            f"    for i, {a} in enumerate({other}s):\n        if not {a}.{rng.choice(VERBS)}(i, key=lambda x: -x.{snake(rng)}):\n            continue\n"
            f"        {item}[f\"{a}-{{i:03d}}\"] = {a}.{snake(rng)} ** 2 / ({number(rng)} + i)",
            f"    {a} = [x.{snake(rng)} for x in {other}s if x is not None and x.{snake(rng)} != {number(rng)}]",
            f"    with open('{a}/{snake(rng)}.json', encoding='utf-8') as f:\n        {item}.update(json.load(f)['{snake(rng)}'])",
            f"    assert len({other}s) >= {rng.randint(1, 99)}, f'{a}: {{len({other}s)}} {rng.choice(ADJECTIVES)} {snake(rng)}s'")))
    return "\n".join(lines + [f"    return {item}", "", "", ""])


def rust(rng: random.Random) -> str:
    name, item = pascal(rng), snake(rng)
    return (f"/// {english(rng)}.\n#[derive(Debug, Clone)]\npub struct {name}<'a> {{\n    {item}: &'a [u{rng.choice((8, 32, 64))}],\n"
            f"    {snake(rng)}: Option<Box<{pascal(rng)}>>,\n}}\n\nimpl<'a> {name}<'a> {{\n"
            f"    pub fn {rng.choice(VERBS)}_{item}(&mut self, {snake(rng)}: usize) -> Result<(), {pascal(rng)}Error> {{\n"
            f"        let mut {snake(rng)} = self.{item}.iter().map(|x| x.wrapping_mul({number(rng)})).filter(|&x| x != {number(rng)}).sum::<u64>();\n"
            f"        match self.{item}.get({rng.randint(0, 9)}..) {{\n            Some(&[first, .., last]) => Ok(()),\n"
            f"            _ => Err({pascal(rng)}Error::{pascal(rng)}(format!(\"{{}} {snake(rng)}\", {number(rng)}))),\n        }}\n    }}\n}}\n\n")


def html(rng: random.Random) -> str:
    a = snake(rng).replace("_", "-")
    return (f"<section id=\"{a}-{rng.getrandbits(16):04x}\" class=\"{rng.choice(NOUNS)} {rng.choice(ADJECTIVES)}\">\n  <h2>{english(rng)}</h2>\n"
            f"  <p style=\"margin: {rng.randint(0, 40)}px auto;\">{english(rng)} &mdash; <a href=\"https://{a}.example/{snake(rng)}?{rng.choice(NOUNS)}={number(rng)}&amp;page={rng.randint(1, 99)}\">{rng.choice(VERBS)}</a>.</p>\n"
            f"  <script>const {snake(rng)} = document.querySelectorAll('.{a} > li:nth-child({rng.randint(1, 9)})').length * {number(rng)};</script>\n</section>\n")


def markdown(rng: random.Random) -> str:
    return (f"## {rng.randint(1, 9)}.{rng.randint(1, 20)} {english(rng)}\n\n- **{rng.choice(NOUNS)}**: {english(rng)} 👍 (→ §{rng.randint(1, 99)})\n"
            f"- `{snake(rng)}({number(rng)})` — {english(rng)}…\n\n$$\\sum_{{i=0}}^{{n}} \\alpha_i x^{{{rng.randint(2, 9)}}} \\le {number(rng)}$$\n\n"
            f"| {rng.choice(NOUNS)} | {rng.choice(NOUNS)} |\n|---|---:|\n| {rng.choice(ADJECTIVES)} | {number(rng)} ± {rng.random():.2f} |\n\n")


def record(rng: random.Random) -> str:
    language = rng.choice(list(LANGUAGES.values()))
    row = {"id": "%08x-%04x" % (rng.getrandbits(32), rng.getrandbits(16)), "created": f"20{rng.randint(10, 39)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:00Z",
           "text": sentence(rng, language), snake(rng): rng.random(), snake(rng): [rng.randint(-999, 99999) for _ in range(rng.randint(0, 6))],
           "tags": rng.sample(NOUNS, rng.randint(0, 4)), "nested": {pascal(rng): None, "ok": rng.random() < 0.5}}
    return json.dumps(row, ensure_ascii=rng.random() < 0.2, indent=rng.choice((None, None, 2))) + "\n"


if __name__ == "__main__":
    main()
