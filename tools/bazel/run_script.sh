#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: run_script.sh SCRIPT [ARGUMENT]...
#
# Runs a .py or .sh file as a Bazel test.
set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/mpi_env.sh"
export PATH="${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin"
# mpirun creates Unix sockets in TMPDIR, and their paths must be short.
TMPDIR=$(mktemp -d /tmp/mpaio.XXXXXX) || exit 1
export TMPDIR
export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"

case $1 in
  *.py) interpreter=${MPAIO_PYTHON:-python3} ;;
  *) interpreter=bash ;;
esac
"$interpreter" "$@" </dev/null &
script=$!
trap 'kill -TERM "$script" 2>/dev/null' TERM INT
wait "$script"
status=$?
kill -0 "$script" 2>/dev/null && wait "$script"
rm -rf -- "$TMPDIR"
if [ "$status" -eq 77 ]; then
  echo "SKIPPED: the script ended with status 77"
  status=0
fi
exit "$status"
