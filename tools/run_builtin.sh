#!/bin/sh
# `make run`: lets `hadal run` stream from the checkpoint that ships with the source, then says what to try next.
set -eu
cd "$(dirname "$0")/.."
hadal=${HADAL:-build/release/hadal}

echo "The built-in model has random weights: what it says is noise. It shows that the whole path works."
echo
printf 'The deepest point of the sea'
"$hadal" -q run assets/builtin -p "The deepest point of the sea" -n 64 --seed 1
cat <<END

Next:
  $hadal inspect assets/builtin --ctx 4096               what is inside a checkpoint, and its memory
  $hadal run assets/builtin -p "Once" -n 32 --seed 7     other words, the same every time
  $hadal make-random /tmp/mid --preset mid --format fp8fp4 && $hadal bench /tmp/mid
                                                                         a larger random model, and how fast it runs here
With a real checkpoint:
  $hadal inspect MODEL --ctx 32768                       what is inside, and does it fit?
  $hadal run MODEL -p "The deepest point of the sea"     let it go on with a text
  $hadal --help                                          everything else
END
