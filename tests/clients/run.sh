#!/bin/bash
# Clients and agents that people use, against hadal serve: make test-clients.
# Python's are installed into build/clients-venv and build/aider-venv, npm's into node_modules (the Makefile does that).
# HADAL names the program. Usage: run.sh [python|js|agents ...]; all of them by default.
set -eu
cd "$(dirname "$0")/../.."
build=$PWD/build
export HADAL=${HADAL:-$build/release/hadal} PYTHONDONTWRITEBYTECODE=1

venv() {  # NAME REQUIREMENTS
  [ -x "$build/$1/bin/python" ] || python3 -m venv "$build/$1"
  cmp -s "tests/clients/$2" "$build/$1/requirements.txt" && return
  "$build/$1/bin/pip" install -q -r "tests/clients/$2"
  cp "tests/clients/$2" "$build/$1/requirements.txt"
}

node=$PWD/tests/clients/js/node_modules/.bin
run_python() { (cd tests/clients && PYTHONPATH=../e2e "$build/clients-venv/bin/python" -W ignore::ResourceWarning -m unittest "$@"); }

[ $# -gt 0 ] || set -- python js agents
venv clients-venv requirements.txt
for group in "$@"; do
  echo "== $group"
  case "$group" in
    python) run_python test_python test_model ;;
    js) (cd tests/clients/js && "$node/node" --test --test-concurrency=1 *_test.mjs) ;;
    agents)
      venv aider-venv aider-requirements.txt
      PATH="$PWD/tests/clients/agents/node_modules/.bin:$node:$build/aider-venv/bin:$PATH" run_python -v test_agents
      ;;
    *) echo "run.sh: there is no group '$group'" >&2; exit 2 ;;
  esac
done
