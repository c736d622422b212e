"""--json of every command is JSON, with the members that others rely on."""
import json
import unittest

from common import BUILTIN, Case


class JsonOutput(Case):
    def test_run(self):
        answer = json.loads(self.expect(0, "run", BUILTIN, "-p", "a", "-n", "5", "--seed", "1", "--ignore-eos", "--json").stdout)
        self.assertEqual(len(answer["ids"]), 5)
        self.assertIsInstance(answer["text"], str)
        self.assertEqual(answer["finish"], "length")

    def test_bench(self):
        answer = json.loads(self.expect(0, "bench", BUILTIN, "--prompt", "8", "--gen", "6", "--ctx", "300", "-t", "1", "--json").stdout)
        spread = {"median", "min", "max"}
        self.assertEqual(list(answer), ["threads", "prefill", "decode", "first_token_s", "rss_mb", "roof"])
        self.assertEqual(list(answer["prefill"]), ["tokens", "tok_s", "gflops", "ratio"])
        self.assertEqual(list(answer["decode"]), ["tokens", "ctx", "tok_s", "bytes_per_token", "gb_s", "ratio"])
        self.assertEqual(list(answer["roof"]), ["read_gb_s", "fma_gflops"])
        self.assertEqual((answer["threads"], answer["prefill"]["tokens"], answer["decode"]["tokens"], answer["decode"]["ctx"]), (1, 8, 6, 300))
        for one in (answer["prefill"]["tok_s"], answer["decode"]["tok_s"], answer["roof"]["read_gb_s"], answer["roof"]["fma_gflops"]):
            self.assertEqual(set(one), spread)
            self.assertTrue(0 < one["min"] <= one["median"] <= one["max"])
        self.assertTrue(0 < answer["first_token_s"] < 60)
        self.assertTrue(1 < answer["rss_mb"] < 1000)

    def test_inspect(self):
        for file in (BUILTIN, f"{BUILTIN}/model.safetensors", f"{BUILTIN}/config.json"):
            with self.subTest(file=file):
                json.loads(self.expect(0, "inspect", file, "--json").stdout)
        json.loads(self.expect(0, "inspect", BUILTIN, "--ctx", "4096", "--json").stdout)

    def test_make_random(self):
        answer = json.loads(self.expect(0, "make-random", str(self.folder / "m"), "--json", "--set", "hidden_size=32", "--set", "vocab_size=300",
                                        "--set", "n_routed_experts=6").stdout)
        self.assertEqual(answer["files"], 1)
        self.assertGreater((self.folder / "m/model.safetensors").stat().st_size, answer["tensor_bytes"])

    def test_lines(self):
        lines = '{"text": "<｜User｜>a"}\nbroken\n{"text": ""}\n'
        answers = [json.loads(line) for line in self.expect(0, "tokenize", BUILTIN, "--jsonl", stdin=lines).stdout.splitlines()]
        self.assertEqual([list(a) for a in answers], [["ids"], ["error"], ["ids"]])
        lines = '{"messages": [{"role": "user", "content": "a"}], "options": {"thinking_mode": "chat"}}\nbroken\n'
        answers = [json.loads(line) for line in self.expect(0, "render", BUILTIN, "--jsonl", stdin=lines).stdout.splitlines()]
        self.assertEqual(len(answers), 2)
        self.assertEqual(list(answers[1]), ["error"])


if __name__ == "__main__":
    unittest.main()
