# SPDX-License-Identifier: Apache-2.0
"""Output streams, messages and exit statuses, for valid and invalid command lines and inputs."""

import csv
import gzip
import json
import os
import re
import stat

import whole_run

np = whole_run.import_numpy()

WRONG_USAGE = 2
COULD_NOT_START = 3
RANKS = [None, 4]


class UsageTest(whole_run.WholeRunTest):

    def setUp(self):
        super().setUp()
        np.save(self.path("ints.npy"), np.arange(1, 1001))
        np.save(self.path("doubles.npy"), np.linspace(0, 1, 1000))
        np.save(self.path("words.npy"), np.array(["foo_%d" % i for i in range(100)]))

    def assert_refused_by_all(self, cases, status, all_ranks=RANKS):
        """cases: the arguments, as one string or a list; then words that the error must contain."""
        before = sorted(os.listdir(self.folder))
        for ranks in all_ranks:
            for arguments, *words in cases:
                with self.subTest(ranks=ranks, arguments=arguments):
                    done = self.run_in_folder(ranks, *(arguments.split() if isinstance(arguments, str) else arguments))
                    self.assert_refused(done, status, "orchestrator: ", *words)
                    self.assertEqual(done.stdout, b"", done)
                    self.assertEqual(sorted(os.listdir(self.folder)), before, done)

    def test_wrong_command_lines(self):
        self.assert_refused_by_all([
            ("", "--help"),
            ("sum", "sum", "input"),
            ("sums ints.npy", "unknown worker 'sums'", "did you mean 'sum'"),
            ("nothing_like_it ints.npy", "unknown worker 'nothing_like_it'", "there are ", "concat, "),
            ("./ints.npy", "./ints.npy"),
            ("sum ints.npy fn=sqrt", "sum", "'fn'"),
            ("map ints.npy out.npy fm=sqrt", "map", "'fm'", "fn"),
            ("map ints.npy out.npy", "map", "fn", "sqrt|abs|square"),
            ("map ints.npy out.npy fn=cube", "map", "fn", "cube", "sqrt|abs|square"),
            ("map ints.npy out.npy fn=", "fn", "sqrt|abs|square"),
            ("map ints.npy out.npy fn=abs fn=sqrt", "fn", "twice"),
            ("map ints.npy fn=abs", "map", "output"),
            ("min_max ints.npy out.npy", "min_max", "out.npy"),
            ("map ints.npy - fn=abs", "map", "'-'", "./-"),
            ("map ints.npy out.npy more.npy fn=abs", "more.npy"),
            ("map ints.npy out.npy fn=abs + map doubles.npy out.npy fn=abs", "out.npy", "two jobs"),
            ("spin ints.npy ns_per_row=-1", "ns_per_row", "-1"),
            ("spin ints.npy ns_per_row=many", "ns_per_row", "many"),
            ("spin ints.npy ns_per_row=99999999999999999999", "ns_per_row", "99999999999999999999"),
            ("sum ints.npy +", "+"),
            ("+ sum ints.npy", "+"),
            ("sum ints.npy + + sum ints.npy", "+"),
            ("sum ints.npy + sum", "sum", "input"),
            ("--cunk=1 sum ints.npy", "unknown flag --cunk=1", "--chunk"),
            ("-x sum ints.npy", "unknown flag -x", "mpirun"),
            ("-np 4 sum ints.npy", "unknown flag -np: ", "mpirun"),
            ("-n 4 sum ints.npy", "unknown flag -n: ", "mpirun"),
            ("sum --hostfile hosts ints.npy", "unknown flag --hostfile: ", "mpirun"),
            ("sum -q=1 ints.npy", "unknown flag -q=1;"),
            ("sum ints.npy --nothing", "--nothing"),
            ("--chunk=0 sum ints.npy", "--chunk=0"),
            ("--chunk=-1 sum ints.npy", "--chunk=-1"),
            ("--chunk=some sum ints.npy", "--chunk=some"),
            ("--chunk=1.5 sum ints.npy", "--chunk=1.5"),
            ("--chunk= sum ints.npy", "--chunk="),
            ("sum ints.npy --chunk", "--chunk", "needs a value"),
            ("--format=xml sum ints.npy", "--format=xml", "text|json"),
            ("--progress=often sum ints.npy", "--progress=often", "auto|always|never"),
            ("--cpu_usage= sum ints.npy", "--cpu_usage="),
            ("--report=yes sum ints.npy", "--report"),
            ("--isolate=sometimes sum ints.npy", "--isolate=sometimes", "auto|always|never"),
            ("--retries=-1 sum ints.npy", "--retries=-1"),
            ("--retries=many sum ints.npy", "--retries=many"),
            ("--retries= sum ints.npy", "--retries="),
            ("--retries=99999999999999999999 sum ints.npy", "--retries=99999999999999999999"),
            ("--chunk_deadline=0 sum ints.npy", "--chunk_deadline=0"),
            ("--chunk_deadline=-1 sum ints.npy", "--chunk_deadline=-1"),
            ("--chunk_deadline=soon sum ints.npy", "--chunk_deadline=soon"),
            ("--chunk_deadline=nan sum ints.npy", "--chunk_deadline=nan"),
            ("--chunk_deadline= sum ints.npy", "--chunk_deadline="),
            ("--chunk_deadline=1 --isolate=never sum ints.npy", "--chunk_deadline", "--isolate=never"),
            ("--fail_fast=yes sum ints.npy", "--fail_fast"),
            ("--speculate=always sum ints.npy", "--speculate=always", "auto|never"),
            ("--resume sum ints.npy", "--resume", "--journal=FILE"),
            ("--resume=j --journal=j sum ints.npy", "--resume"),
            ("--journal= sum ints.npy", "--journal="),
        ], WRONG_USAGE)

    def test_names_of_files_with_an_equals_sign(self):
        os.mkdir(self.path("year=2020"))
        np.save(self.path("year=2020/in.npy"), np.arange(10))
        with open(self.path("axes=1"), "wb") as file:
            file.write(b"of before")
        for ranks in RANKS:
            for output, job in [
                ("year=2020/o.npy", "map ints.npy %s fn=square"),
                ("o=1.npy", "map year=2020/in.npy %s expr=x+y y=year=2020/in.npy"),
                ("o=1.npy", "sum year=2020/in.npy %s axis=0 keepdims=true"),
                ("axes=1", "sum ints.npy %s"),  # A file of this name exists.
                ("./axis=0", "sum ints.npy %s"),
                ("./fn=sqrt", "map ints.npy %s fn=sqrt"),
            ]:
                with self.subTest(ranks=ranks, output=output, job=job):
                    words = job.split()
                    words[2] = output
                    self.assert_done(self.run_in_folder(ranks, *words))
                    np.load(self.path(output))
                    os.remove(self.path(output))
                    if output == "axes=1":
                        with open(self.path(output), "wb") as file:
                            file.write(b"of before")

    def test_a_file_with_an_equals_sign_that_only_some_ranks_see(self):
        """Rank 0 decides. A rank that decided and ended alone would leave the others waiting."""
        os.mkdir(self.path("other"))
        np.save(self.path("year=2020"), np.arange(3))
        os.rename(self.path("year=2020.npy"), self.path("year=2020"))
        for elsewhere, status in ((0, WRONG_USAGE), (1, 0)):
            # The ranks of several hosts; on one host all ranks see the same files.
            script = 'if [ "$OMPI_COMM_WORLD_RANK" = %d ]; then cd other; fi; export OMPI_COMM_WORLD_LOCAL_SIZE=1; exec "$@"' % elsewhere
            done = self.run_in_folder(3, "-c", script, "sh", whole_run.program(), "sum", self.path("ints.npy"), "year=2020", program_path="/bin/sh")
            if status:
                self.assert_refused(done, status, "unknown parameter 'year'", "./year=2020")
            else:
                self.assert_done(done)
                self.assertEqual(np.load(self.path("year=2020")), 500500)

    def test_unknown_keys(self):
        self.assert_refused_by_all([
            ("sum ints.npy axes=1", "worker sum: unknown parameter 'axes'", "did you mean 'axis'?", "./axes=1"),
            ("sum ints.npy out.npy axes=1", "unknown parameter 'axes'", "did you mean 'axis'?", "keepdims="),
            ("map ints.npy year=2020 fn=sqrt", "unknown parameter 'year'", "it takes fn=", "./year=2020"),
            ("map ints.npy fn=sqrt year=2020/o.npy", "unknown parameter 'year'", "directly follow the input"),
            ("map ints.npy o.npy fn=sqrt year=2020/o.npy", "unknown parameter 'year'", "it takes fn="),
            ("map ints.npy fm=sqrt", "unknown parameter 'fm'", "did you mean 'fn'?", "./fm=sqrt"),
            ("min_max ints.npy a=b/c.npy", "unknown parameter 'a'", "it takes none"),
            ("sum ints.npy axis=0/o.npy", "axis=0/o.npy", "must be none|integer"),
        ], WRONG_USAGE)
        # The spelling for a file name is not suggested where no output is accepted.
        for job in ("min_max ints.npy axes=1", "sum ints.npy out.npy axes=1"):
            self.assertNotIn("./axes", "".join(self.run_in_folder(None, *job.split()).stderr))

    def test_outputs_named_like_another_kind_of_file(self):
        self.assert_refused_by_all([
            ("map ints.npy %s fn=abs" % output, "worker map: outputs are .npy files", output, "name it " + other) for output, other in [
                ("o.csv", "o.npy"),
                ("./o.csv.gz", "./o.npy"),
                ("o.CSV", "o.npy"),
                ("o.npz", "o.npy"),
                ("folder.h5/o.h5", "folder.h5/o.npy"),
                ("o.npy.gz", "o.npy"),
                (self.path("o.hdf5"), self.path("o.npy")),
            ]
        ] + [
            ("sum ints.npy o%s" % ending, "worker sum: outputs are .npy files", "name it o.npy")
            for ending in ".txt .tsv .json .parquet .mat .zarr .nc .zip .png .feather .pkl".split()
        ], WRONG_USAGE)
        for name in ("csv", "o", "o.csv.old", ".csv", "o.npy"):
            self.assert_done(self.run_in_folder(None, "map", "ints.npy", name, "fn=abs"))
            np.load(self.path(name))

    def test_an_output_that_is_named_like_a_parameter(self):
        for ranks in RANKS:
            for job, key in [("sum ints.npy axis", "axis"), ("sum doubles.npy keepdims axis=0", "keepdims"), ("map ints.npy dtype fn=abs", "dtype")]:
                with self.subTest(ranks=ranks, job=job):
                    done = self.run_in_folder(ranks, *job.split())
                    self.assert_refused(done, 0, "orchestrator: warning: worker %s: " % job.split()[0], "a file named " + key, key + "=VALUE", "./" + key)
                    np.load(self.path(key))
            for job in ("sum ints.npy ./axis", "sum ints.npy axes", "min_max ints.npy + sum ints.npy fn"):
                self.assert_done(self.run_in_folder(ranks, *job.split()))
            # A refused run prints no warning.
            self.assert_refused(self.run_in_folder(ranks, "sum", "ints.npy", "axis", "+", "sums", "ints.npy"), WRONG_USAGE, "unknown worker")

    def test_bad_inputs(self):
        self.write_bad_inputs()
        self.assert_refused_by_all([
            ("sum missing.npy", "missing.npy", "no file"),
            ("sum words.npy", "sum", "words.npy", "str (<U6)", "bool, int8 to int64"),
            ("sum bytes.npy", "sum", "bytes.npy", "bytes (|S3)"),
            ("concat ints.npy", "concat", "ints.npy", "int64", "str (U), bytes (S)"),
            ("concat doubles.npy", "concat", "doubles.npy", "float64"),
            ("map words.npy out.npy fn=abs", "map", "words.npy", "str (<U6)"),
            ("spin doubles.npy", "spin", "doubles.npy", "float64", "int64"),
            ("sum truncated.npy", "truncated.npy", "truncated", "8000 bytes", "7999"),
            ("sum header_only.npy", "header_only.npy", "truncated"),
            ("sum half_header.npy", "half_header.npy", "truncated"),
            ("sum damaged.npy", "damaged.npy", "damaged header"),
            ("sum empty.npy", "empty.npy", "empty"),
            ("sum text.npy", "text.npy", "not a .npy file but a table in text (CSV)", "numpy.loadtxt"),
            ("sum pointer.npy", "pointer.npy", "a git-lfs pointer", "git lfs pull"),
            ("sum packed.npy", "packed.npy", "compressed with gzip", "gunzip"),
            ("sum objects.npy", "objects.npy", "Python objects"),
            ("sum structured.npy", "structured.npy", "structured"),
            ("spin int32.npy", "int32.npy", "int32", "int64 (<i8)"),
            ("spin uint64.npy", "uint64.npy", "uint64", "int64 (<i8)"),
            ("spin float32.npy", "float32.npy", "float32", "int64 (<i8)"),
            ("spin bool.npy", "bool.npy", "bool", "int64 (<i8)"),
            ("spin complex.npy", "complex.npy", "complex128"),
            ("sum huge.npy", "huge.npy"),
            ("sum archive.npz", "archive.npz", "arr_0", "arr_1"),
            ("sum archive.npz:arr_2", "archive.npz", "arr_2"),
            ("sum flipped.npz:c", "flipped.npz", "damaged zip archive"),
            ("sum flipped.npz:fortran", "flipped.npz", "damaged zip archive"),
            ("sum folder", "folder", "directory"),
            ("sum .", ". is a directory"),
            ("sum ints.npy/", "ints.npy/"),
            ("sum nowhere.npy", "nowhere.npy"),
            ("sum /dev/null", "/dev/null"),
            ("sum ints.npy + sum missing.npy", "missing.npy"),
            (["sum", ""], "no file"),
            (["sum", "two\nlines.npy"], "two lines.npy"),
        ], COULD_NOT_START)

    def test_mpirun_with_one_rank(self):
        self.write_bad_inputs()
        self.assert_refused_by_all([
            ("sums ints.npy", "unknown worker 'sums'"),
            ("sum ints.npy fn=sqrt", "'fn'"),
            ("--cunk=1 sum ints.npy", "--cunk=1"),
            ("sum", "input"),
        ], WRONG_USAGE, all_ranks=[1])
        self.assert_refused_by_all([
            ("sum missing.npy", "missing.npy"),
            ("sum words.npy", "str (<U6)"),
            ("sum truncated.npy", "truncated"),
            ("sum damaged.npy", "damaged header"),
            ("sum objects.npy", "Python objects"),
            ("sum structured.npy", "structured"),
            ("sum folder", "directory"),
            ("map ints.npy nowhere/out.npy fn=abs", "nowhere"),
        ], COULD_NOT_START, all_ranks=[1])

    def test_refusals_while_mpirun_still_starts_ranks(self):
        # mpirun of Open MPI 4.1 crashed, hung or gave another status in four of ten such runs,
        # because rank 0 had ended with an error before the last ranks were started.
        for arguments, words in (("sums ints.npy", "unknown worker 'sums'"),
                                 ("sum ints.npy axes=1", "did you mean 'axis'?"),
                                 ("--cunk=1 sum ints.npy", "--cunk=1"),
                                 ("doctor ints.npy --results=ints.npy", "would overwrite an input")):
            for _ in range(3):
                with self.subTest(arguments=arguments):
                    self.assert_refused(self.run_in_folder(64, *arguments.split()), WRONG_USAGE, words)
        done = self.run_in_folder(64, "--version")
        self.assert_done(done)

    def test_several_commands_in_one_script_under_mpirun(self):
        # A command that ends early must not disconnect its rank from mpirun, because further
        # commands of the script follow.
        program = whole_run.program()
        script = "%s --version >/dev/null; %s sums ints.npy 2>/dev/null; exec %s sum ints.npy" % (program, program, program)
        done = self.run_in_folder(3, "-c", script, program_path="/bin/sh")
        self.assert_done(done)
        self.assertEqual(done.text, "sum ints.npy: 500500\n")
        script = 'if [ "$OMPI_COMM_WORLD_RANK" = 0 ]; then %s --version >/dev/null; fi; exec %s sum ints.npy' % (program, program)
        self.assert_done(self.run_in_folder(3, "-c", script, program_path="/bin/sh"))

    def test_results_that_their_file_cannot_take_are_printed(self):
        # The results file reaches the limit when it is written, at the end of the run; the pipe of
        # the standard output has no limit.
        limit = ["bash", "-c", "(ulimit -f 0 && exec \"$@\") | cat; exit ${PIPESTATUS[0]}", "bash"]
        done = self.run_in_folder(None, "--results=results.txt", "sum", "ints.npy", launcher=limit)
        self.assertEqual(done.status, 1, done)
        self.assertEqual(done.text, "sum ints.npy: 500500\n")
        self.assertIn("the results are printed instead", done.stderr[0])
        self.assertFalse(os.path.exists(self.path("results.txt")))

    def write_bad_inputs(self):
        for name, array in {
                "bytes": np.array([b"abc"]),
                "int32": np.zeros(3, np.int32),
                "uint64": np.zeros(3, np.uint64),
                "float32": np.zeros(3, np.float32),
                "bool": np.zeros(3, bool),
                "complex": np.zeros(3, complex),
                "structured": np.zeros(3, [("x", "<f8"), ("y", "<i4")]),
                "objects": np.array([1, "x"], object),
        }.items():
            np.save(self.path(name + ".npy"), array)
        with open(self.path("huge.npy"), "wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<i8", "fortran_order": False, "shape": (2**62, 2**62)})
        with open(self.path("archive.npz"), "wb") as file:
            np.savez(file, np.arange(3), np.arange(4))
        flipped = np.arange(20000.).reshape(100, 200)
        np.savez(self.path("flipped.npz"), c=flipped, fortran=np.asfortranarray(flipped))
        with open(self.path("flipped.npz"), "r+b") as file:
            data = bytearray(file.read())
            for quarter in (1, 3):  # in the middle of each member
                data[len(data) * quarter // 4] ^= 1
            file.seek(0)
            file.write(data)
        with open(self.path("ints.npy"), "rb") as file:
            good = file.read()
        for name, data in {
                "truncated": good[:-1],
                "header_only": good[:128],
                "half_header": good[:50],
                "damaged": good.replace(b"'shape'", b"'shove'"),
                "empty": b"",
                "text": b"1, 2, 3\n" * 100,
                "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 8128\n" % (b"5e" * 32),
                "packed": gzip.compress(good),
        }.items():
            with open(self.path(name + ".npy"), "wb") as file:
                file.write(data)
        os.mkdir(self.path("folder"))
        os.symlink("away.npy", self.path("nowhere.npy"))

    def test_outputs_that_can_not_be_written(self):
        os.mkdir(self.path("folder"))
        self.assert_refused_by_all([
            ("map ints.npy nowhere/out.npy fn=abs", "nowhere", "create it"),
            ("map ints.npy folder fn=abs", "folder", "directory"),
            ("map ints.npy ints.npy/out.npy fn=abs", "ints.npy"),
            ("--cpu_usage=nowhere/usage.csv sum ints.npy", "nowhere/usage.csv"),
            ("--cpu_usage=folder sum ints.npy", "folder"),
        ], COULD_NOT_START)

    def test_output_that_stays_when_the_run_does_not_start(self):
        with open(self.path("out.npy"), "wb") as file:
            file.write(b"of before")
        for ranks in RANKS:
            done = self.run_in_folder(ranks, "map", "ints.npy", "out.npy", "fn=abs", "+", "sum", "missing.npy")
            self.assert_refused(done, COULD_NOT_START, "missing.npy")
            with open(self.path("out.npy"), "rb") as file:
                self.assertEqual(file.read(), b"of before")

    def test_cpu_usage_that_would_overwrite_an_input_or_an_output(self):
        os.symlink("ints.npy", self.path("symlink.csv"))
        os.link(self.path("ints.npy"), self.path("hard_link.csv"))
        with open(self.path("old.npy"), "wb") as file:
            file.write(b"of before")
        os.link(self.path("old.npy"), self.path("old.csv"))
        for name in ("a.bin", "a:0.bin"):
            np.linspace(0, 1, 1000).tofile(self.path(name))
        os.symlink("a.bin", self.path("a.csv"))
        for name in ("s.npz", "s:0.npz"):
            np.savez(self.path(name), x=np.arange(1000.))
        os.link(self.path("s.npz"), self.path("s.csv"))
        inputs = ("ints.npy", "doubles.npy", "a.bin", "a:0.bin", "s.npz", "s:0.npz")
        before = [(self.contents(name), os.stat(self.path(name)).st_mtime_ns) for name in inputs]
        self.assert_refused_by_all([
            (["--cpu_usage=" + file] + jobs.split(), "--cpu_usage=" + file, "overwrite") for file, jobs in [
                ("ints.npy", "sum ints.npy"),
                ("./ints.npy", "sum ints.npy"),
                ("ints.npy", "sum ./ints.npy"),
                (self.path("ints.npy"), "sum ints.npy"),
                ("symlink.csv", "sum ints.npy"),
                ("hard_link.csv", "sum ints.npy"),
                ("ints.npy", "sum doubles.npy + sum ints.npy"),
                ("out.npy", "map ints.npy out.npy fn=abs"),
                ("./out.npy", "map ints.npy out.npy fn=abs"),
                ("out.npy", "sum ints.npy + map doubles.npy " + self.path("out.npy") + " fn=abs"),
                ("old.csv", "map ints.npy old.npy fn=abs"),
                # Only a part of the argument is the name of the file.
                ("a.bin", "sum raw:<f8:a.bin"),
                ("./a.bin", "sum raw:<f8:-1x10:" + self.path("a.bin")),
                ("a.csv", "sum raw:<f8:a.bin"),
                ("a:0.bin", "sum raw:<f8:100:a:0.bin"),
                ("a.bin", "sum raw:[('x','<f8')]:a.bin"),
                ("s.npz", "sum s.npz"),
                ("s.npz", "sum s.npz:x"),
                ("s.csv", "sum ./s.npz:x.npy"),
                ("s:0.npz", "sum doubles.npy + sum s:0.npz:x"),
                ("doubles.npy", "where ints.npy out.npy x=ints.npy y=doubles.npy"),
                ("a.bin", "where ints.npy out.npy x=doubles.npy y=raw:<f8:a.bin"),
                ("s.csv", "where ints.npy out.npy x=s.npz:x y=doubles.npy"),
                ("out:0.npy", "map ints.npy out:0.npy fn=abs"),
            ]
        ], WRONG_USAGE, all_ranks=(None, 1, 3))
        self.assertEqual([(self.contents(name), os.stat(self.path(name)).st_mtime_ns) for name in inputs], before)
        self.assertEqual(self.contents("old.npy"), b"of before")
        # Another file is accepted in such a run.
        for jobs in ("sum raw:<f8:a.bin", "sum s.npz:x"):
            self.assert_done(self.run_in_folder(None, "--cpu_usage=usage.csv", *jobs.split()))

    def test_journal_that_is_something_else_of_the_run(self):
        os.symlink("ints.npy", self.path("symlink.journal"))
        os.link(self.path("ints.npy"), self.path("hard_link.journal"))
        np.linspace(0, 1, 1000).tofile(self.path("a.bin"))
        before = {name: self.contents(name) for name in ("ints.npy", "doubles.npy", "a.bin")}
        for resume in ("", "--resume "):
            self.assert_refused_by_all([
                ("%s--journal=%s %s" % (resume, file, jobs), "--journal=" + file, "overwrite", "another file") for file, jobs in [
                    ("ints.npy", "sum ints.npy"),
                    ("./ints.npy", "sum doubles.npy + sum ints.npy"),
                    ("symlink.journal", "sum ints.npy"),
                    ("hard_link.journal", "sum ints.npy"),
                    ("a.bin", "sum raw:<f8:a.bin"),
                    ("doubles.npy", "where ints.npy out.npy x=ints.npy y=doubles.npy"),
                    ("out.npy", "map ints.npy out.npy fn=abs"),
                    (self.path("out.npy"), "sum ints.npy + map ints.npy ./out.npy fn=abs"),
                ]
            ] + [
                ("%s--journal=j --%s=./j sum ints.npy" % (resume, flag), "--journal", "--" + flag, "different files")
                for flag in ("record", "cpu_usage", "replay")
            ], WRONG_USAGE, all_ranks=(None, 3))
        self.assertEqual({name: self.contents(name) for name in before}, before)

    def test_cpu_usage_that_would_overwrite_the_file_on_standard_input(self):
        os.symlink("ints.npy", self.path("symlink.csv"))
        os.link(self.path("ints.npy"), self.path("hard_link.csv"))
        np.arange(1000.).tofile(self.path("a.bin"))
        before = {name: (self.contents(name), os.stat(self.path(name)).st_mtime_ns) for name in ("ints.npy", "a.bin")}
        for ranks in (None, 1, 3):
            for stdin, file, jobs in [
                ("ints.npy", "ints.npy", "sum -"),
                ("ints.npy", "symlink.csv", "sum -"),
                ("ints.npy", "hard_link.csv", "sum doubles.npy + sum -"),
                ("ints.npy", self.path("ints.npy"), "where doubles.npy out.npy x=- y=doubles.npy"),
                ("a.bin", "a.bin", "sum raw:<f8:1000:-"),
            ]:
                with self.subTest(ranks=ranks, file=file, jobs=jobs):
                    done = self.run_in_folder(ranks, "--cpu_usage=" + file, *jobs.split(), stdin_file=self.path(stdin))
                    self.assert_refused(done, WRONG_USAGE, "orchestrator: ", "--cpu_usage=" + file, "overwrite")
                    self.assertEqual((self.contents(stdin), os.stat(self.path(stdin)).st_mtime_ns), before[stdin])
            # Another file is accepted; so is this one if standard input is not read.
            done = self.run_in_folder(ranks, "--cpu_usage=usage.csv", "sum", "-", stdin_file=self.path("ints.npy"))
            self.assert_done(done)
            self.assertEqual(done.text, "sum -: 500500\n")
            done = self.run_in_folder(ranks, "--cpu_usage=a.bin", "sum", "ints.npy", stdin_file=self.path("a.bin"))
            self.assert_done(done)
            self.assertIn(b"seconds,core_0", self.contents("a.bin"))
            np.arange(1000.).tofile(self.path("a.bin"))
            before["a.bin"] = self.contents("a.bin"), os.stat(self.path("a.bin")).st_mtime_ns

    def test_output_in_the_place_of_its_input(self):
        """An output replaces its input only once the input is read and the output is complete."""
        for ranks in (None, 1, 3):
            for name, stdin in (("ints.npy", os.devnull), ("-", self.path("ints.npy"))):
                with self.subTest(ranks=ranks, input=name):
                    np.save(self.path("ints.npy"), np.arange(100_000))
                    done = self.run_in_folder(ranks, "map", name, "ints.npy", "expr=x+1", stdin_file=stdin)
                    self.assert_done(done)
                    self.assertTrue(np.array_equal(np.load(self.path("ints.npy")), np.arange(1, 100_001)))

    def test_two_outputs_that_are_one_file(self):
        os.mkdir(self.path("folder"))
        os.symlink("folder", self.path("to_folder"))
        with open(self.path("old.npy"), "wb") as file:
            file.write(b"of before")
        os.symlink("old.npy", self.path("to_old.npy"))
        self.assert_refused_by_all([
            ("map ints.npy %s fn=abs + map doubles.npy %s fn=abs" % (one, other), "map", other, "two jobs") for one, other in [
                ("o.npy", "./o.npy"),
                ("./o.npy", "o.npy"),
                ("o.npy", "folder/../o.npy"),
                ("o.npy", self.path("o.npy")),
                ("folder/o.npy", "to_folder/o.npy"),
                ("old.npy", "to_old.npy"),
            ]
        ], WRONG_USAGE, all_ranks=(None, 1, 3))
        self.assertEqual(self.contents("old.npy"), b"of before")

    def contents(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def test_files_that_may_not_be_read_or_written(self):
        if os.geteuid() == 0:
            self.skipTest("root may read and write all files")
        os.chmod(self.path("doubles.npy"), 0)
        os.mkdir(self.path("folder"))
        os.chmod(self.path("folder"), stat.S_IRUSR | stat.S_IXUSR)
        self.assert_refused_by_all([
            ("sum doubles.npy", "doubles.npy"),
            ("map ints.npy folder/out.npy fn=abs", "folder"),
        ], COULD_NOT_START)

    def test_schedules_that_are_something_else(self):
        os.mkfifo(self.path("pipe"))
        with open(self.path("long"), "wb") as file:
            file.truncate(10 << 30)
        self.assert_refused_by_all([
            ("--replay=/dev/zero sum ints.npy", "/dev/zero", "not a regular file"),
            ("--replay=pipe sum ints.npy", "pipe", "not a regular file"),
            ("--replay=. sum ints.npy", "not a regular file"),
            ("--replay=long sum ints.npy", "long", "longer than 256 MiB"),
            ("--replay=missing sum ints.npy", "missing", "No such file"),
            ("--resume --journal=/dev/zero sum ints.npy", "/dev/zero", "a device"),
            ("--resume --journal=long sum ints.npy", "long", "not a journal"),
        ], COULD_NOT_START, all_ranks=(None, 2))

    def test_answers_that_memory_does_not_hold(self):
        """The size of these answers follows from the header alone."""

        def save_flat(columns):
            header = {"descr": "<f8", "fortran_order": False, "shape": (0, columns)}
            with open(self.path("flat.npy"), "wb") as file:
                np.lib.format.write_array_header_1_0(file, header)

        save_flat(10**12)
        workers = "any all count_nonzero mean median nanmean nansum norm prod std sum var".split()
        self.assert_refused_by_all(
            [(worker + " flat.npy axis=0", "worker %s: the answer needs " % worker, " GB are free")
             for worker in workers] +
            [("sum flat.npy out.npy axis=0", "(8000000000000 bytes) of memory", " GB are free")],
            COULD_NOT_START, all_ranks=(None,))
        self.assert_refused_by_all([("sum flat.npy axis=0", "needs 8000.00 GB", " GB are free")],
                                   COULD_NOT_START)
        # Each answer would fit, but not all of them.
        with open("/proc/meminfo") as file:
            free_bytes = next(int(line.split()[1]) << 10 for line in file
                              if line.startswith("MemAvailable:"))
        save_flat(free_bytes // 40)
        # The limit protects the machine's memory if the program does not refuse the command.
        done = self.run_in_folder(None, *(" + ".join(["sum flat.npy axis=0"] * 9)).split(),
                                  launcher=["prlimit", "--as=%d" % (4 << 30)])
        self.assert_refused(done, COULD_NOT_START,
                            "the answer, with those of the jobs before it, needs")

    def test_seeded_damage_is_refused_or_read_but_never_a_crash(self):
        random = np.random.default_rng(whole_run.SEED)
        with open(self.path("ints.npy"), "rb") as file:
            good = file.read()
        for _ in range(60):
            data = bytearray(good)
            for position in random.integers(0, 128, size=random.integers(1, 4)):
                data[position] = random.integers(0, 256)
            with open(self.path("damaged.npy"), "wb") as file:
                file.write(data)
            done = self.run_in_folder(None, "sum", "damaged.npy")
            self.assertIn(done.status, (0, COULD_NOT_START), (bytes(data[:128]), str(done)))
            self.assertEqual(len(done.stderr), 1 if done.status else 0, done)
            self.assertEqual(done.left, [], done)

    def test_help_list_and_version_are_printed_once(self):
        outputs = {}
        for ranks in (None, 1, 3):
            for flag in ("--help", "-h", "--list", "--version"):
                done = self.run_in_folder(ranks, flag)
                self.assert_done(done)
                self.assertEqual(outputs.setdefault(flag, done.stdout), done.stdout, done)
        text = outputs["--help"].decode()
        self.assertEqual(outputs["--help"], outputs["-h"])
        for word in ("--chunk=", "--format=", "--results=", "--progress=", "--cpu_usage=", "--list", "--version", "exit status", "a.npz:MEMBER",
                     "--isolate=", "--retries=", "--chunk_deadline=", "--fail_fast", "--speculate=", "--journal=", "--resume",
                     "raw:TYPE:SHAPE:FILE", " - "):
            self.assertIn(word, text)
        self.assertRegex(outputs["--version"].decode(), r"^mpaio \d+\.\d+\.\d+(-dev)?\n$")
        workers = re.findall("^([a-z_]+)$", outputs["--list"].decode(), re.MULTILINE)
        self.assertEqual(workers, sorted(workers))
        self.assertLessEqual({"concat", "map", "min_max", "spin", "sum"}, set(workers))
        self.assertIn("fn=sqrt|abs|square", outputs["--list"].decode())
        # --help takes precedence over all other arguments.
        done = self.run_in_folder(3, "sum", "--help")
        self.assert_done(done)
        self.assertEqual(done.stdout, outputs["--help"])

    def test_json_has_these_keys_and_no_others(self):
        for ranks in (None, 1, 3):
            done = self.run_in_folder(ranks, "--format=json", "sum", "ints.npy", "+", "map", "doubles.npy", "out.npy",
                                      "fn=sqrt")
            self.assert_done(done)
            self.assertEqual(done.stdout.count(b"\n"), 1)
            answer = done.json
            self.assertEqual(list(answer), ["jobs", "ranks", "seconds"])
            for job in answer["jobs"]:
                self.assertEqual(list(job), ["worker", "input", "status", "result", "rows", "chunks", "seconds"])
                self.assertGreaterEqual(answer["seconds"], job["seconds"])
                self.assertGreater(job["seconds"], 0)
            self.assertEqual(answer["jobs"][0]["result"], 500500)
            self.assertEqual(answer["ranks"], ranks or 1)

    def test_progress_goes_to_stderr_alone(self):
        for ranks in (None, 1, 3):
            spin = ["--chunk=10", "spin", "ints.npy", "ns_per_row=500000"]
            done = self.run_in_folder(ranks, "--progress=always", *spin)
            self.assertEqual((done.status, done.left), (0, []), done)
            self.assertEqual(done.text, "spin ints.npy: 500500\n")
            self.assertGreaterEqual(len(done.stderr), 2, done)
            for line in done.stderr:
                self.assertRegex(line, r"^spin .*%", done)
            self.assertIn("100%", done.stderr[-1])
            for mode in ("auto", "never"):  # no terminal here
                done = self.run_in_folder(ranks, "--progress=" + mode, *spin)
                self.assert_done(done)
                self.assertEqual(done.text, "spin ints.npy: 500500\n")

    def test_report_goes_to_stderr_alone(self):
        for ranks in (None, 1, 3):
            done = self.run_in_folder(ranks, "--report", "--chunk=10", "sum", "ints.npy", "+", "concat", "words.npy")
            self.assertEqual((done.status, done.left), (0, []), done)
            self.assertEqual(done.text.splitlines()[0], "sum ints.npy: 500500")
            self.assertEqual(len(done.text.splitlines()), 2)
            report = whole_run.parse_report(done.stderr)
            self.assertEqual([row["job"] for row in report["job"]], ["sum", "concat"])
            self.assertEqual([row["chunks"] for row in report["job"]], ["100", "10"])
            self.assertEqual([row["rank"] for row in report["rank"]], [str(rank) for rank in range(ranks or 1)])
            self.assertEqual(sum(int(row["chunks"]) for row in report["rank"]), 110)
            self.assertEqual(sum(int(row["rows"]) for row in report["rank"]), 1100)
            self.assertIn("process", [row["stage"] for row in report["stage"]])

    def test_cpu_usage_is_a_table_of_cores(self):
        for ranks in (None, 1, 3):
            for name in ("usage.csv", "usage with space.csv"):
                done = self.run_in_folder(ranks, "--cpu_usage=" + name, "--chunk=10", "spin", "ints.npy",
                                          "ns_per_row=700000")
                self.assert_done(done)
                with open(self.path(name), newline="") as file:
                    header, *rows = csv.reader(file)
                self.assertEqual(header, ["seconds"] + ["core_%d" % core for core in range(len(header) - 1)])
                self.assertGreaterEqual(len(header), 2)
                self.assertGreaterEqual(len(rows), 1)
                times = [float(row[0]) for row in rows]
                self.assertEqual(times, sorted(times))
                for row in rows:
                    self.assertEqual(len(row), len(header))
                    for usage in filter(None, row[1:]):
                        self.assertTrue(0 <= float(usage) <= 100, row)
        # A very short run has a sample, too.
        done = self.run_in_folder(2, "--cpu_usage=short.csv", "sum", "ints.npy")
        self.assert_done(done)
        with open(self.path("short.csv"), newline="") as file:
            self.assertGreaterEqual(len(list(csv.reader(file))), 2)

    def test_results_in_a_file(self):
        for ranks in RANKS:
            for arguments in ("sum ints.npy + min_max doubles.npy", "--format=json sum ints.npy", "doctor", "--help", "--list", "--version"):
                with self.subTest(ranks=ranks, arguments=arguments):
                    printed = self.run_in_folder(ranks, *arguments.split())
                    # --results also works if the program's standard output cannot be written.
                    for flag, options in (("--results=results", {}), ("--results=./results", {"stdout_file": "/dev/full"})):
                        with open(self.path("results"), "wb") as file:
                            file.write(b"of before " * 10000)
                        os.chmod(self.path("results"), 0o640)
                        done = self.run_in_folder(ranks, flag, *arguments.split(), **options)
                        self.assert_done(done)
                        self.assertEqual(done.stdout, b"")
                        text = self.contents("results")
                        self.assertEqual(stat.S_IMODE(os.stat(self.path("results")).st_mode), 0o640)
                        if arguments.startswith("--format=json"):
                            self.assertEqual(json.loads(text)["jobs"][0]["result"], 500500)
                        elif arguments == "doctor":
                            self.assertIn(b"shared memory", text)
                        else:
                            self.assertEqual(text, printed.stdout)
                        os.remove(self.path("results"))
            # The results file also reports failed jobs.
            np.save(self.path("large.npy"), np.full(3, 2**62))
            done = self.run_in_folder(ranks, "--format=json", "--results=results", "sum", "ints.npy", "+", "sum", "large.npy")
            self.assert_refused(done, 1, "job 1")
            self.assertEqual([job["status"] == "ok" for job in json.loads(self.contents("results"))["jobs"]], [True, False])
            self.assertEqual(done.stdout, b"")
            os.remove(self.path("results"))
        self.assertEqual([name for name in os.listdir(self.folder) if ".tmp." in name], [])

    def test_results_that_can_not_be_written(self):
        os.mkdir(self.path("folder"))
        self.assert_refused_by_all([
            ("--results=nowhere/r.txt sum ints.npy", "nowhere", "create it"),
            ("--results=folder sum ints.npy", "folder", "directory"),
            ("--results=/dev/full sum ints.npy", "/dev/full"),
        ], COULD_NOT_START)
        self.assert_refused_by_all([
            ("--results=nowhere/r.txt %s" % what, "nowhere", "create it") for what in ("--help", "--list", "--version", "doctor")
        ], 1)

    def test_results_that_would_overwrite_something_of_the_run(self):
        os.symlink("ints.npy", self.path("symlink.txt"))
        os.link(self.path("ints.npy"), self.path("hard_link.txt"))
        np.savez(self.path("s.npz"), x=np.arange(1000.))
        names = ("ints.npy", "doubles.npy", "s.npz")
        before = {name: self.contents(name) for name in names}
        self.assert_refused_by_all([
            ("--results=%s %s" % (file, jobs), "--results=" + file, "overwrite") for file, jobs in [
                ("ints.npy", "sum ints.npy"),
                ("./ints.npy", "sum doubles.npy + sum ints.npy"),
                ("symlink.txt", "sum ints.npy"),
                ("hard_link.txt", "sum ints.npy"),
                ("s.npz", "sum s.npz:x"),
                ("doubles.npy", "where ints.npy out.npy x=ints.npy y=doubles.npy"),
                ("out.npy", "map ints.npy ./out.npy fn=abs"),
                ("ints.npy", "doctor doubles.npy ints.npy"),
                ("s.npz", "doctor s.npz:x"),
            ]
        ] + [
            ("--results=r --%s=./r sum ints.npy" % flag, "--results", "--" + flag, "different files")
            for flag in ("record", "cpu_usage", "replay", "journal")
        ] + [("--results= sum ints.npy", "--results=")], WRONG_USAGE, all_ranks=(None, 3))
        self.assertEqual({name: self.contents(name) for name in names}, before)

    def test_standard_output_that_can_not_be_written(self):
        for arguments in ("sum ints.npy", "--format=json sum ints.npy", "--help", "--list", "--version"):
            done = self.run_in_folder(None, *arguments.split(), stdout_file="/dev/full")
            self.assert_refused(done, 1, "standard output")
        # mpirun forwards the ranks' output and does not report write errors, so each rank redirects
        # its own output.
        for ranks in (1, 3):
            for arguments in ("sum ints.npy", "--format=json sum ints.npy"):
                done = self.run_in_folder(ranks, "-c", 'exec "$@" > /dev/full', "sh", whole_run.program(), *arguments.split(),
                                          program_path="/bin/sh")
                self.assert_refused(done, 1, "standard output")


if __name__ == "__main__":
    whole_run.main()
