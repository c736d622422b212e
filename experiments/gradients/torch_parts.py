"""What transformers' deepseek_v4 lacks of training, in torch: the MTP block, the indexer's loss, and simulated quantisation with
gradients passed straight through. The modules of the library are used where it has them; these parts are put around them."""
import contextlib
import copy

import torch
from checkpoint_families import v4 as peer


class Rounding:
    """Values as they are stored, with the gradient passed straight through. `gap` is how close any value came to a place where
    two correct programs may round apart, in steps of e4m3."""

    def __init__(self):
        self.gap = float("inf")

    def to_grid(self, x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        scaled = x / step
        off = (scaled - scaled.floor() - 0.5).abs()
        self.gap = min(self.gap, off.min().item())
        return scaled.round() * step  # ties to even

    def scale(self, groups: torch.Tensor, largest: float, floor: float) -> torch.Tensor:
        exponent = torch.log2(groups.abs().amax(-1, keepdim=True).clamp(min=floor) / largest)
        self.gap = min(self.gap, (exponent - exponent.round()).abs().min().item())
        return torch.exp2(exponent.ceil())

    def float_grid(self, x: torch.Tensor, mantissa: int, lowest: int) -> torch.Tensor:
        """To a number with `mantissa` bits behind the point and exponents from `lowest` on."""
        exponent = torch.floor(torch.log2(x.abs().clamp(min=1e-300))).clamp(min=lowest)
        return self.to_grid(x, torch.exp2(exponent - mantissa))

    def blocks(self, x: torch.Tensor, size: int, largest: float, floor: float, mantissa: int, lowest: int) -> torch.Tensor:
        groups = x.unflatten(-1, (-1, size))
        scale = self.scale(groups, largest, floor)
        return (self.float_grid(groups / scale, mantissa, lowest) * scale).flatten(-2)

    def key_row(self, kv: torch.Tensor) -> torch.Tensor:
        """Sim8-64 on all but the last 64 values, which are bf16."""
        with torch.no_grad():
            nope = self.blocks(kv[..., :-64], 64, 448.0, 1e-4, 3, -6)
            seen, self.gap = self.gap, float("inf")
            rope = self.float_grid(kv[..., -64:], 7, -126)
            self.gap = min(seen, self.gap / 16)  # a bf16 step is a sixteenth of an e4m3 one
            rounded = torch.cat([nope, rope], -1)
        return kv + (rounded - kv).detach()

    def index_vector(self, x: torch.Tensor) -> torch.Tensor:
        """Hadamard, then Sim4-32."""
        turned = x @ hadamard(x.shape[-1]).to(x.dtype)
        with torch.no_grad():
            rounded = self.blocks(turned, 32, 6.0, 6 * 2.0**-126, 1, 0)
        return turned + (rounded - turned).detach()


def hadamard(size: int) -> torch.Tensor:
    h = torch.ones(1, 1, dtype=torch.float64)
    while h.shape[0] < size:
        h = torch.cat([torch.cat([h, h], 1), torch.cat([h, -h], 1)], 0)
    return h / size**0.5


class Parts:
    """Around a DeepseekV4ForCausalLM: with parts.around(): logits, then mtp_loss() and index_loss()."""

    def __init__(self, model: torch.nn.Module, rounding: Rounding | None = None):
        self.model, self.rounding = model, rounding
        self.streams: torch.Tensor | None = None
        self.layer_arguments: dict = {}
        self.scores: dict[int, torch.Tensor] = {}
        self.kl: list[torch.Tensor] = []

    @contextlib.contextmanager
    def around(self):
        eager, score = peer.eager_attention_forward, peer.DeepseekV4IndexerScorer.forward
        parts = self

        def attention(module, query, key, value, mask, **more):
            if parts.rounding:
                key = value = parts.rounding.key_row(key)
            output, weights = eager(module, query, key, value, mask, **more)
            if isinstance(module.compressor, peer.DeepseekV4CSACompressor):
                parts.observe(weights[0], mask[0, 0], module.compressor.indexer)
            return output, weights

        def scores(module, q, keys, hidden):
            if parts.rounding:
                q, keys = parts.rounding.index_vector(q), parts.rounding.index_vector(keys)
            weights = module.weights_proj(hidden) * module.weights_scaling
            dots = torch.relu(torch.einsum("bshd,btd->bsht", q, keys)) * module.softmax_scale
            module.last = (dots * weights.unsqueeze(-1)).sum(2)
            return module.last

        def last_layer(module, inputs, arguments, output):
            parts.streams, parts.layer_arguments = output, arguments

        def detach(module, inputs):
            return (inputs[0].detach(), inputs[1].detach(), *inputs[2:])

        hooks = [self.model.model.layers[-1].register_forward_hook(last_layer, with_kwargs=True)]
        hooks += [m.register_forward_pre_hook(detach) for m in self.model.modules() if isinstance(m, peer.DeepseekV4Indexer)]
        peer.eager_attention_forward, peer.DeepseekV4IndexerScorer.forward = attention, scores
        try:
            yield self
        finally:
            peer.eager_attention_forward, peer.DeepseekV4IndexerScorer.forward = eager, score
            for hook in hooks:
                hook.remove()

    def observe(self, weights: torch.Tensor, mask: torch.Tensor, indexer) -> None:
        """KL(p || q) of each query of a CSA layer: p from the attention on the chosen entries, q from their scores."""
        scores = indexer.scorer.last[0]
        entries = scores.shape[-1]
        if entries == 0:
            return
        chosen = mask[:, -entries:] == 0
        some = chosen.any(-1)
        mass = weights[..., -entries:].sum(0).detach().masked_fill(~chosen, 0)[some]
        p = mass / mass.sum(-1, keepdim=True)
        log_q = scores.masked_fill(~chosen, float("-inf"))[some].log_softmax(-1).masked_fill(~chosen[some], 0)
        self.kl.append((torch.xlogy(p, p) - p * log_q).sum())

    def index_loss(self, tokens: int) -> torch.Tensor:
        layers = sum(isinstance(m, peer.DeepseekV4Indexer) for m in self.model.modules())
        zero = self.streams.sum() * 0
        return (sum(self.kl) if self.kl else zero) / max(layers * tokens, 1)

    def mtp_loss(self, mtp: "Mtp", ids: torch.Tensor) -> torch.Tensor:
        model = self.model.model
        after = torch.cat([ids[0, 1:], ids.new_zeros(1)])
        e = mtp.enorm(model.embed_tokens(after))
        x = mtp.e_proj(e)[None, :, None] + mtp.h_proj(mtp.hnorm(self.streams))
        arguments = {k: v for k, v in self.layer_arguments.items() if k not in ("input_ids", "past_key_values")}
        x = mtp.block(x, input_ids=None, **arguments)
        logits = self.model.lm_head(mtp.norm(mtp.hc_head(x)))[0]
        return torch.nn.functional.cross_entropy(logits[:-2], ids[0, 2:])


class Mtp(torch.nn.Module):
    """The MTP block from the official tensors mtp.0.*; `official` maps transformers' names of a layer to the checkpoint's."""

    def __init__(self, config, tensors: dict[str, torch.Tensor], official):
        super().__init__()
        config = copy.deepcopy(config)
        layer = config.num_hidden_layers
        config.layer_types = [*config.layer_types, "sliding_attention"]
        config.mlp_layer_types = [*config.mlp_layer_types, "moe"]
        size = config.hidden_size
        self.enorm, self.hnorm, self.norm = (peer.DeepseekV4RMSNorm(size, eps=config.rms_norm_eps) for _ in range(3))
        self.e_proj, self.h_proj = torch.nn.Linear(size, size, bias=False), torch.nn.Linear(size, size, bias=False)
        self.block = peer.DeepseekV4DecoderLayer(config, layer)
        self.hc_head = peer.DeepseekV4HyperHead(config)
        self.to(torch.float64)
        mtp = {name.removeprefix("mtp.0."): tensor for name, tensor in tensors.items() if name.startswith("mtp.0.")}
        experts = config.n_routed_experts
        with torch.no_grad():
            for name, parameter in [*self.named_parameters(), ("block.mlp.gate.e_score_correction_bias", self.block.mlp.gate.e_score_correction_bias)]:
                if name.endswith("gate_up_proj"):
                    value = torch.stack([torch.cat([mtp[f"ffn.experts.{e}.w1.weight"], mtp[f"ffn.experts.{e}.w3.weight"]]) for e in range(experts)])
                elif name.endswith("down_proj") and "experts.down_proj" in name and "shared" not in name:
                    value = torch.stack([mtp[f"ffn.experts.{e}.w2.weight"] for e in range(experts)])
                elif name.endswith("e_score_correction_bias"):
                    value = mtp["ffn.gate.bias"]
                else:
                    value = mtp[mtp_name(name, official)]
                parameter.copy_(value)

    def gradients(self, official, official_gradients) -> dict[str, torch.Tensor]:
        found = {}
        for name, gradient in official_gradients(self, lambda n: mtp_name(n, official)).items():
            found[f"mtp.0.{name}"] = gradient
        return found


def mtp_name(name: str, official) -> str:
    if name.startswith("hc_head.hc_"):
        return "hc_head_" + name.removeprefix("hc_head.hc_")
    if name.startswith("block."):
        return official("model.layers.0." + name.removeprefix("block.")).removeprefix("layers.0.")
    return name
