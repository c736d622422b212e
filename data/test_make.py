"""The generators: right answers, the same bytes for the same seed, nothing shared between training and held-out files."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import check  # noqa: E402
import make  # noqa: E402
from nano import arithmetic, hadal_qa, limits  # noqa: E402
from nano.core import Source  # noqa: E402

TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}


def documents(skill, count=600):
    for number in range(count):
        for language in make.LANGUAGES:
            yield language, make.document(skill, Source(7, number, language))


def fits(value, schema):
    kind = schema["type"]
    if not isinstance(value, TYPES[kind]) or (kind in ("integer", "number") and isinstance(value, bool)):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if kind == "array":
        return all(fits(item, schema["items"]) for item in value)
    if kind == "object":
        return set(schema.get("required", [])) <= set(value) <= set(schema["properties"]) and all(fits(v, schema["properties"][k]) for k, v in value.items())
    return True


def run(module, *arguments):
    out = io.StringIO()
    with mock.patch.object(sys, "argv", ["x", *map(str, arguments)]), contextlib.redirect_stdout(out):
        return module.main(), out.getvalue()


class Generators(unittest.TestCase):
    def test_no_slot_is_left(self):
        for skill in make.SKILLS:
            if skill in ("code", "mixed", "schema", "tools"):  # braces are their subject
                continue
            for _, document in documents(skill):
                for message in document.get("messages", [{"content": document.get("text")}]):
                    text = message["content"] + message.get("reasoning_content", "")
                    self.assertNotRegex(text, r"[{}]|\[[^\]]*\|", skill)
                    self.assertNotIn("  ", text)

    def test_sums_are_right(self):
        for _, document in documents("arithmetic", 2000):
            answers = [m for m in document["messages"] if m["role"] == "assistant"]
            for (a, op, b), answer in zip(document["sums"], answers):
                value = str(arithmetic.result(a, op, b))
                self.assertIn(value, answer["content"].split("\n")[-1])
                if "reasoning_content" in answer:
                    self.assertTrue(answer["reasoning_content"].endswith(f" {value}."), answer)

    def test_answers_have_their_words(self):
        for entry in hadal_qa.FACTS:
            for language in make.LANGUAGES:
                for answer in entry[language][3]:
                    for words in entry["words"][language]:
                        self.assertTrue(any(word in answer for word in words), (words, answer))
        for language, kinds in limits.KINDS.items():
            for _, answers, words in kinds:
                for answer in answers:
                    self.assertTrue(any(word in answer for word in words), (words, answer))

    def test_json_fits_its_schema(self):
        for _, document in documents("schema"):
            given = document["messages"][0]["response_format"]
            schema = given.get("json_schema", given).get("schema", given)
            self.assertTrue(fits(json.loads(document["messages"][-1]["content"]), schema))

    def test_calls_fit_the_tools(self):
        for _, document in documents("tools"):
            tools = {tool["function"]["name"]: tool["function"]["parameters"] for tool in document["messages"][0]["tools"]}
            self.assertEqual(len(tools), len(document["messages"][0]["tools"]), "two tools of one name")
            for message in document["messages"]:
                for call in message.get("tool_calls", []):
                    self.assertTrue(fits(json.loads(call["function"]["arguments"]), tools[call["function"]["name"]]), call)

    def test_same_seed_same_bytes_and_no_overlap(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for name in ("a", "b"):
                run(make, "--out", folder / name, "--tokens", 400_000, "--seed", 3)
            self.assertEqual((folder / "a/train-000.jsonl").read_bytes(), (folder / "b/train-000.jsonl").read_bytes())
            run(make, "--out", folder / "held", "--held-out", "--seed", 3)
            self.assertEqual(len(list((folder / "held").glob("*.*.jsonl"))), 2 * len(make.SKILLS))
            code, said = run(check, "--train", folder / "a/train-000.jsonl", "--held", folder / "held")
            self.assertEqual(code, 0, said)
            # The check can fail: a held-out case as training.
            stolen = json.loads((folder / "held/arithmetic.en.jsonl").read_text().splitlines()[0])
            stolen["messages"].append({"role": "assistant", "content": "1"})
            (folder / "stolen.jsonl").write_text(json.dumps(stolen) + "\n")
            code, said = run(check, "--train", folder / "stolen.jsonl", "--held", folder / "held")
            self.assertEqual(code, 1, said)


if __name__ == "__main__":
    unittest.main()
