// A run of the program on one rank, once the command line is known to be right: load, process, save.
#ifndef MPAIO_CLI_SESSION_H_
#define MPAIO_CLI_SESSION_H_

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/cli/command_line.h"
#include "mpaio/cli/results.h"
#include "mpaio/executor/executor.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/telemetry/report.h"
#include "mpaio/window/shared_array.h"
#include "mpaio/worker/registry.h"

namespace mpaio {

// A job of the command line, and the worker it names.
struct PlannedJob {
  JobLine line;
  const WorkerInfo* info = nullptr;
  Parameters parameters;
};

// Looks up workers and checks parameters and output files' names: all that can be wrong with a command line. Reads no file.
// Errors: InvalidArgument, one line.
absl::StatusOr<std::vector<PlannedJob>> PlanJobs(const CommandLine& line);

// Every rank makes one and makes the same calls; each is collective over the executor's pool.
class Session {
 public:
  Session(Executor& executor, const CommandLine& line, std::vector<PlannedJob> plan)
      : executor_(executor), line_(line), plan_(std::move(plan)) {}

  // Checks what can be checked before anything large is read, then loads the inputs and makes the workers.
  // Errors, the same on every rank: why the run cannot start.
  absl::Status Prepare();

  // Runs the jobs and saves what they wrote. Errors: how the run failed, on every rank; what could not be stated or saved, on rank 0 alone. results()
  // has what there is all the same.
  absl::Status Run();

  // On rank 0, after Run.
  const std::vector<JobResult>& results() const { return results_; }
  const RunReport& report() const { return report_; }
  // The ranks cannot hear each other any more: nothing collective may follow.
  bool is_broken() const { return is_broken_; }

 private:
  absl::Status CheckFiles() const;
  absl::Status Load();
  absl::Status MakeJob(PlannedJob& planned);
  absl::Status Drive(mpaio::Run& run);
  absl::Status CollectResults(const RunStats& stats, const absl::Status& ended);
  absl::Status SaveOutputs(const absl::Status& ended);
  void FillReport(const RunStats& stats);
  void EndStage(const std::string& name, Index bytes = 0);

  Executor& executor_;
  const CommandLine& line_;
  std::vector<PlannedJob> plan_;
  std::map<std::string, SharedArray> inputs_;  // by path: two jobs over one file share it
  std::vector<Job> jobs_;
  std::vector<JobResult> results_;
  RunReport report_;
  std::chrono::steady_clock::time_point stage_start_ = std::chrono::steady_clock::now();
  bool is_broken_ = false;
};

}  // namespace mpaio

#endif  // MPAIO_CLI_SESSION_H_
