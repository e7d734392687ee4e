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
import dataclasses
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy

import python_peers
from bench_report import Case, Panel, Result, compare, load_pyplot, number, spread, table, write_json, write_plot

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Number of times that the program of a suite is started, alternating with its Python peers; each
# start runs a part of the repetitions.
MAX_ROUNDS = 3
LARGE_MEGABYTES = 800


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class SuiteError(Exception):
    """A suite cannot be measured; the message gives the reason."""


# ---- Running


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


def num_cores() -> int:
    return len(os.sched_getaffinity(0))


def run_google_benchmark(bench: Bench, suite: str, per_chunk: bool = False) -> List[Case]:
    """Runs a C++ suite in alternation with its Python peers, if any. Unit: ms, or ns per chunk."""
    program = bench.program(f"benchmarks/{suite}_suite")
    cases: Dict[str, Case] = {}
    peers = [
        peer
        for peer in python_peers.PEERS
        if suite in python_peers.LOADS and re.search(bench.filter, python_peers.case_name(suite, peer))
    ]
    rounds = min(MAX_ROUNDS, bench.repetitions)
    for k in range(rounds):
        say(f"bench: {suite}: round {k + 1} of {rounds}")
        repetitions = bench.repetitions * (k + 1) // rounds - bench.repetitions * k // rounds
        file = os.path.join(bench.scratch, f"{suite}.json")
        arguments = [f"--benchmark_repetitions={repetitions}", f"--benchmark_out={file}", "--benchmark_out_format=json"]
        if bench.filter:
            arguments.append(f"--benchmark_filter={bench.filter}")
        bench.run(bench.mpirun(bench.ranks, program, *arguments))
        with open(file, encoding="utf-8") as text:
            runs = json.load(text)["benchmarks"] if os.path.getsize(file) > 0 else []
        iterations = [run for run in runs if run["run_type"] == "iteration"]
        # The cases were run in random order: restores the order in which the program defines them.
        for run in sorted(iterations, key=lambda run: (run["family_index"], run["repetition_index"])):
            add_run(cases, run, per_chunk)
        for peer in list(peers):
            if not add_python_peer(bench, cases, suite, peer, repetitions, per_chunk):
                peers.remove(peer)
    if not cases:
        raise SuiteError(f"no case of {suite} matches {bench.filter}")
    return list(cases.values())


def add_run(cases: Dict[str, Case], run: Dict[str, object], per_chunk: bool) -> None:
    """Adds one repetition from Google Benchmark's report."""
    name = re.sub(r"/iterations:\d+|/manual_time", "", str(run["name"]))
    group, who, load = re.fullmatch(r"BM_([^_/]+)_([^/]+)/?(.*)", name).groups()
    microseconds = float(run["real_time"])
    if run["time_unit"] != "us":
        raise SuiteError(f"{name} reports in {run['time_unit']}, not in us")
    chunks, size_bytes = (round(run[key] * microseconds * 1e-6) if key in run else None for key in ("items_per_second", "bytes_per_second"))
    unit = "ns a chunk" if per_chunk else "ms"
    case = cases.setdefault(name, Case(group, who, load, unit, chunks=chunks, bytes=size_bytes, chunk_ns=run.get("chunk_ns")))
    case.values.append(microseconds * 1e3 / chunks if per_chunk else microseconds * 1e-3)


def add_python_peer(bench: Bench, cases: Dict[str, Case], suite: str, peer: str, repetitions: int, per_chunk: bool) -> bool:
    """Runs a Python peer. Returns False, and removes its case, if the peer cannot be run."""
    name = python_peers.case_name(suite, peer)
    workers = bench.ranks
    command = [os.path.join(ROOT, "benchmarks/python_peers.py"), suite, peer, str(workers), str(repetitions)]
    if python_peers.PEERS[peer].by_mpirun:
        command = bench.mpirun(workers + 1, sys.executable, "-m", "mpi4py.futures", *command)
    else:
        command.insert(0, sys.executable)
    try:
        output = json.loads(bench.run(command).splitlines()[-1])
    except (SuiteError, IndexError, ValueError) as error:
        output = {"skipped": str(error)}
    if "skipped" in output:
        bench.skip(f"{peer}: {output['skipped']}")
        cases.pop(name, None)
        return False
    load = python_peers.LOADS[suite]
    unit = "ns a chunk" if per_chunk else "ms"
    case = cases.setdefault(name, Case(load.group, peer, load.name, unit, chunks=output["chunks"], bytes=output["bytes"]))
    case.values += output["ns_per_chunk"] if per_chunk else [value * 1e3 for value in output["seconds"]]
    return True


# ---- Comparing


def compared_with_ours(bench: Bench, cases: Sequence[Case]) -> Result:
    """Makes a table and a panel for each load, with all cases and their ratios to mpaio's time."""
    result = Result(list(cases), [], [])
    for ours in (case for case in cases if case.who == "Mpaio"):
        others = [case for case in cases if case.group == ours.group and case.load in (ours.load, "") and case is not ours]
        serial = next((case for case in others if case.who == "Serial"), None)
        header = ["", ours.unit, "smallest to largest", "times ours", "smallest to largest"]
        with_bytes = ours.bytes is not None
        with_chunks = ours.chunks is not None and any(case.chunks != ours.chunks for case in others)
        header += ["GB/s"] * with_bytes + ["efficiency"] * (serial is not None) + ["chunks"] * with_chunks
        rows = []
        for case in sorted([ours, *others], key=lambda case: case.median):
            row = [case.who, *spread(case.values)]
            if case is ours:
                row += ["1", ""]
            else:
                ratio = compare("times ours", lambda peer, mine: peer / mine, case, ours)
                result.comparisons.append(ratio)
                row += spread(ratio.values)
            if with_bytes:
                row.append(number(case.bytes / case.median * 1e-6))
            if serial is not None:
                efficiency = compare("efficiency", lambda one, many: one / many / bench.parallelism, serial, case)
                result.comparisons.append(efficiency)
                row.append("" if case is serial else f"{efficiency.median:.3f}")
            if with_chunks:
                row.append(f"{case.chunks:,.0f}")
            rows.append(row)
        title = " ".join(filter(None, [ours.group, ours.load]))
        result.tables.append(table(title + (f", {ours.chunks:,.0f} chunks" if ours.chunks else ""), header, rows))
        bars = [(case.who, case.values, case.is_ours) for case in sorted([ours, *others], key=lambda case: case.median)]
        result.panels.append(Panel(title, ours.unit, bars, logarithmic=bars[-1][1][0] > 20 * bars[0][1][0]))
    if not bench.filter and len({case.group for case in cases} - {"Protection"}) > 0 and not any(case.who == "TbbAuto" for case in cases):
        bench.skip("TbbAuto: the suites were built without Debian's libtbb-dev")
    return result


def simple_table(title: str, cases: Sequence[Case], labels: Optional[Sequence[str]] = None) -> str:
    names = labels or [" ".join(filter(None, [case.who, case.load])) for case in cases]
    return table(title, ["", cases[0].unit, "smallest to largest"], [[name, *spread(case.values)] for name, case in zip(names, cases)])


@dataclasses.dataclass
class Metg:
    """Minimum effective task granularity: the shortest chunks that reach an efficiency of 50 %."""

    who: str
    text: str
    # None outside the measured range; interpolated logarithmically between two durations.
    ns: Optional[float]
    durations_ns: List[float]
    efficiencies: List[float]


def metg(bench: Bench, cases: Sequence[Case]) -> List[Metg]:
    serial = {case.load: case for case in cases if case.who == "Serial"}
    found = []
    for who in dict.fromkeys(case.who for case in cases if case.who != "Serial"):
        points = sorted(
            (case.chunk_ns, serial[case.load].median / bench.parallelism / case.median) for case in cases if case.who == who and case.load in serial
        )
        if not points:
            continue
        enough = next((k for k, (_, efficiency) in enumerate(points) if efficiency >= 0.5), None)
        ns = None
        if enough is None:
            text = f"> {number(points[-1][0])}"
        elif enough == 0:
            text = f"< {number(points[0][0])}"
        else:
            (left, low), (right, high) = points[enough - 1], points[enough]
            ns = left * (right / left) ** ((0.5 - low) / (high - low))
            text = number(ns)
        found.append(Metg(who, text, ns, [duration for duration, _ in points], [efficiency for _, efficiency in points]))
    return sorted(found, key=lambda one: -statistics.mean(one.efficiencies))


# ---- The suites


def dispatch(bench: Bench) -> Result:
    """Overhead per chunk."""
    cases = run_google_benchmark(bench, "dispatch", per_chunk=True)
    result = compared_with_ours(bench, [case for case in cases if case.group == "Dispatch"])
    result.cases = cases
    results = [case for case in cases if case.group == "Results"]
    if results:
        title = "Cost of a chunk by the size of its result, with a callback on rank 0"
        result.tables.append(simple_table(title, results))
        result.panels.append(Panel(title, results[0].unit, [(case.load, case.values, True) for case in results], logarithmic=True))
    granularities = metg(bench, [case for case in cases if case.group == "Metg"])
    if granularities:
        durations = granularities[0].durations_ns
        rows = [[one.who, one.text, *(f"{efficiency:.2f}" for efficiency in one.efficiencies)] for one in granularities]
        result.tables.append(
            table(
                f"METG(50 %), and efficiency by the duration of a chunk, relative to the median of Serial, on {bench.parallelism} cores",
                ["", "METG, ns", *(f"{duration:,.0f} ns" for duration in durations)],
                rows,
            )
        )
        lines = [(one.who, one.durations_ns, one.efficiencies, one.who == "Mpaio") for one in granularities]
        result.panels.append(Panel("Efficiency by the duration of a chunk", "ns", lines=lines, y_label="efficiency", logarithmic=True))
        result.further["metg_50_percent"] = [dataclasses.asdict(one) for one in granularities]
    return result


def balance(bench: Bench) -> Result:
    """Load balance of chunks of unequal cost."""
    return compared_with_ours(bench, run_google_benchmark(bench, "balance"))


def bandwidth(bench: Bench) -> Result:
    """The fraction of the memory bandwidth that is reached."""
    return compared_with_ours(bench, run_google_benchmark(bench, "bandwidth"))


def idle(bench: Bench) -> Result:
    """Cost of waiting."""
    cases = run_google_benchmark(bench, "idle")
    for case in cases:
        waited_ms = re.fullmatch(r"chunk_ms:(.+)", case.load)
        # For these cases the reported time is the processor time used while waiting.
        scale, case.unit = (100 / float(waited_ms.group(1)), "% of a core") if waited_ms else (1e3, "us")
        case.values = [value * scale for value in case.values]
    result = Result(cases, [], [])
    titles = {
        "% of a core": "A rank that waits for another's chunk: processor time",
        "us": "A rank that sleeps: time until its next chunk begins",
    }
    for unit, title in titles.items():
        of_unit = [case for case in cases if case.unit == unit]
        if of_unit:
            result.tables.append(simple_table(title, of_unit))
            result.panels.append(Panel(title, unit, [(" ".join([case.who, case.load]), case.values, True) for case in of_unit]))
    return result


def protection(bench: Bench) -> Result:
    """Cost of the protection against crashes, hangs and stops."""
    return compared_with_ours(bench, run_google_benchmark(bench, "protection"))


def load(bench: Bench) -> Result:
    """Loads a .npy file from the page cache into the node's window."""
    say("bench: load")
    file = bench.large_numbers()
    output = bench.run(bench.mpirun(bench.ranks, bench.program("benchmarks/load_benchmark"), file, str(bench.repetitions)))
    rows = re.findall(r"^(\S.*?) {2,}([\d.]+) (\S+) +\(([\d.]+) to ([\d.]+)\)$", output, re.MULTILINE)
    if len(rows) != 6:
        raise SuiteError(f"load_benchmark did not print six lines of results: {output}")
    # The program itself alternates between the two sides, and reports medians of its rounds.
    summaries = [
        {"name": name, "unit": unit, "median": float(median), "smallest": float(smallest), "largest": float(largest)}
        for name, median, unit, smallest, largest in rows
    ]
    text = table(
        f"Load {LARGE_MEGABYTES} MB",
        ["", "median", "smallest to largest", "unit"],
        [[name, median, f"{smallest} to {largest}", unit] for name, median, unit, smallest, largest in rows],
    )
    bars = [
        (name, [float(smallest), float(median), float(largest)], name.startswith("SharedArray"))
        for name, median, unit, smallest, largest in rows
        if unit == "s"
    ]
    return Result([], [text], [Panel(f"Load {LARGE_MEGABYTES} MB", "s", bars)], further={"rounds": bench.repetitions, "summaries": summaries})


def start(bench: Bench) -> Result:
    """Whole runs, from the start of mpirun to its exit."""
    say("bench: start")
    small, large = bench.numbers(1000), bench.large_numbers()
    empty_command = bench.mpirun(bench.ranks, bench.program("benchmarks/empty_mpi"))

    def run_empty() -> float:
        begin = time.monotonic()
        # ob1 gives the fastest start of Open MPI if all ranks are on one node.
        bench.run(empty_command, {"OMPI_MCA_pml": "ob1"})
        return (time.monotonic() - begin) * 1e3

    empty = Case("Start", "EmptyMpi", "", "ms")
    loads = ["elements:1000, to its first chunk", "elements:1000", f"megabytes:{LARGE_MEGABYTES}", f"megabytes:{LARGE_MEGABYTES}, --source=window"]
    ours = [Case("Start", "Mpaio", load, "ms") for load in loads]
    bench.in_turns(
        [
            (empty, run_empty),
            (ours[0], lambda: bench.seconds_to_answer(bench.ranks, "--chunk=1000", "sum", small) * 1e3),
            (ours[1], lambda: bench.orchestrator(bench.ranks, "sum", small)[1] * 1e3),
            (ours[2], lambda: bench.orchestrator(bench.ranks, "sum", large)[1] * 1e3),
            (ours[3], lambda: bench.orchestrator(bench.ranks, "--source=window", "sum", large)[1] * 1e3),
        ]
    )
    comparisons = [compare("ms longer", lambda mine, theirs: mine - theirs, case, empty) for case in ours]
    rows = [[empty.who, *spread(empty.values), "", ""]]
    rows += [[f"sum, {case.load}", *spread(case.values), *spread(one.values)] for case, one in zip(ours, comparisons)]
    title = f"Start of mpirun to its exit, {bench.ranks} ranks"
    header = ["", "ms", "smallest to largest", "ms longer than EmptyMpi", "smallest to largest"]
    bars = [(" ".join([case.who, case.load]), case.values, case.is_ours) for case in (empty, *ours)]
    return Result([empty, *ours], [table(title, header, rows)], [Panel(title, "ms", bars)], comparisons)


def scaling(bench: Bench) -> Result:
    """Speed-up with 1 to 16 ranks, independently of the number of cores."""
    all_counts = (1, 2, 3, 4, 8, 16)
    rows, ns_per_row = 4_000, 100_000
    chunky, large = bench.numbers(rows), bench.large_numbers()
    plain = bench.program("benchmarks/plain_processes")

    def run_plain(processes: int) -> float:
        # The first round maps the pages.
        seconds = bench.run([plain, str(processes), str(LARGE_MEGABYTES), "4"]).split()[1:]
        return statistics.median(map(float, seconds)) * 1e3

    def spin(ranks: int) -> float:
        return bench.orchestrator(ranks, "spin", chunky, f"ns_per_row={ns_per_row}")[0] * 1e3

    def sum_large(ranks: int) -> float:
        return bench.orchestrator(ranks, "sum", large)[0] * 1e3

    up_to_cores = [count for count in all_counts if count <= num_cores()]
    kinds = [
        ("Spin", "Mpaio", f"spin, {rows:,} rows of {ns_per_row / 1000:.0f} us", all_counts, spin),
        ("Sum", "Mpaio", f"sum of {LARGE_MEGABYTES} MB", all_counts, sum_large),
        # At most as many processes as cores: otherwise a process that ends early would take the
        # start signal of one that has not run yet.
        ("Sum", "PlainProcesses", f"sum of {LARGE_MEGABYTES} MB, plain processes", up_to_cores, run_plain),
    ]
    result = Result([], [], [Panel(f"Speed-up over 1 rank, {num_cores()} cores", "ranks", y_label="speed-up", logarithmic=True)])
    for group, who, title, counts, run in kinds:
        say(f"bench: scaling: {title}")
        cases = [Case(group, who, f"ranks:{count}", "ms") for count in counts]
        bench.in_turns([(case, lambda count=count: run(count)) for case, count in zip(cases, counts)])
        speedups = [compare("speed-up", lambda one, many: one / many, cases[0], case) for case in cases]
        lines = [[str(count), *spread(case.values), *spread(speedup.values)] for count, case, speedup in zip(counts, cases, speedups)]
        header = ["ranks", "ms", "smallest to largest", "speed-up", "smallest to largest"]
        result.tables.append(table(f"{title}: processing, {num_cores()} cores", header, lines))
        result.panels[0].lines.append((title, list(counts), [speedup.median for speedup in speedups], who == "Mpaio"))
        result.cases += cases
        result.comparisons += speedups
    return result


@dataclasses.dataclass
class Peak:
    """Peak memory of one process, in MiB."""

    resident: float = 0.0
    private: float = 0.0


def children_of(parent: int) -> Iterable[int]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    # The name may contain spaces and brackets. After it come the state and the parent.
                    if int(file.read().rpartition(")")[2].split()[1]) == parent:
                        yield int(entry)
            except OSError:
                pass  # The process has ended.


def rank_of(pid: int, program: str) -> Optional[int]:
    """Returns None if the process is not, or not yet, a rank of `program`."""
    try:
        if os.path.realpath(f"/proc/{pid}/exe") != os.path.realpath(program):
            return None
        with open(f"/proc/{pid}/environ", "rb") as file:
            found = re.search(rb"(?:^|\0)OMPI_COMM_WORLD_RANK=(\d+)", file.read())
        return int(found.group(1)) if found else None
    except OSError:
        return None


def peaks_of_ranks(bench: Bench, ranks: int, *job: str) -> List[Peak]:
    """Samples the processes of a run while they run.

    The kernel records the peak of resident memory; the peak of private memory is the largest
    sample.
    """
    command = bench.orchestrator_command(ranks, *job)
    peaks = [Peak() for _ in range(ranks)]
    pids: Dict[int, int] = {}
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=bench.environment) as process:
        while process.poll() is None:
            if len(pids) < ranks:
                for pid in children_of(process.pid):
                    rank = rank_of(pid, command[command.index("none") + 1])
                    if rank is not None:
                        pids[rank] = pid
            for rank, pid in pids.items():
                try:
                    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                        kib = {key: float(size) for key, size in re.findall(r"^(VmHWM|RssAnon):\s+(\d+) kB", file.read(), re.MULTILINE)}
                except OSError:
                    continue  # The process has ended.
                peaks[rank].resident = max(peaks[rank].resident, kib.get("VmHWM", 0) / 1024)
                peaks[rank].private = max(peaks[rank].private, kib.get("RssAnon", 0) / 1024)
            # Short, so that the last sample is taken while a rank still has nearly all its memory.
            time.sleep(0.005)
    if process.returncode != 0 or len(pids) < ranks:
        raise SuiteError(f"`{' '.join(command)}` failed, or ended before all ranks were found")
    return peaks


def memory(bench: Bench) -> Result:
    """Peak memory of each rank."""
    result = Result([], [], [])
    for megabytes in (100, LARGE_MEGABYTES):
        say(f"bench: memory: {megabytes} MB")
        file = bench.large_numbers(megabytes)
        cases = [
            [Case("Memory", f"Mpaio{kind}", f"megabytes:{megabytes}/rank:{rank}", "MiB") for rank in range(bench.ranks)]
            for kind in ("Resident", "Private")
        ]
        for _ in range(bench.repetitions):
            for rank, peak in enumerate(peaks_of_ranks(bench, bench.ranks, "sum", file)):
                cases[0][rank].values.append(peak.resident)
                cases[1][rank].values.append(peak.private)
        title = f"Peak of each rank, sum of {megabytes} MB ({number(megabytes * 1e6 / 2**20)} MiB)"
        rows = [[f"rank {rank}", *spread(resident.values), *spread(private.values)] for rank, (resident, private) in enumerate(zip(*cases))]
        header = ["", "resident, MiB", "smallest to largest", "private, MiB", "smallest to largest"]
        result.tables.append(table(title, header, rows))
        bars = [
            (f"rank {rank}, {kind}", case.values, kind == "private")
            for kind, of_kind in zip(("resident", "private"), cases)
            for rank, case in enumerate(of_kind)
        ]
        result.panels.append(Panel(title, "MiB", bars))
        result.cases += [*cases[0], *cases[1]]
    return result


SUITES: Dict[str, Callable[[Bench], Result]] = {
    suite.__name__: suite for suite in (dispatch, balance, bandwidth, load, start, idle, protection, scaling, memory)
}


# ---- Reporting


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
