#!/usr/bin/env python3
"""Training steps of hadal and of torch, one after the other: the model of models/nano, 4 rows of 512 random tokens, fp32.

Both start from the same BF16 checkpoint (`hadal make-random`) and train without MTP and without simulated quantisation, with the same
number of threads: forward, backward, clipping and the optimiser. torch runs transformers' deepseek_v4 with AdamW, which costs less than
hadal's Muon. Rounds take turns, because what else the machine does meets both.

Usage, with the venv of `make test-peers`: build/peers-venv/bin/python bench/train_torch.py [--threads 2] [--rounds 3] [--steps 4]
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time
import tomllib

os.environ["TRANSFORMERS_VERBOSITY"] = "error"  # read when the library is imported
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[1]
HADAL = os.environ.get("HADAL", str(ROOT / "build/release/hadal"))
ROWS, ROW_TOKENS = 4, 512


def toml(sections: dict) -> str:
    return "".join(f"[{name}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items()) for name, keys in sections.items())


class Torch:
    def __init__(self, folder: pathlib.Path, experts: str, threads: int):
        torch.set_num_threads(threads)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager",
                                                                       experts_implementation=experts)
        self.model.train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, fused=True)

    def step(self) -> float:
        """Seconds."""
        ids = torch.randint(self.model.config.vocab_size, (ROWS, ROW_TOKENS))
        start = time.perf_counter()
        logits = self.model(ids, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    nano = tomllib.loads((ROOT / "models/nano/train.toml").read_text())["model"]
    with tempfile.TemporaryDirectory(prefix="train-torch-") as work:
        folder = pathlib.Path(work) / "model"
        sets = [f"--set={k}={json.dumps(v)}" for k, v in nano.items() if k != "preset"]
        subprocess.run([HADAL, "make-random", folder, "--preset", nano["preset"], "--format", "bf16", *sets], check=True)
        config = pathlib.Path(work) / "train.toml"
        config.write_text(toml({"model": {"init": str(folder)}, "data": {"folder": "none", "row_tokens": ROW_TOKENS},
                                "train": {"rows": ROWS, "quantise": "none"}, "loss": {"mtp": 0.0}, "run": {"out": "none"}}))
        seconds = {"hadal": []}
        for _ in range(options.rounds):
            done = subprocess.run([HADAL, "bench", "--train", config, "--json", "-t", str(options.threads), "--steps", str(options.steps)],
                                  check=True, capture_output=True, text=True)
            seconds["hadal"].append(json.loads(done.stdout)["step_s"]["median"])
            for experts in "eager", "batched_mm", "grouped_mm":
                try:
                    peer = Torch(folder, experts, options.threads)
                    peer.step()  # makes room
                    seconds.setdefault(f"torch, experts {experts}", []).append(statistics.median(peer.step() for _ in range(options.steps)))
                except Exception as problem:  # what this version cannot do on a CPU
                    print(f"torch, experts {experts}: {problem}", flush=True)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {options.threads} threads, {ROWS} x {ROW_TOKENS} tokens")
    for name, values in seconds.items():
        tokens = ROWS * ROW_TOKENS
        print(f"{name:28} {tokens / statistics.median(values):8.0f} tokens/s  ({min(values):.2f} to {max(values):.2f} s a step)")
    best = min(statistics.median(v) for k, v in seconds.items() if k != "hadal")
    print(f"hadal / best of torch: {best / statistics.median(seconds['hadal']):.2f}")


if __name__ == "__main__":
    main()
