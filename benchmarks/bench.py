#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmark suites and compares mpaio with its peers.

Prints a table for each suite on the standard output, and writes its repetitions and a plot to
files.

usage: bench.py [--repetitions=N] [--ranks=N] [--out=DIR] [--programs=DIR] [--filter=REGEX] [SUITE ...]

  --repetitions  number of times that each case is run (default: 7)
  --ranks        number of mpaio's ranks, and of a peer's threads or processes (default: the number
                 of cores, at least 2)
  --out          folder in which SUITE.json and SUITE.svg are written (default: .cache/bench)
  --programs     folder with the programs that Bazel has built (default: bazel-bin)
  --filter       regular expression; of dispatch, balance, bandwidth, idle and protection, only the
                 cases whose names match it are run

tools/bench builds the programs and calls this script. docs/performance.md explains what the suites
measure and how to read the tables.

Each case runs once per repetition. The cases are interleaved, so that a disturbance of the machine
affects all of them equally. Repetition k of mpaio and repetition k of a peer are a pair; the
comparison is the median of the pairs' ratios.
"""

import argparse
import datetime
import os
import platform
import re
import subprocess
import sys
import tempfile
from typing import Callable, Dict, Sequence

from bench_report import Result, load_pyplot, write_json, write_plot
from google_benchmark_suites import balance, bandwidth, dispatch, idle, protection
from suite_runner import ROOT, Bench, SuiteError, num_cores, say
from whole_run_suites import load, memory, scaling, start

SUITES: Dict[str, Callable[[Bench], Result]] = {
    suite.__name__: suite for suite in (dispatch, balance, bandwidth, load, start, idle, protection, scaling, memory)
}


def first_line(command: Sequence[str]) -> str:
    try:
        output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT).stdout
    except OSError:
        return "unknown"
    return (output.splitlines() or ["unknown"])[0]


def context_of(bench: Bench) -> Dict[str, object]:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"^model name\s*:\s*(.+)$", file.read(), re.MULTILINE)
    commit = first_line(["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=, with changes"])
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit,
        "cpu": model.group(1) if model else platform.machine(),
        "cores": num_cores(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "kernel": platform.release(),
        "mpi": first_line(["mpirun", "--version"]),
        "compiler": first_line(["c++", "--version"]),
        "python": platform.python_version(),
        "ranks": bench.ranks,
        "repetitions": bench.repetitions,
        "filter": bench.filter,
    }


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs the benchmark suites and compares mpaio with its peers.", allow_abbrev=False)
    parser.add_argument("--repetitions", type=positive, default=7)
    parser.add_argument("--ranks", type=positive, default=max(2, num_cores()))
    parser.add_argument("--out", default=os.path.join(ROOT, ".cache/bench"))
    parser.add_argument("--programs", default=os.path.join(ROOT, "bazel-bin"))
    parser.add_argument("--filter", default="")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    options = parser.parse_args(arguments)
    unknown = [suite for suite in options.suites if suite not in SUITES]
    if unknown:
        parser.error(f"there is no suite '{unknown[0]}': there are {', '.join(SUITES)}")
    if options.ranks < 2:
        parser.error("--ranks must be at least 2")
    options.suites = options.suites or list(SUITES)
    return options


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    os.makedirs(options.out, exist_ok=True)
    failed = []
    with tempfile.TemporaryDirectory(prefix="mpaio_bench_") as scratch:
        bench = Bench(options, scratch)
        context = context_of(bench)
        print("\n".join(f"{key:12s} {value}" for key, value in context.items() if value != ""), flush=True)
        try:
            pyplot = load_pyplot()
        except ImportError as error:
            pyplot = None
            bench.skip(f"plots: Debian's python3-matplotlib cannot be used ({error})")
        without_plots = list(bench.skipped)
        for suite in options.suites:
            bench.skipped = list(without_plots)
            try:
                result = SUITES[suite](bench)
            except SuiteError as error:
                say(f"bench: FAILED {suite}: {error}")
                failed.append(suite)
                continue
            print("\n" + "\n\n".join([f"== {suite}", *result.tables, *(f"SKIPPED {what}" for what in bench.skipped)]), flush=True)
            path = os.path.join(options.out, suite)
            write_json(path + ".json", suite, context, result, bench.skipped)
            if pyplot is not None and result.panels:
                write_plot(pyplot, path + ".svg", suite, context, result)
            say(f"bench: {suite}: repetitions and plot are in {path}.*")
    if failed:
        say(f"bench: FAILED: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
