// SPDX-License-Identifier: Apache-2.0

// fails: a sum that takes a given time per chunk, and fails on one chunk in a given way. For tests.
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/kernel/sum.h"

namespace mpaio {
namespace {

// The message has a line break, to test that the program reports a failure in one line.
constexpr char kReason[] = "fails as it was told\nto";

class Fails final : public Worker<std::int64_t, absl::int128> {
 public:
  Fails(DataIterator chunks, const Parameters& parameters)
      : Worker(std::move(chunks)),
        at_chunk_(parameters.Integer("at_chunk")),
        how_(parameters.Text("how")),
        where_(parameters.Text("where")),
        chunk_cost_(parameters.Integer("chunk_us")),
        stamp_file_(parameters.Text("stamp")) {}

  absl::StatusOr<absl::int128> Process(const ChunkView<std::int64_t>& chunk) const override {
    // Sleeps instead of computing, so that a run is long but leaves the cores to other processes.
    std::this_thread::sleep_for(chunk_cost_);
    if (chunk.id() == at_chunk_ && where_ == "process") MPAIO_RETURN_IF_ERROR(Fail());
    return SumExactly(chunk.elements());
  }

  absl::Status ProcessCallback(const Chunk& chunk, absl::int128 sum) override {
    if (chunk.id == at_chunk_ && where_ == "callback") MPAIO_RETURN_IF_ERROR(Fail());
    total_ += sum;
    return absl::OkStatus();
  }

  mpaio::Answer Answer() const { return static_cast<std::int64_t>(total_); }

 private:
  absl::Status Fail() const {
    if (!stamp_file_.empty()) {
      const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
      std::ofstream(stamp_file_, std::ios::app)
          << std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count() << '\n';
    }
    if (how_ == "throw") throw std::runtime_error(kReason);
    if (how_ == "throw_int") throw 42;
    if (how_ == "bad_alloc") throw std::bad_alloc();
    return absl::DataLossError(kReason);
  }

  const Index at_chunk_;
  const std::string how_;
  const std::string where_;
  const std::chrono::microseconds chunk_cost_;
  const std::string stamp_file_;
  absl::int128 total_ = 0;
};

MPAIO_REGISTER_WORKER({
    .summary = "adds up integers, and fails on one chunk",
    .accepts = {AcceptedType::Of<std::int64_t>()},
    .parameters =
        {ParameterInfo::Integer("at_chunk", "the chunk to fail on; -1: none", -1, -1),
         ParameterInfo::Choice("how",
                               "an exception, another kind of exception, a status, or no memory",
                               {"throw", "throw_int", "error", "bad_alloc"}),
         ParameterInfo::Choice("where", "in Process or in ProcessCallback",
                               {"process", "callback"}),
         ParameterInfo::Integer("chunk_us", "time that a chunk takes, in microseconds", 0, 0),
         ParameterInfo::Text(
             "stamp", "file that gets a line each time it fails: microseconds since 1970", "")},
    .output = nullptr,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      auto worker = std::make_unique<Fails>(std::move(context.chunks), context.parameters);
      const Fails* fails = worker.get();
      return Job{std::move(worker), [fails] { return fails->Answer(); }, nullptr};
    },
});

}  // namespace
}  // namespace mpaio
