#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: mpi_launch.sh RANKS PROGRAM [ARGUMENT]...
#
# Runs PROGRAM under mpirun as one Bazel test. Stops mpirun shortly before Bazel's own time limit.
set -u
here=$(dirname -- "${BASH_SOURCE[0]}")

if [ "$1" = --rank ]; then
  # This is a rank. Only rank 0 writes the files that Bazel expects of a test; the others would
  # overwrite them.
  shift
  if [ "${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-0}}" != 0 ]; then
    unset XML_OUTPUT_FILE GTEST_OUTPUT TEST_WARNINGS_OUTPUT_FILE TEST_PREMATURE_EXIT_FILE TEST_SHARD_STATUS_FILE \
      TEST_LOGSPLITTER_OUTPUT_FILE TEST_UNUSED_RUNFILES_LOG_FILE COVERAGE_OUTPUT_FILE
  fi
  exec "$@"
fi

ranks=$1
shift
. "$here/mpi_env.sh"
if ! command -v mpirun >/dev/null; then
  export PATH="${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin"
  command -v mpirun >/dev/null || {
    echo "mpi_launch: mpirun not found: install the Debian package openmpi-bin" >&2
    exit 1
  }
fi
# mpirun creates Unix sockets in TMPDIR, and their paths must be short.
TMPDIR=$(mktemp -d /tmp/mpaio.XXXXXX) || exit 1
export TMPDIR

mpirun -n "$ranks" --bind-to none bash "$here/mpi_launch.sh" --rank "$@" </dev/null &
mpirun=$!

# Terminates mpirun, which terminates its ranks. If mpirun does not end within 3 seconds, kills it;
# the ranks then lose their connection to it and end.
stop() {
  kill -TERM "$mpirun" 2>/dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.3
    kill -0 "$mpirun" 2>/dev/null || return
  done
  kill -KILL "$mpirun" 2>/dev/null
}
limit=${TEST_TIMEOUT:-300}
[ "$limit" -le 20 ] && limit=$((limit * 3 / 4)) || limit=$((limit - 8))
(
  trap 'kill "$sleep" 2>/dev/null; exit' TERM
  sleep "$limit" &
  sleep=$!
  wait "$sleep"
  echo "mpi_launch: stopping mpirun, which has not ended after $limit s (perhaps a rank failed while the others wait for it)" >&2
  stop
) &
watchdog=$!
trap 'stop' TERM INT

wait "$mpirun"
status=$?
# A trapped signal interrupts `wait` while mpirun is still being stopped.
kill -0 "$mpirun" 2>/dev/null && wait "$mpirun"
kill -TERM "$watchdog" 2>/dev/null
wait "$watchdog" 2>/dev/null
rm -rf -- "$TMPDIR"
exit "$status"
