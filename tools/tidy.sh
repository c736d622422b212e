#!/bin/sh
# clang-tidy over all sources, or over those that differ from the branch point (`changed`). Exits 1 on any finding.
# Usage: tools/tidy.sh all|changed
set -eu

case "${1:-}" in
  all) files=$(git ls-files 'src/*.cc' 'apps/*.cc') ;;
  changed)
    base=$(git rev-parse -q --verify origin/main || git rev-parse -q --verify HEAD~1 || git rev-parse HEAD)
    files=$( { git diff --name-only --diff-filter=d "$base" -- 'src/*.cc' 'apps/*.cc'; git ls-files -o --exclude-standard 'src/*.cc' 'apps/*.cc'; } | sort -u)
    # A first push changes everything: `make test-tidy` covers that.
    [ "$(echo "$files" | wc -l)" -le 40 ] || { echo "SKIP: clang-tidy: over 40 files changed; run make test-tidy"; exit 0; } ;;
  *) echo "usage: tools/tidy.sh all|changed" >&2; exit 2 ;;
esac
[ -n "$files" ] || exit 0

# Findings go to stdout; stderr counts the warnings of system headers, which matters only when clang-tidy itself fails.
# GCC's own warning options are in the compile commands.
noise=$(mktemp)
trap 'rm -f "$noise"' EXIT
echo "$files" | xargs -P "$(nproc)" -n 2 clang-tidy-19 -p build/release --quiet --extra-arg=-Wno-unknown-warning-option 2>"$noise" || {
  grep -v -e ' generated\.$' -e '^\[.*Processing file' "$noise" >&2 || true
  echo "clang-tidy: failed" >&2
  exit 1
}
