// SPDX-License-Identifier: Apache-2.0
#include "mpaio/cli/flags.h"

#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace mpaio {
namespace {

constexpr FlagInfo kFlags[] = {
    {Flag::kChunk, "chunk", "auto|ROWS", "auto", "the number of rows in a chunk"},
    {Flag::kFormat, "format", "text|json", "text", "how results are printed"},
    {Flag::kResults, "results", "FILE", "",
     "write the results to FILE, whole or not at all, instead of the standard output; use it when "
     "results must not be lost, because mpirun does not report a failure of its standard output"},
    {Flag::kProgress, "progress", "auto|always|never", "auto",
     "show the progress on the standard error; auto: on a terminal"},
    {Flag::kReport, "report", "", "",
     "print the time of each stage and the work of each rank on the standard error, after the run"},
    {Flag::kCpuUsage, "cpu_usage", "FILE", "",
     "write the usage of each core of rank 0's host to FILE, every 0.2 s, as CSV"},
    {Flag::kSource, "source", "auto|window|map", "auto",
     "where inputs lie while they are read; window: in shared memory, where each part is copied "
     "when it is first needed; map: mapped from their files; auto: mapped if type and order allow "
     "it and writers to the file can be made to wait"},
    {Flag::kHugePages, "huge_pages", "auto|always|never", "auto",
     "use pages of 2 MiB for shared memory, which are filled twice as fast; auto: if the system "
     "provides them; always: fail and name the remedy if it does not"},
    {Flag::kBind, "bind", "auto|never", "auto",
     "bind ranks to cores, unless mpirun has bound them or was told not to; auto: if the node "
     "has several NUMA nodes or last-level caches, and a core for each rank"},
    {Flag::kSchedule, "schedule", "NAME", "auto",
     "how chunks are assigned to ranks; static, dynamic, guided, factoring, trapezoid and adaptive "
     "exist for comparison"},
    {Flag::kRecord, "record", "FILE", "", "write to FILE which rank processed which chunks"},
    {Flag::kReplay, "replay", "FILE", "",
     "repeat the schedule that --record wrote to FILE, with the same number of ranks"},
    {Flag::kIsolate, "isolate", "auto|always|never", "auto",
     "process chunks in a separate process, so that a crash in a worker's code affects nothing "
     "else; auto: for workers that do not come with mpaio"},
    {Flag::kRetries, "retries", "N", "3",
     "how often a chunk that crashes or times out is retried before it is quarantined"},
    {Flag::kChunkDeadline, "chunk_deadline", "SECONDS", "",
     "the time limit of one chunk, none by default; isolates all workers"},
    {Flag::kFailFast, "fail_fast", "", "",
     "end the run at the first quarantined chunk instead of processing all others"},
    {Flag::kSpeculate, "speculate", "auto|never", "auto",
     "let idle ranks repeat the chunks of a rank that has been silent for long", true},
    {Flag::kJournal, "journal", "FILE", "",
     "keep the results in FILE as they come, so that a stopped run can be resumed"},
    {Flag::kResume, "resume", "", "",
     "resume the run whose results are in the journal, and process the rest"},
    {Flag::kPreflight, "preflight", "auto|never", "auto",
     "warn before a run if the machine will slow it down"},
    {Flag::kList, "list", "", "", "list the workers and their parameters"},
    {Flag::kHelp, "help", "", "", "print this text"},
    {Flag::kVersion, "version", "", "", "print the version"},
};

constexpr std::size_t kColumns = 100;
constexpr std::size_t kHelpColumn = 33;

// Appends `text`, wrapped, each line after the first indented to kHelpColumn.
void AppendWrapped(absl::string_view text, std::string* out) {
  std::size_t column = kHelpColumn;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (column + 1 + word.size() > kColumns && column > kHelpColumn) {
      absl::StrAppend(out, "\n", std::string(kHelpColumn, ' '));
      column = kHelpColumn;
    } else if (column > kHelpColumn) {
      out->push_back(' ');
      ++column;
    }
    absl::StrAppend(out, word);
    column += word.size();
  }
}

}  // namespace

std::span<const FlagInfo> Flags() { return kFlags; }

std::string FlagsText() {
  std::string text;
  for (const FlagInfo& flag : kFlags) {
    std::string head =
        absl::StrCat("  --", flag.name, *flag.value == '\0' ? "" : "=", flag.value, " ");
    if (head.size() < kHelpColumn) head.resize(kHelpColumn, ' ');
    absl::StrAppend(&text, head);
    const std::string default_text =
        *flag.default_value == '\0' ? "" : absl::StrCat(" (default: ", flag.default_value, ")");
    AppendWrapped(absl::StrCat(flag.help, default_text), &text);
    text.push_back('\n');
  }
  return text;
}

std::string HelpText() {
  return absl::StrCat(R"(Processes arrays in numpy's files, with all ranks of an mpirun.

usage: mpirun -n N orchestrator [flags] WORKER INPUT [OUTPUT] [key=value ...] [+ WORKER INPUT ...]
       [mpirun -n N] orchestrator doctor [INPUT ...]

A job is a worker and its input; a worker that writes an array also takes an output file. Jobs that
are separated by '+' run at the same time in one pool. --list shows the workers and their
parameters. Without mpirun, or with one rank, everything runs in this process. doctor examines each
node for a run over the inputs.

An input is a.npy, a.npz or a.npz:MEMBER, raw:TYPE:SHAPE:FILE (raw bytes, as in
raw:<f8:1000x3:a.bin), or - (.npy on standard input).
An output replaces the old file atomically; a file that cannot be replaced, such as a mounted one,
is overwritten at the end. Write ./key=value for an output that is named like a parameter; if the
worker has no such key, year=2020/a.npy and a=1.npy are files too.

)",
                      FlagsText(), R"(
exit status: 0 done; 1 a job failed while running; 2 wrong usage; 3 could not start (an input is
missing, damaged, or of a type that the worker does not take; too little memory; no MPI), or doctor
found that a run could not start

examples:
  mpirun -n 4 orchestrator sum numbers.npy
  mpirun -n 4 orchestrator --format=json sum numbers.npy + concat words.npy
  mpirun -n 4 orchestrator map numbers.npy roots.npy fn=sqrt
  mpirun -n 4 orchestrator doctor numbers.npy
)");
}

}  // namespace mpaio
