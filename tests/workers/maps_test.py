# SPDX-License-Identifier: Apache-2.0
"""Compares element-wise workers (map, clip, where, astype, filter, isnan) with numpy.

For all types and shapes, and several numbers of ranks.
"""

import os
import warnings

import whole_run

np = whole_run.import_numpy()

BOOL, INTS, FLOATS = ["bool"], ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"], ["float16", "float32", "float64"]
TYPES = BOOL + INTS + FLOATS

# (ranks, --chunk): one rank with automatic chunks, and three ranks with chunks of an odd number of
# rows.
WAYS = [(None, "auto"), (3, 613)]

# Number of jobs in one run.
BATCH = 300

# Functions whose results need not be numpy's to the bit: numpy has its own versions for some
# processors.
INEXACT = ("cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh").split()
EXACT = "sqrt abs square fabs sign negative rint isnan isinf isfinite signbit logical_not".split()


def values(random, dtype, count):
    """Returns numbers of all magnitudes, small duplicates, and the special values of the type."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return random.integers(0, 2, count).astype(bool)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        array = random.integers(limits.min, limits.max, count, dtype=dtype, endpoint=True)
        array[::3] = random.integers(0 if dtype.kind == "u" else -9, 10, len(array[::3]))
        array[1:5] = [limits.min, limits.max, 0, 1]
        return array
    array = random.standard_normal(count) * 10.0**random.integers(-3, 5, count)
    array[::3] = np.round(array[::3])
    array = np.clip(array, -60000, 60000).astype(dtype)
    array[1:12] = [0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 0.5, 2.5, -2.5, 3]
    return array


def wide(array):
    """Converts to a wider type, as the reference for rounded results."""
    return array.astype({"float16": np.float64, "float32": np.float64, "float64": np.longdouble}[array.dtype.name])


def texts_of(array):
    """Returns astype("U"), with narrow floats in the format of numpy before 2.4.

    Before 2.4, numpy switches to an exponent at 1e16 for all floats; later versions switch earlier
    for float16 and float32, where their digits end.
    """
    texts = array.astype("U")
    if array.dtype not in (np.float16, np.float32):
        return texts

    def text(x):
        if not np.isfinite(x):
            return str(x)
        if x == 0 or 1e-4 <= abs(float(x)) < 1e16:
            return np.format_float_positional(x, unique=True, trim="0")
        return np.format_float_scientific(x, unique=True, trim="-")

    return np.array([text(x) for x in array], dtype=texts.dtype)


def random_number_texts(random, count):
    """Returns texts of numbers, and some that are almost numbers."""
    digits = [*"0123456789"] * 6 + [*"\u0660\u0663\u0969\uff15\U0001d7d9\xb2\u2167"]
    spaces = [*" \t\n\r\v\f\xa0\x85\u2009\u3000\x1c\u200b"]
    texts = []
    for _ in range(count):
        text = random.choice([*"+-", "", "", ""]) if random.integers(2) else ""
        text += "".join(random.choice(digits, random.integers(1, random.choice([3, 5, 25]))))
        if random.integers(3) == 0:
            text += "." + "".join(random.choice(digits, random.integers(0, 5)))
        if random.integers(4) == 0:
            text += random.choice(["e", "E", "e+", "e-"]) + "".join(random.choice(digits, random.integers(0, 4)))
        if random.integers(12) == 0:
            text = random.choice(["+", "-", ""]) + random.choice([
                "nan", "NaN", "inf", "-Infinity", "INF", "infinit", "True", "0x1p3", "nan(1)", "1j", ""])
        for _ in range(random.integers(3)):
            at = random.integers(len(text) + 1)
            text = text[:at] + random.choice(["_", "_", "0", " ", "."]) + text[at:]
        if random.integers(3) == 0:
            text = random.choice(spaces) + text + random.choice(spaces)
        texts.append(text)
    return texts


class MapsTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        self.random = np.random.default_rng(whole_run.SEED)
        self.jobs = []
        quiet = np.errstate(all="ignore")
        quiet.__enter__()
        self.addCleanup(quiet.__exit__, None, None, None)

    def save(self, name, array):
        whole_run.save_somehow(self.path(name), array, self.random)
        return array

    def add(self, words, expected, ulps=0):
        """Adds a job: its words without the output, the expected array, and the permitted error."""
        self.jobs.append((words, np.asarray(expected), ulps))

    def run_jobs(self, ways=WAYS):
        for ranks, chunk in ways:
            for begin in range(0, len(self.jobs), BATCH):
                batch = self.jobs[begin:begin + BATCH]
                arguments = []
                for number, (words, _, _) in enumerate(batch):
                    arguments += ["+"] + words[:2] + ["out%d.npy" % number] + words[2:]
                done = self.run_in_folder(ranks, "--format=json", "--chunk=%s" % chunk, *arguments[1:], timeout=240)
                self.assert_done(done)
                answers = done.json["jobs"]
                self.assertEqual(len(answers), len(batch))
                for number, (answer, (words, expected, ulps)) in enumerate(zip(answers, batch)):
                    with self.subTest(job=" ".join(words), ranks=ranks, chunk=chunk):
                        self.assertEqual(answer["status"], "ok")
                        self.check(np.load(self.path("out%d.npy" % number)), expected, ulps)

    def check(self, out, expected, ulps):
        self.assertEqual(out.shape, expected.shape)
        if ulps == 0:
            self.assertEqual(out.dtype, expected.dtype)
        if expected.dtype.kind != "f":
            np.testing.assert_array_equal(out, expected)
            return
        nearest = expected.astype(out.dtype)
        same = (out == nearest) | (np.isnan(out) & np.isnan(nearest))
        if ulps == 0:
            wrong = ~same | ((np.signbit(out) != np.signbit(nearest)) & ~np.isnan(out))
        else:
            size = np.maximum(np.spacing(np.abs(nearest)), np.finfo(out.dtype).tiny * np.finfo(out.dtype).eps).astype(expected.dtype)
            wrong = ~same & ~(np.abs(out.astype(expected.dtype) - expected) <= ulps * size)
        if wrong.any():
            place = int(np.argmax(wrong.ravel()))
            self.fail("element %d is %r, not %r" % (place, out.ravel()[place], expected.ravel()[place]))

    def save_all(self, count=2500):
        """Saves x_TYPE.npy and y_TYPE.npy for each type. Returns the arrays by name and type."""
        return {(name, dtype): self.save("%s_%s.npy" % (name, dtype), values(self.random, dtype, count)) for dtype in TYPES for name in "xy"}

    def test_functions_of_one_number(self):
        arrays = self.save_all()
        for dtype in TYPES:
            x = arrays["x", dtype]
            for name in EXACT:
                if dtype == "bool" and name in ("sign", "negative"):
                    continue
                if dtype == "int64" and name in ("abs", "square"):
                    continue  # A result that does not fit is an error.
                self.add(["map", "x_%s.npy" % dtype, "fn=" + name], getattr(np, name)(x))
            for name in INEXACT:
                result = getattr(np, name)(x)
                with_more_digits = getattr(np, name)(wide(x.astype(result.dtype)))
                self.add(["map", "x_%s.npy" % dtype, "fn=" + name], with_more_digits, ulps=2)
        for dtype in FLOATS:
            for name in ("floor", "ceil", "trunc", "reciprocal"):
                self.add(["map", "x_%s.npy" % dtype, "fn=" + name], getattr(np, name)(arrays["x", dtype]))
        for dtype in BOOL + INTS:
            self.add(["map", "x_%s.npy" % dtype, "fn=invert"], ~arrays["x", dtype])
            self.add(["map", "x_%s.npy" % dtype, "fn=floor"], arrays["x", dtype])
        self.run_jobs()

    def test_operators_on_all_pairs_of_types(self):
        arrays = self.save_all(900)
        for one in TYPES:
            for other in TYPES:
                x, y = arrays["x", one], arrays["y", other]
                texts = ["x+y", "x*y", "x-y", "x/y", "x//y", "x%y", "x<y", "x<=y", "x>y", "x>=y", "x==y", "x!=y", "x&y", "x|y", "x^y",
                         "minimum(x,y)", "maximum(x,y)", "fmin(x,y)", "fmax(x,y)", "where(x>1,x,y)", "copysign(x,y)"]
                for text in texts:
                    if {one, other} & {"uint64"} and {one, other} & {"int8", "int16", "int32", "int64"} and any(c in text for c in "<>=!"):
                        continue  # Older numpy compares them as float64.
                    try:
                        with np.errstate(all="ignore"):
                            expected = eval(text, dict(vars(np)), {"x": x, "y": y})
                    except TypeError:
                        continue  # numpy has no such operation; another test covers its refusal.
                    # The sign of the result is not defined if both operands are zeros.
                    ulps = 1e-9 if text[:2] in ("mi", "ma", "fm") and expected.dtype.kind == "f" else 0
                    self.add(["map", "x_%s.npy" % one, "expr=" + text, "y=y_%s.npy" % other], expected, ulps)
        self.run_jobs([(3, 613)])
        self.jobs = self.jobs[::7]
        self.run_jobs([(None, "auto"), (1, 64)])

    def test_functions_of_two_numbers(self):
        arrays = self.save_all(2500)
        for dtype in FLOATS:
            x, y = arrays["x", dtype], arrays["y", dtype]
            for name in ("arctan2", "hypot"):
                self.add(["map", "x_%s.npy" % dtype, "expr=%s(x,y)" % name, "y=y_%s.npy" % dtype], getattr(np, name)(wide(x), wide(y)), ulps=1.1)
            base, exponent = np.abs(x).astype(dtype), np.clip(y, -9, 9).astype(dtype)
            self.save("base_%s.npy" % dtype, base)
            self.save("exponent_%s.npy" % dtype, exponent)
            self.add(["map", "base_%s.npy" % dtype, "expr=x**y", "y=exponent_%s.npy" % dtype], np.power(wide(base), wide(exponent)), ulps=1.1)
        for dtype in INTS:
            exponent = self.save("exponent_%s.npy" % dtype, (arrays["y", dtype] % 9).astype(dtype))
            self.add(["map", "x_%s.npy" % dtype, "expr=x**y", "y=exponent_%s.npy" % dtype], arrays["x", dtype]**exponent)
        self.run_jobs()

    def test_numbers_in_expressions_take_on_the_type_of_the_arrays(self):
        arrays = self.save_all(700)
        for dtype in INTS + FLOATS:
            x = arrays["x", dtype]
            for text in ("x+1", "2*x-3", "x//3", "x%7", "x/2", "x**2", "where(x>1,x,2)", "maximum(x,1)", "clip(x,1,3)", "x>2", "1<x", "(x>1)&(x<5)",
                         "where(x==0,1,0)"):
                self.add(["map", "x_%s.npy" % dtype, "expr=" + text], eval(text, dict(vars(np)), {"x": x}))
        for dtype in FLOATS:
            x = arrays["x", dtype]
            for text in ("x*2.5+0.1", "x**0.5", "x**-1", "-x**2", "1-x", "2.5/x", "x//0.7", "x%0.7", "x*2*3", "x*(2/3)", "(x-1)*(x+1)/2",
                         "where(x>0,x,0.5)", "sqrt(abs(x))", "clip(x,-0.25,0.25)"):
                expected = eval(text, dict(vars(np)), {"x": x})
                self.add(["map", "x_%s.npy" % dtype, "expr=" + text], expected, ulps=1e-9 if "clip" in text else 0)
        for dtype in INTS:
            self.add(["map", "x_%s.npy" % dtype, "expr=x*1.5"], arrays["x", dtype] * np.float64(1.5))
        self.run_jobs()

    def test_several_arrays_and_python_spellings(self):
        x, y, z, w = (self.save(name + ".npy", self.random.standard_normal((301, 7))) for name in "xyzw")
        for text, expected in (
            ("x*y+z*w", x * y + z * w),
            ("np.sqrt(x*x+y*y)", np.sqrt(x * x + y * y)),
            ("(x>y) and not (z>w)", np.logical_and(x > y, ~(z > w))),
            ("x>y or z>w", (x > y) | (z > w)),
            ("--x", x),
            ("~(x>0)^(y>0)", ~(x > 0) ^ (y > 0)),
            ("where(isnan(x) | (y > 0), z, w)", np.where(y > 0, z, w)),
            ("float32(x)*2", x.astype(np.float32) * np.float32(2)),
            ("int64(x*100)//7", (x * 100).astype(np.int64) // 7),
            ("0*x+pi", 0 * x + np.pi),
            ("7", np.full(x.shape, 7)),
        ):
            self.add(["map", "x.npy", "expr=" + text, "y=y.npy", "z=z.npy", "w=w.npy"], expected)
        self.run_jobs()

    def test_shapes(self):
        for number, shape in enumerate([(), (0,), (1,), (2011,), (0, 3), (9, 0), (97, 13), (50, 3, 4), (1, 500)]):
            x = self.save("x%d.npy" % number, np.asarray(self.random.standard_normal(shape)))
            y = self.save("y%d.npy" % number, np.asarray(self.random.integers(-5, 5, shape, dtype=np.int32)))
            name = "x%d.npy" % number
            self.add(["map", name, "fn=sqrt"], np.sqrt(x))
            self.add(["map", name, "expr=x*y", "y=y%d.npy" % number], x * y)
            self.add(["isnan", name], np.isnan(x))
            self.add(["clip", name, "min=-0.5", "max=0.5"], np.clip(x, -0.5, 0.5))
            self.add(["where", "y%d.npy" % number, "x=" + name, "yvalue=0"], np.where(y, x, 0))
            self.add(["astype", name, "dtype=float32"], x.astype(np.float32))
            self.add(["astype", "y%d.npy" % number, "dtype=U"], y.astype("U"))
        self.run_jobs([(None, "auto"), (3, 1), (3, 7), (2, 10**12)])

    def test_results_are_the_same_bits_for_all_ranks_and_chunks(self):
        self.save("x.npy", values(self.random, "float64", 100_003))
        outputs = set()
        for ranks, chunk in ((None, "auto"), (1, 1000), (2, 64), (3, 77), (5, "auto")):
            done = self.run_in_folder(ranks, "--chunk=%s" % chunk, "map", "x.npy", "out.npy", "expr=sin(x)*exp(-x*x)+tan(x)**2+log1p(abs(x))")
            self.assert_done(done)
            with open(self.path("out.npy"), "rb") as file:
                outputs.add(file.read())
        self.assertEqual(len(outputs), 1)

    def test_conversion_of_the_result(self):
        x = self.save("x.npy", self.random.uniform(0, 60, 1000))
        n = self.save("n.npy", self.random.integers(-1000, 1000, 1000))
        for dtype in TYPES:
            self.add(["map", "x.npy", "expr=x*2", "dtype=" + dtype], (x * 2).astype(dtype))
            self.add(["map", "n.npy", "fn=square", "dtype=" + dtype], np.square(n).astype(dtype))
        self.run_jobs()

    def test_clip_with_limits_that_the_type_does_not_have(self):
        """The expected values are Python's, because numpy before 2 returns another type."""
        for dtype in INTS:
            x = self.save("x_%s.npy" % dtype, values(self.random, dtype, 2500))
            low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
            far = [(low - 1, high + 1), (low, high), (-10**30, 10**30), (-10**60, 10**60), (low - 4550, high - 7), (low + 7, high + 4550)]
            far += [(low - 1, low), (high, high + 1), (None, high + 1), (low - 1, None), (None, 10**25), (-10**25, None)]
            for least, most in far:
                words = ["%s=%d" % (key, limit) for key, limit in (("min", least), ("max", most)) if limit is not None]
                expected = [min(max(int(v), low if least is None else least), high if most is None else most) for v in x]
                self.add(["clip", "x_%s.npy" % dtype] + words, np.array(expected, dtype=dtype))
        for least, most in (("2**4", "2**12"), ("0x10", "0x11c6"), ("-(5)", "250")):
            expected = np.clip(np.load(self.path("x_uint8.npy")).astype(int), eval(least), eval(most)).astype(np.uint8)
            self.add(["clip", "x_uint8.npy", "min=" + least, "max=" + most], expected)
        # If the other limit is a float, the result is a float, which can hold the integer limit.
        small = np.load(self.path("x_uint8.npy")).astype(np.float64)
        self.add(["clip", "x_uint8.npy", "min=0.5", "max=4550"], np.maximum(small, 0.5))
        self.add(["clip", "x_uint8.npy", "min=300", "max=400.5"], np.full(2500, 300.0))
        floats = self.save("x_float64.npy", values(self.random, "float64", 2500))
        self.add(["clip", "x_float64.npy", "min=-%d" % 10**25, "max=%d" % 10**25], np.clip(floats, -1e25, 1e25))
        self.add(["clip", "x_float64.npy", "min=-9223372036854775809"], np.maximum(floats, -2.0**63))
        bools = self.save("x_bool.npy", values(self.random, "bool", 2500))
        self.add(["clip", "x_bool.npy", "min=-4550", "max=4550"], bools.astype(np.int64))
        self.run_jobs()

    def test_messages_show_what_was_given(self):
        """Some workers are implemented as expressions, which messages must not show."""
        for dtype in ("uint8", "int8", "int64", "bool", "float64"):
            self.save("x_%s.npy" % dtype, np.ones(3, dtype=dtype))
        for arguments, *words in [
            ("clip x_uint8.npy out.npy max=-5", "max=-5 is below 0, the least uint8", "astype"),
            ("clip x_uint8.npy out.npy min=300", "min=300 is above 255, the greatest uint8", "astype"),
            ("clip x_uint8.npy out.npy min=300 max=4550", "min=300 is above 255, the greatest uint8"),
            ("clip x_int8.npy out.npy min=-7 max=-129", "max=-129 is below -128, the least int8"),
            ("clip x_int64.npy out.npy min=%d" % 10**40, "min=1%s is above 9223372036854775807, the greatest int64" % ("0" * 40)),
            ("clip x_bool.npy out.npy max=%d" % 2**64, "max=18446744073709551616 is above 9223372036854775807, the greatest int64"),
            ("clip x_uint8.npy out.npy min=int8(1)**int8(-1)", "negative power"),
            ("where x_bool.npy out.npy x=x_uint8.npy yvalue=4550", "yvalue=4550: the number 4550 does not fit uint8", "astype"),
            ("where x_bool.npy out.npy xvalue=-1 y=x_uint8.npy", "xvalue=-1: the number -1 does not fit uint8", "astype"),
            ("map x_float64.npy out.npy fn=invert", "fn=invert: invert is not defined for float64"),
            ("map x_bool.npy out.npy fn=negative", "fn=negative: negative is not defined for bool"),
        ]:
            for ranks in (None, 2):
                with self.subTest(arguments=arguments, ranks=ranks):
                    done = self.run_in_folder(ranks, *arguments.split())
                    self.assertIn(done.status, (1, 3), done)
                    self.assertEqual((len(done.stderr), done.left), (1, []), done)
                    for word in words:
                        self.assertIn(word, done.stderr[0], done)
                    for generated in ("(x", "x,", "condition", "character", "((", "maximum", "minimum"):
                        self.assertNotIn(generated, done.stderr[0], done)
                    self.assertFalse(os.path.exists(self.path("out.npy")))

    def test_clip(self):
        for dtype in INTS + FLOATS:
            name = "x_%s.npy" % dtype
            x = self.save(name, values(self.random, dtype, 1000))
            self.add(["clip", name, "min=2", "max=50"], np.clip(x, 2, 50))
            self.add(["clip", name, "min=3"], np.maximum(x, 3).astype(dtype))
            self.add(["clip", name, "max=7"], np.minimum(x, 7).astype(dtype))
            if dtype in FLOATS:
                self.add(["clip", name, "min=-1.5", "max=inf"], np.clip(x, -1.5, np.inf))
            elif dtype.startswith("i"):
                self.add(["clip", name, "min=-3", "max=1"], np.clip(x, -3, 1))
        big = 2**63 - 3
        self.add(["clip", "x_int64.npy", "max=%d" % big], np.minimum(np.load(self.path("x_int64.npy")), big))
        self.run_jobs()

    def test_where(self):
        arrays = self.save_all(800)
        for dtype in TYPES:
            condition = arrays["x", dtype]
            for one in ("int16", "uint8", "float32", "float64", "bool"):
                self.add(["where", "x_%s.npy" % dtype, "x=x_%s.npy" % one, "y=y_int32.npy"], np.where(condition, arrays["x", one], arrays["y", "int32"]))
            self.add(["where", "x_%s.npy" % dtype, "xvalue=1", "yvalue=-1"], np.where(condition, 1, -1))
            self.add(["where", "x_%s.npy" % dtype, "xvalue=0.5", "yvalue=2"], np.where(condition, 0.5, 2))
            self.add(["where", "x_%s.npy" % dtype, "x=x_float64.npy", "yvalue=nan"], np.where(condition, arrays["x", "float64"], np.nan))
            self.add(["where", "x_%s.npy" % dtype, "xvalue=%d" % (2**62 + 1), "y=y_int64.npy"], np.where(condition, 2**62 + 1, arrays["y", "int64"]))
        self.run_jobs()

    def test_astype_among_numbers(self):
        arrays = self.save_all(1500)
        for one in TYPES:
            for other in TYPES:
                array = arrays["x", one]
                name = "x_%s.npy" % one
                if one in FLOATS and other in INTS:
                    # The conversion of a number that does not fit the integer type is undefined.
                    limits = np.iinfo(other)
                    fits = np.isfinite(array) & (array.astype(np.float64) > limits.min - 1.0) & (array.astype(np.float64) < limits.max)
                    name = "fits_%s_%s.npy" % (one, other)
                    array = self.save(name, array[fits])
                self.add(["astype", name, "dtype=" + other], array.astype(other))
        self.run_jobs()

    def test_astype_with_texts_and_times(self):
        for dtype in TYPES:
            array = self.save("x_%s.npy" % dtype, values(self.random, dtype, 400))
            texts = texts_of(array)
            self.add(["astype", "x_%s.npy" % dtype, "dtype=U"], texts)
            self.add(["astype", "x_%s.npy" % dtype, "dtype=S"], texts.astype("S%d" % (texts.itemsize // 4)))
            self.add(["astype", "x_%s.npy" % dtype, "dtype=U3"], texts.astype("U3"))
            if dtype == "bool":
                continue
            self.save("t_%s.npy" % dtype, texts)
            self.add(["astype", "t_%s.npy" % dtype, "dtype=" + dtype], texts.astype(dtype))
            self.save("b_%s.npy" % dtype, array.astype("S"))
            self.add(["astype", "b_%s.npy" % dtype, "dtype=" + dtype], texts.astype(dtype))
        words = self.save("words.npy", np.array(["", "abc", "a b", "longer word"]))
        self.add(["astype", "words.npy", "dtype=S"], words.astype("S"))
        self.add(["astype", "words.npy", "dtype=S4"], words.astype("S4"))
        self.add(["astype", "words.npy", "dtype=U20"], words.astype("U20"))
        accents = self.save("accents.npy", np.array(["\xe9t\xe9", "\U0001f600"]))
        self.add(["astype", "accents.npy", "dtype=U1"], accents.astype("U1"))
        times = self.save("times.npy", np.array(["2000-01-01", "NaT", "1969-12-31"], dtype="M8[s]"))
        self.add(["astype", "times.npy", "dtype=int64"], times.astype(np.int64))
        self.add(["astype", "times.npy", "dtype=float64"], times.astype(np.float64))
        ticks = self.save("ticks.npy", np.array([0, -5, 10**12]))
        self.add(["astype", "ticks.npy", "dtype=M8[ms]"], ticks.astype("M8[ms]"))
        self.add(["astype", "ticks.npy", "dtype=m8[s]"], ticks.astype("m8[s]"))
        self.run_jobs()

    def test_texts_are_read_as_numbers_as_numpy_does(self):
        texts = [text for text in random_number_texts(self.random, 6000) if text]
        for kind in "US":
            elements = [text.encode("utf-8") if kind == "S" else text for text in texts]
            for dtype in TYPES:
                taken, refused = [], []
                for element in elements:
                    try:
                        number = np.array([element]).astype(dtype)[0]
                    except (ValueError, OverflowError):
                        refused.append(element)
                        continue
                    # Integers that do not fit wrap around in numpy; mpaio refuses them.
                    fits = dtype == "bool" or np.dtype(dtype).kind not in "iu" or int(element) == int(number)
                    (taken if fits else refused).append(element)
                self.assertGreater(min(len(taken), len(refused)), 100, "seed %d" % whole_run.SEED)
                name = "%s_%s.npy" % (kind, dtype)
                array = np.array(taken)
                self.save(name, array)
                self.add(["astype", name, "dtype=" + dtype], array.astype(dtype))
                for element in self.random.choice(np.array(refused), 8):
                    self.save("refused.npy", np.array([taken[0], element]))
                    done = self.run_in_folder(None, "astype", "refused.npy", "out.npy", "dtype=" + dtype)
                    self.assert_refused(done, 1, "element 1 is ", "which cannot be converted to " + dtype)
        self.run_jobs(WAYS[:1])

    def test_texts_that_are_no_numbers_are_shown(self):
        for element, shown in [
                ("\u0661x", "'\u0661x'"), ("caf\xe9", "'caf\xe9'"), ("a\nb\x07", "'a\\nb\\x07'"),
                ("\u200b5", "'\\u200b5'"), ("1" * 79 + "xyz", "'" + "1" * 79 + "x'..."),
                (b"5\xe9\x01", "'5\\xe9\\x01'"), ("300", "'300'"), ("", "''")]:
            self.save("texts.npy", np.array([element]))
            done = self.run_in_folder(None, "astype", "texts.npy", "out.npy", "dtype=int8")
            self.assert_refused(done, 1, "element 0 is %s, which cannot be converted to int8" % shown)

    def test_names_and_codes_of_types(self):
        x = self.save("x.npy", self.random.integers(0, 100, 50))
        words = self.save("words.npy", np.array(["1", "23", "456"]))
        for name in ("int", "single", "double", "half", "longlong", "uintp", "ubyte", "bool_", "float", "longdouble", "csingle", "=f4", "?", "B", "i 8", "str", "str_", "bytes_", "S0", "U+4", "|S3"):
            self.add(["astype", "x.npy", "dtype=" + name], x.astype(name))
        for name in ("U", "str_", "S", "bytes_", "U0", "short", "int"):
            self.add(["astype", "words.npy", "dtype=" + name], words.astype(name))
        for name in ("int", "single", "ushort", "e"):
            self.add(["map", "x.npy", "expr=x", "dtype=" + name], x.astype(name))
        self.run_jobs()
        for name in ("integer", "<float32", "Float32", "f4 "):
            done = self.run_in_folder(None, "astype", "x.npy", "out.npy", "dtype=" + name)
            self.assert_refused(done, 3, "is not a type")

    def test_types_that_expressions_do_not_take(self):
        arrays = {}
        for dtype in ("longdouble", "complex64", "complex128"):
            real = values(self.random, "float64", 300)
            with np.errstate(all="ignore"):
                arrays[dtype] = (real + 1j * values(self.random, "float64", 300)).astype(dtype) if dtype[0] == "c" else real.astype(dtype) / 3
                # Numbers next to the midpoint of two adjacent float16, where the result depends on
                # intermediate types.
                halves = np.arange(1, 0x7BFE, 61, dtype=np.uint16).view(np.float16).astype("f8")
                middles = (halves + np.nextafter(halves.astype(np.float16), np.float16(np.inf)).astype("f8")) / 2
                arrays[dtype] = np.concatenate([arrays[dtype], (middles * (1 + 1e-9)).astype(dtype), (middles * (1 - 1e-9)).astype(dtype)])
        arrays["times"] = np.array(["2000-01-01T00:00:01", "NaT", "1969-12-31T23:59:58"] * 40, dtype="M8[s]")
        arrays["spans"] = np.array([5, -5, "NaT", 10**12, -10**12] * 40, dtype="m8[us]")
        for name, array in arrays.items():
            self.save(name + ".npy", array)
            self.add(["isnan", name + ".npy"], np.isnat(array) if array.dtype.kind in "mM" else np.isnan(array))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for dtype in ("longdouble", "complex64", "complex128"):
                array = arrays[dtype]
                for to in ("float16", "float32", "double", "longdouble", "complex64", "complex128", "bool"):
                    self.add(["astype", dtype + ".npy", "dtype=" + to], array.astype(to))
                small = self.save("small_%s.npy" % dtype, np.round(np.clip(array.real, -100, 100)).astype(dtype)[np.isfinite(array.real)] + 0.75)
                for to in ("int8", "int32", "int64", "uint16"):
                    numbers = small.real.astype("f8") if to[0] == "i" else np.abs(small.real.astype("f8"))
                    self.save("%s_%s.npy" % (to, dtype), numbers.astype(dtype))
                    self.add(["astype", "%s_%s.npy" % (to, dtype), "dtype=" + to], numbers.astype(to))
            for dtype in TYPES:
                array = self.save("n_%s.npy" % dtype, values(self.random, dtype, 300))
                for to in ("longdouble", "complex64", "complex128"):
                    self.add(["astype", "n_%s.npy" % dtype, "dtype=" + to], array.astype(to))
        for name, units in (("times", ("D", "h", "m", "ms", "25us", "ns", "W")), ("spans", ("ms", "s", "7s", "ns", "D"))):
            for unit in units:
                to = "%s[%s]" % ("datetime64" if name == "times" else "timedelta64", unit)
                self.add(["astype", name + ".npy", "dtype=" + to], arrays[name].astype(to))
        months = self.save("months.npy", np.array(["2000-07", "1969-12", "NaT"], dtype="M8[M]"))
        self.add(["astype", "months.npy", "dtype=M8[Y]"], months.astype("M8[Y]"))
        self.run_jobs()
        done = self.run_in_folder(None, "astype", "spans.npy", "far.npy", "dtype=m8[as]")
        self.assert_refused(done, 1, "element 3 does not fit in a timedelta64[as]")
        self.assert_refused(self.run_in_folder(None, "astype", "months.npy", "days.npy", "dtype=M8[D]"), 3, "cannot convert datetime64[M] to datetime64[D]")

    def test_filter(self):
        arrays = self.save_all(3000)
        for dtype in TYPES:
            x = arrays["x", dtype]
            text = "x" if dtype == "bool" else "x>1"
            self.add(["filter", "x_%s.npy" % dtype, "expr=" + text], x[x if dtype == "bool" else x > 1])
        x = arrays["x", "float64"]
        self.add(["filter", "x_float64.npy", "expr=isnan(x)"], x[np.isnan(x)])
        self.add(["filter", "x_float64.npy", "expr=(x>0)&(x%2==0)"], x[(x > 0) & (x % 2 == 0)])
        self.add(["filter", "x_float64.npy", "expr=x>1e300 and x<0"], x[:0])
        self.add(["filter", "x_float64.npy", "expr=True"], x)
        self.save("none.npy", x[:0])
        self.add(["filter", "none.npy", "expr=x>0"], x[:0])
        people = np.zeros(2000, dtype=[("name", "U7"), ("age", "i2"), ("weight", "f4"), ("is_here", "?"), ("where", "f8", (2,))])
        people["name"] = ["n%d" % i for i in range(2000)]
        people["age"] = self.random.integers(0, 100, 2000)
        people["weight"] = self.random.uniform(3, 100, 2000)
        people["is_here"] = self.random.integers(0, 2, 2000)
        self.save("people.npy", people)
        self.add(["filter", "people.npy", "expr=(age>=18)&is_here"], people[(people["age"] >= 18) & people["is_here"]])
        self.add(["filter", "people.npy", "expr=weight/age>2"], people[people["weight"] / people["age"] > 2])
        # Rows of any type, selected by other arrays.
        y, z = self.random.integers(0, 10, 2000), self.random.standard_normal(2000)
        self.save("y.npy", y)
        self.save("z.npy", z)
        for name, rows in {
            "names": people["name"],
            "bytes": people["name"].astype("S"),
            "empty_texts": np.zeros(2000, "U0"),
            "days": people["age"].astype("m8[D]"),
            "complex": z + 1j,
            "table": self.random.standard_normal((2000, 3)),
            "block": self.random.integers(0, 99, (2000, 2, 3)).astype("i2"),
            "no_columns": np.zeros((2000, 0)),
        }.items():
            self.save(name + ".npy", rows)
            self.add(["filter", name + ".npy", "expr=(y>4)&(z<0.5)", "y=y.npy", "z=z.npy"], rows[(y > 4) & (z < 0.5)])
        self.add(["filter", "z.npy", "expr=x>w", "w=y.npy"], z[z > y])
        self.add(["filter", "people.npy", "expr=age>y*10", "y=y.npy"], people[people["age"] > y * 10])
        self.run_jobs([(None, "auto"), (3, 7), (2, 1000)])
        # Without an output file, the answer is printed.
        self.save("few.npy", np.arange(10))
        done = self.run_in_folder(2, "--format=json", "filter", "few.npy", "expr=x%3==0")
        self.assert_done(done)
        self.assertEqual(done.json["jobs"][0]["result"], [0, 3, 6, 9])

    def test_filter_of_wide_rows(self):
        """Memory is bounded by a small multiple of the rows.

        Blocks of thousands of these rows would take 128 GiB.
        """
        rows = np.zeros(3, dtype=[("n", "i4"), ("rest", "V%d" % 2**25)])
        rows["n"] = [1, 2, 3]
        for row in rows:
            row["rest"] = bytes([row["n"]]) * 2**25
        np.save(self.path("wide.npy"), rows)
        for ranks in (None, 2):
            self.assert_done(self.run_in_folder(ranks, "filter", "wide.npy", "out.npy", "expr=n!=2"))
            out = np.load(self.path("out.npy"))
            self.assertEqual((out.dtype, out["n"].tolist()), (rows.dtype, [1, 3]))
            self.assertEqual(out.tobytes(), rows[[0, 2]].tobytes())

    def test_int64_overflow_is_an_error_with_fn_and_wraps_with_expr(self):
        for text, value in (("square", 2**32), ("abs", -2**63)):
            x = self.save("over.npy", np.array([1, 2, value, 3]))
            for ranks in (None, 3):
                done = self.run_in_folder(ranks, "--chunk=1", "map", "over.npy", "out.npy", "fn=" + text)
                self.assert_refused(done, 1, "map", "chunk 2", "%s(%d)" % (text, value), "of element 2", "save the array as float64")
                done = self.run_in_folder(ranks, "--chunk=1", "map", "over.npy", "out.npy", "expr=%s(x)" % text)
                self.assert_done(done)
                np.testing.assert_array_equal(np.load(self.path("out.npy")), getattr(np, text)(x))
                os.remove(self.path("out.npy"))

    def test_errors_in_the_data(self):
        self.save("n.npy", np.array([1, 2, -3]))
        self.save("words.npy", np.array(["1", "2", "three"]))
        self.save("accents.npy", np.array(["a", "\xe9"]))
        for ranks in (None, 3):
            for words, *expected in (
                (["map", "n.npy", "out.npy", "expr=2**x"], "negative power"),
                (["astype", "words.npy", "out.npy", "dtype=int32"], "element 2", "three", "int32"),
                (["astype", "accents.npy", "out.npy", "dtype=S"], "element 1", "ASCII"),
            ):
                with self.subTest(ranks=ranks, words=words):
                    self.assert_refused(self.run_in_folder(ranks, *words), 1, words[0], *expected)

    def test_refusals_before_anything_is_loaded(self):
        self.save("x.npy", np.ones(5))
        self.save("n.npy", np.arange(5))
        self.save("small.npy", np.ones(4))
        self.save("words.npy", np.array(["a"]))
        self.save("five.npy", np.array(["a", "b", "c", "d", "e"]))
        self.save("point.npy", np.float64(1))
        self.save("complex.npy", np.ones(3, dtype=complex))
        self.save("table.npy", np.ones((3, 2)))
        self.save("texts.npy", np.zeros(3, dtype=[("a", "U3"), ("b", "f8", (2,))]))
        self.save("times.npy", np.array(["2000"], dtype="M8[s]"))
        wrong_usage = [
            ("map x.npy out.npy", "fn", "expr", "sqrt|abs|square"),
            ("map x.npy out.npy fn=cube", "cube", "sqrt|abs|square"),
            ("map x.npy out.npy fn=sqrt expr=x", "both given"),
            ("filter x.npy out.npy", "expr"),
            ("astype x.npy out.npy", "dtype"),
        ]
        could_not_start = [
            ("map x.npy out.npy expr=x+q", "expr=", "at character 3 of 'x+q'", "'q'"),
            ("map x.npy out.npy expr=x+", "the expression ends where"),
            ("map x.npy out.npy expr=x^2", "at character 2 of 'x^2'", "exclusive or", "**"),
            ("map x.npy out.npy expr=1<x<2", "(a < b) & (b < c)"),
            ("map x.npy out.npy expr=x+y y=small.npy", "shape (4,)", "(5,)"),
            ("map x.npy out.npy expr=x+y y=words.npy", "y", "str (<U1)"),
            ("map x.npy out.npy fn=sqrt y=n.npy", "y=", "expr="),
            ("map x.npy out.npy fn=sqrt dtype=complex128", "complex128", "float64"),
            ("map n.npy out.npy expr=x**-1", "negative power"),
            ("map x.npy out.npy fn=invert", "invert", "float64"),
            ("map complex.npy out.npy fn=sqrt", "complex128"),
            ("clip x.npy out.npy", "min=", "max="),
            ("clip x.npy out.npy min=low", "min=low", "number"),
            ("clip x.npy out.npy min=x", "min=x", "number"),
            ("where x.npy out.npy x=n.npy", "yvalue"),
            ("where x.npy out.npy x=n.npy xvalue=1 yvalue=2", "xvalue", "both"),
            ("where x.npy out.npy xvalue=a yvalue=2", "xvalue=a", "number"),
            ("astype x.npy out.npy dtype=float80", "float80"),
            ("astype complex.npy out.npy dtype=U", "complex128", "str"),
            ("astype times.npy out.npy dtype=M8[M]", "datetime64[s]", "datetime64[M]"),
            ("astype x.npy out.npy dtype=M8[ms]", "float64", "datetime64[ms]"),
            ("filter x.npy out.npy expr=x+1", "float64", "not bool"),
            ("filter table.npy out.npy expr=x>1", "2 axes", "y=FILE"),
            ("filter five.npy out.npy expr=x>1 y=x.npy", "'x'"),
            ("filter x.npy out.npy expr=y>1 y=small.npy", "y=", "(4,)", "5 rows"),
            ("filter x.npy out.npy expr=y>1 y=table.npy", "y=", "one axis"),
            ("filter x.npy out.npy expr=y>1 y=words.npy", "y=", "str (<U1)"),
            ("filter point.npy out.npy expr=x>1", "no axis"),
            ("filter words.npy out.npy expr=x>1", "str (<U1)"),
            ("filter texts.npy out.npy expr=a>1", "no field of numbers"),
            ("filter x.npy out.npy expr=y>1", "'y'"),
        ]
        for status, cases in ((2, wrong_usage), (3, could_not_start)):
            for ranks in (None, 2):
                for arguments, *words in cases[::1 if ranks is None else 4]:
                    with self.subTest(ranks=ranks, arguments=arguments):
                        self.assert_refused(self.run_in_folder(ranks, *arguments.split()), status, arguments.split()[0], *words)
                        self.assertFalse(os.path.exists(self.path("out.npy")))


if __name__ == "__main__":
    whole_run.main()
