# SPDX-License-Identifier: Apache-2.0
"""Libraries installed on the system, under the labels that they have when built from source.

`mpaio_system_repositories()` defines them all. To add a library, add an entry there: its labels,
the pkg-config modules of each, and the Debian package that contains them.
"""

# Abseil: package -> targets. pkg-config's name for `absl/status:statusor` is `absl_statusor`, and for `absl/flags:parse`
# it is `absl_flags_parse`; both forms are tried. A target without a module in the installed version is left out.
_ABSL = {
    "algorithm": "algorithm container",
    "base": "base config core_headers dynamic_annotations endian log_severity no_destructor nullability prefetch",
    "cleanup": "cleanup",
    "container": "btree fixed_array flat_hash_map flat_hash_set inlined_vector node_hash_map node_hash_set",
    "crc": "crc32c",
    "debugging": "failure_signal_handler leak_check stacktrace symbolize",
    "flags": "commandlineflag config flag marshalling parse reflection usage",
    "functional": "any_invocable bind_front function_ref overload",
    "hash": "hash",
    "memory": "memory",
    "meta": "type_traits",
    "numeric": "bits int128",
    "random": "bit_gen_ref distributions random seed_sequences",
    "status": "status statusor",
    "strings": "cord str_format string_view strings",
    "synchronization": "synchronization",
    "time": "time",
    "types": "any compare optional span variant",
    "utility": "utility",
}

# Modules whose names do not follow from the label.
_ABSL_MODULES = {
    "flags:flag": "absl_flags",
    "strings:string_view": "absl_string_view|absl_strings",
}

def _absl_libraries():
    libraries = {}
    for package, targets in _ABSL.items():
        for target in targets.split(" "):
            label = package + ":" + target
            libraries["absl/" + label] = _ABSL_MODULES.get(label, "absl_{}_{}|absl_{}".format(package, target, target))
    return libraries

# Arguments: entries "LABEL=WORDS" as in the attribute `libraries`. Prints for each
# "LABEL<tab>cflags<tab>libs" or "LABEL<tab>missing<tab>MODULE". One process handles all entries,
# because a process for each would take seconds.
_QUERY = """
for entry; do
  label=${entry%%=*} modules= flags= missing=
  for word in ${entry#*=}; do
    case $word in -*) flags="$flags $word"; continue ;; esac
    found=
    for module in $(echo "$word" | tr '|' ' '); do
      if [ -z "$found" ] && pkg-config --exists "$module"; then found=$module; fi
    done
    if [ -n "$found" ]; then modules="$modules $found"; else missing=$word; fi
  done
  if [ -n "$missing" ]; then
    printf '%s\\tmissing\\t%s\\n' "$label" "$missing"
  elif [ -n "$modules" ]; then
    printf '%s\\t%s\\t%s\\n' "$label" "$(pkg-config --cflags $modules)" "$flags $(pkg-config --libs $modules)"
  else
    printf '%s\\t\\t%s\\n' "$label" "$flags"
  fi
done
"""

def _missing(repository_ctx, what):
    fail("mpaio: {}: install the Debian package {} (tools/setup installs all that is needed)".format(
        what,
        repository_ctx.attr.debian_package,
    ))

def _words(text):
    return [word for word in text.replace("\n", " ").split(" ") if word]

def _write_libraries(repository_ctx, libraries):
    """Writes the BUILD files. `libraries` maps "package:target" to a pair (compile flags, link flags) of lists."""
    include_dirs = {}
    packages = {"": []}
    for label, (compile_flags, link_flags) in libraries.items():
        package, _, target = label.rpartition(":")
        deps = {}
        for flag in compile_flags:
            # Bazel requires every header to be in a repository or in one of the compiler's own
            # directories.
            if flag.startswith("-I") and flag[2:] not in ["/usr/include", "/usr/local/include"]:
                if flag[2:] not in include_dirs:
                    include_dirs[flag[2:]] = "include_{}".format(len(include_dirs))
                deps["//:" + include_dirs[flag[2:]]] = None
        packages.setdefault(package, []).append("""
cc_library(
    name = {name},
    defines = {defines},
    linkopts = {linkopts},
    deps = {deps},
)
""".format(
            name = repr(target),
            defines = repr([flag[2:] for flag in compile_flags if flag.startswith("-D")]),
            linkopts = repr(link_flags),
            deps = repr(deps.keys()),
        ))
    for path, name in include_dirs.items():
        repository_ctx.symlink(path, name)
        packages[""].append("""
cc_library(
    name = "{name}",
    hdrs = glob(["{name}/**"]),
    includes = ["{name}"],
)
""".format(name = name))
    for package, rules in packages.items():
        repository_ctx.file(
            package + "/BUILD" if package else "BUILD",
            "package(default_visibility = [\"//visibility:public\"])\n" + "".join(rules),
            executable = False,
        )

def _pkg_config_repository_impl(repository_ctx):
    if not repository_ctx.which("pkg-config"):
        fail("mpaio: pkg-config not found: install the Debian package pkgconf")
    entries = ["{}={}".format(label, words) for label, words in repository_ctx.attr.libraries.items()]
    result = repository_ctx.execute(["sh", "-c", _QUERY, "sh"] + entries)
    if result.return_code != 0:
        fail("mpaio: pkg-config failed: " + result.stderr.strip())
    libraries = {}
    missing = []
    for line in result.stdout.splitlines():
        label, compile_flags, link_flags = line.split("\t")
        if compile_flags == "missing":
            missing.append(link_flags)
            if repository_ctx.attr.optional:
                libraries[label] = ([], [])
        else:
            libraries[label] = (_words(compile_flags), _words(link_flags))
    if missing and not ((repository_ctx.attr.skip_missing or repository_ctx.attr.optional) and libraries):
        _missing(repository_ctx, "no library " + missing[0])
    _write_libraries(repository_ctx, libraries)

pkg_config_repository = repository_rule(
    implementation = _pkg_config_repository_impl,
    doc = "A repository of cc_library targets for libraries that pkg-config knows.",
    attrs = {
        "libraries": attr.string_dict(
            doc = "'package:target' -> words: modules ('a|b': the first that is installed) and linker flags.",
            mandatory = True,
        ),
        "debian_package": attr.string(doc = "Package to install when a module is missing.", mandatory = True),
        "skip_missing": attr.bool(doc = "Omit targets whose module is missing, unless all are missing."),
        "optional": attr.bool(doc = "Targets whose module is missing are empty libraries; code tests with __has_include."),
    },
    environ = ["PATH", "PKG_CONFIG_PATH"],
    local = True,
)

def _mpi_repository_impl(repository_ctx):
    mpicxx = repository_ctx.os.environ.get("MPICXX")
    for name in ["mpicxx.openmpi", "mpicxx"]:
        mpicxx = mpicxx or repository_ctx.which(name)
    if not mpicxx:
        _missing(repository_ctx, "mpicxx not found")
    flags = []
    for kind in ["compile", "link"]:
        result = repository_ctx.execute([mpicxx, "--showme:" + kind])
        if result.return_code != 0:
            _missing(repository_ctx, "{} is not Open MPI's".format(mpicxx))
        flags.append(_words(result.stdout))

    # Open MPI 4 still has the C++ bindings, which the MPI standard has removed. Without them, its
    # headers need no -lmpi_cxx.
    compile_flags = flags[0] + ["-DOMPI_SKIP_MPICXX"]
    link_flags = [flag for flag in flags[1] if flag != "-lmpi_cxx"]
    _write_libraries(repository_ctx, {":mpi": (compile_flags, link_flags)})

mpi_repository = repository_rule(
    implementation = _mpi_repository_impl,
    doc = "The target `:mpi`, with the flags of Open MPI's compiler wrapper. The variable MPICXX selects another wrapper.",
    attrs = {"debian_package": attr.string(default = "libopenmpi-dev")},
    environ = ["MPICXX", "PATH"],
    local = True,
)

def mpaio_system_repositories():
    """Defines all libraries that mpaio depends on.

    For a WORKSPACE; a module extension may call the rules the same way.
    """
    mpi_repository(name = "mpi")
    pkg_config_repository(
        name = "com_google_absl",
        libraries = _absl_libraries(),
        debian_package = "libabsl-dev",
        skip_missing = True,
    )
    pkg_config_repository(
        name = "com_google_googletest",
        libraries = {":gtest": "gmock gtest", ":gtest_main": "gmock_main gmock gtest"},
        debian_package = "libgmock-dev",
    )
    pkg_config_repository(
        name = "com_github_google_benchmark",
        libraries = {":benchmark": "benchmark", ":benchmark_main": "-lbenchmark_main benchmark"},
        debian_package = "libbenchmark-dev",
    )
    pkg_config_repository(
        name = "onetbb",
        libraries = {":tbb": "tbb"},
        debian_package = "libtbb-dev",
        optional = True,
    )
    pkg_config_repository(
        name = "hwloc",
        libraries = {":hwloc": "hwloc"},
        debian_package = "libhwloc-dev",
    )
    pkg_config_repository(
        name = "nlohmann_json",
        libraries = {":json": "nlohmann_json"},
        debian_package = "nlohmann-json3-dev",
    )
    pkg_config_repository(
        name = "libzip",
        libraries = {":zip": "libzip"},
        debian_package = "libzip-dev",
    )
    pkg_config_repository(
        name = "xxhash",
        libraries = {":xxhash": "libxxhash"},
        debian_package = "libxxhash-dev",
    )
    pkg_config_repository(
        name = "sleef",
        libraries = {":sleef": "sleef"},
        debian_package = "libsleef-dev",
    )
    pkg_config_repository(
        name = "com_googlesource_code_re2",
        libraries = {":re2": "re2"},
        debian_package = "libre2-dev",
    )
    pkg_config_repository(
        name = "icu",
        libraries = {":uc": "icu-uc"},
        debian_package = "libicu-dev",
    )
