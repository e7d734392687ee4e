// SPDX-License-Identifier: Apache-2.0
#include "mpaio/cli/command_line.h"

#include <getopt.h>

#include <algorithm>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/nearest.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/cli/flags.h"

namespace mpaio {
namespace {

// The flags for getopt_long, ended by an entry of zeros.
const option* Options() {
  static const std::vector<option> options = [] {
    std::vector<option> table;
    for (const FlagInfo& flag : Flags()) {
      const int takes = *flag.value == '\0'      ? no_argument
                        : flag.value_is_optional ? optional_argument
                                                 : required_argument;
      table.push_back({flag.name, takes, nullptr, static_cast<int>(flag.flag)});
    }
    table.push_back({nullptr, 0, nullptr, 0});
    return table;
  }();
  return options.data();
}

// Stands in the place of a worker; no worker can be registered under this name.
constexpr absl::string_view kDoctorWord = "doctor";

absl::Status UsageError(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, "; see --help"));
}

// Returns the index of `value` in `words`, the values that the flag takes.
absl::StatusOr<std::size_t> OneOf(absl::string_view flag, absl::string_view value,
                                  const std::vector<std::string>& words) {
  const auto word = std::find(words.begin(), words.end(), std::string(value));
  if (word != words.end()) return static_cast<std::size_t>(std::distance(words.begin(), word));
  return UsageError(absl::StrCat("--", flag, "=", value, ": must be ", absl::StrJoin(words, "|")));
}

absl::StatusOr<std::string> FileName(absl::string_view flag, absl::string_view value) {
  if (value.empty()) return UsageError(absl::StrCat("--", flag, "= needs the name of a file"));
  return std::string(value);
}

absl::StatusOr<Partition> ParseChunk(absl::string_view value) {
  Index rows = 0;
  if (value == "auto") return Partition::Auto();
  if (!absl::SimpleAtoi(value, &rows) || rows < 1)
    return UsageError(
        absl::StrCat("--chunk=", value, ": must be auto, or a number of rows of at least 1"));
  return Partition::ChunkSize(rows);
}

absl::StatusOr<int> ParseRetries(absl::string_view value) {
  int retries = 0;
  if (!absl::SimpleAtoi(value, &retries) || retries < 0)
    return UsageError(absl::StrCat("--retries=", value, ": must be a whole number of at least 0"));
  return retries;
}

absl::StatusOr<absl::Duration> ParseChunkDeadline(absl::string_view value) {
  double seconds = 0;
  // A deadline of less than a millisecond would expire because of the machine's own delays. A year
  // in nanoseconds is far below the limit of an int64.
  if (!absl::SimpleAtod(value, &seconds) || !(seconds >= 0.001) || !(seconds <= 86400.0 * 365)) {
    return UsageError(absl::StrCat("--chunk_deadline=", value,
                                   ": must be a number of seconds from 0.001 to a year"));
  }
  return absl::Seconds(seconds);
}

// Returns the position of the `=` in "key=value"; npos if the word has another form.
std::size_t KeyLength(absl::string_view word) {
  std::size_t n = 0;
  while (n < word.size() &&
         (absl::ascii_isalnum(static_cast<unsigned char>(word[n])) || word[n] == '_'))
    ++n;
  return n > 0 && n < word.size() && word[n] == '=' ? n : absl::string_view::npos;
}

// Flags of mpirun, without their dashes, which users often put after the program by mistake. Open
// MPI accepts long flags with one dash as well as with two.
constexpr absl::string_view kFlagsOfMpirun =
    "allow-run-as-root bind-to c cpu-set display-allocation display-map do-not-launch gmca H "
    "host hostfile launch-agent machinefile map-by mca merge-stderr-to-stdout n N "
    "nooversubscribe np npernode npersocket oversubscribe output-filename pernode pmixmca "
    "prefix prtemca rank-by report-bindings rf rankfile stdin tag-output timeout "
    "timestamp-output use-hwthread-cpus v wd wdir x";

std::vector<std::string> FlagNames() {
  std::vector<std::string> names;
  for (const FlagInfo& flag : Flags()) names.emplace_back(flag.name);
  return names;
}

// Returns the error for `word`, which begins with a dash. `value`: getopt's optopt, which is the
// Flag if the word gives a value to a flag that takes none; else it is below 256.
absl::Status UnknownFlag(absl::string_view word, int value) {
  if (value >= static_cast<int>(Flag::kHelp)) {
    return UsageError(
        absl::StrCat(word, ": this flag takes no value; write ", word.substr(0, word.find('='))));
  }
  const absl::string_view without_dashes =
      word.substr(std::min(word.find_first_not_of('-'), word.size()));
  const absl::string_view name = without_dashes.substr(0, without_dashes.find('='));
  const std::vector<absl::string_view> flags_of_mpirun =
      absl::StrSplit(kFlagsOfMpirun, ' ', absl::SkipEmpty());
  if (std::find(flags_of_mpirun.begin(), flags_of_mpirun.end(), name) != flags_of_mpirun.end()) {
    return UsageError(absl::StrCat("unknown flag ", word,
                                   ": it is mpirun's; put it before the program, as in "
                                   "mpirun -n 4 orchestrator sum a.npy"));
  }
  const std::string nearest = Nearest(name, FlagNames());
  return UsageError(
      absl::StrCat("unknown flag ", word,
                   nearest.empty() ? "" : absl::StrCat("; did you mean --", nearest, "?")));
}

absl::StatusOr<JobSpec> ParseJob(const std::vector<absl::string_view>& words) {
  if (words.empty())
    return UsageError("a job is missing: before and after each '+' there must be WORKER INPUT");
  JobSpec job;
  job.worker = std::string(words[0]);
  if (words.size() < 2)
    return UsageError(
        absl::StrCat("worker ", job.worker, ": the input file is missing: give WORKER INPUT"));
  job.input = std::string(words[1]);
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::size_t key_length = KeyLength(words[i]);
    if (key_length != absl::string_view::npos) {
      job.parameters.emplace_back(std::string(words[i].substr(0, key_length)),
                                  std::string(words[i].substr(key_length + 1)));
    } else if (i == 2) {
      job.output = std::string(words[i]);
    } else {
      return UsageError(
          absl::StrCat("worker ", job.worker, ": '", words[i],
                       "' is not key=value; an output file must directly follow the input"));
    }
  }
  return job;
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  std::vector<char*> arguments(argc > 0 ? 1 : 0, const_cast<char*>(""));
  for (int i = 1; i < argc; ++i) arguments.push_back(const_cast<char*>(argv[i]));
  arguments.push_back(nullptr);
  const int count = static_cast<int>(arguments.size()) - 1;
  optind = 0;  // glibc: restarts the scan
  opterr = 0;  // errors are reported once, by rank 0
  // '-' in the option string: flags may be anywhere, and other words are returned as kWord, in
  // order. ':' distinguishes a missing value from an unknown flag. Each flag of one letter ends the
  // loop, so getopt never stops in the middle of a word: each call begins with the word at optind,
  // which is the word that an error names.
  constexpr int kWord = 1;
  std::vector<char*> plain;
  // For actions that ignore everything after them on the command line, except --results.
  const auto run_only = [&](Action action) -> absl::StatusOr<CommandLine> {
    line.action = action;
    for (int flag;
         (flag = getopt_long(count, arguments.data(), "-:h", Options(), nullptr)) != -1;) {
      if (flag != static_cast<int>(Flag::kResults)) continue;
      MPAIO_ASSIGN_OR_RETURN(line.results_file, FileName("results", optarg));
    }
    return line;
  };
  for (int flag, at = 1;
       (flag = getopt_long(count, arguments.data(), "-:h", Options(), nullptr)) != -1;
       at = optind) {
    const absl::string_view word = arguments[static_cast<std::size_t>(at)];
    switch (flag) {
      case kWord:
        plain.push_back(optarg);
        break;
      case 'h':
        if (word != "-h") return UnknownFlag(word, flag);  // -host and the like
        return run_only(Action::kHelp);
      case static_cast<int>(Flag::kHelp):
        return run_only(Action::kHelp);
      case static_cast<int>(Flag::kVersion):
        return run_only(Action::kVersion);
      case static_cast<int>(Flag::kList):
        return run_only(Action::kList);
      case static_cast<int>(Flag::kReport):
        line.report = true;
        break;
      case static_cast<int>(Flag::kChunk): {
        MPAIO_ASSIGN_OR_RETURN(line.partition, ParseChunk(optarg));
        break;
      }
      case static_cast<int>(Flag::kFormat): {
        MPAIO_ASSIGN_OR_RETURN(const std::size_t choice, OneOf("format", optarg, {"text", "json"}));
        line.format = choice == 0 ? OutputFormat::kText : OutputFormat::kJson;
        break;
      }
      case static_cast<int>(Flag::kResults): {
        MPAIO_ASSIGN_OR_RETURN(line.results_file, FileName("results", optarg));
        break;
      }
      case static_cast<int>(Flag::kProgress): {
        MPAIO_ASSIGN_OR_RETURN(const std::size_t choice,
                               OneOf("progress", optarg, {"auto", "always", "never"}));
        line.progress = choice == 0   ? ProgressMode::kAuto
                        : choice == 1 ? ProgressMode::kAlways
                                      : ProgressMode::kNever;
        break;
      }
      case static_cast<int>(Flag::kCpuUsage): {
        MPAIO_ASSIGN_OR_RETURN(line.cpu_usage_file, FileName("cpu_usage", optarg));
        break;
      }
      case static_cast<int>(Flag::kSource): {
        MPAIO_ASSIGN_OR_RETURN(const std::size_t choice,
                               OneOf("source", optarg, {"auto", "window", "map"}));
        line.source = choice == 0 ? Source::kAuto : choice == 1 ? Source::kWindow : Source::kMap;
        break;
      }
      case static_cast<int>(Flag::kHugePages): {
        MPAIO_ASSIGN_OR_RETURN(const std::size_t choice,
                               OneOf("huge_pages", optarg, {"auto", "always", "never"}));
        line.huge_pages = choice == 0   ? HugePages::kAuto
                          : choice == 1 ? HugePages::kAlways
                                        : HugePages::kNever;
        break;
      }
      case static_cast<int>(Flag::kBind): {
        MPAIO_ASSIGN_OR_RETURN(const std::size_t choice, OneOf("bind", optarg, {"auto", "never"}));
        line.binds_ranks = choice == 0;
        break;
      }
      case static_cast<int>(Flag::kSchedule): {
        MPAIO_ASSIGN_OR_RETURN(const std::size_t choice,
                               OneOf("schedule", optarg, ScheduleNames()));
        line.schedule = static_cast<ScheduleKind>(choice);
        break;
      }
      case static_cast<int>(Flag::kRecord): {
        MPAIO_ASSIGN_OR_RETURN(line.record_file, FileName("record", optarg));
        break;
      }
      case static_cast<int>(Flag::kReplay): {
        MPAIO_ASSIGN_OR_RETURN(line.replay_file, FileName("replay", optarg));
        break;
      }
      case static_cast<int>(Flag::kIsolate): {
        MPAIO_ASSIGN_OR_RETURN(const std::size_t choice,
                               OneOf("isolate", optarg, {"auto", "always", "never"}));
        line.isolate = choice == 0   ? Isolate::kAuto
                       : choice == 1 ? Isolate::kAlways
                                     : Isolate::kNever;
        break;
      }
      case static_cast<int>(Flag::kRetries): {
        MPAIO_ASSIGN_OR_RETURN(line.retries, ParseRetries(optarg));
        break;
      }
      case static_cast<int>(Flag::kChunkDeadline): {
        MPAIO_ASSIGN_OR_RETURN(line.chunk_deadline, ParseChunkDeadline(optarg));
        break;
      }
      case static_cast<int>(Flag::kFailFast):
        line.fail_fast = true;
        break;
      case static_cast<int>(Flag::kSpeculate): {
        if (optarg == nullptr) {
          line.speculates = true;
          break;
        }
        MPAIO_ASSIGN_OR_RETURN(const std::size_t choice,
                               OneOf("speculate", optarg, {"auto", "never"}));
        line.speculates = choice == 0;
        break;
      }
      case static_cast<int>(Flag::kJournal): {
        MPAIO_ASSIGN_OR_RETURN(line.journal_file, FileName("journal", optarg));
        break;
      }
      case static_cast<int>(Flag::kResume):
        line.resumes = true;
        break;
      case static_cast<int>(Flag::kPreflight): {
        MPAIO_ASSIGN_OR_RETURN(const std::size_t choice,
                               OneOf("preflight", optarg, {"auto", "never"}));
        line.preflight = choice == 0;
        break;
      }
      case ':':
        return UsageError(absl::StrCat("flag ", word, " needs a value"));
      default:
        return UnknownFlag(word, optopt);
    }
  }
  // Words after "--".
  plain.insert(plain.end(), arguments.begin() + std::min(optind, count), arguments.end() - 1);
  if (!line.replay_file.empty() && line.schedule != ScheduleKind::kAuto)
    return UsageError("--replay has its own schedule: leave --schedule out");
  if (line.resumes && line.journal_file.empty())
    return UsageError("--resume needs a journal: give --journal=FILE, too");
  if (line.chunk_deadline != absl::InfiniteDuration() && line.isolate == Isolate::kNever) {
    return UsageError(
        "--chunk_deadline ends the process that a chunk runs in, and there is none with "
        "--isolate=never: leave one of them out");
  }
  if (plain.empty()) return UsageError("nothing to do: give WORKER INPUT");
  if (absl::string_view(plain.front()) == kDoctorWord) {
    line.action = Action::kDoctor;
    line.doctor_inputs.assign(plain.begin() + 1, plain.end());
    if (std::find(line.doctor_inputs.begin(), line.doctor_inputs.end(), "+") ==
        line.doctor_inputs.end())
      return line;
    return UsageError("doctor takes inputs, one after the other: leave the '+' out");
  }
  std::vector<absl::string_view> words;
  for (std::size_t i = 0; i <= plain.size(); ++i) {
    const bool ends_job = i == plain.size() || absl::string_view(plain[i]) == "+";
    if (!ends_job) {
      words.push_back(plain[i]);
      continue;
    }
    MPAIO_ASSIGN_OR_RETURN(JobSpec job, ParseJob(words));
    line.jobs.push_back(std::move(job));
    words.clear();
  }
  return line;
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
