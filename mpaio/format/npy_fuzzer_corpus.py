# SPDX-License-Identifier: Apache-2.0
"""Usage: npy_fuzzer_corpus.py DIRECTORY

Creates the initial corpus of npy_fuzzer: small arrays of every type, in every version of the format
and both orders, archives of them, and the files that come with numpy's own tests. The result is
always the same for one version of numpy.
"""

import io
import os
import sys
import warnings

import numpy as np

UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "25ns"]
SIMPLE = (["?", "i1", "u1", "S0", "S5", "V0", "V7", "O"] +
          [order + code for order in "<>" for code in
           ["i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8", np.dtype("g").str[1:], "c8", "c16",
            np.dtype("G").str[1:], "U0", "U5", "M8", "m8"]] + ["M8[%s]" % unit for unit in UNITS])
STRUCTURED = [
    [("a", ">i4"), ("b", "<f8")],
    [("x", "<f8", (3,)), ("y", ">i2", (2, 2))],
    [("n", [("a", ">i2"), ("b", "S3")]), ("m", [("c", ">f8")], (2, 3))],
    [(("a title", "a"), "<i4"), (("", "b"), ">i4")],
    [("caf\xe9", "<i4")],
    [("\u20ac", ">i4"), ("\U0001f600", "S1")],
    [("it's", "i1"), ('say "x"', "i1"), ("it's \"x\"", "i1"), ("\\back\n\t\r\x00\x7f\ud800", "i1")],
    [("t", ">M8[25ns]"), ("u", ">U3"), ("o", "O")],
    [],
    np.dtype([("a", "i1"), ("b", "<f8"), ("c", "i2")], align=True),
    np.dtype({"names": ["a", "b"], "formats": [">i4", "S2"], "offsets": [3, 11], "itemsize": 17}),
]


def zeros(dtype, shape):
    dtype = np.dtype(dtype)
    if dtype.hasobject:
        return np.zeros(shape, dtype=dtype)
    array = np.ndarray(shape, dtype=dtype) if dtype.itemsize == 0 else np.zeros(shape, dtype=dtype)
    if array.size and dtype.itemsize:
        raw = array.reshape(-1).view("u1")
        raw[:] = np.arange(raw.size) % 97
    return array


def contents():
    for dtype in SIMPLE:
        yield zeros(dtype, (3,)), (1, 0)
    for dtype in STRUCTURED:
        for shape in [(), (2, 3)]:
            yield zeros(dtype, shape), None
    for shape in [(0,), (3, 0, 2), (2, 3), (7, 5, 3), (1, 1, 4), (2,) * 9]:
        for dtype in ["<i2", ">f8", "S3", STRUCTURED[0]]:
            yield zeros(dtype, shape), (1, 0)
            yield np.asfortranarray(zeros(dtype, shape)), (2, 0)
    yield np.asfortranarray(zeros("u1", (90, 80))), (3, 0)


def main(directory):
    os.makedirs(directory, exist_ok=True)
    count = 0

    def write(data):
        nonlocal count
        with open(os.path.join(directory, "%04d" % count), "wb") as file:
            file.write(data)
        count += 1

    warnings.simplefilter("ignore")
    for array, version in contents():
        file = io.BytesIO()
        np.lib.format.write_array(file, array, version=version)
        write(file.getvalue())
    for descr in ["<f12", "|T16", ("<i4", (2, 3)), [("", "|V3"), ("a", ("<i2", (2,)), (3,))], [("a", "<i4", 2)]]:
        file = io.BytesIO()
        np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": (1,)})
        write(file.getvalue() + bytes(24))
    for save in [np.savez, np.savez_compressed]:
        for arrays in [{}, {"x": zeros(">i4", (3,))}, {"x": np.asfortranarray(zeros("<i2", (5, 7))), "y": zeros("S3", (4,))},
                       {"x": zeros("u1", (100, 100))}]:
            file = io.BytesIO()
            save(file, **arrays)
            write(file.getvalue())
    write(b"")
    # Type codes are inputs, too.
    for dtype in STRUCTURED:
        dtype = np.dtype(dtype)
        write(repr(np.lib.format.dtype_to_descr(dtype)).encode("utf-8", "surrogatepass"))
    data = os.path.join(os.path.dirname(np.lib.__file__), "tests", "data")
    for name in sorted(os.listdir(data)) if os.path.isdir(data) else []:
        with open(os.path.join(data, name), "rb") as file:
            write(file.read())
    print("%d files" % count)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
