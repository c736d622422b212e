#!/usr/bin/env python3
"""Random small BF16 checkpoints of odd shapes: logits of `hadal eval logits --numerics fp32` against transformers' classes.

`hadal make-random` writes the folder, transformers loads the very same folder in fp32 or fp64 (eager attention, eager experts).
Every logit must be within 1e-4, or, in a text on which the class in fp32 is further than that from itself in fp64, within that
distance: nobody can ask a program in fp32 for less noise than its judge has. Two correct programs may differ by more only where
a top-k choice (experts, or entries of the indexer) is closer than the rounding noise. So where logits differ, the choices of both
are compared: positions from the first too far one on are left out, printed and counted, only if in the first layer with another
choice all such choices are ties.
"""
import os

os.environ["TRANSFORMERS_VERBOSITY"] = "error"  # read when the library is imported
os.environ["HF_HUB_OFFLINE"] = "1"

import argparse
import json
import pathlib
import random
import shutil
import tempfile

import common
import torch
import transformers
from checkpoint_families import FAMILIES, Choice, Family
from safetensors.torch import load_file

TOLERANCE = 1e-4  # of a logit; they reach 16, so this is 50 units in the last place after all layers
TIE = 1e-5  # between scores of about 1: ten times the difference seen between two summation orders


def main() -> None:
    parser = common.arguments(__doc__, 60)
    parser.add_argument("--family", choices=FAMILIES, help="only this one (default: V4, and half as many each of V3.2 and V3)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case: one case again is --family F --first N --count 1")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the folders of differing cases here")
    options = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(2)
    verdict = common.Verdict("checkpoints")
    counts = {options.family: options.count} if options.family else {"v4": options.count, "v32": options.count // 2, "v3": options.count // 2}
    for name, count in counts.items():
        judge_family(name, range(options.first, options.first + count), options, verdict)
    verdict.finish()


def judge_family(name: str, numbers: range, options: argparse.Namespace, verdict: common.Verdict) -> None:
    family = FAMILIES[name]
    if family.golden and (golden := common.shared(f"golden/{family.golden}")) is None:
        print("SKIP checkpoints: the golden checkpoint is not here; set HADAL_SHARED to the golden cases", flush=True)
    elif family.golden:
        print(f"transformers on golden/{family.golden}: max difference to its logits {golden_difference(golden, family):.1e}", flush=True)
    worst, worst_case = 0.0, -1
    with tempfile.TemporaryDirectory(prefix="peers-checkpoints-") as folder:
        for number in numbers:
            case = Case(name, options.seed, number, pathlib.Path(folder) / str(number))
            differs, seen = case.judge(verdict)
            if seen > worst:
                worst, worst_case = seen, number
            verdict.count(f"positions of {name}", len(case.ids))
            if differs and options.keep:
                shutil.copytree(case.folder, options.keep / name / str(number), dirs_exist_ok=True)
            shutil.rmtree(case.folder, ignore_errors=True)
    verdict.notes[f"max difference of {name} (case {worst_case})"] = f"{worst:.1e}"


def golden_difference(folder: pathlib.Path, family: Family) -> float:
    """That this transformers is the judge the goldens know: 2.1e-5 is what they report."""
    expected = load_file(folder / "expected.safetensors")
    logits, _ = peer_logits(folder, expected["input_ids"].tolist(), family)
    return (logits - expected["logits.fp32"]).abs().max().item()


class Case:
    """One checkpoint and one text. Everything follows from (family, seed, number)."""

    def __init__(self, family: str, seed: int, number: int, folder: pathlib.Path):
        self.family, self.number, self.folder = FAMILIES[family], number, folder
        self.name = f"{family} {number}"
        rng = random.Random(f"{seed}/{number}" if family == "v4" else f"{family}/{seed}/{number}")
        self.settings = self.family.settings(rng)
        self.seed = rng.randrange(2**31)
        n = rng.choice((rng.randint(1, 24), rng.randint(25, 127), rng.choice((127, 128, 129, 255, 256, 257)), rng.randint(129, 400), rng.randint(129, 400)))
        self.ids = [rng.randrange(self.settings["vocab_size"]) for _ in range(n)]
        self.cut = ["--chunk", str(rng.choice((1, 3, 7, 64, 128, 129, 512)))] if rng.random() < 0.7 else []
        if rng.random() < 0.3:
            self.cut += ["--decode-from", str(rng.randint(0, n))]
        self.rewritten = family != "v4" and rng.random() < 0.3
        self.make = ["make-random", str(folder / "model"), "--preset", self.family.preset, "--format", "bf16", "--seed", str(self.seed)]
        for key, value in self.settings.items():
            self.make += ["--set", f"{key}={json.dumps(value, separators=(',', ':'))}"]

    def judge(self, verdict: common.Verdict) -> tuple[bool, float]:
        """Whether it differs, and by how much at most (without what is left out)."""
        verdict.cases += 1
        self.folder.mkdir(parents=True)
        try:
            common.run_ok(*self.make)
            if self.rewritten:  # config.json as transformers spells it
                transformers.AutoConfig.from_pretrained(self.folder / "model").save_pretrained(self.folder / "model")
            mine = self.evaluate(*self.cut)["logits"]
        except common.HadalFailed as failure:
            verdict.difference(str(failure))
            return True, 0.0
        theirs, choices = peer_logits(self.folder / "model", self.ids, self.family)
        by_position = (mine - theirs).abs().amax(dim=1).nan_to_num(nan=float("inf"))
        too_far = (by_position > TOLERANCE).nonzero().flatten().tolist()
        if too_far and self.family.dtype == torch.float64 and (noise := self.noise_of_peer(theirs, choices)) > TOLERANCE:
            print(f"case {self.name}: the class in fp32 is {noise:.1e} from itself in fp64, which is the tolerance here", flush=True)
            verdict.count("cases judged by the noise of the class", 1)
            too_far = [p for p in too_far if by_position[p] > noise]
        if not too_far:
            return False, by_position.max().item()
        first = too_far[0]
        trace = self.evaluate("--trace")
        layer, others = other_choices(trace, choices, first)
        if others and max(margin for _, margin in others) < TIE:
            position, margin = others[0]
            print(f"left out (case {self.name}): positions {first}..{len(self.ids) - 1}: layer {layer} has a tie at position {position} (margin {margin:.1e})", flush=True)
            verdict.count("positions left out", len(self.ids) - first)
            return False, by_position[:first].max().item() if first else 0.0
        verdict.difference(self.report(by_position, first, trace, f"other choices first in layer {layer}, at (position, margin): {others[:4]}" if others else "same choices"))
        return True, by_position.max().item()

    def noise_of_peer(self, exact: torch.Tensor, choices: dict[str, Choice]) -> float:
        """The class in fp32 against itself in fp64, over the positions before its first other choice."""
        rounded, others = peer_logits(self.folder / "model", self.ids, self.family._replace(dtype=torch.float32))
        other = torch.stack([(choices[name].taken != others[name].taken).any(dim=1) for name in choices] or [torch.zeros(len(self.ids), dtype=torch.bool)])
        same = int(other.any(dim=0).long().cumsum(dim=0).eq(0).sum())
        return (rounded - exact)[:same].abs().max().item() if same else 0.0

    def evaluate(self, *more: str) -> dict[str, torch.Tensor]:
        ids, out = self.folder / "ids.txt", self.folder / "out.safetensors"
        ids.write_text(" ".join(map(str, self.ids)) + "\n")
        common.run_ok("eval", "logits", str(self.folder / "model"), "--ids", str(ids), "--out", str(out), "--numerics", "fp32", *more)
        return load_file(out)

    def report(self, by_position: torch.Tensor, first: int, trace: dict[str, torch.Tensor], choices: str) -> str:
        streams = peer_streams(self.folder / "model", self.ids, self.family)
        layers = [(trace[f"layers.{n}.out"] - s).abs()[:first + 1].max().item() for n, s in enumerate(streams)]
        return "\n".join([
            common.command(*self.make),
            common.command("eval", "logits", "DIR", "--ids", "IDS", "--numerics", "fp32", *self.cut) + f"   # case {self.name}",
            f"ids: {' '.join(map(str, self.ids[:first + 1]))}",
            f"logits differ by {by_position[first]:.1e} at position {first}; {(by_position > TOLERANCE).sum()} of {len(by_position)} positions are too far",
            f"up to there the streams after each layer differ by {', '.join(f'{d:.1e}' for d in layers)}; {choices}",
        ])


def load(folder: pathlib.Path, dtype: torch.dtype) -> torch.nn.Module:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager")
    return model.to(dtype).eval()


def peer_logits(folder: pathlib.Path, ids: list[int], family: Family) -> tuple[torch.Tensor, dict[str, Choice]]:
    """Logits, and the model's choices under the names of hadal's trace."""
    model = load(folder, family.dtype)
    choices: dict[str, Choice] = {}
    family.watch(model, choices)
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False).logits[0], choices


def peer_streams(folder: pathlib.Path, ids: list[int], family: Family) -> list[torch.Tensor]:
    model = load(folder, family.dtype)
    streams: list[torch.Tensor] = []
    for layer in model.model.layers:
        layer.register_forward_hook(lambda module, inputs, output: streams.append(output[0]))
    with torch.no_grad():
        model(torch.tensor([ids]), use_cache=False)
    return streams


def other_choices(trace: dict[str, torch.Tensor], choices: dict[str, Choice], last: int) -> tuple[int, list[tuple[int, float]]]:
    """The first layer where hadal chose otherwise up to position `last`, and there (position, margin) of each such choice."""
    for name, (taken, margin) in sorted(choices.items(), key=lambda item: (int(item[0].split(".")[1]), not item[0].endswith("index_topk"))):
        mine = trace[name][:last + 1, :taken.shape[1]]
        other = (mine != taken[:last + 1]).any(dim=1).nonzero().flatten().tolist()
        if other:
            return int(name.split(".")[1]), [(p, margin[p].item()) for p in other]
    return -1, []


if __name__ == "__main__":
    main()
