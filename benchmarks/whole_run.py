#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures whole runs of the orchestrator in alternation with their peers.

Prints medians of paired ratios, with their spread.

usage: whole_run.py ORCHESTRATOR PLAIN_PROCESSES [ROUNDS]

  sum          processing of 800 MB of int64 by 2 ranks, compared with two plain processes that sum
               as much shared memory
  dispatch     100,000 chunks of 64 elements, 2 and 3 ranks
  crowded      8 ranks on the available cores, compared with 3 ranks: 2,000 chunks of 100 us
  start        start to exit: an array of 1,000 elements, and the 800 MB
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy

ORCHESTRATOR, PLAIN = sys.argv[1:3]
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 7


def orchestrator(ranks, *arguments):
    """Runs the orchestrator. Returns the seconds of its processing, and from start to exit."""
    command = ["mpirun", "-n", str(ranks), "--bind-to", "none", ORCHESTRATOR, "--format=json", "--progress=never", *arguments]
    start = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    seconds = time.monotonic() - start
    return max(job["seconds"] for job in json.loads(done.stdout)["jobs"]), seconds


def show(name, values, unit, scale=1.0):
    ordered = sorted(value * scale for value in values)
    print(f"{name:44s} {statistics.median(ordered):10.3f} {unit:8s} ({ordered[0]:.3f} to {ordered[-1]:.3f})", flush=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        large, chunky, tiny = (os.path.join(folder, name) for name in ("large.npy", "chunky.npy", "tiny.npy"))
        numpy.save(large, numpy.arange(1, 100_000_001, dtype=numpy.int64))
        numpy.save(chunky, numpy.arange(6_400_000, dtype=numpy.int64))
        numpy.save(tiny, numpy.arange(1000, dtype=numpy.int64))
        sums, plains, whole = [], [], []
        for _ in range(ROUNDS):
            rounds = subprocess.run([PLAIN, "2", "800", "5"], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
            # The first round maps the pages and is dropped, which favours the peer: the
            # orchestrator's ranks must map the pages that another rank has filled.
            plains.append(statistics.median(float(seconds) for seconds in rounds[1:]))
            processing, seconds = orchestrator(2, "sum", large)
            sums.append(processing)
            whole.append(seconds)
        show("sum, 2 ranks: processing", sums, "ms", 1e3)
        show("sum, two plain processes", plains, "ms", 1e3)
        show("sum, ours / plain", [ours / plain for ours, plain in zip(sums, plains)], "times")
        for ranks in (2, 3):
            show(f"dispatch, 100,000 chunks, {ranks} ranks", [orchestrator(ranks, "--chunk=64", "sum", chunky)[0] for _ in range(ROUNDS)],
                 "ms", 1e3)
        ratios = []
        for _ in range(ROUNDS):
            three, eight = (orchestrator(ranks, "--chunk=3200", "spin", chunky, "ns_per_row=31")[0] for ranks in (3, 8))
            ratios.append(eight / three)
        show("crowded, 8 ranks / 3 ranks", ratios, "times")
        show("start to exit, 1,000 elements, 2 ranks", [orchestrator(2, "sum", tiny)[1] for _ in range(ROUNDS)], "ms", 1e3)
        show("start to exit, 800 MB, 2 ranks", whole, "ms", 1e3)


main()
