// SPDX-License-Identifier: Apache-2.0

// bincount: how often each of the integers 0, 1, 2, ... occurs.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/kernel/sparse_counts.h"

namespace mpaio {
namespace {

// 2 GiB of counts, so that a single large value does not take all memory.
constexpr Index kMaxBins = Index{1} << 28;
constexpr std::int64_t kMaxValue = kMaxBins - 1;

template <typename T>
class CountBins final : public Worker<T, SparseCounts> {
 public:
  CountBins(DataIterator chunks, Index minlength)
      : Worker<T, SparseCounts>(std::move(chunks)), minlength_(minlength) {}

  absl::StatusOr<SparseCounts> Process(const ChunkView<T>& chunk) const override {
    const auto elements = chunk.elements();
    std::int64_t largest = 0;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const std::int64_t value = Value(elements[i]);
      if (value >= 0 && value <= kMaxValue) {
        largest = std::max(largest, value);
        continue;
      }
      const std::string element =
          absl::StrCat("element ", chunk.first_element() + static_cast<Index>(i), " is ", value);
      if (value < 0)
        return absl::InvalidArgumentError(absl::StrCat(
            element, ": bincount does not count negative integers; use the worker unique"));
      return absl::ResourceExhaustedError(absl::StrCat(
          element, ", which needs more than ", kMaxBins, " bins (2 GiB); use the worker unique"));
    }
    SlotCounter counter(static_cast<std::uint64_t>(largest) + 1,
                        static_cast<Index>(elements.size()));
    for (const auto& element : elements) counter.Add(static_cast<std::uint64_t>(Value(element)));
    return counter.Take();
  }

  absl::Status ProcessCallback(const Chunk&, SparseCounts counts) override {
    if (counts.empty()) return absl::OkStatus();
    GrowTo(counts.back().slot + 1);
    auto* const bins = reinterpret_cast<Index*>(bytes_.data());
    for (const SlotCount& slot : counts) bins[slot.slot] += slot.count;
    return absl::OkStatus();
  }

  // Called once, at the end.
  AnswerArray TakeCounts() {
    GrowTo(static_cast<std::size_t>(minlength_));
    const Index num_bins = static_cast<Index>(bytes_.size() / sizeof(Index));
    return AnswerArray(DType::Of<Index>(), {num_bins}, std::move(bytes_));
  }

 private:
  static std::int64_t Value(const T& element) {
    if constexpr (std::is_same_v<T, Bool>) {
      return element.value();
    } else {
      return static_cast<std::int64_t>(element);
    }
  }

  void GrowTo(std::size_t num_bins) {
    if (bytes_.size() < num_bins * sizeof(Index)) bytes_.resize(num_bins * sizeof(Index));
  }

  Index minlength_;
  // The counts, as the bytes that the answer takes over without a copy.
  std::vector<std::byte> bytes_;
};

template <typename T>
Job MakeCount(JobContext& context) {
  auto worker = std::make_unique<CountBins<T>>(std::move(context.chunks),
                                               context.parameters.Integer("minlength"));
  Job job;
  job.array = [count = worker.get()]() -> absl::StatusOr<AnswerArray> {
    return count->TakeCounts();
  };
  job.worker = std::move(worker);
  return job;
}

absl::StatusOr<Job> Make(JobContext& context) {
  const DType& dtype = context.chunks.dtype();
  const bool is_signed = dtype.kind() == DType::Kind::kInt;
  if (dtype.kind() == DType::Kind::kBool) return MakeCount<Bool>(context);
  switch (dtype.itemsize_bytes()) {
    case 1:
      return is_signed ? MakeCount<std::int8_t>(context) : MakeCount<std::uint8_t>(context);
    case 2:
      return is_signed ? MakeCount<std::int16_t>(context) : MakeCount<std::uint16_t>(context);
    case 4:
      return is_signed ? MakeCount<std::int32_t>(context) : MakeCount<std::uint32_t>(context);
    default:
      return MakeCount<std::int64_t>(context);
  }
}

bool FitsInt64(const DType& dtype) {
  return dtype.kind() == DType::Kind::kBool || dtype.kind() == DType::Kind::kInt ||
         (dtype.kind() == DType::Kind::kUint && dtype.itemsize_bytes() < 8);
}

MPAIO_REGISTER_WORKER({
    .summary = "how often each of the integers 0, 1, 2, ... occurs",
    .accepts = {{"bool and integers that fit in an int64", &FitsInt64}},
    .parameters = {ParameterInfo::Integer("minlength", "the minimum number of counts", 0, 0)},
    .check = [](const JobInputs& inputs) -> absl::Status {
      if (inputs.array.num_dimensions() != 1) {
        return absl::InvalidArgumentError(
            absl::StrCat("bincount takes an array of 1 dimension; this one has ",
                         inputs.array.num_dimensions()));
      }
      if (inputs.parameters.Integer("minlength") > kMaxBins) {
        return absl::InvalidArgumentError(
            absl::StrCat("minlength= may be at most ", kMaxBins, " (2 GiB of counts)"));
      }
      return absl::OkStatus();
    },
    .answers_with_array = true,
    .make = Make,
});

}  // namespace
}  // namespace mpaio
