# SPDX-License-Identifier: Apache-2.0
"""Runs each example and compares what it prints.

Usage: examples_test.py DIRECTORY, which has the programs.
"""

import subprocess
import sys
import unittest

DIRECTORY = sys.argv.pop()

TWO_ARRAYS = """\
6890 characters, foo_0foo_1foo_2...
sum 499500
"""
BY_NAME = """\
quartiles: 250 500 750
smallest: 0 1 2 3 4
"""


def run(name, ranks=None):
    """Returns what the program prints, alone or by mpirun."""
    command = [f"./{DIRECTORY}/{name}"]
    if ranks is not None:
        command = ["mpirun", "-n", str(ranks), "--bind-to", "none"] + command
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise AssertionError(f"{command}: status {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def libraries(name):
    """Returns what ldd says of the program."""
    return subprocess.run(["ldd", f"./{DIRECTORY}/{name}"], capture_output=True, text=True, check=True).stdout


class ExamplesTest(unittest.TestCase):
    def test_two_arrays(self):
        for ranks in (None, 1, 3):
            self.assertEqual(run("two_arrays", ranks), TWO_ARRAYS)

    def test_mean_and_variance(self):
        self.assertEqual(run("mean_and_variance"), "mean 10.000000, variance 0.500000\n")

    def test_outliers(self):
        # In the range from 0 to 999 the outer tenths are 0 to 99 and 900 to 999, in each thousand.
        self.assertEqual(run("outliers"), "low 0\nhigh 999\noutside 20000\n")

    def test_by_name(self):
        self.assertEqual(run("by_name"), BY_NAME)

    def test_by_name_over_mpi(self):
        for ranks in (None, 1, 3):
            self.assertEqual(run("by_name_mpi", ranks), BY_NAME)

    def test_in_process_does_not_link_mpi(self):
        for name in ("mean_and_variance", "outliers", "by_name"):
            for library in ("libmpi", "libpmix", "libopen-"):
                self.assertNotIn(library, libraries(name))
        self.assertIn("libmpi", libraries("by_name_mpi"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
