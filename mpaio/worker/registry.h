// SPDX-License-Identifier: Apache-2.0

// Workers by name: what `orchestrator WORKER INPUT` finds.
//
// A worker target (the macro mpaio_worker) registers itself under the target's name: its .cc ends
// in
//
//   MPAIO_REGISTER_WORKER({
//       .summary = "adds up the elements",
//       .accepts = {mpaio::AcceptedType::Of<std::int64_t>()},
//       .make = [](mpaio::JobContext& context) -> absl::StatusOr<mpaio::Job> { ... },
//   });
//
// and every program that links the target has the worker.
#ifndef MPAIO_WORKER_REGISTRY_H_
#define MPAIO_WORKER_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
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
#include "mpaio/window/output_array.h"
#include "mpaio/worker/answer.h"
#include "mpaio/worker/parameters.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// A type of element that a worker reads.
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

// What a job is to work on. Before the arrays are loaded, the views have no data.
struct JobInputs {
  const NdView& array;
  const Parameters& parameters;
  // Of the parameters that name arrays, those that were given.
  const std::map<std::string, NdView>& extra_inputs;

  // The array of parameter `key`, or nullptr.
  const NdView* Array(absl::string_view key) const;
};

// What a job is made from, on every rank.
struct JobContext {
  DataIterator chunks;
  const Parameters& parameters;
  // Zeros, of the type and shape that WorkerInfo::output says; empty where that is null. To be
  // moved into the worker. Where WorkerInfo::streams_output it is in a file alone.
  OutputArray output = {};
  // Whether an output file was given, for a worker that can answer without one
  // (WorkerInfo::answers_with_array).
  bool saves_answer = false;
  std::map<std::string, NdView> extra_inputs = {};
  // Divides the rows of another view as those of the input were, for a worker that goes over
  // something else than these.
  std::function<absl::StatusOr<DataIterator>(const NdView& rows)> divide = {};
  // The same with options: of some rows, along another axis. Their parallelism is set here, and a
  // row_alignment holds unless the user has set the size of chunks.
  std::function<absl::StatusOr<DataIterator>(const NdView& rows, DataIteratorOptions options)>
      divide_with = {};
  // Collective: every rank must call it alike. A further array in the memory that a node's ranks
  // share, of zeros.
  std::function<absl::StatusOr<OutputArray>(DType, std::vector<Index>)> allocate = {};
  // Collective. The same, with memory behind its pages only where a worker asks for it
  // (OutputArray::Back), for what may not be needed: the room for it is looked for now, and kept.
  std::function<absl::StatusOr<OutputArray>(DType, std::vector<Index>)> reserve = {};
  // Collective, to be called in Job::begin_pass. For an answer of which the type and shape are
  // known only by then: an array in the file that was given for OUTPUT (`key` is empty) or for a
  // parameter of the kind Output, which workers write as WorkerInfo::streams_output says. It is
  // saved as the others are, and Job::array or Job::extra_outputs is not asked for it. Errors:
  // those of OutputArray::CreateInFile; FailedPrecondition where no such file was given.
  std::function<absl::StatusOr<OutputArray>(const std::string& key, DType, std::vector<Index>)>
      create_output = {};

  JobInputs inputs() const { return {chunks.array(), parameters, extra_inputs}; }
};

// The next pass of a job over its chunks.
struct NextPass {
  // What rank 0 found out in the passes before, for every rank.
  std::string plan;
};

// A worker made for one job. A job has an answer (`result` or `array`), writes an array (`output`),
// or both.
struct Job {
  std::unique_ptr<WorkerBase> worker;
  // On rank 0, after all chunks have been delivered: the answer. May fail where the answer cannot
  // be stated (a sum over 64 bits).
  std::function<absl::StatusOr<nlohmann::ordered_json>()> result = {};
  // On rank 0, after the run: the array to save. Null where the job writes none; not called where
  // it is in its file already.
  std::function<const NdView&()> output = {};
  // On rank 0, after all chunks have been delivered: an answer that is an array. It is saved where
  // an output file was given, else printed.
  std::function<absl::StatusOr<AnswerArray>()> array = {};
  // What `array` takes of rank 0's memory, where that is known before the run: it is refused where
  // there is less.
  Index answer_bytes = 0;
  // On rank 0, where `array` is saved: what more there is to the answer, as an object. It is
  // printed beside the type and shape of what is saved.
  std::function<absl::StatusOr<nlohmann::ordered_json>()> array_summary = {};
  // On rank 0, after all chunks have been delivered: what is saved to the file of each parameter of
  // the kind Output, by its key. Asked for where it was given.
  std::map<std::string, std::function<absl::StatusOr<AnswerArray>()>> extra_outputs = {};
  // Not null: on rank 0, what is printed if any array of the job is saved, instead of the type and
  // shape of `array` with `array_summary`, or of `result`.
  std::function<absl::StatusOr<nlohmann::ordered_json>()> summary = {};
  // Null for a job of one pass. Else on rank 0, each time that all chunks have been delivered: what
  // every rank needs for the next pass, or nothing where that was the last.
  std::function<absl::StatusOr<std::optional<NextPass>>()> next_pass = {};
  // Collective, on every rank: the worker of the next pass, which takes the place of `worker`. It
  // may have other chunks.
  std::function<absl::StatusOr<std::unique_ptr<WorkerBase>>(absl::string_view plan)> begin_pass =
      {};
};

// Every member has an initialiser, so that those that a worker has no use for can be left out
// without a warning.
struct WorkerInfo {
  // One line for --list.
  std::string summary = {};
  std::vector<AcceptedType> accepts = {};
  std::vector<ParameterInfo> parameters = {};
  // Not null: whether the worker can do it, as far as types, shapes and parameters tell. Called on
  // every rank before anything large is read.
  std::function<absl::Status(const JobInputs& inputs)> check = {};
  // Not null: the job writes an array, of this type and shape, to the output file, which must be
  // given. Called on every rank, before the arrays are loaded and after.
  std::function<absl::StatusOr<OutputSpec>(const JobInputs& inputs)> output = {};
  // Whether each chunk writes the output's rows of its own numbers, all in one OutputArray::Rows,
  // and nobody reads them during the run. Then they go straight to the file, and take no shared
  // memory.
  bool streams_output = false;
  // Whether the worker would do more than give a wrong answer if its inputs changed under it: one
  // that goes over them again, led by what it has found in them. They are copied then, unless the
  // user asks for them to be mapped; a changed one is known afterwards
  // (SharedArray::CheckUnchanged) in either case.
  bool needs_constant_input = false;
  // Whether the answer is an array (Job::array), which is saved if an output file is given.
  bool answers_with_array = false;
  // Called on every rank, with a context of the same values.
  std::function<absl::StatusOr<Job>(JobContext& context)> make = {};
  // Whether Process runs in a process of its own, unless the user says otherwise. Set by the build:
  // `isolate` of mpaio_worker.
  bool is_isolated = false;

  // Errors: InvalidArgument, naming `dtype` and what is accepted.
  absl::Status CheckAccepts(const DType& dtype) const;
};

// For MPAIO_REGISTER_WORKER. Ends the program if two workers have one name, or one is named
// "doctor", which is a word of the command line: mistakes in a BUILD file.
bool RegisterWorker(absl::string_view name, WorkerInfo info, bool is_isolated = false);

// The worker of that name, or nullptr.
const WorkerInfo* FindWorker(absl::string_view name);

// All names, sorted.
std::vector<std::string> RegisteredWorkers();

// For a name that is not there: a line that says so and names the nearest ones.
absl::Status UnknownWorker(absl::string_view name);

}  // namespace mpaio

// Once in a worker's .cc, at namespace scope. MPAIO_WORKER_NAME and MPAIO_WORKER_IS_ISOLATED are
// defined by the macro mpaio_worker.
#define MPAIO_REGISTER_WORKER(...)                                                  \
  [[maybe_unused]] static const bool mpaio_is_registered = ::mpaio::RegisterWorker( \
      MPAIO_WORKER_NAME, ::mpaio::WorkerInfo __VA_ARGS__, MPAIO_WORKER_IS_ISOLATED != 0)

#endif  // MPAIO_WORKER_REGISTRY_H_
