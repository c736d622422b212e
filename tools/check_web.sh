#!/bin/sh
# Whether web/dist is what web/ builds to, where Node and its packages are there.
set -eu
cd "$(dirname "$0")/.."
if ! command -v node >/dev/null || [ ! -d web/node_modules ]; then
  echo "SKIP web/dist against its sources: no Node packages (make web installs them)"
  exit 0
fi
npm --prefix web run --silent check
