#!/bin/bash
# Clients that people use, against hadal serve with scripted answers: make test-clients.
# They are installed into build/clients-venv; HADAL names the program.
set -eu
cd "$(dirname "$0")/../.."
clients=$PWD/build/clients-venv
export HADAL=${HADAL:-$PWD/build/release/hadal} PYTHONDONTWRITEBYTECODE=1
[ -x "$clients/bin/python" ] || python3 -m venv "$clients"
cmp -s tests/clients/requirements.txt "$clients/requirements.txt" || {
  "$clients/bin/pip" install -q -r tests/clients/requirements.txt
  cp tests/clients/requirements.txt "$clients/requirements.txt"
}
cd tests/clients
PYTHONPATH=../e2e "$clients/bin/python" -W ignore::ResourceWarning -m unittest "${@:-test_python}"
