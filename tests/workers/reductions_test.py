# SPDX-License-Identifier: Apache-2.0
"""Compares every reduction on every accepted type with numpy, over arrays of many shapes.

Integer, boolean and time answers must equal numpy's to the bit; so must extremes and positions.
Floating-point sums may differ, because numpy adds in another order. Their error must be no larger
than numpy's may be, and they must have the same bits for every number of ranks and every chunk
size.
"""

import contextlib
import decimal
import itertools
import json
import os
import warnings

import whole_run

np = whole_run.import_numpy()

REAL = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
COMPLEX = ["c8", "c16"]
LONG = ["g"]
TIMEDELTA = ["m8[25ns]"]
TIME = ["M8[s]"] + TIMEDELTA

# The accepted types of each worker, and its parameters besides axis= and keepdims=.
WORKERS = {
    "sum": (REAL + COMPLEX + LONG + TIMEDELTA, [{"overflow": "wrap"}]),
    "prod": (REAL + COMPLEX + LONG, [{"overflow": "wrap"}]),
    "mean": (REAL + COMPLEX + LONG + TIMEDELTA, [{}]),
    "var": (REAL + COMPLEX, [{}, {"ddof": 1}]),
    "std": (REAL + COMPLEX, [{}, {"ddof": 1}]),
    "min": (REAL + LONG + TIME, [{}]),
    "max": (REAL + LONG + TIME, [{}]),
    "argmin": (REAL + LONG + TIME, [{}]),
    "argmax": (REAL + LONG + TIME, [{}]),
    "any": (REAL + COMPLEX + LONG + TIME, [{}]),
    "all": (REAL + COMPLEX + LONG + TIME, [{}]),
    "count_nonzero": (REAL + COMPLEX + LONG + TIME, [{}]),
    "nansum": (REAL, [{"overflow": "wrap"}]),
    "nanmean": (REAL, [{}]),
    "nanmin": (REAL + LONG + TIME, [{}]),
    "nanmax": (REAL + LONG + TIME, [{}]),
    "norm": (REAL + COMPLEX, [{"ord": "2"}, {"ord": "1"}, {"ord": "inf"}, {"ord": "-inf"}, {"ord": "0"}]),
}
NEED_ELEMENTS = {"min", "max", "argmin", "argmax", "nanmin", "nanmax"}
SHAPES = [(), (0,), (1,), (257,), (10007,), (3, 0), (7, 5), (600, 3), (2, 3, 4), (5, 513, 2), (2, 1031), (70, 300)]
# Number of jobs in one run.
BATCH = 400


def make_array(rng, dtype, shape, with_nans):
    dtype = np.dtype(dtype)
    if dtype.kind in "?b":
        return np.array(rng.integers(0, 2, shape), dtype=dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return np.array(rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True))
    if dtype.kind in "Mm":
        a = np.array(rng.integers(-10**9, 10**9, shape).astype(dtype))
    elif dtype.kind == "c":
        a = np.array(rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    else:
        a = np.array(rng.normal(size=shape)).astype(dtype)
    if a.size > 3:
        flat = a.reshape(-1)
        flat[rng.integers(0, a.size, a.size // 7)] = 0
        if with_nans and dtype.kind in "fcMm":
            flat[rng.integers(0, a.size, 2)] = np.array("NaT", dtype) if dtype.kind in "Mm" else np.nan
            if dtype.kind == "f" and rng.integers(0, 2):
                flat[rng.integers(0, a.size)] = rng.choice([np.inf, -np.inf])
    return a


def expected(worker, a, axis, keepdims, parameters):
    """Returns numpy's answer."""
    kwargs = {"axis": axis, "keepdims": keepdims}
    if "ddof" in parameters:
        kwargs["ddof"] = parameters["ddof"]
    if worker == "norm":
        if axis is None:
            value = np.linalg.norm(a.ravel(), ord=float(parameters["ord"]))
            return np.full((1,) * a.ndim if keepdims else (), value, value.dtype)
        return np.asarray(np.linalg.norm(a, ord=float(parameters["ord"]), **kwargs))
    function = getattr(np, worker)
    return np.asarray(function(a, **kwargs))


@contextlib.contextmanager
def ignored_warnings():
    """Suppresses numpy's warnings, such as those about means of empty arrays."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def wide(a):
    return a.astype("G") if a.dtype.kind == "c" else a.astype("g") if a.dtype.kind == "f" else a


class ReductionsTest(whole_run.WholeRunTest):

    def jobs(self, shapes):
        rng = np.random.default_rng(whole_run.SEED)
        number = 0
        for dtype, shape, nans in itertools.product(REAL + COMPLEX + LONG + TIME, shapes, (False, True)):
            a = make_array(rng, dtype, shape, nans)
            if nans and not (a.dtype.kind in "fcMm" and a.size > 3):
                continue
            name = "a%d.npy" % number
            number += 1
            whole_run.save_somehow(self.path(name), a, rng)
            axes = [None] + list(range(-1, a.ndim - 1)) if a.ndim else [None]
            for worker, (dtypes, choices) in WORKERS.items():
                if dtype not in dtypes:
                    continue
                for i, (axis, parameters) in enumerate(itertools.product(axes, choices)):
                    lanes_are_empty = a.size == 0 if axis is None else a.shape[axis] == 0
                    if (worker in NEED_ELEMENTS or parameters.get("ord") in ("inf", "-inf")) and lanes_are_empty:
                        continue
                    keepdims = (number + i) % 2 == 0
                    yield worker, name, a, axis, keepdims, parameters

    def run_jobs(self, jobs, ranks, chunk, save):
        """Returns the answers of all jobs: the saved arrays, or the printed results."""
        answers = []
        for first in range(0, len(jobs), BATCH):
            words = []
            batch = jobs[first:first + BATCH]
            for k, (worker, name, _, axis, keepdims, parameters) in enumerate(batch):
                words += ["+"] if k else []
                words += [worker, name] + (["out%d.npy" % k] if save else [])
                words += ["axis=%s" % ("none" if axis is None else axis), "keepdims=%s" % str(keepdims).lower()]
                words += ["%s=%s" % item for item in parameters.items()]
            done = self.run_in_folder(ranks, "--format=json", "--chunk=%s" % chunk, *words)
            self.assert_done(done)
            if not save:
                answers += [job["result"] for job in done.json["jobs"]]
                continue
            for k in range(len(batch)):
                answers.append(np.load(self.path("out%d.npy" % k)))
                os.remove(self.path("out%d.npy" % k))
        return answers

    def check(self, job, answer):
        worker, _, a, axis, keepdims, parameters = job
        with self.subTest(worker=worker, dtype=a.dtype, shape=a.shape, axis=axis, keepdims=keepdims, **parameters), np.errstate(all="ignore"), ignored_warnings():
            numpys = expected(worker, a, axis, keepdims, parameters)
            self.assertEqual(answer.dtype, numpys.dtype)
            self.assertEqual(answer.shape, numpys.shape)
            if parameters.get("ord") == "0" and a.dtype == np.float16:
                # numpy counts in float16, where 2048 + 1 is 2048.
                numpys = np.sum(a != 0, axis=axis, keepdims=keepdims).astype("f2")
            exact = numpys.dtype.kind not in "fc" or worker in ("min", "max", "nanmin", "nanmax") or parameters.get("ord") in ("inf", "-inf", "0")
            if exact and not (worker == "norm" and a.dtype.kind == "c"):
                np.testing.assert_array_equal(answer, numpys)
                return
            truth = np.asarray(expected(worker, wide(a), axis, keepdims, parameters))
            np.testing.assert_array_equal(np.isnan(answer), np.isnan(numpys))
            # The permitted error is numpy's: some roundings of the largest partial result, and one
            # of the answer. (numpy's float16 sums overflow; mpaio's are computed in double.)
            ok = np.isfinite(truth)
            eps = np.finfo(numpys.dtype).eps if numpys.dtype != np.dtype("g") else np.finfo("g").eps
            wide_eps = np.finfo("g").eps if numpys.dtype == np.dtype("g") else np.finfo("f8").eps
            magnitude = np.abs(truth) if worker in ("prod", "norm", "var", "std") else expected_magnitude(worker, a, axis, keepdims)
            allowed = eps * np.abs(truth) + 64 * wide_eps * magnitude + np.finfo(numpys.dtype).tiny
            error = np.abs(answer.astype(truth.dtype) - truth)
            bad = ok & (error > allowed) & ~(np.isinf(answer) & (np.abs(truth) > np.finfo(numpys.dtype).max))
            if bad.any():
                self.fail("answer %r, truth %r, numpy %r, allowed %r" % (answer, truth, numpys, allowed))

    def check_all(self, shapes):
        jobs = list(self.jobs(shapes))
        print("%d cases" % len(jobs))
        self.assertGreater(len(jobs), 1000)
        for job, answer in zip(jobs, self.run_jobs(jobs, None, "auto", save=True)):
            self.check(job, answer)
        # Printed numbers are exact, so they can be compared to the bit.
        alone = self.run_jobs(jobs, None, "auto", save=False)
        for ranks, chunk in ((3, "auto"), (1, 37), (3, 7)):
            for job, one, other in zip(jobs, alone, self.run_jobs(jobs, ranks, chunk, save=False)):
                if repr(one) != repr(other):
                    self.fail("%s, %s ranks, --chunk=%s: %r and %r" % (job, ranks, chunk, one, other))

    def test_shapes_up_to_two_axes(self):
        self.check_all([shape for shape in SHAPES if len(shape) < 3 and np.prod(shape) < 5000])

    def test_longer_and_deeper_shapes(self):
        self.check_all([shape for shape in SHAPES if len(shape) == 3 or np.prod(shape) >= 5000])

    def test_saved_answers_are_the_same_bytes(self):
        # A long double has padding bytes.
        for dtype in ("g", "c16", "f2", "M8[s]"):
            np.save(self.path("a.npy"), make_array(np.random.default_rng(whole_run.SEED), dtype, (70, 300), False))
            workers = ["min", "max"] if dtype != "c16" else []
            workers += ["sum", "mean", "prod"] if dtype != "M8[s]" else []
            for axis in ("none", "0", "1"):
                words = []
                for worker in workers:
                    words += (["+"] if words else []) + [worker, "a.npy", worker + ".npy", "axis=" + axis]
                saved = set()
                for ranks, chunk in ((None, "auto"), (3, 7), (2, 50)):
                    self.assert_done(self.run_in_folder(ranks, "--chunk=%s" % chunk, "--format=json", *words))
                    saved.add(tuple(open(self.path(worker + ".npy"), "rb").read() for worker in workers))
                self.assertEqual(len(saved), 1, (dtype, axis))

    def test_integers_that_do_not_fit_are_an_error_unless_they_may_wrap(self):
        np.save(self.path("large.npy"), np.full(3, 2**62))
        np.save(self.path("ularge.npy"), np.full(3, 2**63, "u8"))
        for worker, name in itertools.product(("sum", "prod"), ("large.npy", "ularge.npy")):
            for ranks in (1, 3):
                done = self.run_in_folder(ranks, worker, name)
                self.assert_refused(done, 1, worker, "does not fit in a", "overflow=wrap")
        np.save(self.path("least.npy"), np.full(2, -2**62, "m8[s]"))
        self.assert_refused(self.run_in_folder(2, "sum", "least.npy"), 1, "sum", "does not fit in a timedelta64")
        np.save(self.path("spans.npy"), np.full(3, 2**62, "m8[s]"))
        self.assert_refused(self.run_in_folder(2, "sum", "spans.npy"), 1, "sum", "does not fit in a timedelta64", "longer unit")
        done = self.run_in_folder(2, "mean", "spans.npy", "mean.npy")
        self.assert_done(done)
        self.assertEqual(np.load(self.path("mean.npy")), np.timedelta64(2**62, "s"))
        # Intermediate results may be too large: a zero makes any product fit, and later terms may
        # reduce a sum.
        np.save(self.path("back.npy"), np.array([2**63 - 1, 2**63 - 1, -2**63, -2**63 + 2]))
        np.save(self.path("zero.npy"), np.array([2**62, 2**62, 0, -5]))
        done = self.run_in_folder(3, "--format=json", "--chunk=1", "sum", "back.npy", "+", "prod", "zero.npy")
        self.assert_done(done)
        self.assertEqual([job["result"] for job in done.json["jobs"]], [0, 0])

    def test_answers_are_printed_where_no_output_is_given(self):
        np.save(self.path("a.npy"), np.arange(6.).reshape(2, 3))
        done = self.run_in_folder(3, "--format=json", "sum", "a.npy", "+", "sum", "a.npy", "axis=0", "+", "mean", "a.npy", "axis=1",
                                  "keepdims=true", "+", "any", "a.npy", "+", "nanmax", "a.npy", "max.npy")
        self.assert_done(done)
        self.assertEqual([job["result"] for job in done.json["jobs"]],
                         [15.0, [3.0, 5.0, 7.0], [[1.0], [4.0]], True, {"dtype": "<f8", "shape": []}])
        self.assertEqual(np.load(self.path("max.npy")), 5)

    def test_floats_are_printed_with_the_digits_of_their_type(self):
        rng = np.random.default_rng(whole_run.SEED)
        arrays = {
            "f2": np.arange(2**16, dtype=np.uint16).view(np.float16),
            "f4": rng.integers(0, 2**32, 50_000, dtype=np.uint32).view(np.float32),
            "f8": rng.integers(0, 2**64, 50_000, dtype=np.uint64).view(np.float64),
        }
        jobs, expected_texts = [], []
        for code, array in arrays.items():
            finite = array[np.isfinite(array)]
            np.save(self.path(code + ".npy"), array)
            np.save(self.path("finite_%s.npy" % code), finite)
            jobs.append(["filter", code + ".npy", "expr=isfinite(x)"])
            expected_texts.append(finite)
            jobs.append(["unique", "finite_%s.npy" % code])
            expected_texts.append(np.unique(finite))
            for worker in ("min", "max"):
                jobs.append([worker, "finite_%s.npy" % code])
                expected_texts.append(getattr(np, worker)(finite))
        for code in ("f2", "f4"):
            tenths = np.arange(7).astype(code) / np.dtype(code).type(10)
            np.save(self.path("tenths_%s.npy" % code), tenths)
            jobs.append(["median", "tenths_%s.npy" % code])
            expected_texts.append(np.median(tenths))
        np.save(self.path("c8.npy"), np.array([0.1 - 0.7j], dtype="c8"))
        jobs.append(["prod", "c8.npy"])
        expected_texts.append(np.array([0.1, -0.7], dtype="f4"))
        words = [word for job in jobs for word in ["+"] + job][1:]
        for ranks in (None, 3):
            done = self.run_in_folder(ranks, "--format=json", *words, timeout=120)
            self.assert_done(done)
            answers = json.loads(done.stdout, parse_float=str)["jobs"]
            for job, answer, values in zip(jobs, answers, expected_texts):
                with self.subTest(job=job, ranks=ranks):
                    result = answer["result"]["values"] if job[0] == "unique" else answer["result"]
                    texts = result if isinstance(result, list) else [result]
                    self.assertEqual(len(texts), np.size(values))
                    # Compared as decimals, because the format of the exponent does not matter.
                    for text, value in zip(texts, np.atleast_1d(values)):
                        # unique keeps one zero, of either sign.
                        if value != 0 or job[0] != "unique":
                            self.assertEqual(decimal.Decimal(text).is_signed(), bool(np.signbit(value)))
                        self.assertEqual(decimal.Decimal(text).normalize(), decimal.Decimal(str(value)).normalize(), (text, value))
        done = self.run_in_folder(None, "max", "tenths_f4.npy", "+", "min", "f4.npy", "+", "filter", "tenths_f2.npy", "expr=x<0.25")
        self.assert_done(done)
        self.assertEqual(done.text, "max tenths_f4.npy: 0.6\nmin f4.npy: nan\nfilter tenths_f2.npy: [0.0,0.1,0.2]\n")

    def test_inputs_that_cannot_be_reduced_are_refused_before_they_are_loaded(self):
        np.save(self.path("empty.npy"), np.zeros((0, 3)))
        np.save(self.path("words.npy"), np.array(["a"]))
        np.save(self.path("complex.npy"), np.zeros(3, "c16"))
        for ranks in (1, 3):
            self.assert_refused(self.run_in_folder(ranks, "min", "empty.npy"), 3, "worker min", "no element")
            self.assert_refused(self.run_in_folder(ranks, "norm", "empty.npy", "ord=-inf"), 3, "worker norm", "no element")
            self.assert_refused(self.run_in_folder(ranks, "sum", "empty.npy", "axis=2"), 3, "axis=2", "2 axes")
            self.assert_refused(self.run_in_folder(ranks, "sum", "words.npy"), 3, "words.npy", "str")
            self.assert_refused(self.run_in_folder(ranks, "max", "complex.npy"), 3, "complex.npy", "complex128")
            self.assert_refused(self.run_in_folder(ranks, "sum", "empty.npy", "axis=x"), 2, "axis=x", "none|integer")


def expected_magnitude(worker, a, axis, keepdims):
    """Returns the sum (or mean) of the magnitudes, to which errors of summation are relative."""
    magnitudes = np.nan_to_num(np.abs(wide(a) if a.dtype.kind in "fc" else a.astype(float)), nan=0)
    return np.asarray((np.mean if "mean" in worker else np.sum)(magnitudes, axis=axis, keepdims=keepdims))


if __name__ == "__main__":
    whole_run.main()
