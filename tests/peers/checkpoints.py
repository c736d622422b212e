#!/usr/bin/env python3
"""Random small BF16 checkpoints of odd shapes: logits of `hadal eval logits --numerics fp32` against transformers' deepseek_v4.

`hadal make-random` writes the folder, transformers loads the very same folder in fp32 (eager attention, eager experts). Every
logit must be within 1e-4. Two correct programs may differ by more only where a top-k choice (experts, or entries of the
indexer) is closer than the rounding noise. So where logits differ, the choices of both are compared: positions from the first
too far one on are left out, printed and counted, only if in the first layer with another choice all such choices are ties.
"""
import os

os.environ["TRANSFORMERS_VERBOSITY"] = "error"  # read when the library is imported
os.environ["HF_HUB_OFFLINE"] = "1"

import json
import pathlib
import random
import shutil
import tempfile
from typing import NamedTuple

import common
import torch
import transformers
from safetensors.torch import load_file
from transformers.models.deepseek_v4 import modeling_deepseek_v4 as peer

TOLERANCE = 1e-4
TIE = 1e-5  # between scores of about 1: ten times the difference seen between two summation orders


def main() -> None:
    parser = common.arguments(__doc__, 60)
    parser.add_argument("--first", type=int, default=0, help="number of the first case: one case again is --first N --count 1")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the folders of differing cases here")
    options = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(2)
    verdict = common.Verdict("checkpoints")
    worst, worst_case, positions = 0.0, -1, 0
    with tempfile.TemporaryDirectory(prefix="peers-checkpoints-") as folder:
        golden = common.shared("golden/v4/tiny-bf16")
        if golden is None:
            print("SKIP checkpoints: the golden checkpoint is not here; set HADAL_SHARED to the golden cases", flush=True)
        else:
            print(f"transformers on golden/v4/tiny-bf16: max difference to its logits {golden_difference(golden):.1e}", flush=True)
        for number in range(options.first, options.first + options.count):
            case = Case(options.seed, number, pathlib.Path(folder) / str(number))
            differs, seen = case.judge(verdict)
            if seen > worst:
                worst, worst_case = seen, number
            positions += len(case.ids)
            if differs and options.keep:
                shutil.copytree(case.folder, options.keep / str(number), dirs_exist_ok=True)
            shutil.rmtree(case.folder, ignore_errors=True)
    verdict.count("positions", positions)
    verdict.notes[f"max difference (case {worst_case})"] = f"{worst:.1e}"
    verdict.finish()


def golden_difference(folder: pathlib.Path) -> float:
    """That this transformers is the judge the goldens know: 2.1e-5 is what they report."""
    expected = load_file(folder / "expected.safetensors")
    logits, _ = peer_logits(folder, expected["input_ids"].tolist())
    return (logits - expected["logits.fp32"]).abs().max().item()


class Case:
    """One checkpoint and one text. Everything follows from (seed, number)."""

    def __init__(self, seed: int, number: int, folder: pathlib.Path):
        self.number, self.folder = number, folder
        rng = random.Random(f"{seed}/{number}")
        self.settings = random_settings(rng)
        self.seed = rng.randrange(2**31)
        n = rng.choice((rng.randint(1, 24), rng.randint(25, 127), rng.choice((127, 128, 129, 255, 256, 257)), rng.randint(129, 400), rng.randint(129, 400)))
        self.ids = [rng.randrange(self.settings["vocab_size"]) for _ in range(n)]
        self.cut = ["--chunk", str(rng.choice((1, 3, 7, 64, 128, 129, 512)))] if rng.random() < 0.7 else []
        if rng.random() < 0.3:
            self.cut += ["--decode-from", str(rng.randint(0, n))]
        self.make = ["make-random", str(folder / "model"), "--preset", "tiny", "--format", "bf16", "--seed", str(self.seed)]
        for key, value in self.settings.items():
            self.make += ["--set", f"{key}={json.dumps(value, separators=(',', ':'))}"]

    def judge(self, verdict: common.Verdict) -> tuple[bool, float]:
        """Whether it differs, and by how much at most (without what is left out)."""
        verdict.cases += 1
        self.folder.mkdir(parents=True)
        try:
            common.run_ok(*self.make)
            mine = self.evaluate(*self.cut)["logits"]
        except common.HadalFailed as failure:
            verdict.difference(str(failure))
            return True, 0.0
        theirs, choices = peer_logits(self.folder / "model", self.ids)
        by_position = (mine - theirs).abs().amax(dim=1).nan_to_num(nan=float("inf"))
        too_far = (by_position > TOLERANCE).nonzero().flatten().tolist()
        if not too_far:
            return False, by_position.max().item()
        first = too_far[0]
        trace = self.evaluate("--trace")
        layer, others = other_choices(trace, choices, first)
        if others and max(margin for _, margin in others) < TIE:
            position, margin = others[0]
            print(f"left out (case {self.number}): positions {first}..{len(self.ids) - 1}: layer {layer} has a tie at position {position} (margin {margin:.1e})", flush=True)
            verdict.count("positions left out", len(self.ids) - first)
            return False, by_position[:first].max().item() if first else 0.0
        verdict.difference(self.report(by_position, first, trace, f"other choices first in layer {layer}, at (position, margin): {others[:4]}" if others else "same choices"))
        return True, by_position.max().item()

    def evaluate(self, *more: str) -> dict[str, torch.Tensor]:
        ids, out = self.folder / "ids.txt", self.folder / "out.safetensors"
        ids.write_text(" ".join(map(str, self.ids)) + "\n")
        common.run_ok("eval", "logits", str(self.folder / "model"), "--ids", str(ids), "--out", str(out), "--numerics", "fp32", *more)
        return load_file(out)

    def report(self, by_position: torch.Tensor, first: int, trace: dict[str, torch.Tensor], choices: str) -> str:
        streams = peer_streams(self.folder / "model", self.ids)
        layers = [(trace[f"layers.{n}.out"] - s).abs()[:first + 1].max().item() for n, s in enumerate(streams)]
        return "\n".join([
            common.command(*self.make),
            common.command("eval", "logits", "DIR", "--ids", "IDS", "--numerics", "fp32", *self.cut) + f"   # case {self.number}",
            f"ids: {' '.join(map(str, self.ids[:first + 1]))}",
            f"logits differ by {by_position[first]:.1e} at position {first}; {(by_position > TOLERANCE).sum()} of {len(by_position)} positions are too far",
            f"up to there the streams after each layer differ by {', '.join(f'{d:.1e}' for d in layers)}; {choices}",
        ])


def random_settings(rng: random.Random) -> dict:
    """Sizes that the format allows and the published models do not have."""
    layers = rng.randint(1, 6)
    head_dim = rng.choice((128, 192, 256))
    o_groups = rng.choice((1, 2, 3, 4))
    experts = rng.randint(2, 12)
    odd = lambda low, high: rng.randrange(low | 1, high, 2)
    size = lambda low, high: odd(low, high) if rng.random() < 0.75 else rng.randint(low, high)
    return {
        "hidden_size": size(33, 260),
        "num_hidden_layers": layers,
        "num_attention_heads": o_groups * rng.choice((1, 2, 3)),
        "head_dim": head_dim,
        "q_lora_rank": size(17, 160),
        "o_groups": o_groups,
        "o_lora_rank": size(9, 100),
        "sliding_window": rng.choice((1, 2, 5, 16, 17, 64, 128, rng.randint(1, 140))),
        "compress_ratios": [rng.choice((0, 4, 4, 128)) for _ in range(layers)] + [0],
        "index_n_heads": rng.choice((16, 18, 20)),
        "index_topk": rng.choice((1, 3, 8, 16, 31, 64, 512)),
        "n_routed_experts": experts,
        "num_experts_per_tok": rng.randint(1, min(experts, 6)),
        "moe_intermediate_size": size(9, 200),
        "num_hash_layers": rng.randint(0, layers),
        "routed_scaling_factor": rng.choice((1.0, 1.5, 2.5)),
        "swiglu_limit": rng.choice((0.5, 2.0, 10.0)),
        "vocab_size": rng.randint(2100, 3000),
    }


def load(folder: pathlib.Path) -> torch.nn.Module:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager").eval()


class Choice(NamedTuple):
    """A top-k choice of one layer, per position: what was taken (ascending, -1 at the end), and how closely."""

    taken: torch.Tensor
    margin: torch.Tensor


def peer_logits(folder: pathlib.Path, ids: list[int]) -> tuple[torch.Tensor, dict[str, Choice]]:
    """Logits, and the model's choices under the names of hadal's trace."""
    model = load(folder)
    choices: dict[str, Choice] = {}

    def on_router(name):
        def hook(module, inputs, outputs):
            choices[name] = choice(module.score_fn(outputs[0]) + module.e_score_correction_bias, module.top_k)
        return hook

    def on_scorer(name, indexer):
        def hook(module, inputs, scores):
            position = torch.arange(scores.shape[1])[:, None]
            hidden = torch.arange(scores.shape[2]) >= (position + 1) // indexer.compress_rate
            choices[name] = choice(scores[0].masked_fill(hidden, float("-inf")), indexer.index_topk)
        return hook

    for name, module in model.named_modules():
        layer = ".".join(name.split(".")[1:3])  # model.layers.N...
        if isinstance(module, peer.DeepseekV4TopKRouter):
            module.register_forward_hook(on_router(f"{layer}.experts"))
        elif isinstance(module, peer.DeepseekV4Indexer):
            module.scorer.register_forward_hook(on_scorer(f"{layer}.index_topk", module))
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False).logits[0], choices


def peer_streams(folder: pathlib.Path, ids: list[int]) -> list[torch.Tensor]:
    model = load(folder)
    streams: list[torch.Tensor] = []
    for layer in model.model.layers:
        layer.register_forward_hook(lambda module, inputs, output: streams.append(output[0]))
    with torch.no_grad():
        model(torch.tensor([ids]), use_cache=False)
    return streams


def choice(scores: torch.Tensor, k: int) -> Choice:
    infinity = float("inf")
    k, all_taken = min(k, scores.shape[1]), scores.shape[1] <= k
    best = scores.topk(k, dim=1)
    taken = torch.where(best.values == -infinity, 2**62, best.indices).sort(dim=1).values
    margin = torch.full((len(scores),), infinity)
    if not all_taken:
        left = scores.topk(k + 1, dim=1).values[:, k]
        margin = torch.where(left == -infinity, infinity, best.values[:, -1] - left)
    return Choice(torch.where(taken == 2**62, -1, taken), margin)


def other_choices(trace: dict[str, torch.Tensor], choices: dict[str, Choice], last: int) -> tuple[int, list[tuple[int, float]]]:
    """The first layer where hadal chose otherwise up to position `last`, and there (position, margin) of each such choice."""
    for name, (taken, margin) in sorted(choices.items(), key=lambda item: (int(item[0].split(".")[1]), item[0].endswith("experts"))):
        mine = trace[name][:last + 1, :taken.shape[1]]
        other = (mine != taken[:last + 1]).any(dim=1).nonzero().flatten().tolist()
        if other:
            return int(name.split(".")[1]), [(p, margin[p].item()) for p in other]
    return -1, []


if __name__ == "__main__":
    main()
