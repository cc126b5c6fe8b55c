#!/bin/sh
# Builds .venv and installs one requirements file into it. Says plainly what is missing.
set -eu
file=$1
python=${PYTHON:-python3}

say() { printf '%s\n' "$*" >&2; }

command -v "$python" >/dev/null 2>&1 || {
  say "venv: there is no '$python' here. Install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)."
  exit 1
}
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || {
  say "venv: $("$python" --version) is not supported. Use Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.11 ..."
  exit 1
}
if [ ! -x .venv/bin/python ]; then
  "$python" -m venv .venv || {
    rm -rf .venv
    say "venv: '$python -m venv' failed. On Debian: apt-get install python3-venv."
    exit 1
  }
fi
if [ ! -x .venv/bin/uv ]; then
  .venv/bin/python -m pip install --quiet --disable-pip-version-check uv || {
    say "venv: pip could not install uv. Is the package index reachable? (pip's message is above.)"
    exit 1
  }
fi
say "venv: installing $file"
UV_LINK_MODE=copy .venv/bin/uv pip install --quiet --python .venv/bin/python --only-binary :all: -r "$file" || {
  say "venv: the packages of $file could not be installed (the reason is above). Nothing outside .venv was changed."
  exit 1
}
