# SPDX-License-Identifier: Apache-2.0
"""The suites that measure whole runs of programs, from start to exit. For benchmarks/bench.py."""

import dataclasses
import os
import re
import statistics
import subprocess
import time
from typing import Dict, Iterable, List, Optional

from bench_report import Case, Panel, Result, compare, number, spread, table
from suite_runner import LARGE_MEGABYTES, Bench, SuiteError, num_cores, say


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
