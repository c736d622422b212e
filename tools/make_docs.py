#!/usr/bin/env python3
"""Writes what repeats `hadal --help`: the man page, the shell completions, and the option tables of docs/CLI.md.

Usage: tools/make_docs.py PROGRAM [--check]   (make docs; --check, a test, writes nothing and fails where a file is out of date)
The words are the program's own. In docs/CLI.md only the parts between <!-- hadal COMMAND --> and <!-- end --> are touched.
"""
import argparse
import pathlib
import re
import subprocess
import sys
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[1]


@dataclass
class Entry:
    """A line of help: an option, a positional argument or a subcommand."""

    names: list[str]  # ["-t", "--threads"], ["MODEL"]
    value: str        # "INT", "mmap|read", "" for a flag
    help: str

    def shown(self) -> str:
        return ", ".join(self.names) + (f" {self.value}" if self.value else "")


@dataclass
class Command:
    words: list[str]  # [] for the program itself
    about: str = ""
    usage: str = ""
    sections: dict[str, list[Entry]] = field(default_factory=dict)  # Positionals, Options, Sampling, ...

    def title(self) -> str:
        return " ".join(["hadal", *self.words])

    def options(self) -> list[Entry]:
        return [e for name, entries in self.sections.items() if name not in ("Positionals", "Subcommands") for e in entries]


def entry_of(left: str, right: str) -> Entry:
    names, _, value = left.partition(" ")
    value = re.sub(r" ?(REQUIRED|Excludes:.*|Needs:.*|\.\.\.)", "", value)
    value = re.sub(r":.*| in \[.*", "", value).strip()
    return Entry(names.split(","), value if names.startswith("-") else "", right)


def read_command(program: str, words: list[str]) -> Command:
    text = subprocess.run([program, *words, "--help"], check=True, capture_output=True, text=True).stdout
    command = Command(words)
    section, left = "", ""
    for line in text.splitlines():
        if line.startswith("Usage: "):
            command.usage = line.removeprefix("Usage: ")
        elif re.fullmatch(r"\S.*:", line):
            section = line[:-1]
            command.sections[section] = []
        elif line and not line.startswith(" "):
            command.about = command.about or line
        elif match := re.fullmatch(r"  (\S.*?)(?:  +(\S.*))?", line):
            left, right = match[1], match[2]
            if right is not None:
                command.sections[section].append(entry_of(left, right))
        elif line.strip():
            command.sections[section].append(entry_of(left, line.strip()))
    return command


def read_all(program: str, words: list[str] = []) -> list[Command]:
    command = read_command(program, words)
    below = [c for entry in command.sections.get("Subcommands", []) for c in read_all(program, [*words, entry.names[0]])]
    return [command, *below]


# docs/CLI.md

def table(command: Command) -> str:
    lines = [f"```\n{command.usage}\n```"]
    for name, entries in command.sections.items():
        if name == "Subcommands":
            continue
        rows = [e for e in entries if e.names[0] != "-h"]
        if rows:
            lines += ["", f"| {name.lower()} | |", "|---|---|"]
            lines += ["| `" + e.shown().replace("|", "\\|") + "` | " + e.help.replace("|", "\\|") + " |" for e in rows]
    return "\n".join(lines)


def cli_page(commands: list[Command], page: str) -> str:
    for command in commands:
        begin, end = f"<!-- {command.title()} -->\n", "<!-- end -->"
        if begin not in page:
            about = f"{command.about[0].upper()}{command.about[1:]}." if command.words else "Options of every command."
            page += f"\n## {command.title()}\n\n{about}\n\n{begin}{end}\n"
        before, rest = page.split(begin, 1)
        page = before + begin + table(command) + "\n" + end + rest.split(end, 1)[1]
    return page


# The man page

def roff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def man_page(commands: list[Command]) -> str:
    out = ['.\\" Written by tools/make_docs.py: change the help of the program instead.', ".TH HADAL 1", ".SH NAME",
           "hadal \\- run the DeepSeek\\-V4 family of models on this machine", ".SH SYNOPSIS"]
    for command in commands[1:]:
        if "Subcommands" not in command.sections:
            out += [".B " + roff(command.title()), roff(command.usage.removeprefix(command.title()).strip()), ".br"]
    out += [".SH DESCRIPTION", "Results go to standard output, messages and progress to standard error.",
            "The tokens of a run depend on the model, the prompt, the seed and the options of sampling alone:",
            "not on threads, the size of chunks, drafts, or the instruction set."]
    for command in commands:
        out += [f'.SH "{roff(command.title().upper() if command.words else "OPTIONS OF EVERY COMMAND")}"']
        if command.words:
            out.append(roff(command.about[0].upper() + command.about[1:]) + ".")
        for name, entries in command.sections.items():
            if name == "Subcommands":
                continue
            for e in entries:
                if command.words and e.names[0] == "-h":
                    continue
                out += [".TP", ".B " + roff(e.shown()), roff(e.help)]
    out += [".SH ENVIRONMENT", ".TP", ".B HADAL_ISA", "reference, avx2 or avx512: the instruction set to use; the best one by default.",
            "The results are the same.", ".SH EXIT STATUS"]
    for code, meaning in EXIT_CODES:
        out += [".TP", f".B {code}", roff(meaning)]
    out += [".SH EXAMPLES", ".nf", *(roff(e) for e in EXAMPLES), ".fi"]
    return "\n".join(out) + "\n"


EXIT_CODES = [(0, "all went well"), (1, "failure of another kind"), (2, "the command line is wrong"), (3, "a model or another input file is invalid"),
              (4, "it does not fit in memory"), (5, "a file cannot be read or written"), (130, "interrupted")]
EXAMPLES = ["hadal inspect MODEL --ctx 32768", "hadal chat MODEL", 'hadal run MODEL -p "The deepest point of the sea" -n 64 --seed 1']


# Completions

def takes_file(e: Entry) -> bool:
    return e.value in ("FILE", "TEXT", "") or e.names[0] in ("MODEL", "DIR", "FILE")


def bash(commands: list[Command]) -> str:
    cases, values = [], {}
    for command in commands:
        words = [n for e in command.options() for n in e.names] + [e.names[0] for e in command.sections.get("Subcommands", [])]
        cases.append(f'    "{" ".join(command.words)}") words="{" ".join(words)}" ;;')
        values |= {n: e.value.replace("|", " ") for e in command.options() if "|" in e.value for n in e.names}
    subcommands = "|".join(sorted({w for c in commands for w in c.words}))
    choices = "\n".join(f'    {name}) COMPREPLY=($(compgen -W "{words}" -- "$current")); return ;;' for name, words in values.items())
    return f"""# bash completion of hadal. Written by tools/make_docs.py.
_hadal() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} command="" words="" word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$word" in {subcommands}) command="${{command:+$command }}$word" ;; esac
  done
  case "$previous" in
{choices}
  esac
  case "$command" in
{chr(10).join(cases)}
  esac
  if [[ $current == -* || -z $command || $command == eval ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}}
complete -o filenames -F _hadal hadal
"""


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def fish(commands: list[Command]) -> str:
    out = ["# fish completion of hadal. Written by tools/make_docs.py."]
    tops = " ".join(e.names[0] for e in commands[0].sections["Subcommands"])
    for command in commands:
        if not command.words:
            when = f"not __fish_seen_subcommand_from {tops}"
        else:
            when = "; and ".join(f"__fish_seen_subcommand_from {w}" for w in command.words)
        for e in command.sections.get("Subcommands", []):
            out.append(f"complete -c hadal -f -n {quoted(when)} -a {e.names[0]} -d {quoted(e.help)}")
        for e in command.options():
            spelled = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in e.names)
            value = f" -x -a {quoted(e.value.replace('|', ' '))}" if "|" in e.value else " -r" if e.value else ""
            out.append(f"complete -c hadal -n {quoted(when)} {spelled}{value} -d {quoted(e.help)}")
    return "\n".join(out) + "\n"


def zsh_spec(e: Entry) -> list[str]:
    about = re.sub(r"([\[\]:\\])", r"\\\1", e.help)
    value = "" if not e.value else f":value:({e.value.replace('|', ' ')})" if "|" in e.value else ":" + e.value.lower() + (":_files" if takes_file(e) else ":")
    return [quoted(f"{name}[{about}]{value}") for name in e.names]


def zsh(commands: list[Command]) -> str:
    cases = []
    for command in commands[1:]:
        if "Subcommands" in command.sections:
            continue
        everywhere = [e for e in commands[0].options() if e.names[0] != "-h"]
        specs = [s for e in command.options() + everywhere for s in zsh_spec(e)]
        cases.append(f"    {quoted(' '.join(command.words))}) _arguments " + " ".join(specs) + " '*:file:_files' ;;")
    tops = " ".join(quoted(f"{e.names[0]}:{e.help.replace(':', chr(92) + ':')}") for e in commands[0].sections["Subcommands"])
    groups = [c for c in commands[1:] if "Subcommands" in c.sections]
    below = "\n".join(f"  if [[ $words[2] == {c.words[0]} && CURRENT -eq 3 ]]; then compadd {' '.join(e.names[0] for e in c.sections['Subcommands'])}; return; fi" for c in groups)
    skip = "|".join(c.words[0] for c in groups)
    return f"""#compdef hadal
# zsh completion of hadal. Written by tools/make_docs.py.
_hadal() {{
  local -a commands=({tops})
  if (( CURRENT == 2 )); then _describe command commands; return; fi
{below}
  local command=$words[2]
  if [[ $command == ({skip}) ]]; then command="$command $words[3]"; shift words; (( CURRENT-- )); fi
  shift words; (( CURRENT-- ))
  case "$command" in
{chr(10).join(cases)}
  esac
}}
_hadal "$@"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    commands = read_all(options.program)
    page = ROOT / "docs/CLI.md"
    files = {page: cli_page(commands, page.read_text(encoding="utf-8")), ROOT / "docs/hadal.1": man_page(commands), ROOT / "completions/hadal.bash": bash(commands),
             ROOT / "completions/_hadal": zsh(commands), ROOT / "completions/hadal.fish": fish(commands)}
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if options.check:
            print(f"{path.relative_to(ROOT)} does not say what --help says: run `make docs`", file=sys.stderr)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
    missing = [f"{path.name}: {command.title()} {name}" for command in commands for e in command.options() for name in e.names
               for path, text in files.items() if (name.lstrip("-") if path.suffix == ".fish" else name.replace("-", "\\-") if path.suffix == ".1" else name) not in text]
    for one in missing:
        print(f"not documented in {one}", file=sys.stderr)
    # README lists no command as there that is not.
    known = {c.words[0] for c in commands if c.words}
    rows = [row for row in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if row.startswith("|") and "(coming)" not in row]
    absent = [name for row in rows for name in re.findall(r"`hadal ([a-z-]+)", row) if name not in known]
    for name in absent:
        print(f"README.md: there is no `hadal {name}`", file=sys.stderr)
    sys.exit(1 if missing or absent or (options.check and stale) else 0)


if __name__ == "__main__":
    main()
