# SPDX-License-Identifier: Apache-2.0
"""The suites in which mpaio and its peers are cases of one C++ program. For benchmarks/bench.py.

The programs are SUITE_suite.cc; the peers in python_peers.py are started beside them.
"""

import dataclasses
import json
import os
import re
import statistics
import sys
from typing import Dict, List, Optional, Sequence

import python_peers
from bench_report import Case, Panel, Result, compare, number, spread, table
from suite_runner import ROOT, Bench, SuiteError, say

# Number of times that the program of a suite is started, alternating with its Python peers; each
# start runs a part of the repetitions.
MAX_ROUNDS = 3


# ---- Running


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
