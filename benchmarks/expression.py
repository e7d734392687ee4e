#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Evaluates an expression over a large array with 2 ranks and with numpy, in alternation.

Prints medians of paired ratios, with their spread.

usage: expression.py ORCHESTRATOR [ROUNDS [FOLDER]]

  The expression is sqrt(x)*sin(x) of 100,000,000 float64 between 0 and 1000. Both sides read the
  array from the same file and write the result to a file. The orchestrator's time is that of the
  whole run, from the start of mpirun to its exit; numpy's time is from the call of numpy.load to
  the return of numpy.save, without the start of Python.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy

ORCHESTRATOR = sys.argv[1]
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 7
FOLDER = sys.argv[3] if len(sys.argv) > 3 else None

_NUMPY = """
import sys, time
import numpy as np
start = time.monotonic()
x = np.load(sys.argv[1])
loaded = time.monotonic()
y = np.sqrt(x) * np.sin(x)
done = time.monotonic()
np.save(sys.argv[2], y)
print(time.monotonic() - start, done - loaded)
"""


def ours(source, target):
    """Returns the seconds of a whole run, and of its processing."""
    command = ["mpirun", "-n", "2", "--bind-to", "none", ORCHESTRATOR, "--format=json", "--progress=never", "map", source, target,
               "expr=sqrt(x)*sin(x)"]
    start = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    seconds = time.monotonic() - start
    return seconds, json.loads(done.stdout)["jobs"][0]["seconds"]


def numpys(source, target):
    """Returns the seconds of load, computation and save together, and of the computation alone."""
    done = subprocess.run([sys.executable, "-c", _NUMPY, source, target], stdout=subprocess.PIPE, check=True, text=True)
    return tuple(float(word) for word in done.stdout.split())


def show(name, values, unit):
    print("%-44s %8.3f %-6s (%.3f to %.3f)" % (name, statistics.median(values), unit, min(values), max(values)), flush=True)


def main():
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        source, out, reference = (os.path.join(folder, name) for name in ("x.npy", "out.npy", "reference.npy"))
        numpy.save(source, numpy.random.default_rng(1).uniform(0, 1000, 100_000_000))
        rounds = []
        for number in range(ROUNDS + 1):
            sides = [lambda: ours(source, out), lambda: numpys(source, reference)]
            if number % 2:
                right = sides[1]()
                left = sides[0]()
            else:
                left = sides[0]()
                right = sides[1]()
            # The first round creates the files and is not counted.
            if number:
                rounds.append((left, right))
        show("orchestrator, 2 ranks: start to exit", [left[0] for left, _ in rounds], "s")
        show("numpy: load, compute, save", [right[0] for _, right in rounds], "s")
        show("orchestrator / numpy", [left[0] / right[0] for left, right in rounds], "times")
        show("orchestrator, 2 ranks: processing", [left[1] for left, _ in rounds], "s")
        show("numpy: computation", [right[1] for _, right in rounds], "s")
        show("orchestrator / numpy", [left[1] / right[1] for left, right in rounds], "times")
        ours_out, theirs = numpy.load(out, mmap_mode="r"), numpy.load(reference, mmap_mode="r")
        worst = max(float(numpy.max(numpy.abs(a - b) / numpy.spacing(numpy.abs(b)))) for a, b in zip(numpy.array_split(ours_out, 20),
                                                                                                  numpy.array_split(theirs, 20)))
        print("the results differ by at most %.0f ulp" % worst)


main()
