# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzzer's function on the initial corpus (npy_fuzzer_corpus.py), whole and cut short.

Needs no clang.
"""

import glob
import os
import subprocess
import sys
import tempfile

try:
    import numpy  # The corpus is made with it.
except ImportError as error:
    print("SKIPPED: numpy is not installed (%s)" % error)
    sys.exit(0)

REPLAY, CORPUS = sys.argv[1:]

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, CORPUS, folder], check=True, stdout=subprocess.DEVNULL)
    files = sorted(glob.glob(os.path.join(folder, "*")))
    assert len(files) > 100, files
    for name in list(files):
        with open(name, "rb") as file:
            contents = file.read()
        for k, cut in enumerate((len(contents) // 2, len(contents) - 1)):
            files.append("%s.%d" % (name, k))
            with open(files[-1], "wb") as file:
                file.write(contents[:max(cut, 0)])
    done = subprocess.run([REPLAY, *files], stdout=subprocess.PIPE, text=True)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != len(files):
        sys.exit("status %d at %s" % (done.returncode, lines[-1:]))
    print("%d inputs, numpy %s" % (len(files), numpy.__version__))
