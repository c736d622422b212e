#!/usr/bin/env python3
"""JSON schemas through the grammar engine: what comes out is valid, what is invalid is refused, masks beside those of others.

Schemas are the JSON-Schema-Test-Suite (in the source package of `jsonschema`, fetched by pip, or the folder HADAL_SCHEMA_SUITE)
and --count of an own generator. Documents are drawn with every allowed token equally likely, the hardest case, and judged by
`jsonschema` and, where node finds it (HADAL_AJV: a folder with ajv and ajv-formats), by ajv. A difference is an invalid
document, or an invalid instance of the suite that is accepted. The masks along each document are compared with those of
`llguidance` and `xgrammar`, if installed, and timed on one thread; what differs there is counted and the first tokens shown.
"""
import collections
import json
import os
import pathlib
import random
import subprocess
import sys
import tarfile
import tempfile

import common
import jsonschema
import schema_peers
from schema_maker import SchemaMaker

DRAFT = "draft2020-12"
LIBRARIES = ["-lsimdjson", "-lfmt", "-lspdlog", "-lcrypto", "-lpthread"]
AJV = """
const Ajv = require("ajv/dist/2020"), formats = require("ajv-formats");
const lines = require("fs").readFileSync(0, "utf8").split("\\n").filter(l => l);
for (const line of lines) {
  const {schema, text} = JSON.parse(line);
  let verdict;
  try {
    const ajv = new Ajv({strict: false, logger: false});
    formats(ajv);
    const validate = ajv.compile(JSON.parse(schema));
    verdict = validate(JSON.parse(text)) ? "" : ajv.errorsText(validate.errors);
  } catch (e) { verdict = e instanceof SyntaxError && !/regular/.test(e.message) ? "" + e : null; }
  console.log(JSON.stringify(verdict));
}
"""


class Probe:
    """tests/peers/schema_probe.cc, built against the library that `make build` leaves."""

    def __init__(self, work: pathlib.Path, tokenizer: pathlib.Path):
        build = pathlib.Path(common.hadal()).parent
        self.work = work
        program = work / "schema_probe"
        source = common.ROOT / "tests/peers/schema_probe.cc"
        subprocess.run(["c++", "-std=c++20", "-O2", f"-I{common.ROOT / 'src'}", str(source), "-o", str(program),
                        str(build / "libhadal_text.a"), str(build / "libhadal_base.a"), *LIBRARIES], check=True)
        self.process = subprocess.Popen([program, tokenizer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, schema: str, **request) -> dict:
        print(json.dumps({"schema": schema, **request}), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


class Judge:
    def __init__(self, probe: Probe, peers: list, verdict: common.Verdict, documents: int):
        self.probe, self.peers, self.verdict, self.documents = probe, peers, verdict, documents
        self.refused = collections.Counter()
        self.written: list[tuple[str, str]] = []

    def schema(self, schema: str, seed: int) -> bool:
        self.verdict.cases += 1
        answer = self.probe.ask(schema, generate=self.documents, seed=seed, tokens=120)
        if "refused" in answer:
            self.refused[answer["refused"].split(": ")[-1][:60]] += 1
            self.verdict.count("refused schemas")
            return False
        if "failed" in answer:
            self.verdict.difference(f"{schema}\n{answer['failed']}")
            return False
        self.verdict.count("schemas used")
        self.verdict.count("documents", len(answer["texts"]))
        parsed = json.loads(schema)
        for text in answer["texts"]:
            self.written.append((schema, text))
            self.valid(parsed, schema, text)
        for ids in answer["ids"][:1]:
            for peer in self.peers:
                peer.compare(self.probe, schema, ids)
        return True

    def valid(self, parsed, schema: str, text: str) -> None:
        try:
            value = json.loads(text)
            validator = jsonschema.Draft202012Validator(parsed, format_checker=jsonschema.FormatChecker())
            problem = next((e.message for e in validator.iter_errors(value)), None)
        except ValueError as error:
            problem = str(error)
        except Exception:  # what the library itself cannot do: unknown references, its own limits
            self.verdict.count("documents that jsonschema cannot judge")
            return
        if problem is not None:
            self.verdict.difference(f"jsonschema: {schema}\n{ascii(text)}\n{problem[:300]}")

    def suite(self, folder: pathlib.Path, seed: int) -> None:
        for path in sorted(folder.glob("*.json")) + sorted((folder / "optional/format").glob("*.json")):
            for group in json.loads(path.read_text(encoding="utf-8")):
                schema = json.dumps(group["schema"])
                if not self.schema(schema, seed):
                    continue
                texts = [json.dumps(test["data"], ensure_ascii=False) for test in group["tests"]]
                accepted = self.probe.ask(schema, accepts=texts)["accepts"]
                for test, text, mine in zip(group["tests"], texts, accepted):
                    self.verdict.count(f"{'valid' if test['valid'] else 'invalid'} instances")
                    if mine and not test["valid"]:
                        self.verdict.difference(f"{path.name}, {group['description']}: {schema}\naccepts {text}")
                    self.verdict.count("valid instances accepted", int(mine and test["valid"]))

    def ajv(self, folder: str | None) -> None:
        if folder is None:
            self.verdict.count("parts skipped (no ajv; set HADAL_AJV)")
            return
        lines = "".join(json.dumps({"schema": s, "text": t}) + "\n" for s, t in self.written)
        done = subprocess.run(["node", "-e", AJV], input=lines, capture_output=True, text=True, cwd=folder, check=True)
        for (schema, text), line in zip(self.written, done.stdout.splitlines()):
            verdict = json.loads(line)
            self.verdict.count("documents that ajv judged" if verdict is not None else "documents that ajv cannot judge")
            if verdict:
                self.verdict.difference(f"ajv: {schema}\n{ascii(text)}\n{verdict[:300]}")


def suite_folder(work: pathlib.Path) -> pathlib.Path:
    if "HADAL_SCHEMA_SUITE" in os.environ:
        return pathlib.Path(os.environ["HADAL_SCHEMA_SUITE"]) / "tests" / DRAFT
    version = jsonschema.__version__
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "jsonschema", "-d", str(work),
                    f"jsonschema=={version}"], check=True)
    with tarfile.open(next(work.glob("jsonschema-*.tar.gz"))) as archive:
        archive.extractall(work, filter="data")
    return work / f"jsonschema-{version}/json/tests" / DRAFT


def main() -> None:
    options = common.arguments(__doc__, 500).parse_args()
    verdict = common.Verdict("schemas")
    tokenizer = common.shared("golden/tokenizer/tokenizer.json.gz")
    if tokenizer is None:
        common.skip("schemas", "the real tokenizer.json is not here; set HADAL_SHARED to the golden cases")
    with tempfile.TemporaryDirectory(prefix="peers-schemas-") as folder:
        work = pathlib.Path(folder)
        plain = schema_peers.unpack(tokenizer, work)
        peers = schema_peers.installed(plain)
        judge = Judge(Probe(work, plain), peers, verdict, documents=4)
        judge.suite(suite_folder(work), options.seed)
        maker = SchemaMaker(random.Random(options.seed))
        for i in range(options.count):
            judge.schema(json.dumps(maker.schema()), options.seed + i)
        judge.ajv(os.environ.get("HADAL_AJV"))
    for why, count in judge.refused.most_common(12):
        print(f"  refused {count} times: {why}")
    schema_peers.report(peers)
    verdict.finish()


if __name__ == "__main__":
    main()
