#!/bin/sh
# Fuzzes one target for some minutes, going on from where the last run stopped.
# Usage: tools/fuzz.sh TARGET MINUTES     (targets: tests/fuzz/fuzz_TARGET.cc; build them with `make fuzz`)
#
# It begins with the inputs of tests/fuzz/corpus/TARGET, and with the words of tests/fuzz/words/TARGET, if there are any.
# New inputs are kept in build/fuzz/corpus/TARGET, findings in build/fuzz/findings/TARGET. Prints executions and CPU time;
# the exit code is not 0 where there is a finding, now or left from an earlier run.
set -eu

[ $# -eq 2 ] || { echo "usage: tools/fuzz.sh TARGET MINUTES" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
target=$1
seconds=$(($2 * 60))
program=$root/build/fuzz/fuzz_$target
corpus=$root/build/fuzz/corpus/$target
findings=$root/build/fuzz/findings/$target
log=$root/build/fuzz/$target.log
[ -x "$program" ] || { echo "fuzz.sh: no $program; run make fuzz" >&2; exit 2; }
words=$root/tests/fuzz/words/$target
mkdir -p "$corpus" "$findings"

words_option=""
[ ! -f "$words" ] || words_option=-dict=$words
status=0
"$program" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
  -artifact_prefix="$findings/" $words_option "$corpus" "$root/tests/fuzz/corpus/$target" >"$log" 2>&1 || status=$?
executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
times >"$log.times"
cpu=$(sed -n '2s/ .*//p' "$log.times")
left=$(find "$findings" -type f | wc -l)
echo "$target: ${executions:-0} executions, $cpu of CPU time, $(find "$corpus" -type f | wc -l) inputs kept, $left findings"
if [ "$status" -ne 0 ] || [ "$left" -ne 0 ]; then
  echo "fuzz.sh: see $log and $findings" >&2
  exit 1
fi
