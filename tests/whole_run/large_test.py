# SPDX-License-Identifier: Apache-2.0
"""Usage: large_test.py CASE

Arrays over 4 GiB and over 2^31 elements, and results of hundreds of megabytes. The files are sparse
and take almost no disk space, but their arrays take all of their size in shared memory.
"""

import os
import shutil
import threading
import zlib

import whole_run

np = whole_run.import_numpy()

GIB = 2**30


def free_memory():
    """Returns the bytes of memory that are available, and the name of the limit."""
    with open("/proc/meminfo") as file:
        available = int(next(line.split()[1] for line in file if line.startswith("MemAvailable:"))) * 1024
    limits = [(available, "available memory"), (shutil.disk_usage("/dev/shm").free, "/dev/shm")]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                limits.append((int(file.read()), "the control group's memory limit"))
        except (OSError, ValueError):  # "max"
            pass
    return min(limits)


class MemoryWatch(threading.Thread):
    """Context manager that samples the memory of the ranks running in `folder` every 50 ms.

    private_bytes: peak of the private memory of all ranks together.
    shared_bytes: the sum, over all shared mappings, of the peak of their touched memory. Private
    mappings of files, such as programs and libraries, are not included: they are in the page cache.
    """

    INTERVAL_SECONDS = 0.05
    # Shared memory is sampled less often: it stays for the whole run, and a sample takes 10 ms per
    # GB.
    SAMPLES_PER_SHARED_SAMPLE = 10

    def __init__(self, folder):
        super().__init__()
        self._folder = os.path.realpath(folder)
        self._program = os.path.realpath(whole_run.program())
        self._end = threading.Event()
        self._shared = {}
        self.private_bytes = 0
        self.ranks = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self.join()

    @property
    def shared_bytes(self):
        return sum(self._shared.values())

    def run(self):
        samples = 0
        while not self._end.wait(self.INTERVAL_SECONDS):
            ranks = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if self._is_rank(pid)]
            self.ranks = max(self.ranks, len(ranks))
            self.private_bytes = max(self.private_bytes, sum(map(self._private_bytes, ranks)))
            samples += 1
            if samples % self.SAMPLES_PER_SHARED_SAMPLE == 0:
                for piece, size_bytes in self._shared_pieces(ranks).items():
                    self._shared[piece] = max(self._shared.get(piece, 0), size_bytes)

    # The following functions return False or 0 for a process that has ended.

    def _is_rank(self, pid):
        try:
            with open("/proc/%s/comm" % pid) as file:
                is_supervisor = file.read().startswith("mpaio:")
            return not is_supervisor and (os.readlink("/proc/%s/exe" % pid), os.readlink("/proc/%s/cwd" % pid)) == (self._program, self._folder)
        except OSError:
            return False

    def _private_bytes(self, pid):
        try:
            with open("/proc/%s/status" % pid, errors="replace") as file:
                return sum(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon:"))
        except OSError:
            return 0

    def _shared_pieces(self, pids):
        """Returns {(device, inode): bytes} of shared memory that the processes have touched."""
        pieces = {}
        for pid in pids:
            piece = None
            try:
                with open("/proc/%s/smaps" % pid, errors="replace") as file:
                    for line in file:
                        words = line.split(maxsplit=5)
                        if not words[0].endswith(":"):
                            # "ADDRESSES rw-s OFFSET DEVICE INODE NAME"
                            piece = tuple(words[3:5]) if words[1].endswith("s") else None
                        elif piece and words[0] == "Pss:":
                            # Pss divides a page among the processes that touched it, so their sum
                            # counts it once.
                            pieces[piece] = pieces.get(piece, 0) + int(words[1]) * 1024
            except OSError:
                pass
        return pieces


class LargeTest(whole_run.WholeRunTest):

    def need(self, memory_bytes, disk_bytes):
        free, limit = free_memory()
        if free < memory_bytes + GIB:
            self.skipTest("needs %.1f GiB of shared memory and one to spare, %s has %.1f GiB" %
                          (memory_bytes / GIB, limit, free / GIB))
        if shutil.disk_usage(self.folder).free < disk_bytes + GIB:
            self.skipTest("needs %.1f GiB of disk space in %s" % (disk_bytes / GIB + 1, self.folder))

    def save_zeros(self, name, descr, count, element_bytes, others):
        """Saves an array of `count` zeros, except for the elements in `others`, {index: bytes}."""
        with open(self.path(name), "wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": (count,)})
            start = file.tell()
            try:
                file.truncate(start + count * element_bytes)
            except OSError as error:
                self.skipTest("no file of %.1f GiB can be made in %s: %s" %
                              (count * element_bytes / GIB, self.folder, error))
            for index, data in others.items():
                file.seek(start + index * element_bytes)
                file.write(data)

    def test_more_than_4_gib(self):
        count = 2**29 + 100_000
        self.need(count * 8, GIB // 8)
        # The first element, those on both sides of 2^31 and 2^32 bytes, and the last.
        values = {0: 1, 2**28 - 1: 10, 2**28: -100, 2**29 - 1: 1000, 2**29: 2**62, count - 1: -10**6}
        self.save_zeros("ints.npy", "<i8", count, 8,
                        {index: value.to_bytes(8, "little", signed=True) for index, value in values.items()})
        done = self.run_in_folder(2, "--format=json", "sum", "ints.npy", "+", "min_max", "ints.npy", timeout=240)
        self.assert_done(done)
        results = [job["result"] for job in done.json["jobs"]]
        self.assertEqual(results, [sum(values.values()), {"min": -10**6, "max": 2**62}])
        self.assertEqual(done.json["jobs"][0]["rows"], count)

    def test_more_than_2_to_the_31_elements(self):
        count = 2**31 + 100
        self.need(count, GIB // 8)
        letters = {0: b"a", 2**30: b"b", 2**31 - 1: b"c", 2**31: b"d", count - 1: b"e"}
        self.save_zeros("bytes.npy", "|S1", count, 1, letters)
        done = self.run_in_folder(2, "--format=json", "concat", "bytes.npy", timeout=240)
        self.assert_done(done)
        job = done.json["jobs"][0]
        self.assertEqual((job["result"], job["rows"]), ("abcde", count))

    def test_3_000_000_000_rows_of_one_byte(self):
        count = 3_000_000_000
        self.need(count, GIB // 8)
        values = {0: -1, 2**31 - 1: 100, 2**31: 127, 2**31 + 1: -128, count - 1: 127}
        self.save_zeros("bytes.npy", "|i1", count, 1,
                        {index: value.to_bytes(1, "little", signed=True) for index, value in values.items()})
        with MemoryWatch(self.folder) as memory:
            done = self.run_in_folder(3, "--source=window", "--format=json", "sum", "bytes.npy", "+", "argmax", "bytes.npy", "+", "histogram",
                                      "bytes.npy", "bins=5", timeout=240)
        self.assert_done(done)
        total, position, histogram = [job["result"] for job in done.json["jobs"]]
        self.assertEqual((total, position), (sum(values.values()), 2**31))
        counts, edges = np.histogram(np.array(list(values.values()) + [0], np.int8), bins=5)
        counts[np.searchsorted(edges, 0, side="right") - 1] += count - len(values) - 1
        self.assertEqual(histogram, {"counts": counts.tolist(), "edges": edges.tolist()})
        # The array is in memory once, independently of the number of ranks, with little other
        # memory.
        print("peak: %d MB of shared memory and %d MB of private memory" % (memory.shared_bytes / 1e6, memory.private_bytes / 1e6))
        self.assertEqual(memory.ranks, 3)
        # A sample is taken every half second. The last one may come before the end of the load, but
        # not before half of the array is loaded.
        self.assertGreaterEqual(memory.shared_bytes, count / 2)
        self.assertLess(memory.shared_bytes + memory.private_bytes, 1.2 * count)

    def test_results_of_hundreds_of_megabytes(self):
        # Each character has four bytes, also in UTF-8: each of two chunks gives 115 MB, a single
        # one twice that.
        rows, width = 1_200_001, 48
        size_bytes = rows * width * 4
        self.need(6 * size_bytes, 2 * size_bytes)
        words = np.full(rows, "\U0001f600" * width)
        words[0], words[rows // 2], words[-1] = "first", "middle", "last"
        np.save(self.path("words.npy"), words)
        data = "".join(words.tolist()).encode()
        expected = {"bytes": len(data), "adler32": zlib.adler32(data)}
        for ranks, chunk in ((2, 600_001), (2, 10**9), (4, 1000)):
            with self.subTest(ranks=ranks, chunk=chunk):
                done = self.run_in_folder(ranks, "--format=json", "--chunk=%d" % chunk, "digest", "words.npy", timeout=120)
                self.assert_done(done)
                self.assertEqual(done.json["jobs"][0]["result"], expected)


if __name__ == "__main__":
    whole_run.main()
