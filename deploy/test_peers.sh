#!/bin/sh
# `make test-peers`: the tests marked `peers`, against sipp and a real Asterisk. Installs sipp, starts the PBX lab (a
# folder beside the repository, DIALER_SHARED/pbx-lab), stops it again. What is missing is named, and its tests skip.
set -eu
cd "$(dirname "$0")/.."
shared=${DIALER_SHARED:-$PWD/../shared}
lab=$shared/pbx-lab
PBX_STATE=${PBX_STATE:-$PWD/build/pbx}
export DIALER_SHARED="$shared" PBX_STATE

say() { echo "test-peers: $*" >&2; }
is_root() { [ "$(id -u)" = 0 ]; }

if ! command -v sipp >/dev/null; then
    if ! is_root || ! command -v apt-get >/dev/null; then
        say "sipp is missing. As root on Debian: apt-get install sip-tester"
        exit 1
    fi
    say "installing sipp (sip-tester)"
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends sip-tester >/dev/null
fi

if [ ! -x "$lab/start_pbx.sh" ]; then
    say "without Asterisk: $lab is not there; DIALER_SHARED names the folder of pbx-lab"
elif ! is_root; then
    say "without Asterisk: it runs in a chroot, which needs root"
else
    # The AMI port answers when the lab runs already; then it is left running.
    if .venv/bin/python -c 'import socket; socket.create_connection(("127.0.0.1", 5138), 1)' 2>/dev/null; then
        say "the PBX lab runs already, and is left running"
    else
        say "starting the PBX lab (the first time takes a minute)"
        mkdir -p "$PBX_STATE"
        trap '"$lab/stop_pbx.sh" >/dev/null 2>&1 || say "the PBX lab did not stop: $lab/stop_pbx.sh"' EXIT
        trap 'exit 130' INT TERM
        timeout 600 "$lab/start_pbx.sh" >"$PBX_STATE/start.log" 2>&1 || {
            say "without Asterisk: the PBX lab did not start, see $PBX_STATE/start.log"
            export PBX_LAB=off
        }
    fi
fi

.venv/bin/python -m pytest -m peers "$@"
