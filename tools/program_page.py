# SPDX-License-Identifier: Apache-2.0
"""Checks, or writes, the generated tables of docs/program.md: flags and environment variables.

Usage: program_page.py [--write] PROGRAM_TABLES MPI_ENV PAGE

PROGRAM_TABLES: the program //mpaio/cli:program_tables. MPI_ENV: tools/bazel/mpi_env.sh. In PAGE a table stands between
the lines `<!-- generated: NAME -->` and `<!-- end -->`. Without --write, ends with status 1 where PAGE differs.
tools/generate_docs calls it with --write.
"""

import difflib
import json
import re
import subprocess
import sys


def cell(text):
    return text.replace("|", "\\|")


def code(text):
    return "`%s`" % cell(text) if text else ""


def table(heads, rows):
    lines = ["| %s |" % " | ".join(heads), "|%s|" % "|".join("---" for _ in heads)]
    return lines + ["| %s |" % " | ".join(row) for row in rows]


def flags_table(flags):
    return table(["flag", "default", ""], [
        [code("--" + flag["name"] + ("=" if flag["value"] else "") + flag["value"]),
         code(flag["default"]), cell(flag["help"])] for flag in flags])


def settings_table(settings):
    rows = []
    for setting in settings:
        when = [setting["when"]] if setting["when"] else []
        if setting["least_major_version"]:
            when.append("Open MPI %d and later" % setting["least_major_version"])
        rows.append([code(setting["name"]), code(setting["value"]), ", ".join(when) or "always",
                     cell(setting["why"])])
    return table(["variable", "value", "when", "why"], rows)


def mpi_env_table(text):
    """Each `export NAME="${NAME:-VALUE}"`, with the last line of the comment above its group."""
    rows, why = [], ""
    for line in text.splitlines():
        comment = re.match(r"# (.*?)[:.]?$", line)
        variable = re.match(r'export (\w+)="\$\{\1:-(.*)\}"$', line)
        if comment:
            why = comment.group(1)
        elif variable:
            rows.append([code(variable.group(1)), code(variable.group(2)), cell(why)])
        elif line:
            raise ValueError("tools/bazel/mpi_env.sh has a line of another form: " + line)
    return table(["variable", "value", "why"], rows)


def main():
    arguments = sys.argv[1:]
    write = arguments[:1] == ["--write"]
    program, mpi_env, page = arguments[1:] if write else arguments
    tables = json.loads(subprocess.run([program], check=True, stdout=subprocess.PIPE).stdout)
    with open(mpi_env, encoding="utf-8") as file:
        generated = {"flags": flags_table(tables["flags"]), "settings": settings_table(tables["settings"]),
                     "mpi_env": mpi_env_table(file.read())}
    with open(page, encoding="utf-8") as file:
        before = file.read()

    def replace(match):
        return "\n".join([match.group(1), *generated.pop(match.group(2)), "<!-- end -->"])

    after = re.sub(r"(<!-- generated: (\w+) -->)\n.*?<!-- end -->", replace, before, flags=re.DOTALL)
    if generated:
        sys.exit("%s has no lines `<!-- generated: NAME -->` for: %s" % (page, ", ".join(generated)))
    if write:
        with open(page, "w", encoding="utf-8") as file:
            file.write(after)
    elif before != after:
        sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), after.splitlines(True), page, "generated"))
        sys.exit("%s differs from the program's tables: run tools/generate_docs" % page)


if __name__ == "__main__":
    main()
