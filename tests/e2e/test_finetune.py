"""An adapter from training to chat, merging, and what is refused."""
import json
import unittest

from common import BUILTIN, Case


class Finetune(Case):
    def setUp(self):
        super().setUp()
        self.data = self.folder / "talk.jsonl"
        turn = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "la la la la"}]}
        self.data.write_text((json.dumps(turn) + "\n") * 4)
        self.run_folder = self.folder / "run"

    def finetune(self, *more):
        return self.expect(0, "finetune", BUILTIN, str(self.data), "-o", str(self.run_folder), "--steps", "3", "--rate", "0.05",
                           "--rows", "1", "--row-tokens", "64", "-t", "1", *more)

    def ids(self, model, *more):
        done = self.expect(0, "run", model, "-p", "la la", "-n", "8", "--temp", "0", "--json", "-t", "1", *more)
        return json.loads(done.stdout)["ids"]

    def test_an_adapter(self):
        adapter = self.finetune("--lora", "2").stdout.strip()
        self.assertEqual(adapter, str(self.run_folder / "adapter.safetensors"))
        self.assertTrue((self.run_folder / "report.html").exists())
        plain = self.ids(BUILTIN)
        with_adapter = self.ids(BUILTIN, "--adapter", adapter)
        self.assertEqual(self.ids(BUILTIN, "--adapter", adapter, "--chunk", "1", "--speculate", "off"), with_adapter)
        self.assertNotEqual(with_adapter, plain)

        merged = self.folder / "merged"
        done = self.expect(0, "finetune", BUILTIN, str(self.data), "--merge", adapter, "-o", str(merged), "-t", "1")
        self.assertRegex(done.stdout, r"KL +0\.\d+ nats a token")
        self.expect(0, "inspect", str(merged), "--check")
        self.ids(str(merged))

        # The adapter belongs to the base alone, and a file that is none is no adapter.
        self.assertIn("another model", self.expect(3, "run", str(merged), "-p", "a", "-n", "1", "--adapter", adapter).stderr)
        self.expect(3, "run", BUILTIN, "-p", "a", "-n", "1", "--adapter", str(merged / "model.safetensors"))
        self.expect(5, "run", BUILTIN, "-p", "a", "-n", "1", "--adapter", str(self.folder / "none"))
        self.expect(2, "run", BUILTIN, "-p", "a", "-n", "1", "--adapter", adapter, "--numerics", "official")

    def test_a_whole_model(self):
        model = self.finetune().stdout.strip()
        self.assertEqual(model, str(self.run_folder / "model"))
        self.ids(model)
        self.expect(2, "finetune", BUILTIN, str(self.data), "-o", str(self.run_folder))

    def test_empty_data(self):
        self.data.write_text("")
        self.expect(3, "finetune", BUILTIN, str(self.data), "-o", str(self.run_folder), "--lora", "2")


if __name__ == "__main__":
    unittest.main()
