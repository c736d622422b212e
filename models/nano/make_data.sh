#!/bin/sh
# The recipe of nano's data: text, tokenizer, shards, held-out files and the proof that they do not overlap.
# Usage: models/nano/make_data.sh [DIR [TOKENS [SEED]]]   (default: build/nano, 60,000,000, 1)
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:-$root/build/nano}
tokens=${2:-60000000}
seed=${3:-1}
hadal=${HADAL:-$root/build/release/hadal}
python3 "$root/data/make.py" --out "$out/text" --tokens "$tokens" --seed "$seed"
python3 "$root/data/make.py" --out "$out/held" --held-out --seed "$seed"
python3 "$root/data/check.py" --train "$out"/text/*.jsonl --held "$out/held"
"$hadal" tokenizer train "$out"/text/*.jsonl --vocab 4096 --no-digit-merges -o "$out/tokenizer.json"
"$hadal" data prepare "$out"/text/*.jsonl --tokenizer "$out/tokenizer.json" -o "$out/data"
"$hadal" data prepare "$out/held/loss.jsonl" --tokenizer "$out/tokenizer.json" -o "$out/loss"
