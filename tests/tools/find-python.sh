#!/bin/sh
# Prints the newest Python here that ansible-core runs on (3.11 to 3.13) and that can make a virtual environment.
pyenv=$HOME/.pyenv/versions
for python in python3.13 python3.12 "$pyenv"/3.13*/bin/python3 "$pyenv"/3.12*/bin/python3 python3.11 python3; do
    if "$python" -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
        echo "$python"
        exit 0
    fi
done
echo "No Python 3.11 to 3.13 with venv was found: install one (Debian, Ubuntu: apt install python3-venv)." >&2
exit 1
