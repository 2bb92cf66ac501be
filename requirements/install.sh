#!/bin/sh
# Makes the environment VENV and installs the pinned, hashed requirements and this checkout into it.
# usage: install.sh PYTHON VENV runtime|dev
set -eu
python=$1 venv=$2 kind=$3
root=$(cd "$(dirname "$0")/.." && pwd)

fail() { echo "throughline: $1" >&2; exit 2; }

command -v "$python" >/dev/null 2>&1 || fail "$python not found: install Python 3.11 or newer (Debian, Ubuntu: apt-get install python3 python3-venv)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$("$python" --version) is too old: Python 3.11 or newer is needed; name it with 'make PYTHON=python3.12 ...'"

if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  rm -rf "$venv"
  "$python" -m venv "$venv" >/dev/null 2>&1 || {
    rm -rf "$venv"
    fail "$python cannot make virtual environments: install them (Debian, Ubuntu: apt-get install python3-venv)"
  }
fi
echo "Installing Throughline and its pinned dependencies into $venv (about a minute the first time) ..."
# The lock is complete; --no-deps, since pip would ask for what overrides.txt leaves out.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$root/requirements/$kind.txt" ||
  fail "the packages could not be installed: is a package registry reachable? The lines above say which one failed"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e "$root"
touch "$venv/.runtime" "$venv/.$kind"
