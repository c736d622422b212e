"""Exit codes, and what goes to which stream."""
import os
import signal
import subprocess
import time
import unittest

from common import BUILTIN, HADAL, Case, commands, run


class ExitCodes(Case):
    def test_help_is_a_result(self):
        self.assertGreaterEqual(len(commands()), 6)
        for words in [(), *commands()]:
            done = self.expect(0, *words, "--help")
            self.assertIn("Usage: " + " ".join(("hadal", *words)), done.stdout)
            self.assertEqual(done.stderr, "")
        self.assertRegex(self.expect(0, "--version").stdout, r"^\d+\.\d+\.\d+\n$")

    def test_usage(self):
        for args in [(), ("no-such-command",), ("run",), ("run", BUILTIN, "--no-such-option"), ("run", BUILTIN, "-p", "a", "--load", "floppy"),
                     ("run", BUILTIN, "-p", "a", "-t", "0"), ("make-random", str(self.folder / "m"), "--preset", "huge"),
                     ("make-random", str(self.folder / "m"), "--set", "nothing"), ("bench", BUILTIN, "--gen", "0"), ("tokenize",)]:
            with self.subTest(args=args):
                self.expect(2, *args)

    def test_isa_that_is_none(self):
        self.expect(2, "run", BUILTIN, "-p", "a", "-n", "1", env={**os.environ, "HADAL_ISA": "abacus"})

    def test_invalid_model(self):
        model = self.copy_of_builtin()
        config = model / "config.json"
        text = config.read_text()
        for old, new in [('"hidden_size": 64', '"hidden_size": 65'), ('"head_dim": 128', '"head_dim": 100'), ("{", "[")]:
            config.write_text(text.replace(old, new, 1))
            done = self.expect(3, "run", str(model), "-p", "a", "-n", "1")
            self.assertIn(str(model), done.stderr)
        config.write_text(text)
        tensors = model / "model.safetensors"
        tensors.write_bytes(tensors.read_bytes()[:-1])
        self.assertIn("model.safetensors", self.expect(3, "run", str(model), "-p", "a", "-n", "1").stderr)

    def test_check(self):
        model = self.copy_of_builtin()
        for name in ("model.safetensors", "config.json", "tokenizer.json", "generation_config.json"):
            with self.subTest(file=name):
                self.expect(0, "inspect", str(model / name), "--check")
                (model / name).write_bytes(b"{" + (model / name).read_bytes()[:-9])
                self.assertIn(name, self.expect(3, "inspect", str(model / name), "--check").stderr)
                (model / name).unlink()
                self.expect(5, "inspect", str(model / name), "--check")

    def test_io(self):
        missing = str(self.folder / "missing")
        for args in [("run", missing, "-p", "a"), ("tokenize", missing), ("run", BUILTIN, "-f", missing), ("make-random", "/proc/none")]:
            with self.subTest(args=args):
                self.assertIn(args[-1] if args[0] != "run" or "-f" in args else missing, self.expect(5, *args).stderr)

    def test_a_full_disk_is_io(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("SKIP: no /dev/full")
        for args in [("run", BUILTIN, "-p", "a", "-n", "4"), ("tokenize", BUILTIN)]:
            with open("/dev/full", "w") as full, self.subTest(args=args):
                done = subprocess.run([HADAL, *args], input="a", stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
                self.assertEqual(done.returncode, 5, done.stderr)

    def test_does_not_fit(self):
        huge = {"head_dim": 4096, "num_hidden_layers": 40, "compress_ratios": [4] * 40 + [0], "hidden_size": 32, "q_lora_rank": 8, "o_lora_rank": 8,
                "num_attention_heads": 2, "n_routed_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 8, "vocab_size": 300,
                "max_position_embeddings": 16777216}
        model = str(self.folder / "huge")
        self.expect(0, "make-random", model, *(word for key, value in huge.items() for word in ("--set", f"{key}={value}")))
        # 40 layers of 4,223 bytes for every 4 tokens: 700 GB.
        for args in [("run", model, "-p", "a", "--ctx", "16777216"), ("bench", model, "--ctx", "16000000")]:
            with self.subTest(args=args):
                message = self.expect(4, *args).stderr
                self.assertRegex(message, r"needs \d+\.\d+ GB of memory \(weights .*, state for 16\d{6} tokens \d+\.\d+ GB, scratch .*\), but .* available")
                self.assertIn("--ctx", message)
        plan = run("run", model, "-p", "a", "--ctx", "16777216", "--dry-run")  # the plan is a result, and says no
        self.assertEqual(plan.returncode, 4)
        self.assertIn("it does not fit", plan.stdout)

    def test_interrupt(self):
        process = subprocess.Popen([HADAL, "run", BUILTIN, "-p", "a", "-n", "1000000", "--ignore-eos"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.read(10)  # it streams
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)
        self.assertLess(time.monotonic() - begin, 5)

    def test_result_and_messages_keep_apart(self):
        loud = self.expect(0, "run", BUILTIN, "-p", "a", "-n", "8", "--seed", "3")
        quiet = self.expect(0, "-q", "run", BUILTIN, "-p", "a", "-n", "8", "--seed", "3")
        self.assertEqual(loud.stdout, quiet.stdout)
        self.assertNotEqual(loud.stderr, "")
        self.assertEqual(quiet.stderr, "")


if __name__ == "__main__":
    unittest.main()
