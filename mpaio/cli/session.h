// SPDX-License-Identifier: Apache-2.0

// A run of the program on one rank, once the command line is known to be right: load, process,
// save.
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
#include "mpaio/array/array_file.h"
#include "mpaio/array/npy_writer.h"
#include "mpaio/cli/command_line.h"
#include "mpaio/cli/plan.h"
#include "mpaio/cli/results.h"
#include "mpaio/cli/run_identity.h"
#include "mpaio/dispatch/schedule_record.h"
#include "mpaio/executor/executor.h"
#include "mpaio/ledger/journal.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/telemetry/report.h"
#include "mpaio/window/shared_array.h"
#include "mpaio/worker/answer.h"
#include "mpaio/worker/registry.h"

namespace mpaio {

// Every rank makes one and makes the same calls; each is collective over the executor's pool.
class Session {
 public:
  Session(Executor& executor, const CommandLine& line, std::vector<PlannedJob> plan)
      : executor_(executor), flags_(line), plan_(std::move(plan)) {}

  // Checks what can be checked before anything large is read, then loads the inputs and makes the
  // workers. Errors, the same on every rank: why the run cannot start.
  absl::Status Prepare();

  // Runs the jobs and saves what they wrote. Errors: how the run failed, on every rank; what could
  // not be stated or saved, on rank 0 alone. results() has what there is all the same. Where the
  // run was refused before any chunk was processed, has_begun() is false, on every rank.
  absl::Status Run();

  // After Prepare: of the inputs that are mapped as they lie in their files.
  Index mapped_bytes() const;

  bool has_begun() const { return has_begun_; }
  // On rank 0, after Run.
  const std::vector<JobResult>& results() const { return results_; }
  const RunReport& report() const { return report_; }
  // On rank 0: the ranks that died during the runs.
  const std::vector<LostRank>& lost_ranks() const { return stats_.lost_ranks; }
  // On rank 0: the signal that stopped the run, or 0.
  int stop_signal() const { return stop_signal_; }
  // The ranks cannot hear each other any more: nothing collective may follow.
  bool is_broken() const { return is_broken_; }

 private:
  // A job's number, and the key of one of its PlannedJob::Outputs.
  using OutputKey = std::pair<std::size_t, std::string>;

  absl::Status ReadReplay();
  // Finds out what this run is, and on rank 0 what an earlier one has left of it.
  absl::Status OpenJournal();
  // On rank 0, when the workers are known: makes the journal, or goes on with it.
  absl::Status BeginJournal();
  void SetIsolation(std::size_t j);
  absl::Status OpenInputs();
  absl::Status CheckJobs() const;
  // On rank 0: whether a file of `size_bytes` can be put there when the run has ended.
  absl::Status CheckOutput(const std::string& output, Index size_bytes) const;
  absl::Status Load();
  // Where an input is to be read from.
  Source SourceOf(const std::string& name) const;
  // Collective: whether the mapped inputs are still what they were; keeps those that are not in
  // changed_inputs_.
  absl::Status CheckInputs();
  void EmptyJournal();
  // Why the job's answer cannot be told, if one of its inputs is another by now.
  const absl::Status* ChangedInputOf(const PlannedJob& planned) const;
  absl::Status MakeJob(PlannedJob& planned);
  // On rank 0, which has all answers: whether there is memory for them.
  absl::Status CheckAnswers() const;
  // Collective: an array in a file that the workers of job `j` write.
  absl::StatusOr<OutputArray> CreateInFile(std::size_t j, const std::string& key, DType dtype,
                                           std::vector<Index> shape);
  // Whether what is written elsewhere than in a result is to be in it too, so that it is in the
  // journal.
  absl::StatusOr<OutputArray> Journaled(absl::StatusOr<OutputArray> array) const;
  absl::Status RunPass(bool* is_last);
  absl::StatusOr<bool> BeginNextPass();
  absl::Status RunUntilDone(mpaio::Run& run);
  // How it ended, with what the user should know of the signal and the journal.
  absl::Status AnnotateStatus(const absl::Status& ended) const;
  void Accumulate(const RunStats& pass);
  absl::Status CollectResults(const absl::Status& ended);
  absl::StatusOr<nlohmann::ordered_json> Answer(std::size_t j);
  // The array that is to be saved, of those that are not in their files yet.
  absl::StatusOr<AnswerArray> ArrayOf(std::size_t j, const std::string& key);
  // What the job's answer is for the first rows, where that can be stated.
  std::optional<JobResult::Partial> PartialResult(std::size_t j);
  absl::Status SaveOutputs(const absl::Status& ended);
  // A file with all of an output in it, but without its name.
  absl::StatusOr<std::shared_ptr<NpyFile>> WrittenOutput(std::size_t j, const std::string& key,
                                                         const std::string& path);
  // All files are complete before the first gets its name, so that they appear together. Where one
  // cannot be written, all are kept elsewhere, and the message says where.
  absl::Status SaveOutputsOf(std::size_t j);
  // An output that is not in its file yet.
  NdView OutputView(std::size_t j, const std::string& key);
  void FillReport();
  void EndStage(const std::string& name, Index bytes = 0);

  Executor& executor_;
  const CommandLine& flags_;
  std::vector<PlannedJob> plan_;
  // By name: two jobs over one file share it.
  std::map<std::string, ArrayFile> files_;
  std::map<std::string, SharedArray> inputs_;
  std::vector<Job> jobs_;
  // The workers of passes that are over, to which answers may refer.
  std::vector<std::unique_ptr<WorkerBase>> finished_;
  // Of all passes together.
  RunStats stats_;
  int pass_ = 0;
  // On rank 0, by pass: what is to be done again, and what was done.
  std::vector<ScheduleRecord> replay_;
  std::vector<ScheduleRecord> record_;
  // On rank 0: the files that the workers write themselves.
  std::map<OutputKey, std::shared_ptr<NpyFile>> streamed_;
  // The answers that are arrays to be saved.
  std::map<OutputKey, AnswerArray> arrays_;
  std::vector<JobResult> results_;
  RunReport report_;
  std::chrono::steady_clock::time_point stage_start_ = std::chrono::steady_clock::now();
  // On rank 0, where a journal is kept: what this run is; what an earlier one has left, if it is
  // gone on with.
  std::optional<RunIdentity> identity_;
  std::optional<JournalReader> resumed_;
  std::optional<JournalWriter> journal_;
  // What chunks are made for: of a run that goes on, what they were made for in the beginning.
  int parallelism_ = 1;
  int stop_signal_ = 0;
  // On rank 0: that chunks were given up in a pass before the last.
  absl::Status gave_up_;
  bool has_begun_ = false;
  bool is_broken_ = false;
  std::map<std::string, absl::Status> changed_inputs_;
  std::string journal_note_;
};

}  // namespace mpaio

#endif  // MPAIO_CLI_SESSION_H_
