#!/bin/sh
# Builds the archive of the collection into build, and checks the archive as Galaxy does. Any finding fails.
# `make lint` runs ansible-lint with the profile production over the same files.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
config=$(mktemp) log=$(mktemp)
trap 'rm -f "$config" "$log"' EXIT
mkdir -p build
rm -f build/*.tar.gz
.cache/release/bin/ansible-galaxy collection build --force --output-path build
cat >"$config" <<CONFIG
[galaxy-importer]
CHECK_REQUIRED_TAGS=True
RUN_ANSIBLE_DOC=True
RUN_ANSIBLE_LINT=False
CONFIG
# The importer writes its result into the working directory, and looks for ansible-lint and ansible-doc on PATH.
mkdir -p "$root/.cache/importer"
cd "$root/.cache/importer"
export PATH="$root/.cache/release/bin:$PATH" GALAXY_IMPORTER_CONFIG="$config"
status=0
python -m galaxy_importer.main "$root"/build/*.tar.gz >"$log" 2>&1 || status=$?
cat "$log"
if [ "$status" -ne 0 ] || grep -qE '^(WARNING|ERROR|CRITICAL)' "$log"; then
    echo "The archive has findings: see the lines above." >&2
    exit 1
fi
