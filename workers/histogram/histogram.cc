// SPDX-License-Identifier: Apache-2.0

// histogram: the number of elements in each of several bins of equal width.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mpaio/array/float16.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/kernel/sparse_counts.h"
#include "workers/histogram/uniform_bins.h"
#include "workers/order/number_keys.h"

namespace mpaio {
namespace {

// Elements that are processed at once, so that they stay in the L1 cache.
constexpr Index kBlock = 1024;
constexpr Index kMaxBins = Index{1} << 27;

// State shared by the passes of a job: the bins once they are known, and on rank 0 the counts.
struct HistogramState {
  DType dtype;
  Index num_bins = 0;
  std::uint64_t min_key = ~std::uint64_t{0}, max_key = 0;
  std::optional<UniformBins> bins;
  std::vector<Index> counts;
};

struct KeyRange {
  std::uint64_t min, max;
};

// The first pass if no range is given.
class FindRange final : public Worker<RawElement, KeyRange> {
 public:
  FindRange(DataIterator chunks, std::shared_ptr<HistogramState> state)
      : Worker(std::move(chunks)), state_(std::move(state)) {}

  absl::StatusOr<KeyRange> Process(const ChunkView<RawElement>& chunk) const override {
    const RawElements elements = chunk.elements();
    const Index count = static_cast<Index>(elements.size());
    KeyRange range{~std::uint64_t{0}, 0};
    std::vector<std::uint64_t> keys(static_cast<std::size_t>(std::min(count, kBlock)));
    for (Index begin = 0; begin < count; begin += kBlock) {
      const std::span<std::uint64_t> some =
          std::span(keys).first(static_cast<std::size_t>(std::min(kBlock, count - begin)));
      LoadKeys(state_->dtype, elements.data() + begin * elements.itemsize_bytes(), some);
      for (const std::uint64_t key : some) {
        range.min = std::min(range.min, key);
        range.max = std::max(range.max, key);
      }
    }
    return range;
  }

  absl::Status ProcessCallback(const Chunk&, KeyRange range) override {
    state_->min_key = std::min(state_->min_key, range.min);
    state_->max_key = std::max(state_->max_key, range.max);
    return absl::OkStatus();
  }

 private:
  std::shared_ptr<HistogramState> state_;
};

class CountBins final : public Worker<RawElement, SparseCounts> {
 public:
  CountBins(DataIterator chunks, std::shared_ptr<HistogramState> state)
      : Worker(std::move(chunks)), state_(std::move(state)) {}

  absl::StatusOr<SparseCounts> Process(const ChunkView<RawElement>& chunk) const override {
    const RawElements elements = chunk.elements();
    const Index count = static_cast<Index>(elements.size());
    SlotCounter counter(static_cast<std::uint64_t>(state_->num_bins), count);
    std::vector<double> numbers(static_cast<std::size_t>(std::min(count, kBlock)));
    std::vector<Index> bins(numbers.size());
    for (Index begin = 0; begin < count; begin += kBlock) {
      const std::span<double> some =
          std::span(numbers).first(static_cast<std::size_t>(std::min(kBlock, count - begin)));
      LoadDoubles(state_->dtype, elements.data() + begin * elements.itemsize_bytes(), some);
      state_->bins->Find(some, bins);
      for (std::size_t i = 0; i < some.size(); ++i) {
        if (bins[i] >= 0) counter.Add(static_cast<std::uint64_t>(bins[i]));
      }
    }
    return counter.Take();
  }

  absl::Status ProcessCallback(const Chunk&, SparseCounts counts) override {
    state_->counts.resize(static_cast<std::size_t>(state_->num_bins));
    for (const SlotCount& slot : counts) state_->counts[slot.slot] += slot.count;
    return absl::OkStatus();
  }

 private:
  std::shared_ptr<HistogramState> state_;
};

// Parses "lo,hi"; returns nothing for "none". Errors: InvalidArgument.
absl::StatusOr<std::optional<OuterEdges>> ParseRange(const std::string& text) {
  if (text == "none") return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(text, ',');
  double first = 0, last = 0;
  if (parts.size() != 2 || !absl::SimpleAtod(parts[0], &first) ||
      !absl::SimpleAtod(parts[1], &last) || !std::isfinite(first) || !std::isfinite(last)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "range=", text, " is not a range; give two finite numbers, such as range=0,1, or none"));
  }
  if (first > last)
    return absl::InvalidArgumentError(
        absl::StrCat("range=", text, " ends before it begins; give the smaller number first"));
  const OuterEdges outer = OuterEdges::Given(first, last);
  if (!(outer.width > 0) || !std::isfinite(outer.width)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "range=", text, " has a width that a float64 cannot hold; give another range"));
  }
  return outer;
}

// Returns the number that a key stands for.
double NumberOf(const DType& dtype, std::uint64_t key) {
  const std::uint64_t raw = RawOfKey(dtype, key);
  double number = 0;
  const auto load = [&]<typename Bits>(Bits bits) {
    LoadDoubles(dtype, reinterpret_cast<const std::byte*>(&bits), std::span(&number, 1));
  };
  switch (dtype.itemsize_bytes()) {
    case 1:
      load(static_cast<std::uint8_t>(raw));
      break;
    case 2:
      load(static_cast<std::uint16_t>(raw));
      break;
    case 4:
      load(static_cast<std::uint32_t>(raw));
      break;
    default:
      load(raw);
  }
  return number;
}

// Returns the extreme elements as edges. As in numpy, the width is exact for integers, and computed
// in the array's type for others.
absl::StatusOr<OuterEdges> EdgesFound(const HistogramState& state) {
  const DType& dtype = state.dtype;
  OuterEdges outer;
  outer.first = NumberOf(dtype, state.min_key);
  outer.last = NumberOf(dtype, state.max_key);
  const bool has_nan = IsNaNKey(dtype, state.max_key);
  if (has_nan || !std::isfinite(outer.first) || !std::isfinite(outer.last)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the elements are from ", outer.first, " to ", outer.last,
                     ", which is not a finite range; give one, such as range=0,1"));
  }
  if (state.min_key == state.max_key || outer.first == outer.last) {
    // The integers differ, but are equal as doubles.
    if (state.min_key != state.max_key && dtype.kind() != DType::Kind::kFloat) {
      return absl::InvalidArgumentError(
          absl::StrCat("the elements differ too little, relative to their size of ", outer.first,
                       ", for edges of float64; subtract a number from all elements"));
    }
    outer = OuterEdges::Given(outer.first, outer.last);
    // The numbers are so large that adding a half has no effect.
    if (!(outer.width > 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("all elements are ", outer.first,
                       ", which is too large for bins around it; give a range, such as range=0,1"));
    }
    if (dtype.kind() == DType::Kind::kFloat) return outer;
    outer.precision = Precision::kDouble;
    return outer;
  }
  if (dtype.kind() != DType::Kind::kFloat) {
    // Keys of integers are as far apart as the integers.
    outer.width = static_cast<double>(state.max_key - state.min_key);
    outer.precision = Precision::kDouble;
  } else if (dtype.itemsize_bytes() == 2) {
    outer.width = static_cast<double>(Float16(outer.last - outer.first));
  } else if (dtype.itemsize_bytes() == 4) {
    outer.width = static_cast<float>(outer.last - outer.first);
  } else {
    outer.width = outer.last - outer.first;
  }
  if (!std::isfinite(outer.width)) {
    return absl::InvalidArgumentError(absl::StrCat("the elements are from ", outer.first, " to ",
                                                   outer.last, ", a width that ", dtype.name(),
                                                   " cannot hold; give range=lo,hi"));
  }
  return outer;
}

AnswerArray Edges(const HistogramState& state) {
  const UniformBins& bins = *state.bins;
  AnswerArray edges(bins.edge_type(), {bins.num_bins() + 1});
  for (std::size_t i = 0; i < bins.edges().size(); ++i) {
    if (bins.edge_type() == DType::Of<double>()) {
      edges.Elements<double>()[i] = bins.edges()[i];
    } else if (bins.edge_type() == DType::Of<float>()) {
      edges.Elements<float>()[i] = static_cast<float>(bins.edges()[i]);
    } else {
      edges.Elements<Float16>()[i] = Float16(bins.edges()[i]);
    }
  }
  return edges;
}

absl::StatusOr<Job> Make(JobContext& context) {
  MPAIO_ASSIGN_OR_RETURN(std::optional<OuterEdges> outer,
                         ParseRange(context.parameters.Text("range")));
  const DataIterator chunks = context.chunks;
  auto state = std::make_shared<HistogramState>();
  state->dtype = chunks.dtype();
  state->num_bins = context.parameters.Integer("bins");
  if (!outer.has_value() && chunks.array().num_elements() == 0) outer = OuterEdges::Given(0, 1);
  Job job;
  if (outer.has_value()) {
    state->bins.emplace(state->dtype, *outer, state->num_bins);
    job.worker = std::make_unique<CountBins>(chunks, state);
  } else {
    job.worker = std::make_unique<FindRange>(chunks, state);
    job.next_pass = [state]() -> absl::StatusOr<std::optional<NextPass>> {
      if (state->bins.has_value()) return std::nullopt;
      MPAIO_ASSIGN_OR_RETURN(const OuterEdges found, EdgesFound(*state));
      NextPass next;
      Codec<OuterEdges>::Encode(found, &next.plan);
      return next;
    };
    job.begin_pass =
        [state, chunks](absl::string_view plan) -> absl::StatusOr<std::unique_ptr<WorkerBase>> {
      MPAIO_ASSIGN_OR_RETURN(const OuterEdges found, DecodeResult<OuterEdges>(plan));
      state->bins.emplace(state->dtype, found, state->num_bins);
      return std::make_unique<CountBins>(chunks, state);
    };
  }
  const auto counts = [state]() -> std::vector<Index>& {
    state->counts.resize(static_cast<std::size_t>(state->num_bins));
    return state->counts;
  };
  job.result = [state, counts]() -> absl::StatusOr<Answer> {
    return Answer{{"counts", counts()}, {"edges", Edges(*state)}};
  };
  job.array = [counts]() -> absl::StatusOr<AnswerArray> {
    return AnswerArray::Of<Index>(counts());
  };
  job.array_summary = [state]() -> absl::StatusOr<Answer> {
    return Answer{{"edges", Edges(*state)}};
  };
  return job;
}

MPAIO_REGISTER_WORKER({
    .summary = "how many elements are in each of several bins of equal width",
    .accepts = {AcceptsNumbers()},
    .parameters = {ParameterInfo::Integer("bins", "how many bins", 10, 1),
                   ParameterInfo::Text("range",
                                       "lo,hi: where the first bin begins and the last one ends; "
                                       "none: at the extreme elements",
                                       "none")},
    .check = [](const JobInputs& inputs) -> absl::Status {
      if (inputs.parameters.Integer("bins") > kMaxBins)
        return absl::InvalidArgumentError(absl::StrCat("bins= may be at most ", kMaxBins));
      return ParseRange(inputs.parameters.Text("range")).status();
    },
    .answers_with_array = true,
    .make = Make,
});

}  // namespace
}  // namespace mpaio
