#!/usr/bin/env python3
"""Sparse against dense attention on a trained DeepSeek-V4 checkpoint (BF16 or F32 tensors, such as a checkpoint of `hadal train`).

Two questions, on texts of 16 times the size that the layers of ratio 4 may select:
1. Recall: a passage stands at the beginning and again at the end, far beyond the window. What does the second copy cost, in nats a
   token, with all entries, with the selected ones of several counts, and where the first copy is another text? hadal computes it
   (`eval logits`), with `index_topk` of config.json changed and nothing else.
2. Selection: which share of the attention that the layers of ratio 4 give to entries, where they see all, lies on those that the
   indexer would pick? Beside it the best choice of as many, the latest ones, and a random choice. torch computes it, through
   transformers' deepseek_v4.

Usage, with the venv of `make test-peers`:
build/peers-venv/bin/python experiments/selection/run.py MODEL --texts LOSS.jsonl [--texts-count 12] [--out results.md]
"""
import argparse
import json
import os
import pathlib
import random
import sys
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_OFFLINE"] = "1"
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/peers"))

import common
import torch
import transformers
from checkpoint_families import v4 as peer
from safetensors.torch import load_file
from tokenizers import Tokenizer

PASSAGE = 40  # tokens
BEYOND = 16  # the text has this many times the entries that are selected
LENGTHS = (512, 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="folder with config.json, model.safetensors, tokenizer.json")
    parser.add_argument("--texts", type=pathlib.Path, required=True, help="JSONL of conversations that the model has not seen")
    parser.add_argument("--texts-count", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).with_name("results.md"))
    options = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    texts = Texts(options.model, options.texts)
    lines = [f"Model: {json.loads((options.model / 'state.json').read_text()).get('step', '?')} steps of `models/nano/train.toml`."
             if (options.model / "state.json").exists() else f"Model: {options.model.name}.", ""]
    for length in LENGTHS:
        rng = random.Random(options.seed)
        cases = [texts.case(rng, length) for _ in range(options.texts_count)]
        lines += recall(options.model, cases, length) + selection(options.model, cases, length)
    text = "\n".join(lines) + "\n"
    print(text)
    options.out.write_text("# Sparse against dense attention: what was seen\n\n" + text)


class Texts:
    def __init__(self, model: pathlib.Path, path: pathlib.Path):
        tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        whole = [row.get("text") or "\n".join(m["content"] for m in row.get("messages", []) if isinstance(m.get("content"), str)) for row in rows]
        self.ids = [ids for ids in (tokenizer.encode(text, add_special_tokens=False).ids for text in whole) if len(ids) >= PASSAGE]

    def case(self, rng: random.Random, length: int) -> tuple[list[int], list[int]]:
        """A text whose passage returns at its end, and the same one with another passage at its beginning."""
        passage, other = (self.passage(rng) for _ in range(2))
        filler: list[int] = []
        while len(filler) < length - 2 * PASSAGE:
            filler += rng.choice(self.ids)
        filler = filler[:length - 2 * PASSAGE]
        return passage + filler + passage, other + filler + passage

    def passage(self, rng: random.Random) -> list[int]:
        ids = rng.choice(self.ids)
        first = rng.randrange(len(ids) - PASSAGE + 1)
        return ids[first:first + PASSAGE]


def recall(model: pathlib.Path, cases: list, length: int) -> list[str]:
    entries = length // 4
    few = entries // BEYOND
    arms = [("all", entries, 0), *((f"{k}", k, 0) for k in (entries // 2, entries // 4, entries // 8, few)), ("all, another passage before", entries, 1)]
    lines = [f"## {length} tokens, {entries} entries", "", "| entries selected | nats a token of the second copy | standard error |", "|---|---|---|"]
    for name, topk, which in arms:
        losses = torch.tensor([second_copy(model, case[which], topk) for case in cases])
        lines.append(f"| {name} | {losses.mean():.4f} | {losses.std() / len(cases) ** 0.5:.4f} |")
    return [*lines, ""]


def second_copy(model: pathlib.Path, ids: list[int], topk: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        config = json.loads((model / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"index_topk": topk}))
        (folder / "model.safetensors").symlink_to((model / "model.safetensors").resolve())
        (folder / "ids.txt").write_text(" ".join(map(str, ids)))
        common.run_ok("eval", "logits", name, "--ids", f"{name}/ids.txt", "--out", f"{name}/out.safetensors", "-t", "1", "--numerics", "fp32", "--chunk", "256")
        logits = load_file(folder / "out.safetensors")["logits"]
    # The passage's first token cannot be known.
    targets = torch.tensor(ids[-PASSAGE + 1:])
    return torch.nn.functional.cross_entropy(logits[-PASSAGE:-1], targets).item()


def selection(model: pathlib.Path, cases: list, length: int) -> list[str]:
    entries = length // 4
    counts = (entries // 2, entries // 4, entries // 8, entries // BEYOND)
    shares = {k: {how: [] for how in ("indexer", "best", "latest", "random")} for k in counts}
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        config = json.loads((model / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"index_topk": entries}))
        (folder / "model.safetensors").symlink_to((model / "model.safetensors").resolve())
        network = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager").eval()
        scores: dict = {}
        for module in network.modules():
            if isinstance(module, peer.DeepseekV4Indexer):
                module.scorer.register_forward_hook(lambda scorer, inputs, output, of=module: scores.__setitem__(of, output[0]))
        eager = peer.eager_attention_forward

        def attention(module, *arguments, **more):
            output, weights = eager(module, *arguments, **more)
            if isinstance(module.compressor, peer.DeepseekV4CSACompressor):
                observe(weights[0].sum(0)[-PASSAGE:, -entries:], scores[module.compressor.indexer][-PASSAGE:], shares)
            return output, weights

        peer.eager_attention_forward = attention
        with torch.no_grad():
            for ids, _ in cases:
                network(torch.tensor([ids]), use_cache=False)
        peer.eager_attention_forward = eager
    lines = ["| entries selected | share of the attention on entries: the indexer's choice | the best choice | the latest | random |", "|---|---|---|---|---|"]
    for k in counts:
        lines.append(f"| {k} | " + " | ".join(f"{100 * sum(shares[k][how]) / len(shares[k][how]):.1f} %" for how in shares[k]) + " |")
    return [*lines, ""]


def observe(mass: torch.Tensor, scores: torch.Tensor, shares: dict) -> None:
    """The queries of the second copy; entries are as many as the text has, those that a query may not see have no mass."""
    total = mass.sum(-1)
    hidden = mass == 0
    orders = {"indexer": scores, "best": mass, "latest": torch.arange(mass.shape[1]).float().expand_as(mass), "random": torch.rand_like(mass)}
    for k, of_count in shares.items():
        for how, order in orders.items():
            picked = order.masked_fill(hidden, float("-inf")).topk(k, dim=-1).indices
            of_count[how] += (mass.gather(1, picked).sum(-1) / total).tolist()


if __name__ == "__main__":
    main()
