#!/bin/sh
# Runs ansible-test sanity on a copy of the checkout, since it wants to stand at ansible_collections/<namespace>/<name>.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
copy=$root/.cache/sanity/ansible_collections/mlops/gpu_monitoring
version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

# ansible-test downloads a get-pip script for its virtual environments. Python's ensurepip needs no download.
pip=$(python -c 'import re
import ansible_test._internal.python_requirements as module
print(re.search(r"pip=.([0-9.]+)", open(module.__file__).read())[1])')
shim=$HOME/.ansible/test/cache/get_pip_$(echo "$pip" | tr . _).py
if [ ! -e "$shim" ]; then
    mkdir -p "$(dirname "$shim")"
    cat >"$shim" <<'EOF'
import ensurepip
import subprocess
import sys

ensurepip.bootstrap()
packages = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", *packages])
EOF
fi

rm -rf "$copy"
mkdir -p "$copy"
cd "$root"
git ls-files --cached --others --exclude-standard \
    | while read -r file; do [ -e "$file" ] && printf '%s\n' "$file"; done \
    | tar -cf - -T - | tar -xf - -C "$copy"
cd "$copy"
git init --quiet
git add .
ansible-test sanity --python "$version" --color no "$@"
