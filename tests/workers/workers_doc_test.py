# SPDX-License-Identifier: Apache-2.0
"""docs/workers.md lists exactly the program's workers, and their parameters with the defaults."""

import os
import re
import unittest

import whole_run

LINE = re.compile(r"    ([a-z_0-9]+)=(.*?)  .* \((.*?)\)$")


def of_list(text):
    """Parses the output of --list.

    Returns for each worker the kind of its answer, and its parameters with their defaults (None:
    required).
    """
    workers = {}
    for line in text.splitlines():
        parameter = LINE.match(line)
        if not line.startswith(" "):
            workers[line] = ["printed", {}]
            worker = workers[line]
            number = 0
        elif number == 2:
            if line.endswith("; writes an array to OUTPUT"):
                worker[0] = "written"
            elif line.endswith("; saves its answer to OUTPUT if given"):
                worker[0] = "saved or printed"
        elif number > 2:
            key, _, default = parameter.groups()
            worker[1][key] = None if default == "must be given" else default
        number += 1
    return workers


def of_page(text):
    """Parses the page's table, with the same result as of_list().

    A parameter is `axis=none` or, if required, `q=`. The cell of the answer begins with its kind.
    """
    workers = {}
    names = []
    for line in text.splitlines():
        row = re.match(r"\| `([a-z_0-9]+)` \|(.*)\|$", line)
        if not row:
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row.group(2))]
        if len(cells) != 5 or not all(cells[i] for i in (0, 2)):
            raise AssertionError("a row needs five cells after the name, input and answer not empty: " + line)
        parameters = {}
        for key, default, required in re.findall(r"`([a-z_0-9]+)=([^`]*)`( \(required\))?", cells[1]):
            parameters[key] = None if required else default
        workers[row.group(1)] = [cells[2].split(":")[0], parameters]
        names.append(row.group(1))
    return workers, names


class WorkersDocTest(unittest.TestCase):

    def test_the_page_has_what_the_program_lists(self):
        done = whole_run.run(None, "--list")
        self.assertEqual((done.status, done.stderr), (0, []), done)
        listed = of_list(done.text)
        self.assertIn("sum", listed)
        self.assertIn("axis", listed["sum"][1])
        with open(os.environ["WORKERS_PAGE"]) as file:
            described, names = of_page(file.read())
        self.assertEqual(names, sorted(listed))
        for name in names:
            with self.subTest(worker=name):
                self.assertEqual(described[name], listed[name])


if __name__ == "__main__":
    whole_run.main()
