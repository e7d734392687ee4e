# SPDX-License-Identifier: Apache-2.0
"""Usage: npy_numpy_test.py NPY_COPY

Reading and writing of arrays, with numpy as the oracle. NPY_COPY must turn a file that numpy has
saved into the file, byte for byte, that numpy.save writes for the same array in C order and this
machine's byte order. It must refuse arrays that mpaio does not support, with a message that names
the type.
"""

import bz2
import gzip
import io
import lzma
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest
import warnings
import zipfile

try:
    import numpy as np
    import numpy.lib.recfunctions
except ImportError as error:
    print("SKIPPED: numpy is not installed (%s)" % error)
    sys.exit(0)

NPY_COPY = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else None
SHAPES = [(), (0,), (1,), (7919,), (3, 4), (2, 3, 4), (0, 3), (3, 0, 2), (1, 1, 1, 5), (5, 1, 3, 2, 2)]
SEED = int.from_bytes(os.urandom(4), "little")

UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "25ns", "10D", "100ms"]
SIMPLE = (["?", "i1", "u1", "S0", "S1", "S5", "S33", "V0", "V1", "V7"] +
          [order + code for order in "<>" for code in
           ["i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8", np.dtype("g").str[1:], "c8", "c16",
            np.dtype("G").str[1:], "U0", "U1", "U5", "U33", "M8", "m8"] +
           ["M8[%s]" % unit for unit in UNITS] + ["m8[%s]" % unit for unit in UNITS]])
STRUCTURED = [
    [("a", "<i4")],
    [("a", ">i4"), ("b", "<f8")],
    [("a", "i1"), ("b", ">f8"), ("c", "S3"), ("d", ">U2"), ("e", "?")],
    [("x", "<f8", (3,)), ("y", ">i2", (2, 2))],
    [("x", ">f4", (1,)), ("y", "u1", (0,)), ("z", ">u2")],
    [("n", [("a", ">i2"), ("b", "S3")]), ("m", [("c", ">f8")], (2, 3))],
    [("deep", [("deeper", [("deepest", [("a", ">i4"), ("b", "i1")], (2,))], (3,)), ("b", ">c8")])],
    [(("a title", "a"), "<i4"), (("", "b"), ">i4")],
    [("caf\xe9", "<i4"), ("\xff", "<i2")],
    [("\u20ac", ">i4"), ("\U0001f600", "S1")],
    [("it's", "i1"), ('say "x"', "i1"), ("it's \"x\"", "i1"), ("\\back\n\t\r\x00\x7f", "i1")],
    [("\xa0\xad\u200b\u2028\ue000\U000e0001\ud800", "i1")],
    [("t", ">M8[25ns]"), ("d", "<m8[D]"), ("h", ">f2"), ("g", np.dtype("g").newbyteorder(">")), ("v", "V3")],
    [("s0", "S0"), ("u0", ">U0"), ("i", ">i4")],
    [("name%d" % i, ">i4" if i % 3 else "S1") for i in range(300)],
    [("a", "V0")],
    [],
    np.dtype([("a", "i1"), ("b", "<f8"), ("c", "i2")], align=True),
    np.dtype([("a", "i1"), ("n", np.dtype([("x", "i1"), ("y", ">i4")], align=True), (2,)), ("c", "i2")], align=True),
    np.dtype({"names": ["a", "b"], "formats": [">i4", "S2"], "offsets": [3, 11], "itemsize": 17}),
    np.dtype({"names": [], "formats": [], "itemsize": 5}),
]


def run(*arguments, **options):
    return subprocess.run([NPY_COPY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, **options)


def random_array(dtype, shape, random):
    """Random bytes (NaNs, NaTs, lone surrogates), except for code points, which numpy checks, and
    padding."""
    count = int(np.prod(shape, dtype=np.int64))
    dtype = np.dtype(dtype)
    array = np.zeros(count, dtype=dtype) if dtype.itemsize else np.ndarray((count,), dtype=dtype)

    def fill(part):
        if part.dtype.names is not None:
            for name in part.dtype.names:
                fill(part[name])
        elif part.dtype.kind == "U":
            width = part.dtype.itemsize // 4
            alphabet = np.array([0, 0, 97, 98, 32, 127, 0xE9, 0x20AC, 0xD800, 0x1F600, 0x10FFFF], dtype="u4")
            points = random.choice(alphabet, part.shape + (width,)).astype(part.dtype.newbyteorder("=").byteorder + "u4")
            flat = np.ascontiguousarray(points.astype(part.dtype.byteorder.replace("|", "=") + "u4"))
            if width:
                part[...] = flat.view(part.dtype)[..., 0]
        elif part.dtype.itemsize:
            raw = random.bytes(part.size * part.dtype.itemsize)
            if part.dtype.kind == "b":
                raw = bytes(byte & 1 for byte in raw)
            values = np.frombuffer(raw, dtype=part.dtype).reshape(part.shape)
            part[...] = values
            if part.dtype.kind in "mM" and part.size:
                part.flat[0] = "NaT"

    fill(array)
    return array.reshape(shape)


def native(array):
    """The same array in C order and this machine's byte order, padding included."""
    def swap(dtype):
        if dtype.subdtype is not None:
            return np.dtype((swap(dtype.subdtype[0]), dtype.subdtype[1]))
        if dtype.names is None:
            return dtype.newbyteorder("=")
        fields = [dtype.fields[name] for name in dtype.names]
        return np.dtype({"names": list(dtype.names), "formats": [swap(field[0]) for field in fields],
                         "offsets": [field[1] for field in fields],
                         "titles": [field[2] if len(field) > 2 else None for field in fields], "itemsize": dtype.itemsize})

    wanted = swap(array.dtype)
    if wanted.itemsize == 0 or array.size == 0:
        return np.ndarray(array.shape, dtype=wanted)
    # Copied as raw bytes, since a copy of structured elements need not preserve their padding.
    raw = np.array(np.asarray(array).view("V%d" % wanted.itemsize), order="C", copy=True).reshape(array.shape)
    result = raw.view(wanted)

    def assign(to, source):
        if to.dtype.names is None:
            if source.dtype.itemsize == 0:
                return
            unswapped = source.dtype.byteorder in "|=" or source.dtype.newbyteorder("=").byteorder == source.dtype.byteorder
            values = np.ascontiguousarray(source)
            # Bytes, not values, so that a signalling NaN is preserved.
            to[...] = (values if unswapped else values.byteswap().view(to.dtype)).reshape(to.shape)
        else:
            for name in to.dtype.names:
                assign(to[name], source[name])

    assign(result, array)
    return result


def saved(array):
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.save(file, array)
    return file.getvalue()


def with_header(descr, shape, data):
    """A file with the given header."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue() + data


class NpyNumpyTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.source = os.path.join(self.directory.name, "source.npy")
        self.target = os.path.join(self.directory.name, "target.npy")
        self.random = np.random.default_rng(SEED)

    def tearDown(self):
        self.directory.cleanup()

    def write(self, contents):
        with open(self.source, "wb") as file:
            file.write(contents)

    def assert_target(self, done, expected, message):
        self.assertEqual(done.returncode, 0, (message, "seed %d" % SEED, done.stderr))
        with open(self.target, "rb") as target:
            found = target.read()
        self.assertTrue(found == expected, (message, "seed %d" % SEED, found[:200], expected[:200]))

    def assert_copied(self, message, expected=None):
        with open(self.source, "rb") as source:
            expected = source.read() if expected is None else expected
        self.assert_target(run(self.source, self.target), expected, message)

    def assert_refused(self, *words, source=None, stdin=None):
        done = run(source or self.source, self.target, input=stdin)
        text = done.stderr.decode()
        self.assertEqual(done.returncode, 1, text)
        self.assertEqual(text.count("\n"), 1, text)
        self.assertLess(len(text), 2000, text)
        for word in words:
            self.assertIn(word, text)
        self.assertFalse(os.path.exists(self.target))

    def test_every_simple_type_in_every_shape(self):
        for dtype in SIMPLE:
            for shape in SHAPES:
                array = random_array(dtype, shape, self.random)
                for order in "CF":
                    if order == "F" and (array.ndim < 2 or array.size == 0):
                        continue
                    ordered = np.asarray(array, order=order) if array.dtype.itemsize else array
                    self.write(saved(ordered))
                    self.assert_copied((dtype, shape, order), saved(native(array)))
                if array.dtype.itemsize == 0 or "[" in dtype:
                    break  # one shape is enough for times, and for elements without bytes

    def test_every_structured_type(self):
        for dtype in STRUCTURED:
            for shape in [(), (0,), (1,), (211,), (3, 4), (2, 3, 5)]:
                array = random_array(dtype, shape, self.random)
                for order in "CF":
                    ordered = np.array(array, order=order) if array.dtype.itemsize else array
                    contents = saved(ordered)
                    self.write(contents)
                    # Compare with the array that numpy loads from its own file, which does not
                    # record that a type was aligned, for instance.
                    again = np.load(self.source)
                    self.assert_copied((dtype, shape, order), saved(native(again)))

    def test_structured_types_keep_their_fields(self):
        for dtype in STRUCTURED:
            if isinstance(dtype, np.dtype):
                continue
            array = random_array(dtype, (5,), self.random)
            self.write(saved(array))
            self.assert_copied(dtype, saved(native(array)))
            self.assertEqual(np.load(self.target).dtype.names, array.dtype.names)

    def test_large_arrays_in_both_orders(self):
        for dtype, shape in [("<f8", (1, 10**6)), ("<f8", (1009, 1013)), (">f8", (1024, 1024)), ("<i2", (3, 700001)),
                             ("<i2", (700001, 3)), ("u1", (2, 100003, 3)), (">c16", (37, 41, 43)), ("S5", (331, 337)),
                             ([("a", ">i4"), ("b", "S3")], (401, 409)), (">U3", (5, 7, 11, 13, 17)), ("V70000", (3, 5)),
                             ("V5000000", (2, 2)), ([("a", ">f8", (3000,)), ("b", "i1")], (4, 21)), ("u1", (2,) * 20),
                             ([("a", ">f8", (3000,)), ("b", "i1")], (90,))]:
            array = random_array(dtype, shape, self.random)
            expected = saved(native(array))
            for order in "CF":
                self.write(saved(np.asarray(array, order=order)))
                self.assert_copied((dtype, shape, order), expected)
                with open(self.source, "rb") as source:
                    self.assert_target(run("-", self.target, stdin=source), expected, ("stdin", dtype, shape, order))
                np.savez_compressed(self.source + ".npz", x=np.asarray(array, order=order))
                self.assert_target(run(self.source + ".npz", self.target), expected, ("npz", dtype, shape, order))

    def test_header_padding_at_every_length(self):
        # Each further axis makes the header longer by 3 bytes, each further digit by 1: over 64 lengths in a row.
        for axes in range(22):
            for digits in range(1, 4):
                self.write(saved(np.zeros((0, 10**(digits - 1)) + (1,) * axes)))
                self.assert_copied((axes, digits))

    def test_versions_two_and_three(self):
        for array in [np.arange(12).reshape(3, 4), np.zeros(3, dtype=[("caf\xe9", ">i4")])]:
            for version in [(1, 0), (2, 0), (3, 0)]:
                with open(self.source, "wb") as file, warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    np.lib.format.write_array(file, array, version=version)
                self.assert_copied(version, saved(native(array)))

    def test_headers_over_64_kib(self):
        # Version 1 up to 65535 bytes of text, version 2 above, version 3 if not Latin-1.
        versions = set()
        for letters in list(range(65400, 65480)) + [200000]:
            for letter in "x\xe9\u20ac":
                contents = saved(np.zeros(3, dtype=[(letter * letters, ">i4")]))
                versions.add(contents[6])
                if letters % 16 and letters < 200000:
                    continue
                self.write(contents)
                self.assert_copied((letters, letter), saved(np.zeros(3, dtype=[(letter * letters, "<i4")])))
        self.assertEqual(versions, {1, 2, 3})

    def test_layouts_that_numpy_saves_in_c_order(self):
        for array in [np.arange(24).reshape(4, 6)[::2, ::3], np.arange(5)[::-1], np.asfortranarray(np.arange(5)),
                      np.asfortranarray(np.zeros((1, 5))), np.asfortranarray(np.zeros((0, 5)))]:
            self.write(saved(array))
            self.assert_copied(array.shape, saved(np.ascontiguousarray(array).reshape(array.shape)))

    def test_a_sub_array_type_becomes_axes(self):
        data = np.arange(30, dtype="<i4")
        self.write(with_header(("<i4", (2, 3)), (5,), data.tobytes()))
        self.assert_copied("sub-array", saved(data.reshape(5, 2, 3)))

    def test_headers_with_names_of_types(self):
        # As libraries other than numpy write them.
        for descr in ["float32", "int", "double", "uint8", "bool", "complex64", "datetime64[D]", "=i4", ("half", (2,)),
                      [("a", "float32"), ("b", "int16", (2,))]]:
            plain = np.zeros(3, np.lib.format.descr_to_dtype(descr))
            self.write(with_header(descr, (3,), plain.tobytes()))
            self.assert_copied(descr, saved(plain))

    def test_members_of_archives(self):
        arrays = {"ints": np.arange(1000), "words": np.array(["a", "caf\xe9"]), "f": np.asfortranarray(np.eye(30, 41)),
                  "swapped": np.arange(7000, dtype=">i4"), "arr_0": np.zeros((0, 3)), "a:b/c d": np.float64(3),
                  "records": random_array(STRUCTURED[5], (100,), self.random)}
        path = os.path.join(self.directory.name, "many.npz")
        for save in [np.savez, np.savez_compressed]:
            save(path, **arrays)
            for name, array in arrays.items():
                for suffix in ["", ".npy"]:
                    self.assert_target(run("%s:%s%s" % (path, name, suffix), self.target), saved(native(array)), (save, name))
            os.remove(self.target)
            self.assert_refused("has several arrays; say which", "ints, words, f, swapped", source=path)
            self.assert_refused("has no array other; it has: ints, words", source=path + ":other")
            one = os.path.join(self.directory.name, "told by contents")
            with open(one, "wb") as file:
                save(file, arrays["ints"])
            self.assert_target(run(one, self.target), saved(arrays["ints"]), save)
            os.remove(self.target)

    def test_a_name_that_an_archive_has_several_times(self):
        path = os.path.join(self.directory.name, "dup.npz")
        names = ["x.npy", "x", "y.npy", "x.npy.npy", "y.npy.npy"]
        for round in range(60):
            members = self.random.choice(names, self.random.integers(1, 6))
            with zipfile.ZipFile(path, "w", self.random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
                for length, name in enumerate(members):
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")  # "Duplicate name"
                        archive.writestr(name, saved(np.arange(length)))
            with np.load(path) as archive:
                for key in ["x", "y", *names]:
                    if key in members or key + ".npy" in members:
                        done = run("%s:%s" % (path, key), self.target)
                        self.assert_target(done, saved(archive[key]), (round, members, key))
                        os.remove(self.target)
                    else:
                        self.assert_refused("has no array " + key, source="%s:%s" % (path, key))
                if len(set(members)) == 1:
                    self.assert_target(run(path, self.target), saved(archive[members[0]]), (round, members))
                    os.remove(self.target)
                else:
                    self.assert_refused("has several arrays", source=path)

    def test_a_name_with_a_colon_is_a_name_first(self):
        for name in ["a:b.npy", "raw:<i4:x"]:
            path = os.path.join(self.directory.name, name)
            with open(path, "wb") as file:
                np.save(file, np.arange(3))
            self.assert_target(run(path, self.target), saved(np.arange(3)), name)
            done = run(name, self.target, cwd=self.directory.name)
            self.assert_target(done, saved(np.arange(3)), name)

    def test_raw_bytes(self):
        path = os.path.join(self.directory.name, "a:0.bin")
        array = random_array(">i4", (12, 5), self.random)
        with open(path, "wb") as file:
            file.write(array.tobytes())
        for form, shape in [("raw:>i4:12x5:", (12, 5)), ("raw:>i4:-1x5:", (12, 5)), ("raw:>i4:12x-1:", (12, 5)),
                            ("raw:>i4:-1:", (60,)), ("raw:>i4:", (60,)), ("raw:>i4:2x-1x3:", (2, 10, 3)), ("raw:>i4:60:", (60,))]:
            self.assert_target(run(form + path, self.target), saved(native(array).reshape(shape)), form)
        records = np.dtype([("a:b", ">i2"), ("c", "S2")])
        self.assert_target(run("raw:[('a:b', '>i2'), ('c', 'S2')]:%s" % path, self.target),
                           saved(native(array.reshape(60).view(records))), "records")
        self.assert_target(run("raw:float32:12x5:%s" % path, self.target),
                           saved(np.frombuffer(array.tobytes(), dtype="float32").reshape(12, 5)), "a name")
        self.assert_target(run("raw:M8[25ns]:3x10:%s" % path, self.target),
                           saved(np.frombuffer(array.tobytes(), dtype="M8[25ns]").reshape(3, 10)), "times")
        self.assert_target(run("raw:>i4:12x5:-", self.target, input=array.tobytes()), saved(native(array)), "stdin")
        os.remove(self.target)
        for form, words in [("raw:>i4:12x6:", ["holds 240 bytes, but int32 (>i4) (12, 6) takes 288"]),
                            ("raw:>i4:12x4:", ["takes 192"]), ("raw:i4:-1x7:", ["not a multiple of the 28"]),
                            ("raw:i4:-1x-1:", ["only one extent"]), ("raw:i4:-1x0:", ["cannot be counted"]),
                            ("raw:O:", ["Python objects"]), ("raw:int33:", ["'int33' is not a type"]),
                            ("raw:", ["is not a type of numpy"]), ("raw:[('a'):", ["',' is expected"]),
                            ("raw:S0:", ["cannot be counted"]), ("raw:i8:99999999999999999999:", ["there is no file"]),
                            ("raw:i8:9223372036854775807:", ["larger than 2^62 bytes"]), ("raw:T:", ["StringDType"])]:
            self.assert_refused(*words, source=form + path)
        self.assert_refused("there is no file after the type", source="raw:i4:")
        self.assert_refused("there is no file after the type", source="raw:i4")
        self.assert_refused("there is no file gone; check the path", source="raw:i4:gone")
        self.assert_refused("give the whole shape", source="raw:i4:-", stdin=b"")
        self.assert_refused("truncated", source="raw:i4:10:-", stdin=b"123")
        self.assert_refused("at least 1 bytes more", source="raw:i4:1:-", stdin=b"12345")

    def test_standard_input(self):
        for array in [np.arange(100000), random_array(">f4", (300, 400), self.random), np.float64(1), np.zeros((0, 3)),
                      np.asfortranarray(np.arange(10**6).reshape(100, 100, 100))]:
            self.assert_target(run("-", self.target, input=saved(array)), saved(native(array)), array.shape)
        os.remove(self.target)
        contents = saved(np.arange(1000))
        self.assert_refused("standard input is truncated", "promises 8000 bytes of data, the file holds 7999", source="-",
                            stdin=contents[:-1])
        self.assert_refused("standard input holds at least 1 bytes more", source="-", stdin=contents + b"x")
        self.assert_refused("standard input is not a .npy file: it is empty", source="-", stdin=b"")
        self.assert_refused("standard input is truncated: it ends within its header", source="-", stdin=contents[:11])
        archive = io.BytesIO()
        np.savez(archive, np.arange(3))
        self.assert_refused("zip archive", source="-", stdin=archive.getvalue())

    def test_remedies_work(self):
        for array, remedy in [(np.array([1, 2], dtype=object), "a.astype('U')"),
                              (np.array([1, 2], dtype=object), "a.astype('int64')"),
                              (np.zeros(3, dtype=[("x", "<f8"), ("o", "O"), ("y", "i1")]), "numpy.lib.recfunctions.repack_fields(a[['x', 'y']])")]:
            self.write(saved(array))
            self.assert_refused(remedy)
            self.write(saved(eval(remedy, {"a": array, "numpy": np})))
            self.assert_copied(remedy)
            os.remove(self.target)

    def test_unsupported_types_are_refused_by_name(self):
        for contents, words in [
                (saved(np.array([1, "x", None], dtype=object)), ["Python objects (a pickle)"]),
                (saved(np.zeros(3, dtype=[("x", [("o", "O")])])), ["Python objects (a pickle) in a field of structured"]),
                (with_header("<f12", (3,), b""), ["'<f12' is the long double of another kind of machine"]),
                (with_header([("x", ">c24")], (3,), b""), ["'>c24' is the long double of another kind of machine"]),
                (with_header("|T16", (3,), b""), ["StringDType", "a.astype('U')"]),
                (with_header("<x9", (3,), b""), ["'<x9' is not a type of numpy"])]:
            self.write(contents)
            self.assert_refused(*words)

    def test_files_that_come_with_numpy(self):
        folder = os.path.join(os.path.dirname(np.lib.__file__), "tests", "data")
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        tried = 0
        for name in names:
            if not name.endswith((".npy", ".npz")):
                continue
            tried += 1
            path = os.path.join(folder, name)
            try:
                with np.load(path, allow_pickle=False) if name.endswith("z") else open(path) as loaded:
                    array = loaded[loaded.files[0]] if name.endswith("z") else np.load(path, allow_pickle=False)
            except ValueError:
                self.assert_refused("Python objects (a pickle)", source=path)
                continue
            self.assert_target(run(path, self.target), saved(native(array)), name)
            os.remove(self.target)
        print("%d files of numpy's own tests" % tried)

    def test_cut_and_lengthened_files(self):
        for array in [np.arange(3), np.zeros(2, dtype=[("caf\xe9", "<i4"), ("\u20ac", "S1")])]:
            contents = saved(array)
            for size in range(len(contents)):
                self.write(contents[:size])
                self.assert_refused("truncated" if size else "it is empty")
            self.write(contents + contents)
            self.assert_refused("holds %d bytes more than its header promises" % len(contents), "numpy.save")

    def test_files_that_are_something_else(self):
        array = np.arange(1000.0)
        csv, tar = io.StringIO(), io.BytesIO()
        np.savetxt(csv, array.reshape(-1, 4), "%g", delimiter=",")
        with tarfile.open(fileobj=tar, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("a.npy"))
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 8128\n" % (b"5e" * 32)
        for contents, words in [
                (pointer, ["a git-lfs pointer", "git lfs pull"]),
                (b"<!DOCTYPE html>\n<html><title>Sign in</title></html>\n", ["a web page (HTML)", "download"]),
                (gzip.compress(saved(array)), ["compressed with gzip", "gunzip"]),
                (bz2.compress(saved(array)), ["compressed with bzip2", "bunzip2"]),
                (lzma.compress(saved(array)), ["compressed with xz", "unxz"]),
                (pickle.dumps(array, 0), ["not a .npy file"]),
                (pickle.dumps(array, 2), ["a pickle", "numpy.save"]),
                (pickle.dumps(array), ["a pickle", "numpy.save"]),
                (csv.getvalue().encode(), ["a table in text (CSV)", "numpy.loadtxt"]),
                (b"1 2 3\n" * 2000, ["but text", "numpy.loadtxt"]),
                (b"\x89HDF\r\n\x1a\n" + bytes(5000), ["an HDF5 file", "numpy.save"]),
                (b"CDF\x02" + bytes(100), ["a netCDF file", "numpy.save"]),
                (b"PAR1" + bytes(100), ["a Parquet file", "numpy.save"]),
                (b"\x89PNG\r\n\x1a\n" + bytes(100), ["a PNG image", "numpy.save"]),
                (b"%PDF-1.7\n" + bytes(100), ["a PDF document"]),
                (b"MATLAB 5.0 MAT-file" + bytes(200), ["a MATLAB file", "scipy.io.loadmat"]),
                (b"SIMPLE  =" + b" " * 3000, ["a FITS file", "astropy"]),
                (bytes([1, 2, 3, 4]) * 100, ["not a .npy file: it starts with", "raw:<f8"])]:
            self.write(contents)
            self.assert_refused(*words)
            self.assert_refused(words[0].split(" (")[0], source="-", stdin=contents)
            path = os.path.join(self.directory.name, "a.npz")
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("x.npy", contents)
            self.assert_refused("a.npz:x is not a .npy file", *words, source=path)
        self.write(tar.getvalue())
        self.assert_refused("a tar archive", "unpack")
        self.write(pointer)
        self.assert_refused("a git-lfs pointer", source=self.source + ":x")
        self.assert_refused("check type and shape; it seems to be a git-lfs pointer", "git lfs pull", source="raw:f8:125x8:" + self.source)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("[Content_Types].xml", "<Types/>")
            archive.writestr("xl/workbook.xml", "<workbook/>")
        for member in ["", ":x"]:
            self.assert_refused("is not a .npy or .npz file but an Office document", source=path + member)
        zarr = os.path.join(self.directory.name, "a.zarr")
        os.mkdir(zarr)
        self.assert_refused("is a directory", source=zarr)
        with open(os.path.join(zarr, ".zarray"), "w") as file:
            file.write("{}")
        self.assert_refused("is not a .npy or .npz file but a Zarr array", source=zarr)

    def test_damaged_archives(self):
        path = os.path.join(self.directory.name, "a.npz")
        for save in [np.savez, np.savez_compressed]:
            save(path, x=np.arange(5000))
            with open(path, "rb") as file:
                contents = file.read()
            for size in [4, 30, 100, len(contents) // 2, len(contents) - 23, len(contents) - 1]:
                with open(path, "wb") as file:
                    file.write(contents[:size])
                self.assert_refused("damaged zip archive", source=path)
            # One changed byte of the data: the checksum reveals it.
            damaged = bytearray(contents)
            damaged[len(contents) - 200] ^= 1
            with open(path, "wb") as file:
                file.write(damaged)
            self.assert_refused("is a damaged zip archive", source=path)
            # The directory gives sizes that the data does not have.
            central = contents.rindex(b"PK\x01\x02")
            size, = struct.unpack_from("<I", contents, central + 24)
            for change in [-1, 1, -8, 4096, 2**31]:
                lying = bytearray(contents)
                struct.pack_into("<I", lying, central + 24, (size + change) % 2**32)
                with open(path, "wb") as file:
                    file.write(lying)
                self.assert_refused(source=path)
        with zipfile.ZipFile(path, "w") as archive:
            pass
        self.assert_refused("without an array", source=path)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", saved(np.arange(3)) + b"more")
        self.assert_refused("holds 4 bytes more", source=path)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", saved(np.arange(3))[:-1])
        self.assert_refused("truncated", source=path)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("folder/", b"")
            archive.writestr("folder/text\x1b[31m.txt", b"no array")
        self.assert_refused("not a .npy file", source=path)

    def test_a_bomb_is_not_inflated(self):
        # 256 MiB of zeros after a header that promises 24 bytes, and a header that promises 8 PiB
        # before no data.
        path = os.path.join(self.directory.name, "a.npz")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("x.npy", "w", force_zip64=True) as member:
                member.write(saved(np.arange(3)))
                for _ in range(256):
                    member.write(bytes(1 << 20))
        self.assert_refused("holds %d bytes more" % (256 << 20), source=path)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", with_header("<i8", (1 << 50,), b""))
        self.assert_refused("truncated: its header promises %d bytes of data, the file holds 0" % (1 << 53), source=path)


if __name__ == "__main__":
    if NPY_COPY is None:
        sys.exit(__doc__)
    print("numpy %s, seed %d" % (np.__version__, SEED))
    unittest.main(argv=sys.argv[:1])
