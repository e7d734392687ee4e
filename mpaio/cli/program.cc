// SPDX-License-Identifier: Apache-2.0
#include "mpaio/cli/program.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "mpaio/base/version.h"
#include "mpaio/cli/command_line.h"
#include "mpaio/cli/flags.h"
#include "mpaio/cli/results.h"
#include "mpaio/cli/stop_signals.h"
#include "mpaio/diagnosis/doctor.h"
#include "mpaio/diagnosis/finding.h"
#include "mpaio/diagnosis/machine.h"
#include "mpaio/executor/mpi_executor.h"
#include "mpaio/format/npy_writer.h"
#include "mpaio/host/open_files.h"
#include "mpaio/jobs/file_checks.h"
#include "mpaio/jobs/job_run.h"
#include "mpaio/jobs/plan.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/launcher/launcher.h"
#include "mpaio/launcher/pmix.h"
#include "mpaio/mpi/environment.h"
#include "mpaio/telemetry/progress.h"
#include "mpaio/telemetry/report.h"
#include "mpaio/telemetry/run_extensions.h"

namespace mpaio {
namespace {

// Returns this process's rank, which is known before MPI has started. Without a launcher this is
// the only rank.
int OwnRank() { return ReadLaunch().rank.value_or(0); }

bool IsRank0() { return OwnRank() == 0; }

// Returns true if all of `text` has been written.
bool Print(std::FILE* stream, absl::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stream) == text.size() &&
         std::fflush(stream) == 0;
}

std::string ListText() {
  std::string text;
  for (const std::string& name : RegisteredWorkers()) {
    const WorkerInfo& info = *FindWorker(name);
    absl::StrAppend(&text, name, "\n    ", info.summary, "\n    input: ",
                    absl::StrJoin(info.accepts, ", ",
                                  [](std::string* out, const AcceptedType& type) {
                                    absl::StrAppend(out, type.description);
                                  }),
                    info.output               ? "; writes an array to OUTPUT"
                    : info.answers_with_array ? "; saves its answer to OUTPUT if given"
                                              : "",
                    "\n");
    for (const ParameterInfo& parameter : info.parameters) {
      absl::StrAppend(&text, "    ", parameter.key(), "=", parameter.Values(), "  ",
                      parameter.help(),
                      parameter.is_required() ? " (must be given)"
                                              : absl::StrCat(" (", parameter.default_value(), ")"),
                      "\n");
    }
  }
  return text;
}

// Reports an error as one line, on rank 0 alone, and returns the exit status. A worker's message or
// a file's name may contain line breaks.
int ReportError(ExitStatus exit_status, const absl::Status& why) {
  if (!IsRank0()) return kDone;
  Print(stderr, absl::StrCat("orchestrator: ",
                             absl::StrReplaceAll(why.message(), {{"\n", " "}, {"\r", " "}}), "\n"));
  return exit_status;
}

// Reports that MPI fails on this rank, whichever it is, and ends all ranks: the others do not know
// of the failure and might wait for this rank forever.
[[noreturn]] void AbortJob(const Communicator& world, ExitStatus exit_status,
                           const absl::Status& why) {
  Print(stderr, absl::StrCat("orchestrator: rank ", OwnRank(), ": ",
                             absl::StrReplaceAll(why.message(), {{"\n", " "}, {"\r", " "}}), "\n"));
  world.Abort(exit_status);
}

void Warn(const std::string& what) {
  if (what.empty() || !IsRank0()) return;
  Print(stderr, absl::StrCat("orchestrator: warning: ",
                             absl::StrReplaceAll(what, {{"\n", " "}, {"\r", " "}}), "\n"));
}

// On rank 0: writes the results to the standard output, or to the file of --results as a whole.
absl::Status WriteResults(const CommandLine& line, absl::string_view text) {
  if (!line.files.results.empty()) return WriteWhole(line.files.results, text);
  return Print(stdout, text)
             ? absl::OkStatus()
             : absl::DataLossError("the results could not be written to the standard output");
}

// The same for the results of a run, in which hours of work may be: if they cannot be written to
// their file, they are printed.
absl::Status WriteOrPrintResults(const CommandLine& line, absl::string_view text) {
  const absl::Status written = WriteResults(line, text);
  if (written.ok() || line.files.results.empty() || !Print(stdout, text)) return written;
  return absl::Status(written.code(),
                      absl::StrCat(written.message(), "; the results are printed instead"));
}

int WriteOnRank0(const CommandLine& line, absl::string_view text) {
  const absl::Status written = IsRank0() ? WriteResults(line, text) : absl::OkStatus();
  return written.ok() ? kDone : ReportError(kJobFailed, written);
}

JobOptions JobOptionsOf(const CommandLine& line, std::vector<RunExtension*> extensions) {
  JobOptions options;
  options.partition = line.partition;
  options.source = line.source;
  options.isolate = line.isolate;
  options.retries = line.retries;
  options.chunk_deadline = line.chunk_deadline;
  options.fail_fast = line.fail_fast;
  options.speculates = line.speculates;
  options.journal_file = line.files.journal;
  options.resumes = line.resumes;
  options.cancel_reason = [] {
    const int number = StopSignals::received();
    return absl::StrCat("stopped by signal ", number, " (SIG", sigabbrev_np(number), ")");
  };
  options.extensions = std::move(extensions);
  return options;
}

// Checks that the results can be written before hours of work are in them.
class ResultsFile final : public RunExtension {
 public:
  explicit ResultsFile(std::string file) : file_(std::move(file)) {}
  absl::Status Check() override { return CheckWritable(file_, 0); }

 private:
  std::string file_;
};

// Returns the additions to the run that the flags ask for.
std::vector<std::unique_ptr<RunExtension>> ExtensionsOf(const CommandLine& line) {
  std::vector<std::unique_ptr<RunExtension>> extensions;
  if (!line.files.cpu_usage.empty())
    extensions.push_back(std::make_unique<CpuUsageFile>(line.files.cpu_usage));
  if (line.schedule != ScheduleKind::kAuto || !line.files.record.empty() ||
      !line.files.replay.empty()) {
    extensions.push_back(
        std::make_unique<ScheduleFiles>(line.schedule, line.files.record, line.files.replay));
  }
  if (!line.files.results.empty())
    extensions.push_back(std::make_unique<ResultsFile>(line.files.results));
  ProgressOptions progress;
  progress.mode = line.progress;
  progress.terminal = StderrIsTerminal();
  if (progress.mode == ProgressMode::kAlways ||
      (progress.mode == ProgressMode::kAuto && progress.terminal)) {
    extensions.push_back(std::make_unique<ProgressDisplay>(progress, [](absl::string_view text) {
      std::fwrite(text.data(), 1, text.size(), stderr);
    }));
  }
  return extensions;
}

// On rank 0: prints what became of the jobs. `exit_status` is the result unless printing fails.
int PrintOutcome(const CommandLine& line, const JobRun& run, int num_ranks, double seconds,
                 int exit_status) {
  const std::vector<LostRank>& lost_ranks = run.stats().lost_ranks;
  for (const LostRank& lost : lost_ranks) {
    Print(stderr, absl::StrCat("orchestrator: rank ", lost.rank, " ", lost.cause,
                               "; the others did its work\n"));
  }
  const absl::Status written =
      WriteOrPrintResults(line, line.format == OutputFormat::kJson
                                    ? FormatJson(run.outcomes(), num_ranks, seconds, lost_ranks)
                                    : FormatText(run.outcomes()));
  if (!written.ok()) exit_status = ReportError(kJobFailed, written);
  if (line.report) {
    std::vector<std::string> inputs;
    for (const JobOutcome& outcome : run.outcomes()) inputs.push_back(outcome.input);
    Print(stderr, FormatReport(run.stages(), run.stats(), inputs));
  }
  if (std::any_of(lost_ranks.begin(), lost_ranks.end(),
                  [](const LostRank& lost) { return lost.host_is_silent; })) {
    Print(stderr,
          "orchestrator: the run has ended; mpirun may wait for minutes for the host that does not "
          "answer: Ctrl-C twice ends it\n");
  }
  return exit_status;
}

int CouldNotStart(const Communicator& world, const Executor& executor, const absl::Status& why) {
  if (executor.is_broken()) AbortJob(world, kCouldNotStart, why);
  return ReportError(kCouldNotStart, why);
}

// Makes `*stop_signals` when the run can start; from then on it handles signals. Returns the exit
// status.
int RunInPool(const CommandLine& line, std::vector<PlannedJob> plan, const Communicator& world,
              Executor& executor, std::chrono::steady_clock::time_point start,
              std::optional<StopSignals>* stop_signals) {
  const bool is_rank_0 = executor.rank() == 0;
  if (!AllRanksOnOneNode()) {
    const absl::Status checked =
        executor.Agree(is_rank_0 ? CheckFiles(plan, line.files) : absl::OkStatus());
    if (executor.is_broken()) AbortJob(world, kCouldNotStart, checked);
    if (!checked.ok()) return ReportError(kWrongUsage, checked);
  }
  const std::vector<std::unique_ptr<RunExtension>> owned = ExtensionsOf(line);
  std::vector<RunExtension*> extensions;
  for (const auto& extension : owned) extensions.push_back(extension.get());
  JobRun run(executor, std::move(plan), JobOptionsOf(line, std::move(extensions)));
  const absl::Status prepared = run.Prepare();
  if (!prepared.ok()) return CouldNotStart(world, executor, prepared);
  if (line.preflight) {
    const absl::StatusOr<std::string> warning =
        WarningBeforeRun(executor, world, run.mapped_bytes());
    if (!warning.ok()) AbortJob(world, kCouldNotStart, warning.status());
    if (!warning->empty()) Warn(absl::StrCat(*warning, " (--preflight=never silences this)"));
  }
  stop_signals->emplace(/*is_handled=*/is_rank_0);
  StopSignals::set_run(&run);
  // The signal may have arrived before set_run.
  if (StopSignals::received() != 0) run.Cancel();
  const absl::Status ended = run.Run();
  StopSignals::set_run(nullptr);
  if (!run.has_begun()) return CouldNotStart(world, executor, ended);
  int exit_status = ended.ok() ? kDone : ReportError(kJobFailed, ended);
  if (is_rank_0) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    exit_status = PrintOutcome(line, run, executor.size(), seconds.count(), exit_status);
    // The status that shells report for a program that a signal has ended.
    if (run.was_cancelled()) exit_status = 128 + StopSignals::received();
  }
  if (run.is_broken() || executor.is_broken()) {
    // Rank 0 has reported its error above. The others report theirs, because rank 0 may never learn
    // of it.
    if (!is_rank_0) AbortJob(world, kJobFailed, ended);
    executor.Abort(kJobFailed);
  }
  return exit_status;
}

int RunJobs(const CommandLine& line, std::vector<PlannedJob> plan, int* argc, char*** argv) {
  const auto start = std::chrono::steady_clock::now();
  // Makes writing beyond the limit of a file's size (ulimit -f) an error, like a full disk, instead
  // of the loss of a rank.
  signal(SIGXFSZ, SIG_IGN);
  // Lives until the end: a signal after the run changes neither its output nor its exit status.
  std::optional<StopSignals> stop_signals;
  Environment environment(argc, argv);
  const Communicator& world = environment.world();
  if (!environment.status().ok()) AbortJob(world, kCouldNotStart, environment.status());
  MpiExecutorOptions options;
  options.huge_pages = line.huge_pages;
  options.binds_ranks = line.binds_ranks;
  const absl::StatusOr<std::unique_ptr<Executor>> executor = MpiExecutor::Create(world, options);
  // All ranks get this error.
  if (absl::IsFailedPrecondition(executor.status()))
    return ReportError(kCouldNotStart, executor.status());
  if (!executor.ok()) AbortJob(world, kCouldNotStart, executor.status());
  const int exit_status = RunInPool(line, std::move(plan), world, **executor, start, &stop_signals);
  // The system frees what Close could not free, but ranks that still wait for this one must be
  // ended.
  const absl::Status closed = (*executor)->Close();
  if ((*executor)->is_broken()) AbortJob(world, kJobFailed, closed);
  return exit_status;
}

absl::Status CheckDoctorFiles(const CommandLine& line) {
  for (const std::string& input : line.doctor_inputs) {
    if (line.files.results.empty() || !MayName(input, line.files.results)) continue;
    return absl::InvalidArgumentError(absl::StrCat("--results=", line.files.results,
                                                   " would overwrite an input; give another file"));
  }
  return absl::OkStatus();
}

int RunDoctor(const CommandLine& line, int* argc, char*** argv) {
  // ReadLauncher starts a program, which is safer before MPI has threads. Only the first rank of
  // each node needs the result.
  const LauncherFacts launcher =
      ReadLaunch().local_rank.value_or(0) == 0 ? ReadLauncher() : LauncherFacts();
  Environment environment(argc, argv);
  if (!environment.status().ok())
    AbortJob(environment.world(), kCouldNotStart, environment.status());
  const absl::StatusOr<std::vector<Finding>> findings =
      Examine(line.doctor_inputs, environment.world(), launcher);
  if (!findings.ok()) AbortJob(environment.world(), kCouldNotStart, findings.status());
  if (environment.world().rank() != 0) return kDone;
  if (const absl::Status checked = CheckDoctorFiles(line); !checked.ok())
    return ReportError(kWrongUsage, checked);
  const absl::Status written = WriteResults(
      line, line.format == OutputFormat::kJson ? FormatJson(*findings) : FormatText(*findings));
  if (!written.ok()) return ReportError(kJobFailed, written);
  return HasRefusal(*findings) ? kCouldNotStart : kDone;
}

// Reports the error and returns the exit status. Called on every rank, before MPI has started:
// mpirun must have started all ranks before one of them ends with an error.
int RefuseCommand(const absl::Status& why) {
  constexpr std::chrono::seconds kStartTimeout(10);
  const int exit_status = ReportError(kWrongUsage, why);
  if (!WaitUntilAllRanksStarted(kStartTimeout)) _exit(exit_status);
  return exit_status;
}

}  // namespace

int RunProgram(int argc, char** argv) {
  // Each input may take a descriptor. Descriptors above 1023 are safe: nothing here calls select(),
  // and libevent, which Open MPI uses to wait, does so only if it is told to.
  RaiseOpenFileLimit();
  absl::StatusOr<CommandLine> line = ParseCommandLine(argc, argv);
  if (!line.ok()) return RefuseCommand(line.status());
  switch (line->action) {
    case Action::kHelp:
      return WriteOnRank0(*line, HelpText());
    case Action::kVersion:
      return WriteOnRank0(*line, absl::StrCat("mpaio ", kVersion, "\n"));
    case Action::kList:
      return WriteOnRank0(*line, ListText());
    case Action::kDoctor:
      if (AllRanksOnOneNode()) {
        const absl::Status checked = CheckDoctorFiles(*line);
        if (!checked.ok()) return RefuseCommand(checked);
      }
      return RunDoctor(*line, &argc, &argv);
    case Action::kRun:
      break;
  }
  absl::StatusOr<std::vector<PlannedJob>> plan =
      PlanJobs(line->jobs, {.reads_words = true, .needs_output_files = true});
  if (!plan.ok()) return RefuseCommand(plan.status());
  // Ranks on several hosts may see different files; rank 0 checks them when there is a pool.
  if (AllRanksOnOneNode()) {
    const absl::Status checked = CheckFiles(*plan, line->files);
    if (!checked.ok()) return RefuseCommand(checked);
  }
  for (const PlannedJob& planned : *plan) Warn(planned.warning);
  return RunJobs(*line, *std::move(plan), &argc, &argv);
}

}  // namespace mpaio
