// SPDX-License-Identifier: Apache-2.0

// Workers by name, for `orchestrator WORKER INPUT`.
//
// A worker target (the macro mpaio_worker) registers itself under the target's name. Its .cc ends
// with
//
//   MPAIO_REGISTER_WORKER({
//       .summary = "adds up the elements",
//       .accepts = {mpaio::AcceptedType::Of<std::int64_t>()},
//       .make = [](mpaio::JobContext& context) -> absl::StatusOr<mpaio::Job> { ... },
//   });
//
// and every program that links the target has the worker.
#ifndef MPAIO_JOBS_REGISTRY_H_
#define MPAIO_JOBS_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/elements.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/jobs/answer.h"
#include "mpaio/jobs/parameters.h"
#include "mpaio/window/output_array.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// An element type that a worker reads. `description` is for messages.
struct AcceptedType {
  std::string description;
  bool (*accepts)(const DType&);

  template <typename Element>
  static AcceptedType Of() {
    return {ElementTraits<Element>::Describe(), &ElementTraits<Element>::Accepts};
  }
};

// The type and shape of the array that a job writes.
struct OutputSpec {
  DType dtype;
  std::vector<Index> shape;
};

// The inputs of a job. The views have no data before the arrays are loaded.
struct JobInputs {
  const NdView& array;
  const Parameters& parameters;
  // The given parameters that name arrays, by key.
  const std::map<std::string, NdView>& extra_inputs;

  // Returns the array of parameter `key`, or nullptr.
  const NdView* Array(absl::string_view key) const;
};

// The context in which a job is made, on every rank.
struct JobContext {
  DataIterator chunks;
  const Parameters& parameters;
  // An array of zeros with the type and shape from WorkerInfo::output, to be moved into the worker;
  // empty if that function is null. With WorkerInfo::streams_output it exists in a file only.
  OutputArray output = {};
  // True if an output file was given, for a worker that can also answer without one
  // (WorkerInfo::answers_with_array).
  bool saves_answer = false;
  std::map<std::string, NdView> extra_inputs = {};
  // Divides the rows of another view in the same way as those of the input, for a worker that
  // iterates over something else.
  std::function<absl::StatusOr<DataIterator>(const NdView& rows)> divide = {};
  // The same with options: a range of rows, or another axis. options.parallelism is overwritten;
  // options.row_alignment is ignored if the user has set the size or the number of the chunks.
  std::function<absl::StatusOr<DataIterator>(const NdView& rows, DataIteratorOptions options)>
      divide_with = {};
  // Collective: every rank must call it with the same arguments. Allocates a further array of zeros
  // in memory shared by the ranks of a node.
  std::function<absl::StatusOr<OutputArray>(DType, std::vector<Index>)> allocate = {};
  // Collective. The same for an array that may not be needed: its memory is set aside now, but
  // pages use it only after a worker has called OutputArray::Populate.
  std::function<absl::StatusOr<OutputArray>(DType, std::vector<Index>)> reserve = {};
  // Collective; to be called in Job::begin_pass, for an answer whose type and shape are not known
  // earlier. Returns an array in the file that was given for OUTPUT (`key` is empty) or for a
  // parameter of the kind Output. Workers write it as with WorkerInfo::streams_output. It is saved
  // like other outputs, and Job::array or Job::extra_outputs is not called for it. Errors: those of
  // OutputArray::CreateInFile; FailedPrecondition if no such file was given.
  std::function<absl::StatusOr<OutputArray>(const std::string& key, DType, std::vector<Index>)>
      create_output = {};

  JobInputs inputs() const { return {chunks.array(), parameters, extra_inputs}; }
};

// The next pass of a job over its chunks.
struct NextPass {
  // Rank 0's findings from the previous passes, for every rank.
  std::string plan;
};

// A worker made for one job. A job has an answer (`result` or `array`), writes an array (`output`),
// or both.
struct Job {
  std::unique_ptr<WorkerBase> worker;
  // Called on rank 0 after all chunks have been delivered: returns the answer. Fails if the answer
  // cannot be represented (a sum over 64 bits).
  std::function<absl::StatusOr<Answer>()> result = {};
  // Called on rank 0 after the run: returns the array to save. Null if the job writes none; not
  // called if the array is already in its file.
  std::function<const NdView&()> output = {};
  // Called on rank 0 after all chunks have been delivered: returns an answer that is an array. It
  // is saved if an output file was given, else printed.
  std::function<absl::StatusOr<AnswerArray>()> array = {};
  // The bytes of rank 0's memory that the result of `array` takes; 0 if they are not known before
  // the run. The run is refused if less memory is available.
  Index answer_bytes = 0;
  // Called on rank 0 if `array` is saved: returns the rest of the answer as an object. It is
  // printed with the type and shape of the saved array.
  std::function<absl::StatusOr<Answer>()> array_summary = {};
  // Called on rank 0 after all chunks have been delivered: returns the array to save for each
  // parameter of the kind Output, by key. Called only for parameters that were given.
  std::map<std::string, std::function<absl::StatusOr<AnswerArray>()>> extra_outputs = {};
  // If not null, called on rank 0 if any array of the job is saved: returns the JSON to print. It
  // replaces `result`, and the type and shape of `array` with `array_summary`.
  std::function<absl::StatusOr<Answer>()> summary = {};
  // Null for a job with one pass. Else called on rank 0 each time all chunks have been delivered:
  // returns the data that every rank needs for the next pass, or nullopt after the last pass.
  std::function<absl::StatusOr<std::optional<NextPass>>()> next_pass = {};
  // Collective, called on every rank: returns the worker of the next pass, which replaces `worker`.
  // It may have other chunks.
  std::function<absl::StatusOr<std::unique_ptr<WorkerBase>>(absl::string_view plan)> begin_pass =
      {};
};

// Every member has an initialiser, so that a worker can omit members without a compiler warning.
struct WorkerInfo {
  // One line for --list.
  std::string summary = {};
  std::vector<AcceptedType> accepts = {};
  std::vector<ParameterInfo> parameters = {};
  // If not null: checks whether the worker can do the job, as far as types, shapes and parameters
  // tell. Called on every rank before anything large is read.
  std::function<absl::Status(const JobInputs& inputs)> check = {};
  // If not null: the job writes an array of this type and shape to the output file, which must be
  // given. Called on every rank, before and after the arrays are loaded.
  std::function<absl::StatusOr<OutputSpec>(const JobInputs& inputs)> output = {};
  // True if each chunk writes the output rows with its own numbers, all in one OutputArray::Rows,
  // and nothing reads them during the run. The rows then go directly to the file and need no shared
  // memory.
  bool streams_output = false;
  // True if inputs that change during the run would do more harm than a wrong answer, as in a
  // worker that reads them again and relies on what it found before. Such inputs are copied unless
  // the user asks for mapping. In either case a change is detected afterwards
  // (SharedArray::CheckUnchanged).
  bool needs_constant_input = false;
  // True if the answer is an array (Job::array), which is saved if an output file is given.
  bool answers_with_array = false;
  // Makes the job. Called on every rank, with a context of the same values.
  std::function<absl::StatusOr<Job>(JobContext& context)> make = {};
  // True if Process runs in a process of its own unless the user says otherwise. Set by the build:
  // `isolate` of mpaio_worker.
  bool is_isolated = false;

  // Errors: InvalidArgument, with `dtype` and the accepted types.
  absl::Status CheckAccepts(const DType& dtype) const;
};

// For MPAIO_REGISTER_WORKER, before main(); not safe from several threads. Ends the program if two
// workers have the same name, or a worker is named "doctor", which is a reserved word of the
// command line: both are mistakes in a BUILD file.
bool RegisterWorker(absl::string_view name, WorkerInfo info, bool is_isolated = false);

// Returns the worker of that name, or nullptr.
const WorkerInfo* FindWorker(absl::string_view name);

// Returns all names, sorted.
std::vector<std::string> RegisteredWorkers();

// Returns the error for an unknown name; the message proposes the nearest one.
absl::Status UnknownWorker(absl::string_view name);

}  // namespace mpaio

// To be used once in a worker's .cc, at namespace scope. The macro mpaio_worker defines
// MPAIO_WORKER_NAME and MPAIO_WORKER_IS_ISOLATED.
#define MPAIO_REGISTER_WORKER(...)                                                  \
  [[maybe_unused]] static const bool mpaio_is_registered = ::mpaio::RegisterWorker( \
      MPAIO_WORKER_NAME, ::mpaio::WorkerInfo __VA_ARGS__, MPAIO_WORKER_IS_ISOLATED != 0)

#endif  // MPAIO_JOBS_REGISTRY_H_
