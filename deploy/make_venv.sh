#!/bin/sh
# Builds .venv and installs one requirements file into it. Says plainly what is missing; touches only .venv.
set -eu
file=$1
python=${PYTHON:-python3}

say() { printf '%s\n' "$*" >&2; }
fail() { say "venv: $*"; exit 1; }

command -v "$python" >/dev/null 2>&1 ||
  fail "there is no '$python' here. Install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)."
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
  fail "$("$python" --version) is not supported. Use Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.11 ..."

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c '' 2>/dev/null; then
  rm -rf .venv
  "$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "'$python' has no venv module. Debian: apt-get install python3-venv."
  say "venv: making .venv with $("$python" --version)"
  "$python" -m venv .venv || {
    rm -rf .venv
    fail "'$python -m venv .venv' failed (the reason is above). Debian: apt-get install python3-venv."
  }
fi
if [ ! -x .venv/bin/uv ]; then
  .venv/bin/python -m pip install --quiet --disable-pip-version-check uv ||
    fail "pip could not install uv. Is the package index reachable? (pip's message is above.)"
fi

say "venv: installing $file"
# Compiled at once: the product's processes start in a third of the time.
if ! UV_LINK_MODE=copy .venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python \
  --only-binary :all: -r "$file"; then
  say "venv: uv could not install them (see above); trying pip, which is slower and has settings of its own"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -r "$file" ||
    fail "the packages of $file could not be installed (the reason is above). Nothing outside .venv was changed."
fi
