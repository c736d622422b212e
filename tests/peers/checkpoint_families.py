"""What the judge of checkpoints knows of each family: the preset that hadal makes, odd settings for it, and how to see the top-k
choices of transformers' class under the names of hadal's trace."""
import random
from typing import Callable, NamedTuple

import torch
from transformers.models.deepseek_v3 import modeling_deepseek_v3 as v3
from transformers.models.deepseek_v4 import modeling_deepseek_v4 as v4
from transformers.models.deepseek_v32 import modeling_deepseek_v32 as v32


class Choice(NamedTuple):
    """A top-k choice of one layer, per position: what was taken (ascending, -1 at the end), and how closely."""

    taken: torch.Tensor
    margin: torch.Tensor


class Family(NamedTuple):
    preset: str
    golden: str  # below the shared cases
    dtype: torch.dtype  # of the class
    settings: Callable[[random.Random], dict]
    watch: Callable[[torch.nn.Module, dict[str, Choice]], None]  # hooks that write each choice of the next pass


def odd(rng: random.Random, low: int, high: int) -> int:
    return rng.randrange(low | 1, high, 2) if rng.random() < 0.75 else rng.randint(low, high)


def v4_settings(rng: random.Random) -> dict:
    """Sizes that the format allows and the published models do not have."""
    layers = rng.randint(1, 6)
    head_dim = rng.choice((128, 192, 256))
    o_groups = rng.choice((1, 2, 3, 4))
    experts = rng.randint(2, 12)
    return {
        "hidden_size": odd(rng, 33, 260),
        "num_hidden_layers": layers,
        "num_attention_heads": o_groups * rng.choice((1, 2, 3)),
        "head_dim": head_dim,
        "q_lora_rank": odd(rng, 17, 160),
        "o_groups": o_groups,
        "o_lora_rank": odd(rng, 9, 100),
        "sliding_window": rng.choice((1, 2, 5, 16, 17, 64, 128, rng.randint(1, 140))),
        "compress_ratios": [rng.choice((0, 4, 4, 128)) for _ in range(layers)] + [0],
        "index_n_heads": rng.choice((16, 18, 20)),
        "index_topk": rng.choice((1, 3, 8, 16, 31, 64, 512)),
        "n_routed_experts": experts,
        "num_experts_per_tok": rng.randint(1, min(experts, 6)),
        "moe_intermediate_size": odd(rng, 9, 200),
        "num_hash_layers": rng.randint(0, layers),
        "routed_scaling_factor": rng.choice((1.0, 1.5, 2.5)),
        "swiglu_limit": rng.choice((0.5, 2.0, 10.0)),
        "vocab_size": rng.randint(2100, 3000),
    }


def mla_settings(rng: random.Random) -> dict:
    layers = rng.randint(1, 5)
    groups = rng.choice((1, 2, 3, 4))
    experts = groups * rng.randint(2, 5)  # a group is as good as its two best
    kept = rng.randint(1, groups)
    yarn = {"type": "yarn", "factor": rng.choice((2, 4.0, 40)), "original_max_position_embeddings": rng.choice((64, 1024, 4096)),
            "beta_fast": rng.choice((16, 32)), "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0}
    return {
        "hidden_size": odd(rng, 33, 260),
        "intermediate_size": odd(rng, 33, 300),
        "num_hidden_layers": layers,
        "first_k_dense_replace": rng.randint(0, layers),
        "num_attention_heads": rng.choice((1, 2, 3, 5)),
        "num_nextn_predict_layers": 0,
        "q_lora_rank": odd(rng, 17, 160),
        "kv_lora_rank": odd(rng, 17, 160),
        "qk_nope_head_dim": odd(rng, 9, 80),
        "qk_rope_head_dim": rng.choice((16, 32, 48, 64)),
        "v_head_dim": odd(rng, 9, 80),
        "n_routed_experts": experts,
        "n_group": groups,
        "topk_group": kept,
        "num_experts_per_tok": rng.randint(1, min(kept * (experts // groups), 6)),
        "n_shared_experts": rng.randint(1, 3),
        "moe_intermediate_size": odd(rng, 9, 100),
        "routed_scaling_factor": rng.choice((1.0, 2.5)),
        "rope_theta": rng.choice((10000, 50000)),
        "rope_scaling": yarn if rng.random() < 0.7 else None,
        "vocab_size": rng.randint(2100, 3000),
    }


def v32_settings(rng: random.Random) -> dict:
    return {**mla_settings(rng), "index_n_heads": rng.choice((8, 16, 18)), "index_topk": rng.choice((1, 3, 8, 16, 31, 64, 512))}


def v3_settings(rng: random.Random) -> dict:
    settings = {**mla_settings(rng), "model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"]}
    return settings if rng.random() < 0.7 else {**settings, "q_lora_rank": None}


def layer_of(name: str) -> str:
    return ".".join(name.split(".")[1:3])  # model.layers.N...


def watch_v4(model: torch.nn.Module, choices: dict[str, Choice]) -> None:
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
        if isinstance(module, v4.DeepseekV4TopKRouter):
            module.register_forward_hook(on_router(f"{layer_of(name)}.experts"))
        elif isinstance(module, v4.DeepseekV4Indexer):
            module.scorer.register_forward_hook(on_scorer(f"{layer_of(name)}.index_topk", module))


def watch_mla(model: torch.nn.Module, choices: dict[str, Choice]) -> None:
    def on_router(name):
        def hook(module, inputs, outputs):
            choices[name] = grouped_choice(outputs[0].sigmoid() + module.e_score_correction_bias, module)
        return hook

    def overhear(module, inputs):  # the class keeps its scores to itself; its last call of topk has them
        own = torch.Tensor.topk
        module.restore = lambda: setattr(torch.Tensor, "topk", own)

        def topk(scores, k, *args, **kwargs):
            module.scores = scores
            return own(scores, k, *args, **kwargs)
        torch.Tensor.topk = topk

    def on_indexer(name):
        def hook(module, inputs, taken):
            module.restore()
            hidden = torch.ones(module.scores.shape[1:], dtype=torch.bool).triu(1)
            choices[name] = choice(module.scores[0].masked_fill(hidden, float("-inf")), module.index_topk)
        return hook

    for name, module in model.named_modules():
        if isinstance(module, (v3.DeepseekV3TopkRouter, v32.DeepseekV32TopkRouter)):
            module.register_forward_hook(on_router(f"{layer_of(name)}.router_topk"))
        elif isinstance(module, v32.DeepseekV32Indexer):
            module.register_forward_pre_hook(overhear)
            module.register_forward_hook(on_indexer(f"{layer_of(name)}.index_topk"))


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


def grouped_choice(scores: torch.Tensor, router: torch.nn.Module) -> Choice:
    """The best experts of the best groups; as close as the closer of the two choices."""
    groups = scores.view(len(scores), router.num_group, -1)
    group = choice(groups.topk(2, dim=2).values.sum(dim=2), router.topk_group)
    kept = torch.zeros(len(scores), router.num_group, dtype=torch.bool).scatter_(1, group.taken, True)
    experts = choice(groups.masked_fill(~kept[:, :, None], float("-inf")).flatten(1), router.top_k)
    return Choice(experts.taken, torch.minimum(group.margin, experts.margin))


# The expanded form of MLA loses more in fp32 than hadal's does (up to 2.3e-4, against 7e-5): its judge computes in fp64.
FAMILIES = {
    "v4": Family("tiny", "v4/tiny-bf16", torch.float32, v4_settings, watch_v4),
    "v32": Family("v32-tiny", "v32/tiny", torch.float64, v32_settings, watch_mla),
    "v3": Family("v32-tiny", "", torch.float64, v3_settings, watch_mla),
}
