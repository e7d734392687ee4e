# SPDX-License-Identifier: Apache-2.0
"""Rules of the tree: libraries, tests, workers, orchestrators, benchmarks.

They work inside this repository and from any other that has it as `@mpaio`.
"""

# "" in this repository; "mpaio" (or its canonical form) where another workspace uses it.
_REPOSITORY = Label("//:BUILD").workspace_name

def _label(name):
    return str(Label(name))

# Warnings end the build only of optimised code, as a sanitizer brings false ones, and only here: a user's code is not
# ours to judge. The excepted ones come and go with the version of the compiler, whose optimiser finds them, or of a
# library, which deprecates the one way its older version has.
_WERROR = [
    "-Werror",
    "-Wno-error=array-bounds",
    "-Wno-error=deprecated-declarations",
    "-Wno-error=maybe-uninitialized",
    "-Wno-error=stringop-overflow",
] if not _REPOSITORY else []

def _copts(copts):
    # Answers are the same bits on every machine: no a * b + c is fused in one inlined copy and not in another.
    return ["-std=c++20", "-ffp-contract=off", "-Wall", "-Wextra"] + select({
        _label("//tools/bazel:opt"): ["-O3"] + _WERROR,
        "//conditions:default": [],
    }) + copts

# What is tested is in libraries, and optimised as it is; the tests' own code compiles faster so.
_TEST_COPTS = select({
    _label("//tools/bazel:opt"): ["-O1"],
    "//conditions:default": [],
})

# What a program needs besides its own code, by kind. All kinds are listed here.
_WORKER_DEPS = ["//mpaio/worker:registry"]
_ORCHESTRATOR_DEPS = ["//mpaio/cli:main"]
_MPI_TEST_DEPS = ["//mpaio/testing:mpi_test_main"]
_TEST_DEPS = ["@com_google_googletest//:gtest_main"]
_BENCHMARK_DEPS = ["@com_github_google_benchmark//:benchmark_main"]

def _with(deps, further):
    """`deps` and those of `further` that are not among them yet; a list given by a select() is taken as it is."""
    further = [_label(dep) for dep in further]
    if type(deps) != "list":
        return deps + further
    given = {_label_text(dep): None for dep in deps}
    return deps + [dep for dep in further if _label_text(dep) not in given]

def _label_text(label):
    """One spelling for the ways to write a label: "@@x//a/b:b", "@x//a/b" and "//a/b" when in x are the same."""
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

# Everything is linked statically (Bazel's default for tests is shared libraries), so each source is compiled once only.
def mpaio_cc_library(name, copts = [], linkstatic = True, **kwargs):
    """A cc_library with the tree's compiler flags."""
    native.cc_library(name = name, copts = _copts(copts), linkstatic = linkstatic, **kwargs)

def mpaio_cc_binary(name, copts = [], **kwargs):
    """A cc_binary with the tree's compiler flags."""
    native.cc_binary(name = name, copts = _copts(copts), **kwargs)

def mpaio_cc_test(name, deps = [], copts = [], size = "small", linkstatic = True, **kwargs):
    """A GoogleTest of one process, without MPI; its main() comes along."""
    native.cc_test(
        name = name,
        deps = _with(deps, _TEST_DEPS),
        copts = _copts(copts) + _TEST_COPTS,
        size = size,
        linkstatic = linkstatic,
        **kwargs
    )

def mpaio_benchmark(name, deps = [], copts = [], tags = [], **kwargs):
    """A Google Benchmark; its main() comes along. Not built by `//...`, never part of a test run."""
    native.cc_binary(
        name = name,
        deps = _with(deps, _BENCHMARK_DEPS),
        copts = _copts(copts),
        tags = tags + ["benchmark", "manual"],
        testonly = kwargs.pop("testonly", True),
        **kwargs
    )

def mpaio_cc_fuzzer(name, linkopts = [], tags = [], **kwargs):
    """A libFuzzer of a function LLVMFuzzerTestOneInput. Built with `--config=fuzz` only, so not by `//...`."""
    mpaio_cc_binary(
        name = name,
        linkopts = linkopts + ["-fsanitize=fuzzer"],
        tags = tags + ["fuzzer", "manual"],
        testonly = kwargs.pop("testonly", True),
        **kwargs
    )

def mpaio_worker(name, srcs, hdrs = [], deps = [], copts = [], local_defines = [], isolate = True, visibility = None, **kwargs):
    """A worker that an orchestrator finds by name: MPAIO_WORKER_NAME is `name` as a string literal in its sources.

    It registers itself when the program starts, so it is linked whole, though nothing refers to it.
    With `isolate` its Process runs in a process of its own, unless the user says otherwise (--isolate):
    what kills it does not kill the rank. That costs some microseconds a chunk; workers that are well
    tested do without.
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
    """Writes the test's executable: sets the environment, goes to the runfiles, runs `command` (shell words)."""
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

# The binary is built in the target's configuration: flags given for a build, a sanitizer's for instance, reach it.
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
    """A GoogleTest run by mpirun: NAME_bin, a test NAME_<ranks> for each count, and a test suite NAME of them all.

    Args:
      name: Name of the suite.
      srcs: Sources of the one binary.
      deps: Its libraries; the main() for tests under MPI comes along.
      ranks: Numbers of ranks to test with.
      data: Files at run time.
      env: Environment of every rank.
      args: Arguments of every rank.
      size: As in any test.
      timeout: As in any test. mpirun is stopped a few seconds before it has passed.
      tags: Further tags; "mpi" and "cpu:N" are there anyway.
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
            # Waiting ranks sleep or yield, so two cores serve any number of them; on two cores it runs alone.
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
    """A test that is a Python (.py) or Bash (.sh) script; exit status 0 passes. Its environment is fit for mpirun.

    It runs at the top of its runfiles, where $(rootpath LABEL) in `args` and `env` leads to the `data`. Python is the
    one with numpy that tools/configure found (also in MPAIO_PYTHON), otherwise `python3`. A script that cannot test
    anything here prints a line "SKIPPED: why" and exits with 0 or 77.
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
