# SPDX-License-Identifier: Apache-2.0
"""Usage: dtype_numpy_test.py DTYPE_PARSE

Spellings of simple types, with numpy's dtype(text) as the oracle: DTYPE_PARSE must make the same
type of each, and refuse each that numpy refuses.
"""

import itertools
import os
import subprocess
import sys
import unittest
import warnings

try:
    import numpy as np
except ImportError as error:
    print("SKIPPED: numpy is not installed (%s)" % error)
    sys.exit(0)

DTYPE_PARSE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else None
SEED = int.from_bytes(os.urandom(4), "little")

LETTERS = [chr(i) for i in range(33, 127)]
WIDTHS = ["", "0", "1", "2", "3", "4", "5", "7", "8", "16", "32", "64", "128", "08", "+4", " 8", "\t2", "-0", "- 0", "-1",
          "8 ", "8x", "2147483647", "536870911"]
UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "\u03bcs", "ns", "ps", "fs", "as", "generic", "B", "", "S", "\xb5s"]
STEPS = ["", "1", "25", "+5", " 5", "0", "-0", "-5", "2147483647", "2147483648", "5 ", "1000000"]
DIVISORS = ["", "/1", "/2", "/7", "/10", "/24", "/60", "/100", "/1000", "/3600", "/ 10", "/", "/x", "/10/10", "/86401"]
# Names that only numpy 2 or only numpy 1.24 knows are refused by the other version.
NAMES = [kind + str(bits) for kind in ["int", "uint", "float", "complex", "bool", "datetime", "timedelta", "str", "Int"]
         for bits in ["", 0, 1, 8, 16, 32, 64, 128, 256, 512]]
NAMES += [prefix + name + suffix for prefix in ["", "u", "c", "long", "single"]
          for suffix in ["", "_", "0", "c", "p", " "] for name in
          ["byte", "short", "int", "long", "longlong", "half", "single", "double", "float", "longdouble", "longfloat",
           "complex", "bool", "str", "bytes", "string", "unicode", "void", "object"]]


def numpy_says(text):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dtype = np.dtype(text)
    except (TypeError, ValueError, SyntaxError):
        return "refused"
    # By mistake, numpy accepts widths and multiples that overflow, and a week divided by a divisor
    # that does not fit.
    if dtype.itemsize < 0 or "[-" in dtype.str or ("[0" in dtype.str and "W/" in text):
        return "refused"
    return dtype.str


def mpaio_says(texts):
    lines = b"".join(text.encode() + b"\0" for text in texts)
    done = subprocess.run([DTYPE_PARSE], input=lines, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().splitlines()


class DtypeNumpyTest(unittest.TestCase):
    def assert_as_numpy(self, texts):
        texts = sorted(set(texts))
        said = mpaio_says(texts)
        self.assertEqual(len(said), len(texts))
        expected = [numpy_says(text) for text in texts]
        wrong = [(text, here, there) for text, here, there in zip(texts, said, expected) if here != there]
        self.assertEqual(wrong, [], "(text, mpaio, numpy), seed %d" % SEED)
        for some in (False, True):  # both outcomes occur
            self.assertGreater(sum((there == "refused") == some for there in expected), 5)

    def test_codes(self):
        # Lists of types ("f4,f4", "(2,)i4") are left out: mpaio reads only lists of fields.
        self.assert_as_numpy(order + letter + width for order in ["", "<", ">", "=", "|", "<<", "!"] for letter in LETTERS
                             for width in WIDTHS if not any(c in letter + width for c in ",()") and not letter.isdigit())

    def test_names(self):
        known = [name for name in getattr(np, "sctypeDict", {}) if isinstance(name, str)]
        self.assert_as_numpy(order + name for order in ["", "<", ">", "=", "|"] for name in known + NAMES)

    def test_times(self):
        self.assert_as_numpy("%s%s[%s%s%s]" % parts for parts in itertools.product(
            ["", "<", ">"], ["M8", "m8", "datetime64", "timedelta64"], STEPS, UNITS, DIVISORS)
            if not (parts[2] in ("0", "-0", "2147483647") and parts[4]))
        self.assert_as_numpy(kind + step for kind in ["M8", "m8", "M", "datetime64", "timedelta64", "i8", "datetime"]
                             for step in ["", "[", "[]", "[s", "s]", "[s]x", "[[s]]", " [s]", "[s]", "[s]//1", "x", "1"])

    def test_random_changes(self):
        random = np.random.default_rng(SEED)
        seeds = NAMES + ["<i8", ">f4", "|S12", "U33", "M8[25ns]", "m8[s/10]", "datetime64[D]", "?", "O8", "V7"]
        alphabet = list("<>=|0123456789+- []/_abcdefghiklmnoprstuxMOSUV?")
        texts = []
        for _ in range(20000):
            text = list(random.choice(seeds))
            for _ in range(random.integers(1, 3)):
                at = random.integers(len(text) + 1)
                text[at:at + random.integers(2)] = [random.choice(alphabet)] if random.integers(3) else []
            # Left out, because numpy reads a leading number as a repeat count, and divides by zero.
            bare = "".join(text).lstrip("<>=| ")
            if not bare[:1].isdigit() and "/0" not in bare and "/-" not in bare and "/+" not in bare and "/ " not in bare:
                texts.append("".join(text))
        self.assert_as_numpy(texts)


if __name__ == "__main__":
    if DTYPE_PARSE is None:
        sys.exit(__doc__)
    print("numpy %s, seed %d" % (np.__version__, SEED))
    unittest.main(argv=sys.argv[:1])
