#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peers written in Python: several ways to sum pieces of an array of int64 in a process pool.

benchmarks/bench.py runs them.

usage: python_peers.py SUITE PEER WORKERS REPETITIONS
       mpirun -n RANKS python3 -m mpi4py.futures python_peers.py SUITE Mpi4pyFutures WORKERS REPETITIONS

  SUITE   dispatch   chunks of 64 elements. Slow peers get fewer chunks; the time per chunk is
                     compared
          bandwidth  800 MB in 1,000 chunks

Each repetition lasts from the submission of the first chunk until the last result has arrived. The
pool has been started before that, and each of its processes has read the array.

Prints one line of JSON: either {"name", "chunks", "bytes", "seconds": [...], "ns_per_chunk": [...],
"version"}, or {"skipped": reason}.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import functools
import importlib
import json
import multiprocessing
import platform
import sys
import time
from multiprocessing import shared_memory
from typing import Callable, ContextManager, Dict, Iterable, List, Optional

import numpy


@dataclasses.dataclass(frozen=True)
class Work:
    """The sums of `chunks` pieces of an array that all processes share."""

    array_name: str
    num_elements: int
    rows: int
    chunks: int


@dataclasses.dataclass(frozen=True)
class Load:
    """The load of the Python peers in a suite; `name` is that of the same load in the C++ suite."""

    group: str
    name: str
    rows: int
    max_chunks: int


LOADS = {
    "dispatch": Load("Dispatch", "rows:64", 64, 100_000),
    "bandwidth": Load("Sum", "chunks:1000", 100_000, 1_000),
}


@functools.lru_cache(maxsize=None)
def attached(name: str) -> numpy.ndarray:
    # Maps the file instead of using SharedMemory, with which Python before 3.13 removes the array when
    # any process pool ends.
    return numpy.memmap("/dev/shm/" + name, dtype=numpy.int64, mode="r")


def sum_of_chunk(work: Work, chunk: int) -> int:
    begin = chunk * work.rows
    return int(attached(work.array_name)[begin : begin + work.rows].sum())


# Runs all chunks in a started pool and returns the sum of their results.
Run = Callable[[], int]


@contextlib.contextmanager
def process_pool(work: Work, workers: int, chunksize: int):
    """Python's own pool, used as its documentation recommends."""
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        function = functools.partial(sum_of_chunk, work)
        yield lambda: sum(pool.map(function, range(work.chunks), chunksize=chunksize))


@contextlib.contextmanager
def joblib_pool(work: Work, workers: int):
    import joblib

    with joblib.Parallel(n_jobs=workers) as parallel:
        yield lambda: sum(parallel(joblib.delayed(sum_of_chunk)(work, chunk) for chunk in range(work.chunks)))


@contextlib.contextmanager
def mpi4py_pool(work: Work, workers: int):
    from mpi4py.futures import MPIPoolExecutor

    with MPIPoolExecutor(workers) as pool:
        yield lambda: sum(pool.map(functools.partial(sum_of_chunk, work), range(work.chunks)))


@contextlib.contextmanager
def dask_pool(work: Work, workers: int):
    from dask import distributed

    cluster = distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs="ERROR"
    )
    with cluster, distributed.Client(cluster) as client:
        function = functools.partial(sum_of_chunk, work)
        # With pure=True, the second repetition would return the cached results of the first.
        yield lambda: sum(client.gather(client.map(function, range(work.chunks), pure=False)))


class OriginalWorker:
    """A worker as in the original mpaio library.

    It knows how the array is divided, attaches to the array in the process that runs a chunk, and
    receives each result through a callback.
    """

    def __init__(self, work: Work):
        self.work = work
        self.total = 0

    def process(self, chunk: int) -> int:
        memory = shared_memory.SharedMemory(self.work.array_name)
        array = numpy.ndarray((self.work.num_elements,), dtype=numpy.int64, buffer=memory.buf)
        begin = chunk * self.work.rows
        result = int(array[begin : begin + self.work.rows].sum())
        del array
        memory.close()
        return result

    def callback(self, result: int) -> None:
        self.total += result


@contextlib.contextmanager
def original_pool(work: Work, workers: int):
    """The structure of the original library, according to its description.

    asyncio submits the chunks one by one to a ProcessPoolExecutor. Only the description of the
    array is passed to the processes; they attach to the shared memory again for each chunk. Results
    are delivered as they arrive.
    """

    async def run_all(pool: concurrent.futures.Executor) -> int:
        loop = asyncio.get_running_loop()
        worker = OriginalWorker(work)

        async def run_one(chunk: int) -> None:
            worker.callback(await loop.run_in_executor(pool, worker.process, chunk))

        await asyncio.gather(*(run_one(chunk) for chunk in range(work.chunks)))
        return worker.total

    # Forked processes share this process's resource tracker, and so do not remove shared memory
    # that is still in use.
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork")) as pool:
        yield lambda: asyncio.run(run_all(pool))


@dataclasses.dataclass(frozen=True)
class Peer:
    start: Callable[..., ContextManager[Run]]
    # The number of chunks that keeps a repetition below some seconds.
    max_chunks: int
    module: Optional[str] = None
    debian_packages: str = ""
    arguments: Dict[str, int] = dataclasses.field(default_factory=dict)
    # True if mpirun starts it, with one rank for each worker and one that assigns the chunks.
    by_mpirun: bool = False


PEERS = {
    "PoolExecutorChunksize1": Peer(process_pool, 10_000, arguments={"chunksize": 1}),
    "PoolExecutorChunksize100": Peer(process_pool, 100_000, arguments={"chunksize": 100}),
    "Joblib": Peer(joblib_pool, 100_000, "joblib", "python3-joblib"),
    "Mpi4pyFutures": Peer(mpi4py_pool, 10_000, "mpi4py", "python3-mpi4py", by_mpirun=True),
    "Dask": Peer(dask_pool, 1_000, "distributed", "python3-dask and python3-distributed"),
    "OriginalLibrary": Peer(original_pool, 10_000),
}


def case_name(suite: str, peer: str) -> str:
    return f"BM_{LOADS[suite].group}_{peer}/{LOADS[suite].name}"


def measure(suite: str, peer_name: str, workers: int, repetitions: int) -> Dict[str, object]:
    peer, load = PEERS[peer_name], LOADS[suite]
    version = platform.python_version()
    if peer.module is not None:
        try:
            version = importlib.import_module(peer.module).__version__
        except ImportError as error:
            return {"skipped": f"Debian's {peer.debian_packages} cannot be used ({error})"}
    chunks = min(load.max_chunks, peer.max_chunks)
    num_elements = load.rows * chunks
    memory = shared_memory.SharedMemory(create=True, size=num_elements * 8)
    try:
        array = numpy.ndarray((num_elements,), dtype=numpy.int64, buffer=memory.buf)
        array[:] = numpy.arange(num_elements)
        del array
        work = Work(memory.name, num_elements, load.rows, chunks)
        seconds: List[float] = []
        with peer.start(work, workers, **peer.arguments) as run:
            # The first run is a warm-up and is not counted.
            for repetition in range(-1, repetitions):
                start = time.monotonic()
                total = run()
                if repetition >= 0:
                    seconds.append(time.monotonic() - start)
                if total != num_elements * (num_elements - 1) // 2:
                    raise RuntimeError(f"{peer_name}: the sum is wrong")
        attached.cache_clear()
    finally:
        memory.close()
        memory.unlink()
    return {
        "name": case_name(suite, peer_name),
        "chunks": chunks,
        "bytes": num_elements * 8,
        "seconds": seconds,
        "ns_per_chunk": [value * 1e9 / chunks for value in seconds],
        "version": version,
    }


def main(arguments: Iterable[str]) -> int:
    try:
        suite, peer, workers, repetitions = arguments
        if suite not in LOADS or peer not in PEERS:
            raise ValueError
        workers, repetitions = int(workers), int(repetitions)
    except ValueError:
        print(__doc__, file=sys.stderr)
        return 2
    print(json.dumps(measure(suite, peer, workers, repetitions)), flush=True)
    return 0


if __name__ == "__main__":
    # Imported as a module, so that the processes of every pool can import its functions; some pools
    # would get copies of the functions of `__main__`.
    import python_peers

    sys.exit(python_peers.main(sys.argv[1:]))
