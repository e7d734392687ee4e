# SPDX-License-Identifier: Apache-2.0
"""The program's answers equal numpy's, for every number of ranks, chunk size and shape."""

import math
import os

import whole_run

np = whole_run.import_numpy()

RANKS = [None, 1, 2, 4, 5]
CHUNKS = ["auto", 1, 7, 64, 1000, 10**12]

SHAPES = {
    "line": (2011,),
    "one": (1,),
    "none": (0,),
    "point": (),
    "table": (97, 13),
    "block": (50, 3, 4),
    "one_row": (1, 500),
    "no_rows": (0, 3),
    "no_columns": (9, 0),
}


def random_ints(random, shape):
    return random.integers(-2**50, 2**50, size=shape, dtype=np.int64)


def random_doubles(random, shape):
    """Numbers of very different magnitudes, so that another order of addition changes the sum."""
    return np.asarray(random.standard_normal(shape) * 10.0**random.integers(-12, 12, size=shape))


def random_words(random, shape, kind):
    alphabet = list("abc \x00") + (list("\xe4\u20ac\u0416\u4e2d\U0001f600\U0010ffff") if kind == "U" else list("\x80\xff"))
    count = int(np.prod(shape, dtype=int))
    words = ["".join(random.choice(alphabet, random.integers(0, 12))) for _ in range(count)]
    if kind == "S":
        words = [word.encode("latin1") for word in words]
    return np.array(words, dtype=kind + "12").reshape(shape)


def joined(words):
    return "".join(words.ravel().tolist()) if words.dtype.kind == "U" else b"".join(words.ravel().tolist())


class AnswersTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        self.random = np.random.default_rng(whole_run.SEED)

    def save(self, name, array):
        np.save(self.path(name), array)
        return array

    def answers(self, ranks, jobs, chunk="auto", timeout=60):
        """Runs jobs, each a list of words, at once. Returns the results; checks other fields."""
        arguments = sum((["+"] + job for job in jobs), [])[1:]
        done = self.run_in_folder(ranks, "--format=json", "--chunk=%s" % chunk, *arguments, timeout=timeout)
        self.assert_done(done)
        answer = done.json
        self.assertEqual(answer["ranks"], ranks or 1)
        self.assertEqual(len(answer["jobs"]), len(jobs))
        for job, words in zip(answer["jobs"], jobs):
            self.assertEqual((job["worker"], job["input"], job["status"]), (words[0], words[1], "ok"))
            rows = np.load(self.path(words[1]), mmap_mode="r").shape[:1] or (1,)
            self.assertEqual(job["rows"], rows[0])
            if chunk != "auto":
                self.assertEqual(job["chunks"], -(-rows[0] // chunk))
        return [job["result"] for job in answer["jobs"]]

    def for_all_ranks_and_chunks(self, jobs, check):
        for ranks in RANKS:
            for chunk in CHUNKS:
                with self.subTest(ranks=ranks, chunk=chunk):
                    check(self.answers(ranks, jobs, chunk))

    def test_numbers_of_all_shapes(self):
        jobs, expected, approximate = [], [], {}
        for name, shape in SHAPES.items():
            ints = self.save("i_%s.npy" % name, random_ints(self.random, shape))
            jobs.append(["sum", "i_%s.npy" % name])
            expected.append(sum(ints.ravel().tolist()))
            doubles = self.save("f_%s.npy" % name, random_doubles(self.random, shape))
            approximate[len(jobs)] = doubles
            jobs.append(["sum", "f_%s.npy" % name])
            expected.append(None)
            for file, array in (("i", ints), ("f", doubles)):
                if array.size:
                    jobs.append(["min_max", "%s_%s.npy" % (file, name)])
                    expected.append({"min": array.min().item(), "max": array.max().item()})
        # Floating-point sums must be close to the exact sum, and always the same.
        first = self.answers(None, jobs)
        for position, array in approximate.items():
            exact = math.fsum(array.ravel().tolist())
            magnitude = math.fsum(np.abs(array).ravel().tolist())
            self.assertLessEqual(abs(first[position] - exact), 1e-14 * magnitude)
            expected[position] = first[position]
        self.for_all_ranks_and_chunks(jobs, lambda results: self.assertEqual(results, expected))

    def test_longer_sums_are_the_same_to_the_bit(self):
        # Many leaves; rows and chunks that are not aligned to them.
        arrays = {
            "line.npy": self.save("line.npy", random_doubles(self.random, (300_007,))),
            "table.npy": self.save("table.npy", random_doubles(self.random, (1009, 311))),
        }
        jobs = [["sum", name] for name in arrays]
        expected = self.answers(None, jobs)
        for name, result in zip(arrays, expected):
            exact = math.fsum(arrays[name].ravel().tolist())
            self.assertLessEqual(abs(result - exact), 1e-14 * math.fsum(np.abs(arrays[name]).ravel().tolist()))
        for ranks in RANKS:
            for chunk in ["auto", 64, 333, 100_000]:
                with self.subTest(ranks=ranks, chunk=chunk):
                    self.assertEqual(self.answers(ranks, jobs, chunk), expected)

    def test_strings_of_all_shapes(self):
        jobs, expected = [], []
        for kind in "US":
            for name, shape in SHAPES.items():
                file = "%s_%s.npy" % (kind, name)
                words = random_words(self.random, shape, kind)
                if kind == "S":
                    # JSON has no bytes type; another test covers bytes that are not UTF-8.
                    words = np.array([bytes(c & 0x7f for c in word) for word in words.ravel()],
                                     dtype="S12").reshape(shape)
                self.save(file, words)
                jobs.append(["concat", file])
                expected.append(joined(words) if kind == "U" else joined(words).decode())
        for kind in "US":
            self.save("%s_empty.npy" % kind, np.array([""] * 50, dtype=kind))
            jobs.append(["concat", "%s_empty.npy" % kind])
            expected.append("")
        self.save("foo.npy", np.array(["foo_%d" % i for i in range(100)]))
        jobs.append(["concat", "foo.npy"])
        expected.append("".join("foo_%d" % i for i in range(100)))
        self.for_all_ranks_and_chunks(jobs, lambda results: self.assertEqual(results, expected))

    def test_strings_as_text_are_the_bytes_themselves(self):
        for kind in "US":
            words = self.save("words.npy", random_words(self.random, (500,), kind))
            expected = joined(words)
            expected = b"concat words.npy: " + (expected.encode() if kind == "U" else expected) + b"\n"
            for ranks in RANKS:
                done = self.run_in_folder(ranks, "--chunk=7", "concat", "words.npy")
                self.assert_done(done)
                self.assertEqual(done.stdout, expected)

    def test_long_text_is_printed_whole(self):
        # One megabyte only, because Open MPI 5 takes more than a minute to pass on ten.
        words = self.save("words.npy", np.array(["w\xf6rd_%d" % i for i in range(100_000)]))
        expected = b"concat words.npy: " + joined(words).encode() + b"\n"
        self.assertGreater(len(expected), 10**6)
        for ranks in RANKS:
            done = self.run_in_folder(ranks, "concat", "words.npy")
            self.assert_done(done)
            # assertEqual would print both texts.
            self.assertTrue(done.stdout == expected, (ranks, len(done.stdout)))

    def test_bytes_that_are_not_utf_8_do_not_break_json(self):
        self.save("words.npy", np.array([b"a", b"\xff", b"b", b"\xc3\xa9"]))
        for ranks in (1, 2):
            self.assertEqual(self.answers(ranks, [["concat", "words.npy"]], 1), ["a\ufffdb\xe9"])

    def test_output_files_are_what_numpy_saves(self):
        functions = {"sqrt": lambda a: np.sqrt(a.astype(np.float64)), "abs": np.abs, "square": np.square}
        jobs, outputs, answers = [], {}, []
        for name, shape in SHAPES.items():
            for kind, make in (("i", lambda r, s: r.integers(-3 * 10**9, 3 * 10**9, size=s, dtype=np.int64)),
                               ("f", random_doubles)):
                values = self.save("%s_%s.npy" % (kind, name), np.asarray(make(self.random, shape)))
                roots = self.save("%s_%s_abs.npy" % (kind, name), np.asarray(np.abs(values)))
                for fn, function in functions.items():
                    of = roots if fn == "sqrt" else values
                    output = "%s_%s_%s_out.npy" % (kind, name, fn)
                    jobs.append(["map", "%s_%s%s.npy" % (kind, name, "_abs" if fn == "sqrt" else ""), output, "fn=" + fn])
                    outputs[output] = np.asarray(function(of))
                    answers.append({"dtype": outputs[output].dtype.str, "shape": list(outputs[output].shape)})
        expected = {}
        for output, array in outputs.items():
            np.save(self.path("expected.npy"), array)
            with open(self.path("expected.npy"), "rb") as file:
                expected[output] = file.read()
        os.remove(self.path("expected.npy"))
        inputs = set(os.listdir(self.folder))
        for ranks in RANKS:
            for chunk in ["auto", 7, 64, 10**12]:
                with self.subTest(ranks=ranks, chunk=chunk):
                    self.assertEqual(self.answers(ranks, jobs, chunk), answers)
                    # No other file is left, such as a temporary file.
                    self.assertEqual(set(os.listdir(self.folder)) - inputs, set(outputs))
                    for output, bytes_expected in expected.items():
                        with open(self.path(output), "rb") as file:
                            self.assertEqual(file.read(), bytes_expected, output)
                        os.remove(self.path(output))

    def test_square_roots_of_negative_numbers_and_nan(self):
        self.save("f.npy", np.array([-1.0, -0.0, np.nan, np.inf, -np.inf, 4.0]))
        for ranks in (None, 2):
            self.answers(ranks, [["map", "f.npy", "out.npy", "fn=sqrt"]], 1)
            out = np.load(self.path("out.npy"))
            with np.errstate(invalid="ignore"):
                np.testing.assert_array_equal(out, np.sqrt(np.load(self.path("f.npy"))))
            self.assertTrue(np.signbit(out[1]))

    def test_output_over_the_input_and_over_an_older_output(self):
        for ranks in (1, 4):
            self.save("ints.npy", np.arange(100))
            for times in range(2):
                self.answers(ranks, [["map", "ints.npy", "out.npy", "fn=square"]])
                np.testing.assert_array_equal(np.load(self.path("out.npy")), np.arange(100)**2)
            self.answers(ranks, [["map", "ints.npy", "ints.npy", "fn=square"]])
            np.testing.assert_array_equal(np.load(self.path("ints.npy")), np.arange(100)**2)

    def test_spin_sums_with_every_cost(self):
        ints = self.save("ints.npy", random_ints(self.random, (2011,)))
        jobs = [["spin", "ints.npy", "ns_per_row=2000", "cost=" + cost] for cost in ("constant", "linear", "random")]
        jobs.append(["spin", "ints.npy", "ns_per_row=0"])
        for ranks in RANKS:
            for chunk in ["auto", 7, 1000]:
                self.assertEqual(self.answers(ranks, jobs, chunk), [int(ints.sum())] * 4)

    def test_infinities_and_nans_are_named(self):
        cases = {
            "inf": ([1, np.inf], "inf", {"min": 1.0, "max": "inf"}),
            "minus": ([1, -np.inf], "-inf", {"min": "-inf", "max": 1.0}),
            "both": ([np.inf, 2, -np.inf], "nan", {"min": "-inf", "max": "inf"}),
            "nan": ([1, np.nan, 3], "nan", {"min": "nan", "max": "nan"}),
            "over": ([1.7e308, 1.7e308], "inf", {"min": 1.7e308, "max": 1.7e308}),
            "zero": ([-0.0, -0.0], None, {"min": -0.0, "max": -0.0}),
        }
        jobs, expected = [], []
        for name, (values, total, extremes) in cases.items():
            self.save(name + ".npy", np.array(values, dtype=np.float64))
            jobs += [["sum", name + ".npy"], ["min_max", name + ".npy"]]
            expected += [0.0 if total is None else total, extremes]
        for ranks in RANKS:
            for chunk in ("auto", 1):
                self.assertEqual(self.answers(ranks, jobs, chunk), expected)
        done = self.run_in_folder(2, "sum", "both.npy", "+", "min_max", "nan.npy")
        self.assert_done(done)
        self.assertEqual(done.text, "sum both.npy: nan\nmin_max nan.npy: min nan, max nan\n")

    def test_integers_are_exact_at_the_ends_of_int64(self):
        big, small = 2**63 - 1, -2**63
        cases = {
            "big": [big - 10, 3, 7],
            "small": [small + 10, -3, -7],
            # The sum fits in an int64; in most orders of addition an intermediate sum does not.
            "way": [big, big, small, small, 1],
            "odd": [2**53, 1],
        }
        jobs, expected = [], []
        for name, values in cases.items():
            self.save(name + ".npy", np.array(values, dtype=np.int64))
            jobs += [["sum", name + ".npy"], ["min_max", name + ".npy"], ["spin", name + ".npy"]]
            expected += [sum(values), {"min": min(values), "max": max(values)}, sum(values)]
        for ranks in RANKS:
            for chunk in ("auto", 1):
                self.assertEqual(self.answers(ranks, jobs, chunk), expected)
        done = self.run_in_folder(2, "sum", "big.npy", "+", "sum", "small.npy")
        self.assert_done(done)
        self.assertEqual(done.text, "sum big.npy: 9223372036854775807\nsum small.npy: -9223372036854775808\n")

    def test_sum_that_does_not_fit_is_an_error(self):
        for values in ([2**63 - 1, 1], [-2**63, -1], [2**62] * 1000):
            self.save("over.npy", np.array(values, dtype=np.int64))
            for worker in ("sum", "spin"):
                for ranks in (None, 1, 4):
                    done = self.run_in_folder(ranks, "--chunk=1", worker, "over.npy")
                    self.assert_refused(done, 1, worker, "does not fit in an int64")
                    self.assertEqual(done.stdout, b"")
        # The other job still has its answer.
        self.save("ints.npy", np.arange(10))
        for ranks in (1, 4):
            done = self.run_in_folder(ranks, "--format=json", "sum", "over.npy", "+", "sum", "ints.npy")
            self.assert_refused(done, 1, "sum", "does not fit in an int64")
            first, second = done.json["jobs"]
            self.assertIn("does not fit", first["status"])
            self.assertIsNone(first["result"])
            self.assertEqual((second["status"], second["result"]), ("ok", 45))

    def test_map_that_does_not_fit_is_an_error(self):
        for fn, value in (("square", 2**32), ("abs", -2**63)):
            self.save("over.npy", np.array([1, 2, value, 3], dtype=np.int64))
            for ranks in (None, 4):
                done = self.run_in_folder(ranks, "--chunk=1", "map", "over.npy", "out.npy", "fn=" + fn)
                self.assert_refused(done, 1, "map", "chunk 2", "%s(%d)" % (fn, value))
                self.assertFalse(os.path.exists(self.path("out.npy")))

    def test_extremes_of_nothing_are_refused(self):
        self.save("none.npy", np.zeros((0, 3)))
        for ranks in (None, 4):
            done = self.run_in_folder(ranks, "min_max", "none.npy")
            self.assert_refused(done, 3, "min_max", "without elements")

    def test_versions_two_and_three_of_the_format(self):
        for version in ((2, 0), (3, 0)):
            with open(self.path("ints.npy"), "wb") as file:
                np.lib.format.write_array(file, np.arange(100), version=version)
            self.assertEqual(self.answers(2, [["sum", "ints.npy"]]), [4950])

    def test_many_jobs_over_one_file(self):
        ints = self.save("ints.npy", random_ints(self.random, (1000,)))
        jobs = [["sum", "ints.npy"], ["min_max", "ints.npy"]] * 8 + [["map", "ints.npy", "out.npy", "fn=abs"]]
        one = int(ints.sum()), {"min": int(ints.min()), "max": int(ints.max())}
        for ranks in RANKS:
            results = self.answers(ranks, jobs, 7)
            self.assertEqual(results, list(one) * 8 + [{"dtype": "<i8", "shape": [1000]}])
            np.testing.assert_array_equal(np.load(self.path("out.npy")), np.abs(ints))

    def test_text_has_a_line_for_each_job_in_order(self):
        self.save("ints.npy", np.arange(1, 101))
        self.save("foo.npy", np.array(["foo_%d" % i for i in range(3)]))
        for ranks in RANKS:
            done = self.run_in_folder(ranks, "sum", "ints.npy", "+", "concat", "foo.npy", "+", "min_max", "ints.npy",
                                      "+", "sum", "ints.npy")
            self.assert_done(done)
            self.assertEqual(
                done.text, "sum ints.npy: 5050\nconcat foo.npy: foo_0foo_1foo_2\nmin_max ints.npy: min 1, max 100\n"
                "sum ints.npy: 5050\n")

    def test_names_with_spaces_and_other_letters(self):
        name = "na\xefve  + name.npy"
        self.save(name, np.arange(5))
        for ranks in (1, 2):
            self.assertEqual(self.answers(ranks, [["map", name, "out " + name, "fn=square"], ["sum", name]])[1], 10)
            np.testing.assert_array_equal(np.load(self.path("out " + name)), np.arange(5)**2)

    def test_many_chunks_and_more_ranks_than_cores(self):
        # 100,000 chunks of 64 elements, each with a result.
        ints = self.save("ints.npy", np.arange(6_400_000))
        for ranks in (1, 2, 3, 8):
            self.assertEqual(self.answers(ranks, [["sum", "ints.npy"]], 64), [int(ints.sum())])


if __name__ == "__main__":
    whole_run.main()
