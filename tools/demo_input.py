# SPDX-License-Identifier: Apache-2.0
"""Writes the demo's input: ints.npy, foo.npy and words.npy. Keeps a file that has the right size.

Usage: demo_input.py DIRECTORY NUM_INTS NUM_WORDS WORD_LIST
"""

import os
import sys

import numpy as np


def write(directory, name, make, num_bytes):
    """Writes the array that `make` returns to NAME.npy, unless that file has the right size.

    `num_bytes`: the size of the array.
    """
    path = os.path.join(directory, name + ".npy")
    header_bytes = 128  # of any array with a short description
    if os.path.exists(path) and os.path.getsize(path) == num_bytes + header_bytes:
        return
    # Written under another name until it is complete, so that an interrupted run leaves no
    # incomplete NAME.npy.
    unfinished = os.path.join(directory, "unfinished-" + name + ".npy")
    np.save(unfinished, make())
    os.replace(unfinished, path)


def main():
    directory, num_ints, num_words, word_list = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    os.makedirs(directory, exist_ok=True)
    write(directory, "ints", lambda: np.arange(1, num_ints + 1, dtype=np.int64), num_ints * 8)
    foo = np.array(["foo_%d" % i for i in range(100)])  # <U6
    write(directory, "foo", lambda: foo, foo.nbytes)
    with open(word_list, encoding="utf-8") as file:
        words = np.array(file.read().split())  # <Un, where n is the length of the longest word
    write(directory, "words", lambda: np.resize(words, num_words), num_words * words.itemsize)


if __name__ == "__main__":
    main()
