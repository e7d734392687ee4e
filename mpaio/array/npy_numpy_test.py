"""Usage: npy_numpy_test.py NPY_COPY

Reading and writing of .npy files, with numpy as the oracle: what NPY_COPY makes of a file must be, byte for byte, what
numpy.save writes; what mpaio does not take must be refused by name.
"""

import os
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
except ImportError as error:
    print("SKIPPED: numpy is not installed (%s)" % error)
    sys.exit(0)

NPY_COPY = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else None
SHAPES = [(), (0,), (1,), (3, 4), (2, 3, 4), (0, 3), (3, 0), (1, 1, 1, 5), (10**6,)]
SEED = int.from_bytes(os.urandom(4), "little")


def copy(source, target):
    return subprocess.run([NPY_COPY, source, target], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


def random_array(dtype, shape, random):
    """Any bytes at all for numbers (NaNs too); words of any length up to the width for strings."""
    count = int(np.prod(shape, dtype=np.int64))
    dtype = np.dtype(dtype)
    if dtype.kind in "if":
        return np.frombuffer(random.bytes(count * dtype.itemsize), dtype=dtype).reshape(shape).copy()
    alphabet = list("abc \x00\x7f") + (list("\xe9\u20ac\ud800\U0001f600\U0010ffff") if dtype.kind == "U" else [])
    width = dtype.itemsize // (4 if dtype.kind == "U" else 1)
    words = ["".join(random.choice(alphabet, random.integers(0, width + 1))) for _ in range(min(count, 500))]
    if dtype.kind == "S":
        words = [word.encode("latin1") for word in words]
    return np.resize(np.array(words + [words[0] if words else ""], dtype=dtype), count).reshape(shape)


class NpyNumpyTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.source = os.path.join(self.directory.name, "source.npy")
        self.target = os.path.join(self.directory.name, "target.npy")

    def tearDown(self):
        self.directory.cleanup()

    def assert_copied(self, message):
        done = copy(self.source, self.target)
        self.assertEqual(done.returncode, 0, (message, done.stderr))
        with open(self.source, "rb") as source, open(self.target, "rb") as target:
            self.assertEqual(source.read(), target.read(), message)

    def assert_refused(self, *words):
        done = copy(self.source, self.target)
        text = done.stderr.decode()
        self.assertEqual(done.returncode, 1, text)
        self.assertEqual(text.count("\n"), 1, text)
        for word in words:
            self.assertIn(word, text)
        self.assertEqual(os.listdir(self.directory.name), ["source.npy"])

    def test_copies_are_what_numpy_saves(self):
        random = np.random.default_rng(SEED)
        for dtype in ["<i8", "<f8", "U1", "U6", "U40", "S1", "S5", "S33"]:
            for shape in SHAPES:
                array = random_array(dtype, shape, random)
                self.assertEqual((array.dtype, array.shape), (np.dtype(dtype), shape))
                np.save(self.source, array)
                self.assert_copied((dtype, shape, "seed %d" % SEED))

    def test_header_padding_at_every_length(self):
        # Each further axis makes the header longer by 3 bytes, each further digit by 1: over 64 lengths in a row.
        for axes in range(22):
            for digits in range(1, 4):
                np.save(self.source, np.zeros((0, 10**(digits - 1)) + (1,) * axes))
                self.assert_copied((axes, digits))

    def test_versions_two_and_three(self):
        array = np.arange(12).reshape(3, 4)
        np.save(self.target, array)
        with open(self.target, "rb") as file:
            expected = file.read()
        for version in [(1, 0), (2, 0), (3, 0)]:
            with open(self.source, "wb") as file:
                np.lib.format.write_array(file, array, version=version)
            self.assertEqual(copy(self.source, self.target).returncode, 0)
            with open(self.target, "rb") as file:
                self.assertEqual(file.read(), expected, version)

    def test_other_layouts_that_numpy_saves_in_c_order(self):
        for array in [np.arange(24).reshape(4, 6)[::2, ::3], np.arange(5)[::-1], np.asfortranarray(np.arange(5)),
                      np.asfortranarray(np.zeros((1, 5))), np.asfortranarray(np.zeros((0, 5)))]:
            np.save(self.source, array)
            self.assert_copied(array.shape)

    def test_copy_is_what_numpy_loads(self):
        words = np.array(["a", "", "caf\xe9", "x\x00y", "\U0001f600"])
        np.save(self.source, words)
        self.assert_copied("words")
        self.assertEqual(np.load(self.target).tolist(), words.tolist())

    def test_other_types_are_refused_by_name(self):
        for dtype in ["?", "i1", "i2", "i4", "u1", "u2", "u4", "u8", "f2", "f4", "g", "F", "D", "G"]:
            np.save(self.source, np.zeros(3, dtype=dtype))
            self.assert_refused("holds %s, which mpaio does not take" % np.dtype(dtype).name, "; save ")
        for dtype, name in [(">i8", "int64 (>i8)"), (">f8", "float64 (>f8)"), (">U3", "str (>U3)"), ("V5", "void (|V5)"),
                            ("M8[ns]", "datetime64[ns]"), ("m8[25s]", "timedelta64[25s]")]:
            np.save(self.source, np.zeros(3, dtype=dtype))
            self.assert_refused("holds %s, which mpaio does not take" % name, "; save ")

    def test_remedies_work(self):
        for array, remedy in [
                (np.zeros(3, dtype=">U3"), "a.astype('<U3')"),
                (np.zeros(3, dtype="f4"), "a.astype('float64')"),
                (np.zeros(3, dtype="V5"), "a.view('S5')"),
                (np.zeros(3, dtype="M8[s]"), "a.astype('int64')"),
                (np.zeros(3, dtype=[("x", "<f8"), ("y", "<i4")]), "a['x']"),
                (np.array([1, "x"], dtype=object), "a.astype(str)"),
                (np.asfortranarray(np.ones((3, 4))), "numpy.ascontiguousarray(a)"),
        ]:
            np.save(self.source, array)
            self.assert_refused(remedy)
            np.save(self.source, eval(remedy, {"a": array, "numpy": np}))
            self.assert_copied(remedy)
            os.remove(self.target)

    def test_objects_are_refused(self):
        np.save(self.source, np.array([1, "x", None], dtype=object))
        self.assert_refused("Python objects (a pickle)")

    def test_structured_arrays_are_refused(self):
        np.save(self.source, np.zeros(3, dtype=[("x", "<f8"), ("y", "<i4", (2,))]))
        self.assert_refused("structured elements, [('x', '<f8'), ('y', '<i4', (2,))]")

    def test_fortran_order_is_refused(self):
        np.save(self.source, np.asfortranarray(np.arange(12).reshape(3, 4)))
        self.assert_refused("Fortran order, shape (3, 4)")

    def test_archives_and_cut_files_are_refused(self):
        with open(self.source, "wb") as file:
            np.savez(file, np.arange(3))
        self.assert_refused(".npz")
        np.save(self.source, np.arange(3))
        os.truncate(self.source, os.path.getsize(self.source) - 1)
        self.assert_refused("truncated: its header promises 24 bytes of data, the file holds 23")


if __name__ == "__main__":
    if NPY_COPY is None:
        sys.exit(__doc__)
    print("numpy %s, seed %d" % (np.__version__, SEED))
    unittest.main(argv=sys.argv[:1])
