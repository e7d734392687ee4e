# SPDX-License-Identifier: Apache-2.0
"""Rules of the tree: libraries, tests, workers, orchestrators, benchmarks.

They work inside this repository and in any other repository that uses it as `@mpaio`.
"""

# "" in this repository; "mpaio" (or its canonical form) if another workspace uses it.
_REPOSITORY = Label("//:BUILD").workspace_name

def _label(name):
    return str(Label(name))

# Warnings are errors only in optimised code, because sanitizers cause false warnings, and only in
# this repository, because users choose their own warnings. Those that are no errors depend on the
# version of the compiler's optimiser, or of a library that deprecates an interface for which its
# older version has no replacement.
_WERROR = [
    "-Werror",
    "-Wno-error=array-bounds",
    "-Wno-error=deprecated-declarations",
    "-Wno-error=maybe-uninitialized",
    "-Wno-error=stringop-overflow",
] if not _REPOSITORY else []

def _copts(copts):
    # Results must have the same bits on every machine: without the flag, the compiler may contract
    # a * b + c to a fused multiply-add in one inlined copy and not in another.
    return ["-std=c++20", "-ffp-contract=off", "-Wall", "-Wextra"] + select({
        _label("//tools/bazel:opt"): ["-O3"] + _WERROR,
        "//conditions:default": [],
    }) + copts

# The tests' own code compiles faster with -O1. The code under test is in libraries, which keep
# their optimisation level.
_TEST_COPTS = select({
    _label("//tools/bazel:opt"): ["-O1"],
    "//conditions:default": [],
})

# Dependencies that each kind of program gets in addition to its own.
_WORKER_DEPS = ["//mpaio/jobs:registry"]
_ORCHESTRATOR_DEPS = ["//mpaio/cli:main"]
_MPI_TEST_DEPS = ["//mpaio/testing:mpi_test_main"]
_TEST_DEPS = ["@com_google_googletest//:gtest_main"]
_BENCHMARK_DEPS = ["@com_github_google_benchmark//:benchmark_main"]

def _with(deps, further):
    """Returns `deps` with those of `further` that they do not contain yet.

    If `deps` is a select(), all of `further` are appended.
    """
    further = [_label(dep) for dep in further]
    if type(deps) != "list":
        return deps + further
    given = {_label_text(dep): None for dep in deps}
    return deps + [dep for dep in further if _label_text(dep) not in given]

def _label_text(label):
    """Returns a label's normal form, equal for "@@x//a/b:b", "@x//a/b" and, within x, "//a/b"."""
    text = str(label).lstrip("@")
    repository, slashes, rest = text.partition("//")
    if not slashes:
        return text
    package, colon, name = rest.partition(":")
    return "{}//{}:{}".format(
        "" if repository == "mpaio" else repository,
        package,
        name if colon else package.split("/")[-1],
    )

# Everything is linked statically, so that each source is compiled only once; Bazel's default for
# tests is shared libraries.
def mpaio_cc_library(name, copts = [], linkstatic = True, **kwargs):
    """A cc_library with the tree's compiler flags."""
    native.cc_library(name = name, copts = _copts(copts), linkstatic = linkstatic, **kwargs)

def mpaio_cc_binary(name, copts = [], **kwargs):
    """A cc_binary with the tree's compiler flags."""
    native.cc_binary(name = name, copts = _copts(copts), **kwargs)

def mpaio_cc_test(name, deps = [], copts = [], size = "small", linkstatic = True, **kwargs):
    """A GoogleTest of one process, without MPI. Its main() is linked in."""
    native.cc_test(
        name = name,
        deps = _with(deps, _TEST_DEPS),
        copts = _copts(copts) + _TEST_COPTS,
        size = size,
        linkstatic = linkstatic,
        **kwargs
    )

def mpaio_benchmark(name, deps = [], copts = [], tags = [], **kwargs):
    """A Google Benchmark with its main(). Not built by `//...` and never part of a test run."""
    native.cc_binary(
        name = name,
        deps = _with(deps, _BENCHMARK_DEPS),
        copts = _copts(copts),
        tags = tags + ["benchmark", "manual"],
        testonly = kwargs.pop("testonly", True),
        **kwargs
    )

def mpaio_cc_fuzzer(name, linkopts = [], tags = [], **kwargs):
    """A libFuzzer program for a function LLVMFuzzerTestOneInput.

    It can be built only with `--config=fuzz`, so `//...` does not include it.
    """
    mpaio_cc_binary(
        name = name,
        linkopts = linkopts + ["-fsanitize=fuzzer"],
        tags = tags + ["fuzzer", "manual"],
        testonly = kwargs.pop("testonly", True),
        **kwargs
    )

def mpaio_worker(name, srcs, hdrs = [], deps = [], copts = [], local_defines = [], isolate = True, visibility = None, **kwargs):
    """A worker that an orchestrator finds by name.

    In its sources, MPAIO_WORKER_NAME is `name` as a string literal. The worker registers itself
    when the program starts, so the linker keeps all its object files although no code refers to
    them.

    With `isolate`, its Process runs in a separate process, unless the user overrides that
    (--isolate): a crash does not kill the rank. This costs some microseconds per chunk; well-tested
    workers set `isolate` to False.
    """
    native.cc_library(
        name = name,
        srcs = srcs,
        hdrs = hdrs,
        deps = _with(deps, _WORKER_DEPS),
        copts = _copts(copts),
        local_defines = local_defines + [
            'MPAIO_WORKER_NAME=\\"{}\\"'.format(name),
            "MPAIO_WORKER_IS_ISOLATED={}".format(1 if isolate else 0),
        ],
        alwayslink = True,
        linkstatic = True,
        visibility = visibility or ["//visibility:public"],
        **kwargs
    )

def mpaio_orchestrator(name, workers, deps = [], copts = [], **kwargs):
    """The command line program for a list of workers: mpirun -n N NAME WORKER INPUT [OUTPUT] ..."""
    native.cc_binary(name = name, deps = _with(workers + deps, _ORCHESTRATOR_DEPS), copts = _copts(copts), **kwargs)

def _runfiles_path(file):
    return file.short_path

def _quote(text):
    return "'" + text.replace("'", "'\\''") + "'"

def _expand(ctx, text):
    return ctx.expand_location(text, ctx.attr.data)

def _write_test(ctx, command, files, targets):
    """Writes the test's executable.

    It enters the runfiles, sets the environment and runs `command` (shell words).
    """
    lines = [
        "#!/bin/bash",
        "# Bazel starts a test in its runfiles; started by hand it goes there itself.",
        '[ -n "${TEST_SRCDIR:-}" ] || cd -- "$0.runfiles/%s" || exit 1' % ctx.workspace_name,
    ]
    lines += ["export %s=%s" % (name, _quote(_expand(ctx, value))) for name, value in ctx.attr.env.items()]
    words = command + [_quote(_expand(ctx, argument)) for argument in ctx.attr.arguments]
    lines.append("exec " + " ".join(words) + ' "$@"')
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(executable, "\n".join(lines) + "\n", is_executable = True)
    runfiles = ctx.runfiles(files = files + ctx.files.data)
    for target in targets + ctx.attr.data:
        runfiles = runfiles.merge(target[DefaultInfo].default_runfiles)
    return [DefaultInfo(executable = executable, runfiles = runfiles)]

_TEST_ATTRS = {
    "arguments": attr.string_list(doc = "Arguments; $(rootpath LABEL) is expanded. Bazel keeps the name `args`."),
    "data": attr.label_list(allow_files = True),
    "env": attr.string_dict(doc = "Environment; $(rootpath LABEL) is expanded."),
    "_launch": attr.label(default = Label("//tools/bazel:mpi_launch")),
}

def _launch_file(ctx, name):
    return [file for file in ctx.files._launch if file.basename == name][0]

def _mpi_test_impl(ctx):
    launch = _launch_file(ctx, "mpi_launch.sh")
    command = [
        "bash",
        _quote(_runfiles_path(launch)),
        str(ctx.attr.ranks),
        _quote("./" + _runfiles_path(ctx.executable.binary)),
    ]
    return _write_test(ctx, command, ctx.files._launch + [ctx.executable.binary], [ctx.attr.binary])

# The binary is built in the target configuration, so that flags given for a build, such as a
# sanitizer's, apply to it.
_mpi_test = rule(
    implementation = _mpi_test_impl,
    attrs = dict(
        _TEST_ATTRS,
        binary = attr.label(executable = True, cfg = "target", mandatory = True),
        ranks = attr.int(mandatory = True),
    ),
    test = True,
)

def mpi_cc_test(
        name,
        srcs,
        deps = [],
        ranks = [1, 2, 4],
        data = [],
        env = {},
        args = [],
        size = "small",
        timeout = None,
        tags = [],
        copts = [],
        visibility = None,
        **kwargs):
    """A GoogleTest run by mpirun.

    Defines the binary NAME_bin, a test NAME_<ranks> for each number of ranks, and a test suite NAME
    of all these tests.

    Args:
      name: Name of the suite.
      srcs: Sources of the binary.
      deps: Its libraries; the main() for tests under MPI is linked in.
      ranks: Numbers of ranks to test with.
      data: Files that the test needs at run time.
      env: Environment of every rank.
      args: Arguments of every rank.
      size: As in any test.
      timeout: As in any test. mpirun is stopped a few seconds before the timeout expires.
      tags: Further tags, in addition to "mpi" and "cpu:N".
      copts: Further compiler flags.
      visibility: As in any rule.
      **kwargs: For the binary.
    """
    native.cc_binary(
        name = name + "_bin",
        srcs = srcs,
        deps = _with(deps, _MPI_TEST_DEPS),
        copts = _copts(copts) + _TEST_COPTS,
        testonly = True,
        tags = tags + ["mpi"],
        visibility = visibility,
        **kwargs
    )
    for count in ranks:
        _mpi_test(
            name = "{}_{}".format(name, count),
            binary = name + "_bin",
            ranks = count,
            data = data,
            env = env,
            arguments = args,
            size = size,
            timeout = timeout,
            # Waiting ranks sleep or yield, so two cores are enough for any number of ranks. On a
            # machine with two cores the test runs alone.
            tags = tags + ["mpi", "cpu:{}".format(min(count, 2))],
            visibility = visibility,
        )
    native.test_suite(
        name = name,
        tests = [":{}_{}".format(name, count) for count in ranks],
        visibility = visibility,
    )

def _script_test_impl(ctx):
    script = ctx.file.script
    run = ctx.file._run
    command = ["bash", _quote(_runfiles_path(run)), _quote(_runfiles_path(script))]
    return _write_test(ctx, command, ctx.files._launch + [run, script], [])

_script_test = rule(
    implementation = _script_test_impl,
    attrs = dict(
        _TEST_ATTRS,
        script = attr.label(allow_single_file = [".py", ".sh"], mandatory = True),
        _run = attr.label(default = Label("//tools/bazel:run_script.sh"), allow_single_file = True),
    ),
    test = True,
)

def mpaio_script_test(name, script, data = [], args = [], env = {}, size = "small", timeout = None, tags = [], visibility = None):
    """A test that is a Python (.py) or Bash (.sh) script; it passes with exit status 0.

    The environment is prepared for mpirun. The script runs at the top of its runfiles, so
    $(rootpath LABEL) in `args` and `env` gives the path of a file in `data`. The interpreter of
    Python scripts is the one with numpy that tools/configure found (also in MPAIO_PYTHON),
    otherwise `python3`. A script that cannot test anything on this machine prints a line "SKIPPED:
    reason" and exits with status 0 or 77.
    """
    _script_test(
        name = name,
        script = script,
        data = data,
        arguments = args,
        env = env,
        size = size,
        timeout = timeout,
        tags = tags,
        visibility = visibility,
    )
