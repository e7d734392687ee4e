// SPDX-License-Identifier: Apache-2.0
#include "workers/unique/find_few_values.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "workers/order/unique_values.h"

namespace mpaio {
namespace {

using EncodedValues = std::pair<std::string, std::vector<Index>>;

// The values of a chunk, or of all chunks, are few if there is at most one for kFewElementsPerValue
// elements. In a short chunk, up to kFewOfAChunk values are also few.
constexpr Index kFewElementsPerValue = 16;
constexpr Index kFewOfAChunk = 16;
// A chunk of at least kLeastSampledElements is sampled before it is sorted: if hardly any value
// occurs twice in the sample, the chunk has many values.
constexpr Index kLeastSampledElements = 4096;
constexpr Index kSampleBlocks = 64;
constexpr Index kSampleBlockElements = 16;
constexpr Index kManySampled = 1016;

// Returns true if hardly any elements of a sample of the chunk are equal.
bool LookDifferent(const std::byte* elements, Index count, const DType& dtype) {
  if (count < kLeastSampledElements) return false;
  const Index block_bytes = kSampleBlockElements * dtype.itemsize_bytes();
  std::vector<std::byte> sample(static_cast<std::size_t>(kSampleBlocks * block_bytes));
  for (Index b = 0; b < kSampleBlocks; ++b) {
    // Blocks of neighbours, because in a sorted array equal elements are neighbours.
    const Index first = (count - kSampleBlockElements) / (kSampleBlocks - 1) * b;
    std::memcpy(sample.data() + b * block_bytes, elements + first * dtype.itemsize_bytes(),
                static_cast<std::size_t>(block_bytes));
  }
  const UniqueValues unique =
      UniqueValues::Of(sample.data(), kSampleBlocks * kSampleBlockElements, dtype);
  return static_cast<Index>(unique.counts.size()) >= kManySampled;
}

// A chunk's result is its values, or nothing if they are many.
class FindFew final : public Worker<RawElement, std::optional<EncodedValues>> {
 public:
  FindFew(DataIterator chunks, std::shared_ptr<UniqueState> state)
      : Worker(std::move(chunks)), state_(std::move(state)) {}

  absl::StatusOr<std::optional<EncodedValues>> Process(
      const ChunkView<RawElement>& chunk) const override {
    const RawElements elements = chunk.elements();
    const auto count = static_cast<Index>(elements.size());
    if (state_->may_be_many && LookDifferent(elements.data(), count, state_->dtype()))
      return std::nullopt;
    UniqueValues unique = UniqueValues::Of(elements.data(), count, state_->dtype());
    if (state_->may_be_many && static_cast<Index>(unique.counts.size()) >
                                   std::max(kFewOfAChunk, count / kFewElementsPerValue))
      return std::nullopt;
    return EncodedValues(std::move(unique.values), std::move(unique.counts));
  }

  absl::Status ProcessCallback(const Chunk&, std::optional<EncodedValues> unique) override {
    if (state_->are_many) return absl::OkStatus();
    if (unique.has_value()) state_->few.Add({std::move(unique->first), std::move(unique->second)});
    state_->are_many =
        !unique.has_value() ||
        (state_->may_be_many &&
         state_->few.num_values() >
             std::max(kFewValues, state_->input.num_elements() / kFewElementsPerValue));
    // Frees the values, which are no longer used.
    if (state_->are_many) state_->few = UniqueMerger(state_->dtype());
    return absl::OkStatus();
  }

 private:
  std::shared_ptr<UniqueState> state_;
};

}  // namespace

std::unique_ptr<WorkerBase> FindFewValues(DataIterator chunks, std::shared_ptr<UniqueState> state) {
  return std::make_unique<FindFew>(std::move(chunks), std::move(state));
}

}  // namespace mpaio
