"""What hadal run does with a prompt and with stop strings."""
import json
import unittest

from common import BUILTIN, Case


class Run(Case):
    def text(self, *args: str, **kwargs) -> str:
        return self.expect(0, "-q", "run", BUILTIN, "-t", "1", "--seed", "1", *args, **kwargs).stdout

    def test_three_ways_to_give_a_prompt(self):
        expected = self.text("-n", "5", "-p", "Once upon")
        self.assertEqual(self.text("-n", "5", stdin="Once upon"), expected)
        file = self.folder / "prompt.txt"
        file.write_text("Once upon", encoding="utf-8")
        self.assertEqual(self.text("-n", "5", "-f", str(file)), expected)
        self.assertNotEqual(self.text("-n", "5", "-p", "Once upon", "--no-bos"), expected)

    def test_stop_strings(self):
        whole = self.text("-n", "20", "-p", "x").rstrip("\n")
        stop = whole[6:9]
        self.assertEqual(self.text("-n", "20", "-p", "x", "--stop", stop, "--stop", "never said").rstrip("\n"), whole[:whole.index(stop)])

    def test_sampling_options_do_something(self):
        base = ["-n", "60", "-p", "x"]
        greedy = self.text(*base, "--temp", "0")
        self.assertEqual(self.text(*base, "--top-k", "1"), greedy)
        self.assertEqual(self.text(*base, "--top-p", "0"), greedy)
        self.assertEqual(self.text(*base, "--min-p", "1"), greedy)
        others = {self.text(*base, *more) for more in ([], ["--temp", "0.3"], ["--min-p", "0.5"], ["--repeat-penalty", "5"], ["--top-k", "1"],
                                                       ["--presence-penalty", "9"], ["--frequency-penalty", "9"])}
        self.assertGreaterEqual(len(others), 5)

    def test_logprobs_and_bias(self):
        answer = json.loads(self.text("-n", "4", "-p", "x", "--json", "--logprobs", "2", "--logit-bias", "300=1000", "--ignore-eos"))
        self.assertEqual(answer["ids"], [300] * 4)
        for one in answer["logprobs"]:
            self.assertEqual(len(one["top"]), 2)
            self.assertLessEqual(one["logprob"], one["top"][0]["logprob"])
        self.expect(2, "run", BUILTIN, "-p", "x", "--logprobs", "2")
        self.expect(2, "run", BUILTIN, "-p", "x", "--logit-bias", "a=b")
        self.expect(2, "run", BUILTIN, "-p", "x y z", "--ctx", "1")


if __name__ == "__main__":
    unittest.main()
