#!/bin/sh
# Lets published packages judge hadal: `make test-peers`. Exits non-zero if any judge finds a difference.
# Takes build/release/hadal (or $HADAL), a Python venv that it makes once in build/peers-venv (or $HADAL_PEERS_VENV) with the
# packages of requirements.txt, and the shared golden cases (HADAL_SHARED, or the folder `shared` beside the checkout).
# checkpoints judges random checkpoints of V4, V3.2 and V3 by transformers; one family alone: checkpoints.py --family v4|v32|v3.
# The judge openapi has a venv of its own, build/openapi-venv (or $HADAL_OPENAPI_VENV), with the packages of openapi-requirements.txt.
# Usage: tests/peers/run.sh [JUDGE ...] with judges checkpoints, strings, files, conversations, requests, schemas, openapi (default: all).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=${HADAL_PEERS_VENV:-$root/build/peers-venv}
HADAL=${HADAL:-$root/build/release/hadal}
export HADAL
[ -x "$HADAL" ] || { echo "run.sh: no $HADAL; run make build" >&2; exit 2; }

# The CPU build of torch if its index can be reached; PyPI's (gigabytes, runs on the CPU too) if not.
make_venv() {
  python3 -c 'import ensurepip, venv' 2>/dev/null || "$root/tools/install_packages.sh" peers
  rm -rf "$venv"
  python3 -m venv "$venv"
  torch=$(grep '^torch==' "$here/requirements.txt")
  "$venv/bin/pip" install -q --retries 1 --timeout 20 --index-url https://download.pytorch.org/whl/cpu "$torch" 2>/dev/null ||
    echo "run.sh: no CPU build of $torch here, taking the one of the default index" >&2
  "$venv/bin/pip" install -q -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/made-from.txt"
}
if [ -z "${HADAL_PEERS_VENV:-}" ]; then
  cmp -s "$here/requirements.txt" "$venv/made-from.txt" || make_venv
fi

export PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore TOKENIZERS_PARALLELISM=true
openapi_venv=${HADAL_OPENAPI_VENV:-$root/build/openapi-venv}
make_openapi_venv() {
  rm -rf "$openapi_venv"
  python3 -m venv "$openapi_venv"
  "$openapi_venv/bin/pip" install -q -r "$here/openapi-requirements.txt"
  cp "$here/openapi-requirements.txt" "$openapi_venv/made-from.txt"
}
judges=${*:-files strings conversations requests schemas checkpoints openapi}
case " $judges " in
  *" openapi "*) [ -n "${HADAL_OPENAPI_VENV:-}" ] || cmp -s "$here/openapi-requirements.txt" "$openapi_venv/made-from.txt" || make_openapi_venv ;;
esac

failed=""
for judge in $judges; do
  python=$venv/bin/python
  [ "$judge" != openapi ] || python=$openapi_venv/bin/python
  "$python" "$here/$judge.py" || failed="$failed $judge"
done
[ -z "$failed" ] || { echo "peers: FAILED:$failed" >&2; exit 1; }
echo "peers: all judges agree"
