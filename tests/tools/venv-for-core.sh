#!/bin/sh
# Makes .venv with the tools of requirements-dev.txt, but with the newest release of the ansible-core line $1.
set -eu
cd "$(dirname "$0")/../.."
requirements=$(mktemp)
trap 'rm -f "$requirements"' EXIT
sed '/^ansible-core==/d' requirements-dev.txt >"$requirements"
# A line without a release yet has release candidates, which `>=` with a candidate allows.
echo "ansible-core>=$1.0rc1,<${1%.*}.$((${1#*.} + 1)).0a0" >>"$requirements"
python -m venv .venv
.venv/bin/pip install --quiet -r "$requirements"
touch .venv/installed
.venv/bin/ansible --version | head -n 1
