// SPDX-License-Identifier: Apache-2.0

// chaos_sum: the sum of integers, and a digest that depends on their order and number, so that a
// chunk that is omitted, counted twice or out of order changes the digest.
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/jobs/registry.h"
#include "tests/chaos/workers/faults.h"

namespace mpaio {
namespace {

// digest(x0 ... xn-1) = the sum of xi * base^(n-1-i), modulo 2^64. The digest of a concatenation
// follows from the digests of its parts, independently of the chunk size.
constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15;

struct Part {
  std::int64_t sum = 0;
  std::uint64_t digest = 0;
  // base^n
  std::uint64_t shift = 1;
};

class ChaosSum final : public Worker<std::int64_t, Part> {
 public:
  ChaosSum(DataIterator chunks, const Parameters& parameters)
      : Worker(std::move(chunks)), faults_(parameters) {}

  absl::StatusOr<Part> Process(const ChunkView<std::int64_t>& chunk) const override {
    faults_.Suffer(chunk.id());
    Part part;
    for (const std::int64_t x : chunk.elements()) {
      part.sum += x;
      part.digest = part.digest * kBase + static_cast<std::uint64_t>(x);
      part.shift *= kBase;
    }
    return part;
  }

  absl::Status ProcessCallback(const Chunk&, Part part) override {
    sum_ += part.sum;
    digest_ = digest_ * part.shift + part.digest;
    return absl::OkStatus();
  }

  mpaio::Answer Answer() const { return {{"sum", sum_}, {"digest", digest_}}; }

 private:
  const ChaosFaults faults_;
  std::int64_t sum_ = 0;
  std::uint64_t digest_ = 0;
};

MPAIO_REGISTER_WORKER({
    .summary = "adds up integers, and does harm",
    .accepts = {AcceptedType::Of<std::int64_t>()},
    .parameters = ChaosFaults::ParametersOf(),
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      auto worker = std::make_unique<ChaosSum>(std::move(context.chunks), context.parameters);
      const ChaosSum* sum = worker.get();
      return Job{.worker = std::move(worker), .result = [sum] { return sum->Answer(); }};
    },
});

}  // namespace
}  // namespace mpaio
