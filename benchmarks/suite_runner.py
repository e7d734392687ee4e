# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of the benchmark suites. For benchmarks/bench.py."""

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy

from bench_report import Case

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LARGE_MEGABYTES = 800


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class SuiteError(Exception):
    """A suite cannot be measured; the message gives the reason."""


def num_cores() -> int:
    return len(os.sched_getaffinity(0))


class Bench:
    """Runs the programs of the suites."""

    def __init__(self, options: argparse.Namespace, scratch: str):
        self.programs = os.path.abspath(options.programs)
        self.ranks: int = options.ranks
        self.repetitions: int = options.repetitions
        self.filter: str = options.filter
        self.scratch = scratch
        self.skipped: List[str] = []
        # The script makes mpirun work as root, in containers, and with more ranks than cores.
        script = os.path.join(ROOT, "tools/bazel/mpi_env.sh")
        variables = subprocess.run(["sh", "-c", '. "$1" && env -0', "sh", script], stdout=subprocess.PIPE, check=True).stdout
        self.environment = dict(os.fsdecode(line).split("=", 1) for line in variables.split(b"\0") if line)

    @property
    def parallelism(self) -> int:
        """The largest possible speed-up over one core."""
        return min(self.ranks, num_cores())

    def skip(self, what: str) -> None:
        if what not in self.skipped:
            say(f"bench: SKIPPED {what}")
            self.skipped.append(what)

    def program(self, path: str) -> str:
        file = os.path.join(self.programs, path)
        if not os.access(file, os.X_OK):
            raise SuiteError(f"{file} is missing: run tools/bench, which builds it")
        return file

    def run(self, command: Sequence[str], variables: Optional[Dict[str, str]] = None) -> str:
        environment = {**self.environment, **(variables or {})}
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        if done.returncode != 0:
            last_words = done.stderr.strip().splitlines()[-3:]
            raise SuiteError(f"`{' '.join(command)}` failed with status {done.returncode}: " + " | ".join(last_words))
        return done.stdout

    def mpirun(self, ranks: int, *command: str) -> List[str]:
        return ["mpirun", "-n", str(ranks), "--bind-to", "none", *command]

    def orchestrator_command(self, ranks: int, *job: str) -> List[str]:
        return self.mpirun(ranks, self.program("mpaio/orchestrator"), "--format=json", "--progress=never", *job)

    def orchestrator(self, ranks: int, *job: str) -> Tuple[float, float]:
        """Runs a job whose result is the sum of an array made by numbers().

        Returns the seconds of its processing, and from start to exit.
        """
        command = self.orchestrator_command(ranks, *job)
        start = time.monotonic()
        output = self.run(command)
        seconds = time.monotonic() - start
        done = json.loads(output)["jobs"][0]
        if done["result"] != done["rows"] * (done["rows"] + 1) // 2:
            raise SuiteError(f"`{' '.join(command)}` gave a wrong sum: {output}")
        return done["seconds"], seconds

    def seconds_to_answer(self, ranks: int, *job: str) -> float:
        """Returns the seconds from the start of mpirun to the first byte of the result.

        The result is printed after the last chunk, so with a job of one chunk this is the time to
        the end of the first chunk.
        """
        start = time.monotonic()
        process = subprocess.Popen(
            self.orchestrator_command(ranks, *job), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.environment
        )
        with process:
            first = process.stdout.read(1)
            seconds = time.monotonic() - start
            process.stdout.read()
        if process.returncode != 0 or not first:
            raise SuiteError(f"`{' '.join(job)}` failed with status {process.returncode}")
        return seconds

    def numbers(self, count: int) -> str:
        """Returns the path of a file with the int64 from 1 to `count`."""
        path = os.path.join(self.scratch, f"{count}.npy")
        if not os.path.exists(path):
            numpy.save(path, numpy.arange(1, count + 1, dtype=numpy.int64))
        return path

    def large_numbers(self, megabytes: int = LARGE_MEGABYTES) -> str:
        return self.numbers(megabytes * 1_000_000 // 8)

    def in_turns(self, cases: Sequence[Tuple[Case, Callable[[], float]]], repetitions: Optional[int] = None) -> None:
        """Runs each case once per repetition, every other time in the opposite order.

        A first run of each case fills the caches and is not counted.
        """
        for _, run in cases:
            run()
        for repetition in range(repetitions or self.repetitions):
            for case, run in cases if repetition % 2 == 0 else reversed(cases):
                case.values.append(run())
