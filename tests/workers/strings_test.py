# SPDX-License-Identifier: Apache-2.0
"""Compares string workers (grep, len, lower, upper) with numpy.char and Python's re.

For all widths and shapes, and several numbers of ranks.
"""

import re
import unicodedata

import whole_run

np = whole_run.import_numpy()

# (ranks, --chunk)
WAYS = [(1, "auto"), (3, 7)]

# Number of jobs in one run.
BATCH = 250

SHAPES = [(0,), (1,), (613,), (3, 0, 2), (5, 7), (2, 3, 5), ()]

# Sharp s, dotted capital and dotless small i, sigmas, ligatures, letters with several marks,
# letters with a title case, letters outside the basic plane, characters without case, and
# characters that affect the case mapping of a sigma: marks, quotes, modifier letters, NUL.
LETTERS = ("abzAZ@[`{09 \u00df\u1e9e\u0130\u0131\u03a3\u03c3\u03c2\u039f\u03bf\ufb00\ufb01\ufb03\ufb05\u0149\u0390\u1f52\u1fb7\u01c4\u01c5\u01c6"
           "\u00e9\u00c9\u00ff\u0178\u00b5\u212a\u10d0\u1c90\u13a0\uab70\U00010400\U00010428\U0001f600\u4e2d\u0301\u0345\u02b0'.\u00b7\x00")
SURROGATES = "\ud800\ud801\udbff\udc00\udc28\udfff"


class StringsTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        self.random = np.random.default_rng(whole_run.SEED)
        self.jobs = []

    def save(self, name, array):
        np.save(self.path(name), array)
        return array

    def strings(self, letters, width, shape):
        """Returns strings of all lengths up to `width`, as bytes if `letters` are bytes."""
        count = int(np.prod(shape, dtype=int))
        letters = [letters[i:i + 1] for i in range(len(letters))]
        nothing = letters[0][:0]
        texts = []
        for _ in range(count):
            chosen = self.random.integers(0, len(letters), self.random.integers(0, width + 1))
            texts.append(nothing.join(letters[i] for i in chosen))
        return np.array(texts, dtype="%s%d" % ("S" if nothing == b"" else "U", width)).reshape(shape)

    def arrays(self, widths=(1, 5, 33)):
        """Saves arrays. Returns pairs of a file's name and its array."""
        found = []
        kinds = {"ascii": "azAZ@[`{ 09\x00", "letters": LETTERS, "surrogates": LETTERS + SURROGATES * 3,
                 "sigmas": "\u03a3\u03a3aB .\u0301\u02b0\u0345\ud800", "bytes": bytes(range(256))}
        for kind, letters in kinds.items():
            for width in widths:
                for shape in SHAPES:
                    name = "%s_%d_%s.npy" % (kind, width, "x".join(map(str, shape)))
                    found.append((name, self.save(name, self.strings(letters, width, shape))))
        return found

    def add(self, words, expected):
        """Adds a job: its words without the output, and the expected array."""
        self.jobs.append((words, np.asarray(expected)))

    def run_jobs(self, ways=WAYS):
        for ranks, chunk in ways:
            for begin in range(0, len(self.jobs), BATCH):
                batch = self.jobs[begin:begin + BATCH]
                arguments = []
                for number, (words, _) in enumerate(batch):
                    arguments += ["+"] + words[:2] + ["out%d.npy" % number] + words[2:]
                done = self.run_in_folder(ranks, "--format=json", "--chunk=%s" % chunk, *arguments[1:], timeout=240)
                self.assert_done(done)
                answers = done.json["jobs"]
                self.assertEqual(len(answers), len(batch))
                for number, (answer, (words, expected)) in enumerate(zip(answers, batch)):
                    with self.subTest(job=ascii(words), ranks=ranks, chunk=chunk):
                        self.assertEqual(answer["status"], "ok")
                        out = np.load(self.path("out%d.npy" % number))
                        self.assertEqual(out.dtype, expected.dtype)
                        self.assertEqual(out.shape, expected.shape)
                        self.assertEqual(ascii(out.tolist()), ascii(expected.tolist()))

    def test_lengths_and_cases(self):
        for name, array in self.arrays():
            self.add(["len", name], np.char.str_len(array).astype(np.int64))
            self.add(["lower", name], np.char.lower(array))
            self.add(["upper", name], np.char.upper(array))
        self.run_jobs()

    def test_thousands_of_small_arrays(self):
        for number in range(1500):
            letters = (LETTERS, LETTERS + SURROGATES, "\u03a3a.\u0301", bytes(range(256)))[number % 4]
            name = "small%d.npy" % number
            array = self.save(name, self.strings(letters, int(self.random.integers(1, 12)), (int(self.random.integers(0, 9)),)))
            worker = ("len", "lower", "upper")[number // 4 % 3]
            expected = getattr(np.char, {"len": "str_len"}.get(worker, worker))(array)
            self.add([worker, name], expected.astype(np.int64) if worker == "len" else expected)
        self.run_jobs([(3, 1)])
        self.jobs = self.jobs[::3]
        self.run_jobs([(1, "auto")])

    def test_every_code_point(self):
        array = np.zeros((0x110000, 3), np.uint32)
        array[:, 0] = np.arange(0x110000)
        array = self.save("all.npy", array.view("U3").ravel())
        done = self.run_in_folder(3, "--chunk=4099", "lower", "all.npy", "lower.npy", "+", "upper", "all.npy", "upper.npy")
        self.assert_done(done)
        for case in ("lower", "upper"):
            out, expected = np.load(self.path(case + ".npy")), getattr(np.char, case)(array)
            different = np.flatnonzero(out != expected)
            # ICU may have a later version of Unicode than Python: differences are permitted only
            # for characters that are unassigned in Python's version.
            for place in different:
                characters = array[place] + str(out[place])
                self.assertIn("Cn", [unicodedata.category(character) for character in characters], ascii(characters))
            self.assertLess(len(different), 1000)
            self.assertGreater(np.count_nonzero(out != array), 1000)

    def test_other_layouts(self):
        array = self.strings(LETTERS, 6, (23, 11))
        self.save("swapped.npy", array.astype(">U6"))
        self.save("fortran.npy", np.asfortranarray(array))
        for name in ("swapped.npy", "fortran.npy"):
            self.add(["len", name], np.char.str_len(array).astype(np.int64))
            self.add(["lower", name], np.char.lower(array))
            self.add(["upper", name], np.char.upper(array))
            self.add(["grep", name, "pattern=a"], array[np.char.find(array, "a") >= 0])
        self.run_jobs()

    def test_strings_of_no_width(self):
        for dtype in ("<U0", "|S0"):
            with open(self.path("none.npy"), "wb") as file:
                np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": (5,)})
            for ranks in (1, 3):
                done = self.run_in_folder(ranks, "--chunk=2", "--format=json", "len", "none.npy", "len.npy", "+", "lower", "none.npy", "lower.npy", "+",
                                          "grep", "none.npy", "every.npy", "pattern=^$", "+", "grep", "none.npy", "no.npy", "pattern=a", "+",
                                          "grep", "none.npy", "pattern=^$")
                self.assert_done(done)
                self.assertEqual(np.load(self.path("len.npy")).tolist(), [0] * 5)
                self.assertEqual(done.json["jobs"][-1]["result"], [""] * 5)
                for name, count in (("lower.npy", 5), ("every.npy", 5), ("no.npy", 0)):
                    with open(self.path(name), "rb") as file:
                        np.lib.format.read_magic(file)
                        shape, _, kind = np.lib.format.read_array_header_1_0(file)
                        self.assertEqual((shape, kind.str, file.read()), ((count,), dtype, b""))

    def add_grep(self, name, array, pattern, invert=False, ignore_case=False):
        """Adds a grep job.

        `pattern`: a pattern with the same meaning in RE2 and Python's re, or a pair, one for each.
        """
        ours, pythons = pattern if isinstance(pattern, tuple) else (pattern, pattern)
        flags = re.IGNORECASE if ignore_case else 0
        if array.dtype.kind == "S":
            pythons = pythons.encode()
        elif not ignore_case:
            flags |= re.ASCII
        search = re.compile(pythons, flags).search
        mask = np.array([(search(text) is None) == invert for text in array.ravel().tolist()], dtype=bool).reshape(array.shape)
        words = ["grep", name, "pattern=" + ours]
        self.add(words + ["invert=true"] * invert + ["ignore_case=true"] * ignore_case, array[mask])

    def test_grep(self):
        patterns = ["", "a", "^a", r"a\z", "[a-z]+[0-9]", r"\d", r"\w\W", "(a|Z)+b?", "^.$", "^..?$", "\\x00", "a.*z", "^[^a]*$", "a{2,3}", "z?@"]
        only_of_letters = ["\u00df", "[\u03b1-\u03c9]", "\U00010400|\u4e2d", "^.\u0301", "\ufb01."]
        for kind, letters in (("ascii", "aabzAZ@09 \x00"), ("letters", LETTERS), ("bytes", b"aabzAZ@09 \x00\xc3\x9f\xff")):
            for width in (1, 5, 33):
                for shape in SHAPES:
                    name = "%s_%d_%s.npy" % (kind, width, "x".join(map(str, shape)))
                    array = self.save(name, self.strings(letters, width, shape))
                    for pattern in patterns + (only_of_letters if kind == "letters" else []):
                        # In Python, $ also matches before a final line break, and the end of a text
                        # is \Z instead of \z.
                        both = (pattern, pattern.replace(r"\z", r"\Z").replace("$", r"\Z"))
                        self.add_grep(name, array, both, invert=bool(self.random.integers(0, 2)))
        self.run_jobs()

    def test_grep_of_any_case(self):
        # Without the letter i: Python's re treats more variants of it as equal than RE2 does.
        array = self.save("any.npy", self.strings("abKk\u212as\u017fS\u03a3\u03c3\u03c2\u00c9\u00e9\U00010400\U00010428", 4, (2000,)))
        for pattern in ("a", "k", "S", "\u03c3a", "^[\u03c2b]", "\u00e9|\U00010428K", "\u212a\u017f"):
            for invert in (False, True):
                self.add_grep("any.npy", array, pattern, invert, ignore_case=True)
        array = self.save("bytes.npy", self.strings(b"abKkSs@`[{", 4, (2000,)))
        for pattern in ("a", "^k", "S@", r"[\[`]b"):
            self.add_grep("bytes.npy", array, pattern, ignore_case=True)
        self.run_jobs()

    def test_grep_of_bytes_is_byte_by_byte(self):
        array = self.save("bytes.npy", np.array([b"\xc3\xa9", b"\xe9", b"\xa9", b"e", b"x\xff"]))
        self.add(["grep", "bytes.npy", "pattern=\u00e9"], array[:1])
        self.add(["grep", "bytes.npy", "pattern=^.$"], array[1:4])
        self.add(["grep", "bytes.npy", r"pattern=\xe9"], array[1:2])
        self.add(["grep", "bytes.npy", r"pattern=[\x80-\xff]$"], array[[0, 1, 2, 4]])
        self.run_jobs()

    def test_grep_without_an_output_file_prints_a_list(self):
        self.save("words.npy", np.array([["stra\u00dfe", "a\0b"], ["", "fin"]]))
        for ranks in (1, 3):
            done = self.run_in_folder(ranks, "--chunk=1", "--format=json", "grep", "words.npy", "pattern=[as]", "+",
                                      "grep", "words.npy", "pattern=x", "+", "grep", "words.npy", "pattern=x", "invert=true")
            self.assert_done(done)
            self.assertEqual([job["result"] for job in done.json["jobs"]],
                             [["stra\u00dfe", "a\0b"], [], ["stra\u00dfe", "a\0b", "", "fin"]])

    def test_refusals(self):
        self.save("words.npy", np.array(["x", "y"]))
        self.save("ints.npy", np.arange(3))
        for ranks in (1, 3):
            self.assert_refused(self.run_in_folder(ranks, "grep", "words.npy", "pattern=a(b"), 3, "grep", "pattern=a(b", "missing ): a(b")
            self.assert_refused(self.run_in_folder(ranks, "grep", "words.npy", r"pattern=(a)\1"), 3, "grep", r"invalid escape sequence: \1",
                                "back-references")
        self.assert_refused(self.run_in_folder(None, "grep", "words.npy", "pattern=a(?=b)"), 3, "(?=", "look-around")
        self.assert_refused(self.run_in_folder(None, "grep", "words.npy", "pattern=\udcff"), 3, "invalid UTF-8")
        self.assert_refused(self.run_in_folder(None, "grep", "words.npy"), 2, "'pattern' is missing")
        for worker in ("len", "lower", "upper"):
            self.assert_refused(self.run_in_folder(None, worker, "ints.npy", "out.npy"), 3, worker, "int64", "str (U), bytes (S)")
            self.assert_refused(self.run_in_folder(None, worker, "words.npy"), 2, worker, "output file")

    def test_invalid_characters_are_named(self):
        self.save("half.npy", np.array(["abc", "x\ud800"]))
        self.assert_refused(self.run_in_folder(1, "grep", "half.npy", "pattern=x"), 1, "element 1", "U+D800", "position 1", "UTF-8")
        array = np.array(["abc", "def"])
        array.view(np.uint32)[4] = 0x110000
        self.save("large.npy", array)
        for worker in ("lower", "upper"):
            done = self.run_in_folder(1, worker, "large.npy", "out.npy")
            self.assert_refused(done, 1, "element 1", "0x110000 at position 1")


if __name__ == "__main__":
    whole_run.main()
