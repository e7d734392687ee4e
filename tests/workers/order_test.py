# SPDX-License-Identifier: Apache-2.0
"""Compares the workers for order and counting with numpy, to the bit.

These are sort, argsort, median, quantile, histogram, unique, bincount and count, for every type and
shape and several numbers of ranks and chunk sizes.
"""

import fractions
import math
import os
import signal
import struct
import warnings

import whole_run

np = whole_run.import_numpy()
warnings.simplefilter("ignore")
np.seterr(all="ignore")

# (ranks, --chunk); None: one rank without mpirun.
POOLS = [(None, "auto"), (3, "auto"), (3, 1), (3, 7), (1, 101), (2, 10**9)]
# Fewer pools for quantiles, which have the most jobs.
QUANTILE_POOLS = [(None, "auto"), (3, 7), (2, 1)]
# Chunks of one row are used only for arrays with at most this number of rows.
FEW_ROWS = 300
JOBS_AT_ONCE = 250

INTS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
FLOATS = ["f2", "f4", "f8"]
# mpaio follows numpy 1, which interpolates and finds bins in float64; numpy 2 uses the precision of
# the type.
NUMPY_1_FLOATS = FLOATS if np.__version__.startswith("1.") else ["f8"]
OTHERS = ["?", "g", "F", "D", "M8[s]", "m8[ms]", "U5", "S3", "U1"]
SHAPES = [(0,), (1,), (2,), (), (211,), (7, 13), (5, 3, 4), (2, 3, 2, 5), (0, 3), (9, 0), (1, 50), (6, 1)]
LONG = 70_001


def random_array(random, dtype, shape):
    """Returns an array with duplicates, both zeros, NaN and NaT."""
    dtype = np.dtype(dtype)
    count = math.prod(shape)
    few = random.integers(0, 2)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        low, high = (max(info.min, -3), 5) if few else (info.min, info.max)
        array = random.integers(low, high, size=count, dtype=dtype, endpoint=True)
    elif dtype.kind == "b":
        array = random.integers(0, 2, size=count).astype(bool)
    elif dtype.kind == "f":
        array = real_numbers(random, count, few).astype(dtype)
    elif dtype.kind == "c":
        array = np.empty(count, dtype)
        array.real = real_numbers(random, count, True)
        array.imag = real_numbers(random, count, few)
    elif dtype.kind in "mM":
        array = random.integers(-5, 5 if few else 2**61, size=count)
        array[random.random(count) < 0.1] = np.iinfo(np.int64).min
        array = array.view(dtype)
    else:
        letters = np.array(list("ab\x00" if few else "ab\x00z~ " + ("\xe4\u4e2d\U0001f600" if dtype.kind == "U" else "")))
        words = ["".join(random.choice(letters, random.integers(0, 6))) for _ in range(count)]
        array = np.array([word.encode() for word in words] if dtype.kind == "S" else words, dtype=dtype)
    return array.reshape(shape)


def real_numbers(random, count, few):
    numbers = random.integers(-3, 4, size=count) / 2 if few else random.standard_normal(count) * 10.0**random.integers(-9, 9, size=count)
    numbers = numbers.astype(float)
    for special in (0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan):
        numbers[random.random(count) < 0.05] = special
    return numbers


def without_nan(array):
    """Replaces the values that cannot take part in sums and differences."""
    array = array.copy()
    if array.dtype.kind == "f":
        array[~np.isfinite(array)] = 1
    return array


def bits(array):
    """Returns the bytes without padding: a long double has ten significant bytes."""
    array = np.ascontiguousarray(array)
    if array.dtype.char in "gG":
        return array.view(np.uint8).reshape(-1, 16)[:, :10].tobytes()
    return array.tobytes()


def plain(array):
    """Returns the array with a single representation of zero and of NaN."""
    array = np.array(array)
    if array.dtype.kind in "fc":
        array = np.array(array + array.dtype.type(0))
        array[np.isnan(array)] = np.nan
    return array


def halved(array):
    """Halves signed integers: numpy's quantile is wrong if a difference does not fit the type."""
    info = np.iinfo(array.dtype)
    return array >> 1 if info.min < 0 else array


class JournalPasses:
    """Follows a journal (mpaio/ledger/journal.h) that is being written.

    look() returns the pass of the last record, or -1 if there is none. It reads only what
    has been added since the last call.
    """

    def __init__(self, path):
        self._path = path
        self._at = None
        self.last = -1

    def look(self):
        try:
            with open(self._path, "rb") as file:
                if self._at is None:
                    file.seek(24)
                    self._at = 48 + struct.unpack("=Q", file.read(8))[0]
                while True:
                    file.seek(self._at)
                    _, number, _, _, _, size = struct.unpack("=QiiqqQ", file.read(40))
                    self._at += 56 + size
                    self.last = number
        except (FileNotFoundError, struct.error):
            return self.last


def kill_rank(running, rank):
    """Kills a rank, which is a child of its supervisor."""
    supervisor = running.rank(rank)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            if parent == supervisor:
                os.kill(int(pid), signal.SIGKILL)
        except OSError:
            continue


class OrderTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        self.random = np.random.default_rng(whole_run.SEED)
        # ([worker, input], whether the answer is saved, parameters, check(result, saved or None))
        self.jobs = []
        self.names = 0

    def save(self, array):
        self.names += 1
        name = "a%d.npy" % self.names
        whole_run.save_somehow(self.path(name), array, self.random)
        return name

    def add(self, worker, name, *parameters, check, output=False):
        self.jobs.append(([worker, name], output, list(parameters), check))

    def run_all(self, pools=None, at_once=JOBS_AT_ONCE, timeout=120):
        for ranks, chunk in pools or POOLS:
            for begin in range(0, len(self.jobs), at_once):
                self.run_some(self.jobs[begin:begin + at_once], ranks, chunk, timeout)
        print("%s: %d jobs" % (self.id(), len(self.jobs)))
        self.assertTrue(self.jobs)
        self.jobs = []

    def run_some(self, jobs, ranks, chunk, timeout):
        words = []
        for number, (first, output, parameters, _) in enumerate(jobs):
            words += ["+"] + first + (["o%d.npy" % number] if output else []) + parameters
        done = self.run_in_folder(ranks, "--format=json", "--chunk=%s" % chunk, *words[1:], timeout=timeout)
        self.assert_done(done)
        answers = done.json["jobs"]
        self.assertEqual(len(answers), len(jobs))
        for number, (answer, (first, output, parameters, check)) in enumerate(zip(answers, jobs)):
            array = np.load(self.path(first[1]))
            with self.subTest(ranks=ranks, chunk=chunk, job=" ".join(first + parameters), dtype=str(array.dtype),
                              shape=array.shape, seed=whole_run.SEED):
                self.assertEqual(answer["status"], "ok")
                check(answer["result"], np.load(self.path("o%d.npy" % number)) if output else None)

    def expect_bits(self, expected):
        def check(_, saved):
            self.assertEqual((saved.dtype, saved.shape), (expected.dtype, expected.shape))
            if bits(saved) != bits(expected):
                differ = [i for i, (a, b) in enumerate(zip(saved.ravel(), expected.ravel())) if bits(a) != bits(b)]
                self.fail("at %s: %r instead of %r" % (differ[:5], saved.ravel()[differ[:5]], expected.ravel()[differ[:5]]))
        return check

    def expect_saved_and_printed(self, check_saved, beside):
        """Checks the saved array, and its type, shape and further fields in the printed answer."""
        def check(answer, saved):
            check_saved(answer, saved)
            self.assertEqual(answer, dict({"dtype": saved.dtype.str, "shape": list(saved.shape)}, **beside))
            self.assertEqual(list(answer), ["dtype", "shape"] + list(beside))
        return check

    def expect_numbers(self, expected, dtype=None):
        """Compares to the bit, except for the sign of zero and the payload of NaN."""
        expected = np.asarray(expected)
        expected = plain(expected.astype(dtype or expected.dtype))

        def check(_, saved):
            self.assertEqual((saved.dtype, saved.shape), (expected.dtype, expected.shape))
            self.assertTrue(np.array_equal(plain(saved), expected, equal_nan=expected.dtype.kind in "fc"), (saved, expected))
        return check

    def expect_answer(self, expected):
        return lambda answer, _: self.assertEqual(answer, expected)

    # sort and argsort

    def add_sorts(self, array, axis):
        name = self.save(array)
        word = "none" if axis is None else str(axis)
        parameters = [] if axis == -1 else ["axis=" + word]
        self.add("sort", name, *parameters, output=True, check=self.expect_bits(np.sort(array, axis=axis, kind="stable")))
        self.add("argsort", name, *parameters, output=True,
                 check=self.expect_bits(np.argsort(array, axis=axis, kind="stable")))

    def test_sort_and_argsort(self):
        for dtype in INTS + FLOATS + OTHERS:
            for shape in SHAPES:
                axes = [None, *range(-1, len(shape))] if shape else [None]
                for axis in axes:
                    array = random_array(self.random, dtype, shape)
                    if array.ndim and array.shape[0] > FEW_ROWS:
                        continue
                    self.add_sorts(array, axis)
        self.run_all()

    def test_many_lanes_without_elements(self):
        """An array without elements may have too many lanes to iterate over."""
        with open(self.path("many.npy"), "wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "|i1", "fortran_order": False, "shape": (2**31, 2**31, 0)})
        for ranks in (None, 3):
            for axis in ("0", "-1"):
                self.assert_done(self.run_in_folder(ranks, "sort", "many.npy", "o.npy", "axis=" + axis, timeout=60))
                with open(self.path("o.npy"), "rb") as file:
                    np.lib.format.read_magic(file)
                    self.assertEqual(np.lib.format.read_array_header_1_0(file)[0], (2**31, 2**31, 0))
            # Each lane has an answer, even without elements, so the whole answer is too large.
            self.assert_refused(self.run_in_folder(ranks, "median", "many.npy", "axis=2", timeout=60), 3, "median", "too large", "axis=")
            done = self.run_in_folder(ranks, "--format=json", "median", "many.npy", "+", "median", "many.npy", "o.npy", "axis=0", timeout=60)
            self.assert_done(done)
            self.assertEqual(done.json["jobs"][0]["result"], "nan")

    def test_long_sorts_are_merged_from_runs(self):
        for dtype in INTS + FLOATS + OTHERS:
            array = random_array(self.random, dtype, (LONG,))
            self.add_sorts(array, -1)
        # Runs that are already sorted, that are all equal, and that have several parts.
        for array in (np.arange(300_007), np.arange(300_007)[::-1].copy(), np.zeros(300_007), self.random.random(500_009),
                      self.random.integers(0, 10, 500_009, dtype=np.int8), np.tile(np.arange(1000.0), 300)):
            self.add_sorts(array, -1)
        array = random_array(self.random, "f4", (333, 301))
        for axis in (None, 0, 1):
            self.add_sorts(array, axis)
        self.run_all([(None, "auto"), (3, "auto"), (3, 10_007), (2, 7)])

    # median and quantile

    def add_quantiles(self, array, axes, fractions_of):
        name = self.save(array)
        for axis in axes:
            lane = array.size if axis is None else array.shape[axis]
            parameters = [] if axis is None else ["axis=%d" % axis]

            def kept():
                keepdims = bool(self.random.integers(0, 2))
                return keepdims, parameters + (["keepdims=true"] if keepdims else [])
            keepdims, words = kept()
            expected = np.median(array, axis=axis, keepdims=keepdims)
            dtype = array.dtype if array.dtype.kind == "f" else np.float64
            self.add("median", name, *words, output=True, check=self.expect_numbers(expected, dtype))
            if lane == 0:
                continue
            methods = ["linear", "midpoint"] if array.dtype != bool else []
            for method in methods + ["lower", "higher", "nearest"]:
                q = fractions_of[self.random.integers(0, len(fractions_of))]
                fraction_text = ",".join(repr(f) for f in q)
                keepdims, words = kept()
                expected = np.quantile(array, q if len(q) > 1 else q[0], axis=axis, method=method, keepdims=keepdims)
                dtype = np.float64 if method in ("linear", "midpoint") else array.dtype
                self.add("quantile", name, "q=" + fraction_text, "method=" + method, *words, output=True,
                         check=self.expect_numbers(expected, dtype))

    def test_median_and_quantile(self):
        fractions_of = [[0.5], [0.25, 0.5, 0.75, 0.0, 1.0], [0.1, 0.3333, 0.999]]
        for dtype in INTS + NUMPY_1_FLOATS + ["?"]:
            for shape in SHAPES:
                for clean in (False, True):
                    array = random_array(self.random, dtype, shape)
                    if dtype in INTS:
                        if clean:
                            continue
                        array = halved(array)
                    elif clean:
                        array = without_nan(array) if array.size else array
                    self.add_quantiles(array, [None, *range(len(shape))], fractions_of)
        self.run_all(QUANTILE_POOLS)

    def test_quantiles_of_long_arrays(self):
        fractions_of = [[0.5], [0.01, 0.25, 0.5, 0.77, 0.99]]
        for dtype in INTS + NUMPY_1_FLOATS:
            array = random_array(self.random, dtype, (LONG,))
            self.add_quantiles(halved(array) if dtype in INTS else without_nan(array), [None], fractions_of)
        # More candidates than the worker collects, in one bucket of the first pass or in several.
        million = 1_500_000
        near = 1 + self.random.random(million) / 1000
        wide = self.random.standard_normal(million) * 1e-3 + self.random.integers(0, 2, million)
        small = self.random.integers(0, 1000, million)
        for array in (near, wide, small, near.astype(NUMPY_1_FLOATS[-2:][0]), np.full(million, 5.0)):
            self.add_quantiles(array, [None], [[0.01, 0.5, 0.99]])
        self.run_all([(None, "auto"), (3, "auto"), (3, 10_007)], timeout=300)

    def test_quantiles_of_long_lanes(self):
        """Lanes of more than 2^20 elements are searched in several passes, many at once."""
        length = 2**20 + 50_003
        doubles = self.random.standard_normal((length, 3))
        # One lane contains a NaN; in another, more elements share their first bits than the worker
        # collects.
        doubles[self.random.integers(0, length), 1] = np.nan
        doubles[:, 2] = 1 + self.random.random(length) / 1e6
        halves = self.random.integers(-2**14, 2**14, (3, length), dtype="i2")
        for array, axis in ((doubles, 0), (np.ascontiguousarray(doubles.T), 1), (halves, 1), (np.ascontiguousarray(halves.T), 0)):
            name = self.save(array)
            for keepdims in (False, True):
                words = ["axis=%d" % axis] + (["keepdims=true"] if keepdims else [])
                self.add("median", name, *words, output=True, check=self.expect_numbers(np.median(array, axis=axis, keepdims=keepdims), "f8"))
            self.add("quantile", name, "q=0.001,0.5,0.77", *words, output=True,
                     check=self.expect_numbers(np.quantile(array, [0.001, 0.5, 0.77], axis=axis, keepdims=True), "f8"))
        # Lanes along the middle one of three axes; more adjacent lanes than fit in a tile; enough
        # quantiles that several batches are needed.
        middle = self.random.integers(0, 2**30, (2, length, 2), dtype="i4")
        self.add("median", self.save(middle), "axis=1", output=True, check=self.expect_numbers(np.median(middle, axis=1)))
        many = self.random.integers(0, 2**16, (length, 19), dtype="u2")
        many[:, 7] = 5
        q = [i / 19 for i in range(20)]
        self.add("quantile", self.save(many), "axis=0", "method=higher", "q=" + ",".join(map(repr, q)), output=True,
                 check=self.expect_bits(np.quantile(many, q, axis=0, method="higher")))
        self.run_all([(None, "auto"), (3, "auto"), (2, 37)], timeout=300)

    def test_quantiles_of_integers_far_apart_are_right(self):
        """numpy computes the differences of such integers modulo 2^64."""
        array = np.array([-2**63, 2**63 - 1, 2**62, -5])
        name = self.save(array)

        def check(_, saved):
            exact = fractions.Fraction(-5) * fractions.Fraction(1, 4) + fractions.Fraction(2**62) * fractions.Fraction(3, 4)
            self.assertEqual(saved[0], float(exact))
            self.assertEqual(saved[1], float(-2**63 + fractions.Fraction(1, 2) * (2**63 - 5)))
        self.add("quantile", name, "q=%r,%r" % (1.75 / 3, 0.5 / 3), output=True, check=check)
        self.run_all([(None, "auto"), (3, 1)])

    # Any nonzero byte of a bool is true.

    def test_bools_of_other_bytes(self):
        array = np.array([0, 255, 2, 0, 128, 1, 255], "u1").view("?")
        true = array.view("u1") != 0
        name = self.save(array)
        for axis in ([], ["axis=0"]):
            self.add("median", name, *axis, output=True, check=self.expect_numbers(np.median(true.astype("f8"))))
            self.add("quantile", name, "q=0,0.25,1", "method=lower", *axis, output=True,
                     check=self.expect_bits(np.array([False, False, True])))
        column = self.save(array.reshape(7, 1))
        self.add("median", column, "axis=1", output=True, check=self.expect_bits(true.astype("f8")))
        self.add("unique", name, output=True, check=self.expect_saved_and_printed(self.expect_bits(np.array([False, True])), {"distinct": 2}))
        self.add("unique", name, check=self.expect_answer({"values": [False, True], "counts": [2, 5]}))
        self.add("histogram", name, "bins=2", check=self.expect_answer({"counts": [2, 5], "edges": [0.0, 0.5, 1.0]}))
        self.run_all([(None, "auto"), (3, 1), (2, 4)])

    # histogram

    def add_histogram(self, array, bins, limits):
        try:
            counts, edges = np.histogram(array, bins=bins, range=limits)
        except (ValueError, IndexError):
            return
        name = self.save(array)
        parameters = ["bins=%d" % bins] + (["range=%r,%r" % limits] if limits else [])
        # Edges are printed with the digits of their type.
        edges = [float(str(edge)) for edge in edges]
        self.add("histogram", name, *parameters, check=self.expect_answer({"counts": counts.tolist(), "edges": edges}))
        self.add("histogram", name, *parameters, output=True, check=self.expect_saved_and_printed(self.expect_bits(counts), {"edges": edges}))

    def test_histogram(self):
        limits_of = [None, (0.0, 1.0), (-1.5, 2.25), (0.1, 0.7), (3.0, 3.0), (-1e5, 1e5), (-1e300, 1e39)]
        for dtype in INTS + NUMPY_1_FLOATS + ["?"]:
            for shape in SHAPES + [(3001,)]:
                for limits in limits_of:
                    array = random_array(self.random, dtype, shape)
                    if limits is None and array.size:
                        array = without_nan(array)
                    if dtype in FLOATS and self.random.integers(0, 2):
                        # Many numbers in the range, many of them on the edges of bins.
                        array = (self.random.integers(0, 101, shape) / 100).astype(dtype)
                    self.add_histogram(array, int(self.random.choice([1, 2, 3, 10, 33, 1000])), limits)
        self.add_histogram(np.full(5, 7, "i4"), 10, None)
        self.add_histogram(np.full(5, 7, "f4"), 10, None)
        self.add_histogram(self.random.random(LONG), 10, None)
        self.add_histogram(self.random.random(LONG), 50_000, (0.2, 0.8))
        self.add_histogram(self.random.integers(-2**63, 2**63 - 1, LONG), 77, None)
        self.run_all()

    def test_histogram_of_halves_with_many_bins(self):
        """numpy computes infinite positions for these numbers, and raises an error."""
        name = self.save(np.array([0, 900, 1000, 1000], "f2"))

        def check(_, saved):
            self.assertEqual((saved.shape, saved.sum()), ((100_000,), 4))
            self.assertEqual(np.flatnonzero(saved).tolist(), [0, 90_001, 99_999])
        self.add("histogram", name, "bins=100000", output=True, check=check)
        self.add("histogram", name, "bins=100000", "range=0,1000", output=True, check=check)
        self.run_all([(None, "auto"), (3, 1)])

    # unique, bincount, count

    def add_unique(self, array, printed=True):
        """Adds a job for each way to save or print the values and the counts."""
        values, counts = np.unique(array, return_counts=True)
        name = self.save(array)
        saved = self.expect_numbers(values) if array.dtype.kind in "fc" else self.expect_bits(values)
        summary = {"dtype": values.dtype.str, "shape": list(values.shape), "distinct": len(values)}

        def check_counts(file):
            def check(answer, _):
                self.assertEqual(answer, summary)
                self.expect_bits(counts)(answer, np.load(self.path(file)))
                os.remove(self.path(file))
            return check

        self.add("unique", name, output=True, check=self.expect_saved_and_printed(saved, {"distinct": len(values)}))
        self.add("unique", name, "counts=counts_alone_of_" + name, check=check_counts("counts_alone_of_" + name))
        beside = check_counts("counts_of_" + name)
        self.add("unique", name, "counts=counts_of_" + name, output=True, check=lambda answer, found: (beside(answer, None), saved(answer, found)))
        if printed:
            self.add("unique", name, check=lambda answer, _, counts=counts.tolist(), size=len(values):
                     self.assertEqual((answer["counts"], len(answer["values"])), (counts, size)))

    def test_unique(self):
        for dtype in INTS + FLOATS + OTHERS:
            for shape in SHAPES + [(5003,)]:
                array = random_array(self.random, dtype, shape)
                self.add_unique(array)
        ints = np.array([3, 1, 3, 2, 3])
        self.add("unique", self.save(ints), check=self.expect_answer({"values": [1, 2, 3], "counts": [1, 1, 3]}))
        words = np.array(["b", "\u4e2d", "b", ""])
        self.add("unique", self.save(words), check=self.expect_answer({"values": ["", "b", "\u4e2d"], "counts": [1, 2, 1]}))
        self.add("unique", self.save(np.array([np.nan, 1, np.nan, -np.nan])),
                 check=lambda answer, _: self.assertEqual(answer["counts"], [1, 3]))
        self.run_all()

    def test_unique_of_many_different_values(self):
        """More values than rank 0 merges on its own."""
        for dtype in INTS + FLOATS + OTHERS:
            self.add_unique(random_array(self.random, dtype, (LONG,)), printed=False)
        self.add_unique(self.random.integers(-2**63, 2**63 - 1, LONG))
        words = np.array(["w%d" % i for i in self.random.integers(0, 10**6, LONG)])
        self.add_unique(words)
        self.add_unique(words.astype("S"))
        # All complex numbers with a NaN are equal; each sorted run has different ones.
        complexes = self.random.standard_normal(LONG) + 1j * self.random.standard_normal(LONG)
        complexes.imag[self.random.random(LONG) < 0.3] = np.nan
        self.add_unique(complexes, printed=False)
        self.run_all([(None, "auto"), (3, "auto"), (2, 10_007), (3, 7), (1, 101)], timeout=300)

    def test_unique_of_many_values_in_parts(self):
        # Many runs and several parts: all values different; already sorted; one value that is half
        # of all; many different values only at the end, which sampling would miss.
        size = 500_009
        half = self.random.integers(0, 2**40, size)
        half[self.random.random(size) < 0.5] = 7
        late = np.repeat(np.arange(50), 10_001)
        late[-9000:] = self.random.integers(0, 2**40, 9000)
        for array in (self.random.integers(-2**63, 2**63 - 1, size), np.arange(size), np.arange(size)[::-1].copy(), half, late,
                      self.random.integers(0, 40_000, size), self.random.integers(0, 2**16, size).astype("u2"),
                      self.random.random(size).astype("f4"), np.sort(self.random.integers(0, 100_000, size)),
                      np.array(["%x" % i for i in self.random.integers(0, 2**31, size)]), np.tile(np.arange(5.0), 100_001),
                      self.random.integers(0, 2**62, (501, 999)).view("M8[ns]")):
            self.add_unique(array, printed=False)
        self.run_all([(None, "auto"), (3, "auto"), (2, 100_003), (2, 777)], timeout=300)

    def test_counts_that_cannot_be_saved_are_found_before_the_run(self):
        np.save(self.path("ints.npy"), np.arange(5))
        np.save(self.path("others.npy"), np.arange(5))
        os.mkdir(self.path("folder"))
        os.symlink("ints.npy", self.path("to_ints.npy"))
        before = sorted(os.listdir(self.folder))
        for command, status, words in (
            ("unique ints.npy counts=", 2, ["counts=", "file"]),
            ("unique ints.npy counts=-", 2, ["counts=-", "./-"]),
            ("unique ints.npy o.npy counts=o.npy", 2, ["o.npy", "two outputs"]),
            ("unique ints.npy o.npy counts=./o.npy", 2, ["./o.npy", "two outputs"]),
            ("unique ints.npy counts=o.npy + sort ints.npy o.npy", 2, ["o.npy", "two jobs"]),
            ("unique ints.npy counts=o.npy + unique others.npy counts=./o.npy", 2, ["./o.npy", "two jobs"]),
            ("unique ints.npy counts=ints.npy", 2, ["counts=ints.npy", "overwrite an input"]),
            ("unique ints.npy o.npy counts=to_ints.npy", 2, ["counts=to_ints.npy", "overwrite an input"]),
            ("unique ints.npy counts=others.npy + sum others.npy", 2, ["counts=others.npy", "overwrite an input"]),
            ("unique ints.npy counts=others.npy + where ints.npy o.npy x=others.npy yvalue=1", 2, ["counts=others.npy", "overwrite an input"]),
            ("--cpu_usage=c.npy unique ints.npy counts=c.npy", 2, ["--cpu_usage=c.npy", "overwrite"]),
            ("--record=./c.npy unique ints.npy counts=c.npy", 2, ["--record=./c.npy", "overwrite"]),
            ("--journal=c.npy unique ints.npy counts=./c.npy", 2, ["--journal=c.npy", "overwrite"]),
            ("unique ints.npy counts=folder", 3, ["folder", "directory"]),
            ("unique ints.npy o.npy counts=nowhere/c.npy", 3, ["nowhere", "does not exist"]),
        ):
            for ranks in (None, 3):
                with self.subTest(command=command, ranks=ranks):
                    self.assert_refused(self.run_in_folder(ranks, *command.split()), status, *words)
                    self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_outputs_of_a_job_are_all_saved_or_none(self):
        """One output exceeds the limit on file sizes.

        The complete outputs of its job are kept in temporary files.
        """
        words = np.array(["%040d" % i for i in range(2000)])
        np.save(self.path("words.npy"), words)
        np.save(self.path("ints.npy"), np.arange(100))
        np.save(self.path("many.npy"), self.random.integers(0, 2**60, LONG))
        os.mkdir(self.path("temporary"))
        before = set(os.listdir(self.folder))
        # The limit is 64 KiB. The words take 320 KB, their counts 16 KB, the output of bincount 800
        # bytes; the counts of many.npy take 560 KB.
        limit = ["bash", "-c", "ulimit -f 64 && exec \"$@\"", "bash"]
        for command, failed, saved, kept in (
            ("bincount ints.npy b.npy + unique words.npy w.npy", "w.npy", {"b.npy"}, set()),
            ("unique words.npy w.npy counts=c.npy + bincount ints.npy b.npy", "w.npy", {"b.npy"}, {"c.npy"}),
            ("bincount ints.npy b.npy + unique words.npy w.npy counts=c.npy", "w.npy", {"b.npy"}, {"c.npy"}),
            # The ranks write this file during the run. The run fails, and no job's output is saved.
            ("bincount ints.npy b.npy + unique many.npy counts=c.npy", "c.npy", set(), set()),
        ):
            with self.subTest(command=command):
                done = self.run_in_folder(None, *command.split(), launcher=limit, env={"TMPDIR": self.path("temporary")})
                self.assert_refused(done, 1, failed, "ulimit -f")
                self.assertEqual(set(os.listdir(self.folder)), before | saved)
                found = {os.path.join(at, name) for at, _, names in os.walk(self.path("temporary")) for name in names}
                self.assertEqual({os.path.basename(name) for name in found}, kept, done)
                for name in found:
                    self.assertIn("the result is in " + name, done.stderr[0])
                    np.testing.assert_array_equal(np.load(name), np.ones(2000))
                    os.remove(name)
                for name in saved:
                    os.remove(self.path(name))

    def test_unique_resumes_from_a_journal(self):
        array = self.random.integers(0, 2**40, LONG)
        np.save(self.path("many.npy"), array)
        values, counts = np.unique(array, return_counts=True)
        for command in (["v.npy", "counts=c.npy"], ["counts=c.npy"], []):
            words = ["--journal=j", "--chunk=5000", "--format=json", "unique", "many.npy"] + command
            done = self.run_in_folder(2, *words)
            self.assert_done(done)
            answer = done.json["jobs"][0]["result"]
            with open(self.path("j"), "rb") as file:
                journal = file.read()
            cuts = [len(journal) - 1, len(journal) // 2, len(journal) // 4]
            cuts += self.random.integers(4000, len(journal), 6).tolist()
            for cut in cuts:
                for ranks in (None, 3):
                    with self.subTest(command=command, cut=cut, of=len(journal), ranks=ranks, seed=whole_run.SEED):
                        with open(self.path("j"), "wb") as file:
                            file.write(journal[:cut])
                        for name in ("v.npy", "c.npy"):
                            if os.path.exists(self.path(name)):
                                os.remove(self.path(name))
                        done = self.run_in_folder(ranks, "--resume", *words)
                        self.assert_done(done)
                        self.assertEqual(done.json["jobs"][0]["result"], answer)
                        if "v.npy" in command:
                            self.expect_bits(values)(None, np.load(self.path("v.npy")))
                        if command:
                            self.expect_bits(counts)(None, np.load(self.path("c.npy")))
            other = ["counts=d.npy" if word == "counts=c.npy" else word for word in words]
            if command:
                self.assert_refused(self.run_in_folder(None, "--resume", *other), 3, "counts was c.npy, is now d.npy")
            os.remove(self.path("j"))

    def test_unique_survives_lost_ranks_in_any_pass(self):
        """The journal shows which pass has begun."""
        array = self.random.integers(0, 2**40, 3_000_000)
        np.save(self.path("many.npy"), array)
        values, counts = np.unique(array, return_counts=True)
        killed = 0
        for number in range(4):
            for victims in ((1,), (1, 2, 3)):

                def kill(running):
                    passes = JournalPasses(self.path("j"))
                    while running.process.poll() is None:
                        if passes.look() >= number:
                            for victim in victims:
                                kill_rank(running, victim)
                            return

                with self.subTest(number=number, victims=victims, seed=whole_run.SEED):
                    done = self.run_in_folder(4, "--journal=j", "--format=json", "unique", "many.npy", "v.npy", "counts=c.npy", meanwhile=kill)
                    self.assertEqual(done.status, 0, done)
                    self.assertEqual(done.left, [], done)
                    killed += len(done.json.get("lost", []))
                    self.expect_bits(values)(None, np.load(self.path("v.npy")))
                    self.expect_bits(counts)(None, np.load(self.path("c.npy")))
                    for name in ("j", "v.npy", "c.npy"):
                        os.remove(self.path(name))
        print("%d ranks died" % killed)
        self.assertGreater(killed, 4)

    def test_text_of_saved_answers(self):
        name = self.save(np.array([3, 1, 3, 2, 3]))
        for ranks in (None, 3):
            done = self.run_in_folder(ranks, "unique", name, "values.npy", "+", "histogram", name, "counts.npy", "bins=2")
            self.assert_done(done)
            self.assertEqual(done.text, "unique %s: dtype <i8, shape [3], distinct 3\n"
                             "histogram %s: dtype <i8, shape [2], edges [1.0,2.0,3.0]\n" % (name, name))

    def test_bincount(self):
        for dtype in INTS[:4] + INTS[4:7] + ["?"]:
            for size in (0, 1, 2, 211, 5003):
                for minlength in (0, 1, 50):
                    array = self.random.integers(0, 2 if dtype == "?" else self.random.choice([5, 100]), size=size).astype(dtype)
                    self.add("bincount", self.save(array), "minlength=%d" % minlength, output=True,
                             check=self.expect_bits(np.bincount(array, minlength=minlength)))
        array = np.array([3, 100_000, 3, 0])
        self.add("bincount", self.save(array), output=True, check=self.expect_bits(np.bincount(array)))
        self.add("bincount", self.save(np.array([1, 3, 1])), check=self.expect_answer([0, 2, 0, 1]))
        self.run_all()

    def test_count(self):
        for dtype in INTS + FLOATS + ["?", "g", "F", "D"]:
            for shape in SHAPES + [(5003,)]:
                array = random_array(self.random, dtype, shape)
                name = self.save(array)
                values = ["1", "-1", "0", "0.5", "-0.0", "nan", "inf", "1e5", "1e300", "0.1", "300", "18446744073709551615"]
                for value in self.random.choice(values, 4, replace=False).tolist():
                    number = int(value) if value.lstrip("-").isdigit() else float(value)
                    if isinstance(number, int) or number in (1e5, 1e300):
                        # Counted by Python: numpy 2 raises OverflowError, or converts a number that
                        # is too large for the type to infinity.
                        expected = sum(x == number for x in array.ravel().tolist())
                    else:
                        expected = np.count_nonzero(array == number)
                    self.add("count", name, "value=" + value, check=self.expect_answer(int(expected)))
                if array.size:
                    value = array.ravel()[self.random.integers(0, array.size)]
                    if array.dtype.kind in "iu":
                        self.add("count", name, "value=%d" % value, check=self.expect_answer(int(np.count_nonzero(array == value))))
                    elif array.dtype.kind == "f" and dtype != "g":
                        self.add("count", name, "value=%r" % float(value),
                                 check=self.expect_answer(int(np.count_nonzero(array == value))))
        for dtype in ("U5", "S3", "U1"):
            for shape in SHAPES + [(5003,)]:
                array = random_array(self.random, dtype, shape)
                name = self.save(array)
                for value in ("a", "", "ab", "abcdefgh", "\u4e2d", "z~ ", "b "):
                    expected = np.count_nonzero(array == (value.encode() if dtype[0] == "S" else value))
                    self.add("count", name, "value=" + value, check=self.expect_answer(int(expected)))
        for value, expected in (("true", 2), ("false", 1), ("True", 2), ("1", 2), ("0", 1), ("2", 0)):
            self.add("count", self.save(np.array([True, False, True])), "value=" + value, check=self.expect_answer(expected))
        self.run_all([(None, "auto"), (3, 7), (3, "auto")], at_once=500)

    # Refusals

    def test_refusals_before_the_run(self):
        np.save(self.path("ints.npy"), np.arange(12).reshape(3, 4))
        np.save(self.path("line.npy"), np.arange(5))
        np.save(self.path("bools.npy"), np.zeros(5, bool))
        np.save(self.path("words.npy"), np.array(["a"]))
        np.save(self.path("times.npy"), np.zeros(3, "M8[s]"))
        np.save(self.path("point.npy"), np.array(5))
        np.save(self.path("none.npy"), np.zeros(0))
        np.save(self.path("u8.npy"), np.zeros(3, "u8"))
        np.save(self.path("complex.npy"), np.zeros(3, complex))
        np.save(self.path("records.npy"), np.zeros(3, [("a", "i4")]))
        for command, words in (
            ("sort ints.npy o.npy axis=2", ["sort", "axis=2", "2 axes"]),
            ("sort ints.npy o.npy axis=-3", ["axis=-3", "2 axes"]),
            ("sort ints.npy o.npy axis=x", ["axis=x", "none"]),
            ("sort point.npy o.npy", ["axis=-1", "0 axes", "axis=none"]),
            ("argsort records.npy o.npy", ["structured"]),
            ("median words.npy", ["str (<U1)"]),
            ("median times.npy", ["datetime64[s]"]),
            ("median ints.npy axis=5", ["axis=5"]),
            ("quantile ints.npy q=1.5", ["q=1.5", "[0, 1]"]),
            ("quantile none.npy", ["no elements"]),
            ("quantile bools.npy", ["method=lower"]),
            ("histogram words.npy", ["str (<U1)"]),
            ("histogram ints.npy range=1", ["range=1", "two"]),
            ("histogram ints.npy range=2,1", ["range=2,1"]),
            ("histogram ints.npy range=0,inf", ["finite"]),
            ("bincount ints.npy", ["1 dimension"]),
            ("bincount point.npy", ["1 dimension"]),
            ("bincount u8.npy", ["uint64"]),
            ("unique records.npy", ["structured"]),
            ("count ints.npy value=x", ["value=x"]),
            ("count bools.npy value=maybe", ["value=maybe"]),
            ("count times.npy value=1", ["datetime64[s]"]),
            # An invalid first byte, an overlong encoding, a code point above U+10FFFF.
            ("count words.npy value=a\udcff", ["value= is not UTF-8"]),
            ("count words.npy value=\udce0\udc80\udc80", ["value= is not UTF-8"]),
            ("count words.npy value=\udcf4\udc90\udc80\udc80", ["value= is not UTF-8"]),
            ("bincount line.npy minlength=268435457", ["minlength=", "268435456"]),
        ):
            for ranks in (None, 3):
                with self.subTest(command=command, ranks=ranks):
                    self.assert_refused(self.run_in_folder(ranks, *command.split()), 3, *words)
        for command, words in (("count ints.npy", ["value"]), ("histogram ints.npy bins=0", ["bins=0"]),
                               ("quantile ints.npy method=cubic", ["method=cubic"]), ("sort ints.npy", ["output"]),
                               ("bincount line.npy minlength=-1", ["minlength=-1"])):
            with self.subTest(command=command):
                self.assert_refused(self.run_in_folder(None, *command.split()), 2, *words)

    def test_failures_of_the_run_name_the_element(self):
        np.save(self.path("negative.npy"), np.array([1, 2, -5, 3]))
        np.save(self.path("large.npy"), np.array([1, 2**40]))
        np.save(self.path("over.npy"), np.array([1, 2**28]))
        np.save(self.path("nan.npy"), np.array([1, np.nan]))
        np.save(self.path("huge.npy"), np.array([1e300, 1e300]))
        for ranks in (None, 3):
            for command, words in (
                ("bincount negative.npy", ["element 2 is -5"]),
                ("bincount large.npy", ["element 1 is 1099511627776"]),
                ("bincount over.npy", ["element 1 is 268435456", "268435456 bins", "2 GiB", "unique"]),
                ("histogram nan.npy", ["nan", "range=0,1"]),
                ("histogram huge.npy", ["1e+300"]),
            ):
                with self.subTest(command=command, ranks=ranks):
                    self.assert_refused(self.run_in_folder(ranks, *command.split()), 1, *words)


if __name__ == "__main__":
    whole_run.main()
