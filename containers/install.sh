#!/bin/sh
# Puts metcn and its locked dependencies into a new environment: containers/install.sh PREFIX. Both recipes run this from a copy
# of the checkout; nothing else installs anything in them. The lock has the developers' tools as well.
set -eu
prefix=${1:?expected the folder of the new environment, received nothing}
cd "$(dirname "$0")/.."
"${PYTHON:-python3}" -m venv "$prefix"
pip() { "$prefix/bin/python" -m pip --disable-pip-version-check --no-cache-dir "$@"; }
pip install --quiet --require-hashes --requirement requirements.txt
pip install --quiet --no-deps --no-build-isolation .
"$prefix/bin/metcn" --version
