// SPDX-License-Identifier: Apache-2.0

// A run of the program on one rank, after the command line has been checked: loads the inputs,
// processes them and saves the results.
#ifndef MPAIO_CLI_SESSION_H_
#define MPAIO_CLI_SESSION_H_

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/cli/command_line.h"
#include "mpaio/cli/plan.h"
#include "mpaio/cli/results.h"
#include "mpaio/cli/run_identity.h"
#include "mpaio/dispatch/schedule_record.h"
#include "mpaio/executor/executor.h"
#include "mpaio/format/array_file.h"
#include "mpaio/format/npy_writer.h"
#include "mpaio/jobs/answer.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/ledger/journal.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/telemetry/cpu_usage_observer.h"
#include "mpaio/telemetry/report.h"
#include "mpaio/telemetry/schedule_recorder.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {

// Every rank creates one and makes the same calls. Prepare and Run are collective over the
// executor's pool.
class Session {
 public:
  Session(Executor& executor, const CommandLine& line, std::vector<PlannedJob> plan)
      : executor_(executor), flags_(line), plan_(std::move(plan)) {}

  // First checks everything that can be checked before anything large is read; then loads the
  // inputs and makes the workers. Errors, the same on every rank: why the run cannot start.
  absl::Status Prepare();

  // Runs the jobs and saves their outputs. Errors: a failure of the run, on every rank; a result
  // that could not be computed or saved, on rank 0 alone. results() is valid after an error, too.
  // If the run was refused before any chunk was processed, has_begun() is false on every rank.
  absl::Status Run();

  // After Prepare: the size of the inputs that are mapped from their files.
  Index mapped_bytes() const;

  bool has_begun() const { return has_begun_; }
  // On rank 0, after Run.
  const std::vector<JobResult>& results() const { return results_; }
  const std::vector<StageReport>& stages() const { return stages_; }
  const RunStats& stats() const { return stats_; }
  std::vector<std::string> inputs() const;
  // On rank 0: the ranks that were lost during the runs.
  const std::vector<LostRank>& lost_ranks() const { return stats_.lost_ranks; }
  // On rank 0: the signal that stopped the run, or 0.
  int stop_signal() const { return stop_signal_; }
  // True if the ranks can no longer communicate: no collective call may follow.
  bool is_broken() const { return is_broken_; }

 private:
  // A job's number and the key of one of its PlannedJob::Outputs.
  using OutputKey = std::pair<std::size_t, std::string>;

  absl::Status ReadReplay();
  // Collective: determines the identity of this run, and on rank 0 opens the journal to resume
  // from.
  absl::Status OpenJournal();
  // On rank 0, after the workers have been made: creates the journal, or continues it.
  absl::Status BeginJournal();
  void SetIsolation(std::size_t j);
  absl::Status OpenInputs();
  absl::Status CheckJobs() const;
  // On rank 0: checks that a file of `size_bytes` can be put at `output` when the run has ended.
  absl::Status CheckOutput(const std::string& output, Index size_bytes) const;
  absl::Status Load();
  // Returns how an input is read.
  Source SourceOf(const std::string& name) const;
  // Collective: checks that the mapped inputs are unchanged; records the others in changed_inputs_.
  absl::Status CheckInputs();
  void EmptyJournal();
  // Returns why the job has no valid answer if one of its inputs has changed, else null.
  const absl::Status* ChangedInputOf(const PlannedJob& planned) const;
  absl::Status MakeJob(PlannedJob& planned);
  // On rank 0, which holds all answers: checks that there is memory for them.
  absl::Status CheckAnswers() const;
  // Collective: creates an array in a file that the workers of job `j` write.
  absl::StatusOr<OutputArray> CreateInFile(std::size_t j, const std::string& key, DType dtype,
                                           std::vector<Index> shape);
  // If there is a journal, makes rows that are written outside of chunk results travel in the
  // results too, so that the journal contains them.
  absl::StatusOr<OutputArray> Journaled(absl::StatusOr<OutputArray> array) const;
  absl::Status RunPass(bool* is_last);
  absl::StatusOr<bool> BeginNextPass();
  absl::Status RunUntilDone(mpaio::Run& run);
  // Returns the status of the run, with the signal and the journal named in its message.
  absl::Status AnnotateStatus(const absl::Status& ended) const;
  absl::Status CollectResults(const absl::Status& ended);
  absl::StatusOr<nlohmann::ordered_json> Answer(std::size_t j);
  // Returns the array to save, for an output that is not in its file yet.
  absl::StatusOr<AnswerArray> ArrayOf(std::size_t j, const std::string& key);
  // Returns the job's answer for the first rows, if there is one.
  std::optional<JobResult::Partial> PartialResult(std::size_t j);
  absl::Status SaveOutputs(const absl::Status& ended);
  // Returns a complete file of an output that does not have its name yet.
  absl::StatusOr<std::shared_ptr<NpyFile>> WrittenOutput(std::size_t j, const std::string& key,
                                                         const std::string& path);
  // Completes all files before the first one gets its name, so that they appear together. If one
  // cannot be written, all are kept elsewhere, and the message says where.
  absl::Status SaveOutputsOf(std::size_t j);
  // Returns an output that is not in its file yet.
  NdView OutputView(std::size_t j, const std::string& key);
  void EndStage(const std::string& name, Index bytes = 0);

  Executor& executor_;
  const CommandLine& flags_;
  std::vector<PlannedJob> plan_;
  // By name: two jobs over one file share it.
  std::map<std::string, ArrayFile> files_;
  std::map<std::string, SharedArray> inputs_;
  std::vector<Job> jobs_;
  // Workers of finished passes, to which answers may refer.
  std::vector<std::unique_ptr<WorkerBase>> finished_;
  // Totals of all passes.
  RunStats stats_;
  int pass_ = 0;
  // On rank 0, by pass: the schedule to replay.
  std::vector<ScheduleRecord> replay_;
  // They observe the runs if flags ask for that.
  ScheduleRecorder recorder_;
  CpuUsageObserver cpu_usage_;
  // On rank 0: files that the workers write themselves.
  std::map<OutputKey, std::shared_ptr<NpyFile>> streamed_;
  // Answers that are arrays to be saved.
  std::map<OutputKey, AnswerArray> arrays_;
  std::vector<JobResult> results_;
  std::vector<StageReport> stages_;
  std::chrono::steady_clock::time_point stage_start_ = std::chrono::steady_clock::now();
  // On rank 0, if there is a journal: the identity of this run, and the journal that it resumes
  // from, if any.
  std::optional<RunIdentity> identity_;
  std::optional<JournalReader> resumed_;
  std::optional<JournalWriter> journal_;
  // The parallelism that chunks are made for; in a resumed run, that of the original run.
  int parallelism_ = 1;
  int stop_signal_ = 0;
  // On rank 0: the error if a pass before the last has quarantined chunks.
  absl::Status quarantine_status_;
  bool has_begun_ = false;
  bool is_broken_ = false;
  // By name: the error of each input that has changed since it was opened.
  std::map<std::string, absl::Status> changed_inputs_;
  // Ends the error of a run whose journal was emptied; else empty.
  std::string journal_note_;
};

}  // namespace mpaio

#endif  // MPAIO_CLI_SESSION_H_
