#!/usr/bin/env python3
"""The gradients of hadal against torch autograd through transformers' deepseek_v4, on the same checkpoints and tokens.

`hadal make-random` writes small BF16 checkpoints of odd shapes; `hadal eval gradients` computes the gradient of the mean loss in
fp32, torch in float64 (CPU, eager attention, no simulated quantisation). A case is drawn anew while any selection (experts, or
entries of the indexer) is closer than 1e-5, because two correct programs may then choose differently. What transformers lacks
(MTP, the indexer's loss, rounding passed straight through) is judged by torch_parts.py.

Usage, with the venv of `make test-peers`: build/peers-venv/bin/python experiments/gradients/run.py [--count 20] [--seed 1]
Prints a table and writes it to experiments/gradients/results.md; exit code 1 where a tensor is beyond the tolerance.
"""
import argparse
import json
import os
import pathlib
import random
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/peers"))

import checkpoints  # sets what transformers reads when it is imported
import checkpoint_families
import common
import torch
import torch_parts
import transformers
from safetensors.torch import load_file

# fp32 has 6e-8; a gradient is a sum over up to 300 tokens and 260 columns, back through up to 6 blocks of about ten products
# each: errors that add like a random walk reach 6e-8 * sqrt(300 * 260) = 1.7e-5 in the worst sum and grow by sqrt(60) on
# the way only where the later blocks amplify. 1e-4 of a tensor's own length leaves that room and no more.
TOLERANCE = 1e-4
GAP = 1e-5
ROUNDING_GAP = 1e-5  # of a step of e4m3, an eighth to a sixteenth of a value; values have errors of about 3e-7
MTP_WEIGHT, INDEX_WEIGHT = 0.3, 1.0

NAMES = [
    (r"^model\.embed_tokens\.weight$", "embed.weight"),
    (r"^lm_head\.weight$", "head.weight"),
    (r"^model\.norm\.weight$", "norm.weight"),
    (r"^model\.hc_head\.hc_", "hc_head_"),
    (r"^model\.", ""),
    (r"\.(attn|ffn)_hc\.", r".hc_\1_"),
    (r"\.input_layernorm\.", ".attn_norm."),
    (r"\.post_attention_layernorm\.", ".ffn_norm."),
    (r"\.self_attn\.compressor\.indexer\.scorer\.", ".attn.indexer."),
    (r"\.self_attn\.compressor\.indexer\.q_b_proj\.", ".attn.indexer.wq_b."),
    (r"\.self_attn\.compressor\.indexer\.", ".attn.indexer.compressor."),
    (r"\.self_attn\.", ".attn."),
    (r"compressor\.position_bias$", "compressor.ape"),
    (r"compressor\.kv_proj\.", "compressor.wkv."),
    (r"compressor\.gate_proj\.", "compressor.wgate."),
    (r"compressor\.kv_norm\.", "compressor.norm."),
    (r"\.attn\.sinks$", ".attn.attn_sink"),
    (r"\.q_a_proj\.", ".wq_a."),
    (r"\.q_b_proj\.", ".wq_b."),
    (r"\.q_a_norm\.", ".q_norm."),
    (r"\.attn\.kv_proj\.", ".attn.wkv."),
    (r"\.o_a_proj\.", ".wo_a."),
    (r"\.o_b_proj\.", ".wo_b."),
    (r"\.mlp\.", ".ffn."),
    (r"\.shared_experts\.gate_proj\.", ".shared_experts.w1."),
    (r"\.shared_experts\.down_proj\.", ".shared_experts.w2."),
    (r"\.shared_experts\.up_proj\.", ".shared_experts.w3."),
]


def official(name: str) -> str:
    """transformers' name of a tensor -> the checkpoint's."""
    for pattern, replacement in NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def official_gradients(model: torch.nn.Module, official=official) -> dict[str, torch.Tensor]:
    found = {}
    for name, parameter in model.named_parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        prefix = official(name).rsplit(".", 1)[0]
        if name.endswith("experts.gate_up_proj"):
            half = gradient.shape[1] // 2
            for e in range(gradient.shape[0]):
                found[f"{prefix}.{e}.w1.weight"], found[f"{prefix}.{e}.w3.weight"] = gradient[e, :half], gradient[e, half:]
        elif name.endswith("experts.down_proj"):
            for e in range(gradient.shape[0]):
                found[f"{prefix}.{e}.w2.weight"] = gradient[e]
        else:
            found[official(name)] = gradient
    return found


def kind(name: str) -> str:
    """What stands in one line of the table; the three tensors of an mHC site are sums of the same terms that cancel to
    different degrees, so they are measured together."""
    name = re.sub(r"^layers\.\d+\.", "", re.sub(r"experts\.\d+", "experts.N", name))
    name = re.sub(r"^mtp\.0\.(?!enorm|hnorm|e_proj|h_proj).*", "mtp.0, its block", name)
    return re.sub(r"(hc_(?:attn|ffn|head))_\w+$", r"\1_*", name)


class Errors:
    """Largest relative error by kind: |ours - theirs| over |theirs| of a group of tensors that belong together."""

    def __init__(self):
        self.worst: dict[str, float] = {}
        self.tensors: dict[str, int] = {}

    def add(self, mine: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
        groups: dict[str, list[str]] = {}
        for name in theirs:
            groups.setdefault(re.sub(r"(hc_(?:attn|ffn|head))_\w+$", r"\1", name), []).append(name)
        for names in groups.values():
            difference = sum(((mine[n].double() - theirs[n]) ** 2).sum().item() for n in names) ** 0.5
            length = sum((theirs[n] ** 2).sum().item() for n in names) ** 0.5
            of = kind(names[0])
            self.tensors[of] = self.tensors.get(of, 0) + len(names)
            # Zero in both (an expert without tokens), or but for rounding (a gate that picks one expert of weight 1).
            whole = sum((t ** 2).sum().item() for t in theirs.values()) ** 0.5
            error = difference / (length if length > 1e-12 * whole else whole)
            self.worst[of] = max(self.worst.get(of, 0.0), error)

    def table(self) -> str:
        lines = ["| tensor | compared | largest relative error |", "|---|---|---|"]
        lines += [f"| `{k}` | {self.tensors[k]} | {self.worst[k]:.1e} |" for k in sorted(self.worst)]
        return "\n".join(lines)


class Case:
    def __init__(self, rng: random.Random, folder: pathlib.Path, small: bool):
        self.folder = folder
        settings = checkpoint_families.v4_settings(rng)
        settings["vocab_size"] = rng.randint(300, 700)  # the random tokenizer of 2,100 and more is not needed here
        n = rng.randint(8, 14) if small else rng.choice((rng.randint(3, 60), rng.randint(129, 300)))
        if small:  # few values, so that none lies between two steps
            settings |= {"num_hidden_layers": 1, "compress_ratios": [4, 0], "num_hash_layers": rng.randint(0, 1), "head_dim": 128}
        self.ids = [rng.randrange(settings["vocab_size"]) for _ in range(n)]
        self.make = ["make-random", str(folder / "model"), "--preset", "tiny", "--format", "bf16", "--seed", str(rng.randrange(2**31))]
        for key, value in settings.items():
            self.make += ["--set", f"{key}={json.dumps(value, separators=(',', ':'))}"]
        common.run_ok(*self.make)

    def has_gaps(self) -> bool:
        _, choices = checkpoints.peer_logits(self.folder / "model", self.ids, checkpoint_families.FAMILIES["v4"])
        return all(choice.margin.min().item() > GAP for choice in choices.values())

    def mine(self, *more: str) -> dict[str, torch.Tensor]:
        ids, out = self.folder / "ids.txt", self.folder / "gradients.safetensors"
        ids.write_text(" ".join(map(str, self.ids)) + "\n")
        common.run_ok("eval", "gradients", str(self.folder / "model"), "--ids", str(ids), "--out", str(out), *more)
        return load_file(out)

    def theirs(self, quantise: bool) -> tuple[dict[str, float], dict[str, torch.Tensor], float]:
        """Losses, gradients, and how close a rounded value came to being rounded the other way, in steps."""
        model = transformers.AutoModelForCausalLM.from_pretrained(
            self.folder / "model", dtype=torch.float64, attn_implementation="eager", experts_implementation="eager")
        mtp = torch_parts.Mtp(model.config, load_file(self.folder / "model/model.safetensors"), official)
        rounding = torch_parts.Rounding() if quantise else None
        parts = torch_parts.Parts(model, rounding)
        ids = torch.tensor([self.ids])
        with parts.around():
            logits = model(ids, use_cache=False).logits[0]
            losses = {"main": torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:]), "mtp": parts.mtp_loss(mtp, ids),
                      "index_kl": parts.index_loss(len(self.ids))}
        (losses["main"] + MTP_WEIGHT * losses["mtp"] + INDEX_WEIGHT * losses["index_kl"]).backward()
        gradients = official_gradients(model) | mtp.gradients(official, official_gradients)
        return {k: v.item() for k, v in losses.items()}, gradients, rounding.gap if rounding else 1.0


def judge(options: argparse.Namespace, title: str, quantise: bool) -> tuple[str, float]:
    errors, drawn, done, tokens, worst_loss = Errors(), 0, 0, 0, 0.0
    more = ["--mtp-weight", str(MTP_WEIGHT), "--index-weight", str(INDEX_WEIGHT), "--numerics", "stored" if quantise else "fp32"]
    with tempfile.TemporaryDirectory(prefix="gradients-") as work:
        while done < options.count:
            case = Case(random.Random(f"{options.seed}/{quantise}/{drawn}"), pathlib.Path(work) / str(drawn), small=quantise)
            drawn += 1
            if not quantise and not case.has_gaps():
                continue
            losses, theirs, gap = case.theirs(quantise)
            if gap < ROUNDING_GAP:
                continue
            mine = case.mine(*more)
            worst_loss = max(worst_loss, *(abs(mine[f"loss.{k}"].item() - v) for k, v in losses.items()))
            errors.add(mine, theirs)
            tokens += len(case.ids)
            done += 1
    worst = max(errors.worst.values())
    return (f"## {title[0].upper()}{title[1:]}\n\n{done} checkpoints ({drawn - done} more were drawn anew, because a choice was too close), {tokens} tokens. "
            f"Largest relative error of a gradient {worst:.1e}, of a loss {worst_loss:.1e} nats.\n\n{errors.table()}\n\n"), worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    text, worst = "", 0.0
    for title, quantise in (("fp32", False), ("keys and entries rounded as they are stored, gradients passed straight through", True)):
        part, error = judge(options, title, quantise)
        text, worst = text + part, max(worst, error)
    print(text)
    versions = f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}, seed {options.seed}"
    (pathlib.Path(__file__).parent / "results.md").write_text(f"# Gradients against torch\n\nBy `run.py`: {versions}.\n\n{text}")
    if worst > TOLERANCE:
        sys.exit(f"a gradient differs by {worst:.1e}, more than {TOLERANCE:.0e}")


if __name__ == "__main__":
    main()
