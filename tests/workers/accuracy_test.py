# SPDX-License-Identifier: Apache-2.0
"""Floating-point sums and means of badly conditioned data are nearer to the exact ones than numpy's.

Exact values are rational (fractions.Fraction). The accuracy stated in mpaio/kernel/sum.h means for
every data set: with u = 2^-53, h the number of additions that an element takes part in, S the sum of the
magnitudes and d = 2 (h u)^2 S, the sum is the float64 nearest to a number that is within d of the
exact sum. So

    |ours - exact| <= u |exact| + 2 d        and        |ours - exact| <= |numpy's - exact| + 2 d,

because numpy's sum is a float64, too. Unlike numpy's, a float32 sum is computed in float64 and then
rounded to float32; the rounding to float64 adds u |exact| to d. A mean is the rounded sum, divided.
A single mean of numpy's may be nearer by chance, so for means the test checks the first bound, with
2 u, and the root mean square of the errors over all data sets of a type.
"""

import fractions
import math

import whole_run

np = whole_run.import_numpy()

Fraction = fractions.Fraction
SIZES = [3, 256, 1000, 4096, 10_007, 30_001, 65_536, 100_003]
# Number of data sets of each kind and type.
SETS = 16
UNIT = Fraction(1, 2**53)
# Number of data sets in one run of the program.
AT_ONCE = 100


def exact_sum(array):
    """Returns the exact sum of finite numbers, computed with integers in units of the least bit."""
    mantissas, exponents = np.frexp(array.astype("f8"))
    integers = np.ldexp(mantissas, 53).astype("i8")
    exponents = exponents.astype("i8") - 53
    total = 0
    least = int(exponents.min())
    for exponent in np.unique(exponents):
        of_these = integers[exponents == exponent]
        # Upper and lower halves are added separately, which cannot overflow.
        total += ((int((of_these >> 32).sum()) << 32) + int((of_these & 0xFFFFFFFF).sum())) << (int(exponent) - least)
    return total * Fraction(2)**least


def alternating(random, size):
    array = random.random(size)
    array[1::2] *= -1
    return array


def cancelling(random, size):
    """Pairs of x and almost -x, far apart; each pair leaves about 10^-10 of x."""
    half = random.standard_normal(size // 2) * 10.0**random.integers(-5, 6, size // 2)
    array = np.concatenate([half, -half * (1 + 1e-10 * random.standard_normal(half.size)), random.random(size % 2)])
    random.shuffle(array)
    return array


def cancelling_by_blocks(random, size):
    """Large numbers, cancelled later in the same lane, 16 elements on, or in the next leaf."""
    distance = int(random.choice([1, 8, 16, 128, 256, 512]))
    array = random.random(size)
    large = 1e12 * random.random(size)
    whole = size // (2 * distance) * 2 * distance
    large = large[:whole].reshape(-1, 2, distance)
    array[:whole] += np.stack([large[:, 0], -large[:, 0]], axis=1).ravel()
    return array


KINDS = {
    "uniform": lambda random, size: random.random(size),
    "normal": lambda random, size: random.standard_normal(size),
    "alternating": alternating,
    "cancelling": cancelling,
    "cancelling by blocks": cancelling_by_blocks,
    "wide": lambda random, size: random.standard_normal(size) * 2.0**random.integers(-60, 60, size),
    "wide, positive": lambda random, size: random.random(size) * 2.0**random.integers(-60, 60, size),
    "constant": lambda random, size: np.full(size, random.random()),
    "harmonic": lambda random, size: 1 / (random.random() + np.arange(1.0, size + 1)),
    "large": lambda random, size: random.random(size) * (1e38 / size),
}
WIDER_KINDS = {
    "very wide": lambda random, size: random.standard_normal(size) * 2.0**random.integers(-900, 900, size),
    "very large": lambda random, size: random.random(size) * (1e308 / size),
    "subnormal": lambda random, size: random.standard_normal(size) * 1e-310,
}


class AccuracyTest(whole_run.WholeRunTest):

    def answers(self, sets):
        """Returns {"sum": ..., "nansum": ...} for each data set; the nan workers get NaNs, too."""
        found = []
        for first in range(0, len(sets), AT_ONCE):
            some = sets[first:first + AT_ONCE]
            words = []
            for i, (_, array) in enumerate(some):
                np.save(self.path("a%d.npy" % i), array)
                np.save(self.path("n%d.npy" % i), np.insert(array, self.random.integers(0, array.size, 5), np.nan))
                for worker, name in (("sum", "a"), ("mean", "a"), ("nansum", "n"), ("nanmean", "n")):
                    words += ["+", worker, "%s%d.npy" % (name, i), "%s%d.npy" % (worker, i)]
            self.assert_done(self.run_in_folder(None, "--format=json", *words[1:]))
            found += [{worker: np.load(self.path("%s%d.npy" % (worker, i))) for worker in ("sum", "mean", "nansum", "nanmean")}
                      for i in range(len(some))]
        return found

    def check(self, kind, array, answers):
        """Returns the errors of sum and mean, relative to the sum of the magnitudes.

        These are mpaio's, mpaio's with skipped NaNs, and numpy's.
        """
        exact = {"sum": exact_sum(array)}
        exact["mean"] = exact["sum"] / array.size
        magnitude = exact_sum(np.abs(array))
        additions = 16 + 4 + max(0, math.ceil(math.log2(array.size / 256))) + 2
        d = 2 * (additions * UNIT)**2 * magnitude
        unit = Fraction(float(np.finfo(array.dtype).eps)) / 2
        # A float32 is rounded twice: first to a float64.
        twice = UNIT * abs(exact["sum"]) if array.dtype == "f4" else 0
        errors = {}
        for name in ("sum", "mean"):
            values = answers[name], answers["nan" + name], getattr(np, name)(array)
            self.assertEqual({value.dtype for value in values}, {array.dtype})
            ours, without_nans, numpys = (abs(Fraction(float(value)) - exact[name]) for value in values)
            with self.subTest(kind=kind, dtype=array.dtype, size=array.size, name=name, seed=whole_run.SEED):
                if name == "sum":
                    bound = min(unit * abs(exact[name]), numpys) + 2 * (d + twice)
                else:
                    # A subnormal quotient has an error of half of the smallest subnormal.
                    bound = 2 * unit * abs(exact[name]) + 2 * (d + twice) / array.size + Fraction(float(np.finfo(array.dtype).smallest_subnormal))
                self.assertLessEqual(ours, bound)
                self.assertLessEqual(without_nans, bound)
            scale = unit * magnitude / (1 if name == "sum" else array.size)
            errors[name] = [float(error / scale) for error in (ours, without_nans, numpys)]
        return errors

    def test_sums_and_means(self):
        self.random = np.random.default_rng(whole_run.SEED)
        sets = []
        for dtype in ("f8", "f4"):
            for kind, make in dict(KINDS, **(WIDER_KINDS if dtype == "f8" else {})).items():
                sets += [(kind, make(self.random, SIZES[i % len(SIZES)]).astype(dtype)) for i in range(SETS)]
        answers = self.answers(sets)
        print("errors in units of 2^-53 (float32: 2^-24) times the sum of the magnitudes")
        means = {"<f8": [], "<f4": []}
        for first in range(0, len(sets), SETS):
            kind, dtype = sets[first][0], sets[first][1].dtype.str
            errors = [self.check(*sets[i], answers[i]) for i in range(first, first + SETS)]
            for name in ("sum", "mean"):
                of_name = np.array([error[name] for error in errors])
                rms = root_mean_square(of_name)
                print("%-20s %s %-4s  rms %-8.3g without NaNs %-8.3g numpy's %-8.3g  largest %-8.3g %-8.3g numpy's %.3g" %
                      ((kind, dtype, name) + tuple(rms) + tuple(of_name.max(axis=0))))
                if name == "sum":
                    self.assertLessEqual(max(rms[:2]), rms[2] + 1e-9)
                elif kind != "subnormal":
                    means[dtype].append(of_name)
        for dtype, of_type in means.items():
            rms = root_mean_square(np.concatenate(of_type))
            print("all means of %s: rms %.3g without NaNs %.3g numpy's %.3g" % ((dtype,) + tuple(rms)))
            self.assertLessEqual(max(rms[:2]), rms[2])


    def test_variances_around_large_means(self):
        """An error that is small relative to a large mean is large relative to the deviations."""
        random = np.random.default_rng(whole_run.SEED)
        arrays = []
        for size in (200, 300, 5003, 50000):
            arrays += [
                random.normal(size=size),
                1e9 + random.normal(size=size),
                1e12 + random.normal(size=size),
                1e15 + random.integers(0, 5, size),
                1_700_000_000_000_000 + random.integers(0, 10, size),
                np.linspace(1e6, 1e6 + 1, size),
                (1e4 + random.normal(size=size)).astype("f4"),
                np.repeat([1e9, 1e9 + 1], [size - 1, 1]),
            ]
        words = []
        for i, array in enumerate(arrays):
            np.save(self.path("a%d.npy" % i), array)
            # The same numbers as lanes of a table, each of which is reduced on its own.
            np.save(self.path("l%d.npy" % i), np.stack([array, array[::-1]], axis=i % 2))
            words += ["+", "var", "a%d.npy" % i, "v%d.npy" % i, "+", "var", "l%d.npy" % i, "w%d.npy" % i, "axis=%d" % (1 - i % 2)]
        self.assert_done(self.run_in_folder(None, *words[1:]))
        worst = {"ours": 0.0, "numpy's": 0.0}
        for i, array in enumerate(arrays):
            numbers = [Fraction(x) for x in array.tolist()]
            center = numbers[0]
            total, squares = sum(x - center for x in numbers), sum((x - center)**2 for x in numbers)
            exact = (squares - total**2 / len(numbers)) / len(numbers)
            for ours in [np.load(self.path("v%d.npy" % i)), *np.load(self.path("w%d.npy" % i))]:
                self.assertEqual(ours.dtype, np.var(array).dtype)
                error = float(abs(Fraction(float(ours)) - exact) / exact)
                with self.subTest(i=i, size=array.size, seed=whole_run.SEED):
                    self.assertLessEqual(error, 2e-14 + np.finfo(ours.dtype).eps)
                if ours.dtype == "f8":
                    worst["ours"] = max(worst["ours"], error)
            if np.var(array).dtype == "f8":
                worst["numpy's"] = max(worst["numpy's"], float(abs(Fraction(float(np.var(array))) - exact) / exact))
        print("largest relative errors of variances", worst)
        self.assertLessEqual(worst["ours"], worst["numpy's"])


def root_mean_square(errors):
    return np.sqrt(np.mean(np.square(errors), axis=0))


if __name__ == "__main__":
    whole_run.main()
