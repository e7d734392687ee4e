// SPDX-License-Identifier: Apache-2.0

// throws: writes zeros, and throws in a given function of its registration or its job. For tests.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/jobs/registry.h"

namespace mpaio {
namespace {

void ThrowIf(bool is_here, const Parameters& parameters) {
  const Index only_rank = parameters.Integer("rank");
  const char* const rank = std::getenv("OMPI_COMM_WORLD_RANK");
  if (!is_here || (only_rank >= 0 && only_rank != (rank == nullptr ? 0 : std::atoi(rank)))) return;
  const std::string& how = parameters.Text("how");
  if (how == "int") throw 42;
  if (how == "bad_alloc") throw std::bad_alloc();
  // The message has a line break, to test that the program reports a failure in one line.
  throw std::runtime_error("throws as it was told\nto");
}

template <typename Element>
class Throws final : public Worker<Element, WrittenRows> {
 public:
  Throws(DataIterator chunks, OutputArray output)
      : Worker<Element, WrittenRows>(std::move(chunks)), output_(std::move(output)) {}

  absl::StatusOr<WrittenRows> Process(const ChunkView<Element>& chunk) const override {
    return output_.Finish(chunk.rows());
  }
  absl::Status ProcessCallback(const Chunk& chunk, WrittenRows written) override {
    return output_.Accept(chunk.rows, written);
  }
  const NdView& output() const { return output_.view(); }

 private:
  OutputArray output_;
};

template <typename Element>
Job MakeJob(JobContext& context) {
  auto worker =
      std::make_unique<Throws<Element>>(std::move(context.chunks), std::move(context.output));
  const Throws<Element>* const throws = worker.get();
  const Parameters parameters = context.parameters;
  const std::string where = parameters.Text("where");
  if (where == "no_worker") worker = nullptr;
  return {std::move(worker),
          [where, parameters] {
            ThrowIf(where == "result", parameters);
            return Answer("zeros");
          },
          [where, parameters, throws]() -> const NdView& {
            ThrowIf(where == "job_output", parameters);
            return throws->output();
          }};
}

MPAIO_REGISTER_WORKER({
    .summary = "writes zeros, and throws where it is told to",
    .accepts = {AcceptedType::Of<std::int64_t>()},
    .parameters = {ParameterInfo::Choice(
                       "where",
                       "the function; or a worker of another type than the input, or none at all",
                       {"nowhere", "output", "output_later", "make", "result", "job_output",
                        "other_type", "no_worker"}),
                   ParameterInfo::Choice("how", "the kind of exception",
                                         {"runtime_error", "int", "bad_alloc"}),
                   ParameterInfo::Integer("rank", "on this rank only; -1: on all", -1, -1)},
    .output = [](const JobInputs& inputs) -> absl::StatusOr<OutputSpec> {
      // Called again after the input has been loaded: "output_later".
      ThrowIf(inputs.parameters.Text("where") ==
                  (inputs.array.data() == nullptr ? "output" : "output_later"),
              inputs.parameters);
      return OutputSpec{inputs.array.dtype(), inputs.array.shape()};
    },
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      ThrowIf(context.parameters.Text("where") == "make", context.parameters);
      return context.parameters.Text("where") == "other_type" ? MakeJob<double>(context)
                                                              : MakeJob<std::int64_t>(context);
    },
});

}  // namespace
}  // namespace mpaio
