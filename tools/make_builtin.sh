#!/bin/sh
# Writes the small checkpoint that ships with the source: assets/builtin (random weights, the same bytes every time).
# Usage: tools/make_builtin.sh [DIR]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
exec "${HADAL:-$root/build/release/hadal}" -q make-random "${1:-$root/assets/builtin}" --preset tiny --format bf16 --seed 1 \
  --set hidden_size=64 --set num_attention_heads=2 --set o_groups=1 --set q_lora_rank=32 --set o_lora_rank=32 \
  --set n_routed_experts=8 --set num_experts_per_tok=2 --set moe_intermediate_size=32 --set vocab_size=2048
