// SPDX-License-Identifier: Apache-2.0
#include "workers/order/sort_job.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/kernel/run_merge.h"
#include "mpaio/reduction/geometry.h"
#include "workers/order/axis.h"
#include "workers/order/element_order.h"
#include "workers/order/key_dispatch.h"
#include "workers/order/lane_sorter.h"

namespace mpaio {
namespace {

// A run is long enough to be worth merging; there are enough runs for every rank, and few enough
// that a part is merged in a few steps.
constexpr Index kLeastRunRows = Index{1} << 14;
constexpr Index kMostRuns = 64;
// A part and its buffer fit in a core's cache.
constexpr Index kPartRows = Index{1} << 17;
// One of kSampleStep elements is sampled to divide the runs into parts.
constexpr Index kSampleStep = 1024;
// Lanes that are gathered at once: each is a separate memory stream for the processor. Long lanes
// are gathered in smaller numbers, to limit memory.
constexpr Index kLanesTogether = 32;
constexpr Index kTogetherBytes = Index{16} << 20;
Index LanesTogether(Index lane_bytes) {
  return std::clamp<Index>(kTogetherBytes / std::max<Index>(lane_bytes, 1), 1, kLanesTogether);
}

// State shared by the passes of one job. Constant during a pass except for the contents of the
// arrays.
struct SortState {
  NdView input;
  SortResult result = SortResult::kValues;
  OutputArray output;
  // Data between two passes: elements of the output's type, or positions.
  OutputArray scratch;
};

// Returns true if the elements themselves are merged, as numbers are. Otherwise positions in the
// input, which every node has, are merged.
bool MergesValues(const SortState& state) {
  return state.result == SortResult::kValues && HasKey(state.input.dtype());
}

template <typename T>
T* RowsOf(const OutputArray& array, Index row) {
  return array.Rows<T>({row, row}).data();
}

void SortLane(const SortState& state, LaneSorter& sorter, const std::byte* from, Index count,
              Index first, std::byte* to) {
  if (state.result == SortResult::kValues) {
    sorter.SortValues(from, count, to);
  } else {
    sorter.SortIndices(from, count, first, reinterpret_cast<Index*>(to));
  }
}

// Sorts the chunks of a 1-d array: into the result if there is one chunk, else into runs that the
// next pass merges.
class SortRuns final : public Worker<RawElement, WrittenRows> {
 public:
  SortRuns(DataIterator runs, std::shared_ptr<const SortState> state)
      : Worker(std::move(runs)), state_(std::move(state)) {}

  absl::StatusOr<WrittenRows> Process(const ChunkView<RawElement>& chunk) const override {
    const RowRange rows = chunk.rows();
    const std::byte* from =
        state_->input.data() + rows.begin * state_->input.dtype().itemsize_bytes();
    LaneSorter sorter(state_->input.dtype());
    if (data_iterator().num_chunks() == 1) {
      SortLane(*state_, sorter, from, rows.size(), 0,
               RowsOf<std::byte>(state_->output, rows.begin));
    } else if (MergesValues(*state_)) {
      sorter.SortValues(from, rows.size(), RowsOf<std::byte>(state_->scratch, rows.begin));
    } else {
      sorter.SortIndices(from, rows.size(), rows.begin, RowsOf<Index>(state_->scratch, rows.begin));
    }
    return target().Finish(rows);
  }

  absl::Status ProcessCallback(const Chunk& chunk, WrittenRows written) override {
    return target().Accept(chunk.rows, written);
  }

 private:
  const OutputArray& target() const {
    return data_iterator().num_chunks() == 1 ? state_->output : state_->scratch;
  }

  std::shared_ptr<const SortState> state_;
};

// Returns the runs in the scratch array, as elements of type T.
template <typename T>
std::vector<std::span<const T>> RunsOf(const OutputArray& scratch, const DataIterator& runs) {
  std::vector<std::span<const T>> spans;
  for (const Chunk run : runs) spans.push_back(scratch.Rows<T>(run.rows));
  return spans;
}

// Returns, for each run, the number of elements before border `number`, counted from 1; none for 0,
// and all for the number after the last border.
template <typename T, typename Less>
std::vector<Index> CutAt(const std::vector<std::span<const T>>& runs,
                         const std::vector<RunPosition>& borders, Index number, Less less) {
  std::vector<Index> sizes(runs.size());
  if (number == 0) return sizes;
  if (number <= static_cast<Index>(borders.size()))
    return Cut(runs, borders[static_cast<std::size_t>(number - 1)], less);
  for (std::size_t r = 0; r < runs.size(); ++r) sizes[r] = static_cast<Index>(runs[r].size());
  return sizes;
}

// The slices of the runs that make a part, one after the other.
template <typename T>
struct Slices {
  RowRange rows;
  std::vector<T> elements;
  std::vector<std::size_t> bounds = {0};
};

template <typename T, typename Less>
Slices<T> SlicesOf(const std::vector<std::span<const T>>& runs,
                   const std::vector<RunPosition>& borders, Index part, Less less) {
  const std::vector<Index> begins = CutAt(runs, borders, part, less);
  std::vector<Index> ends = CutAt(runs, borders, part + 1, less);
  Slices<T> slices;
  // If the input changes during the run, borders may not be in order.
  for (std::size_t r = 0; r < runs.size(); ++r) ends[r] = std::max(begins[r], ends[r]);
  for (std::size_t r = 0; r < runs.size(); ++r) {
    slices.rows.begin += begins[r];
    slices.rows.end += ends[r];
  }
  slices.elements.reserve(static_cast<std::size_t>(slices.rows.size()));
  for (std::size_t r = 0; r < runs.size(); ++r) {
    slices.elements.insert(slices.elements.end(), runs[r].begin() + begins[r],
                           runs[r].begin() + ends[r]);
    slices.bounds.push_back(slices.elements.size());
  }
  return slices;
}

// Calls act(value of a run's element type, less).
template <typename Act>
auto WithOrder(const SortState& state, const ElementOrder& order, Act act) {
  if (!MergesValues(state))
    return act(Index{}, [&order](Index a, Index b) { return order.Less(a, b); });
  return VisitKey<true>(state.input.dtype(), [&](auto key) {
    using Bits = typename decltype(key)::Bits;
    return act(Bits{}, [key](Bits a, Bits b) { return key(a) < key(b); });
  });
}

// A chunk is a part of all elements in their final order.
class MergeParts final : public Worker<RawElement, std::pair<RowRange, WrittenRows>> {
 public:
  MergeParts(DataIterator parts, DataIterator runs, std::vector<RunPosition> borders,
             std::shared_ptr<const SortState> state)
      : Worker(std::move(parts)),
        runs_(std::move(runs)),
        borders_(std::move(borders)),
        state_(std::move(state)),
        order_(state_->input.data(), state_->input.dtype()) {}

  absl::StatusOr<std::pair<RowRange, WrittenRows>> Process(
      const ChunkView<RawElement>& chunk) const override {
    const RowRange rows = WithOrder(*state_, order_, [&](auto element, auto less) {
      using T = decltype(element);
      const auto runs = RunsOf<T>(state_->scratch, runs_);
      Slices<T> slices = SlicesOf<T>(runs, borders_, chunk.rows().begin, less);
      if constexpr (std::is_same_v<T, Index>) {
        MergeIndices(slices);
      } else {
        std::vector<T> buffer(slices.elements.size());
        const std::span<T> merged =
            MergeRuns(std::span(slices.elements), std::span(buffer), slices.bounds, less);
        std::copy(merged.begin(), merged.end(), state_->output.Rows<T>(slices.rows).begin());
      }
      return slices.rows;
    });
    MPAIO_ASSIGN_OR_RETURN(WrittenRows written, state_->output.Finish(rows));
    return std::make_pair(rows, std::move(written));
  }

  absl::Status ProcessCallback(const Chunk&, std::pair<RowRange, WrittenRows> written) override {
    return state_->output.Accept(written.first, written.second);
  }

 private:
  void MergeIndices(const Slices<Index>& slices) const {
    std::vector<KeyedIndex> entries(slices.elements.size()), buffer(slices.elements.size());
    for (std::size_t i = 0; i < entries.size(); ++i) entries[i].index = slices.elements[i];
    order_.FillKeys(entries);
    const auto merge = [&](auto less) {
      return MergeRuns(std::span(entries), std::span(buffer), slices.bounds, less);
    };
    const std::span<KeyedIndex> merged =
        order_.is_exact()
            ? merge([](const KeyedIndex& a, const KeyedIndex& b) { return a.key < b.key; })
            : merge([this](const KeyedIndex& a, const KeyedIndex& b) { return order_.Less(a, b); });
    if (state_->result == SortResult::kIndices) {
      Index* to = RowsOf<Index>(state_->output, slices.rows.begin);
      for (const KeyedIndex& entry : merged) *to++ = entry.index;
      return;
    }
    const Index itemsize_bytes = state_->input.dtype().itemsize_bytes();
    std::byte* to = RowsOf<std::byte>(state_->output, slices.rows.begin);
    for (const KeyedIndex& entry : merged) {
      if (itemsize_bytes > 0)
        std::memcpy(to, state_->input.data() + entry.index * itemsize_bytes,
                    static_cast<std::size_t>(itemsize_bytes));
      to += itemsize_bytes;
    }
  }

  DataIterator runs_;
  std::vector<RunPosition> borders_;
  std::shared_ptr<const SortState> state_;
  ElementOrder order_;
};

// Sorts lanes [first, end) of the array at `from`, and writes them to `to`, one after the other.
void SortLanes(const SortState& state, LaneSorter& sorter, const LaneGeometry& lanes,
               const std::byte* from, Index first, Index end, std::byte* to) {
  const Index itemsize_bytes = state.input.dtype().itemsize_bytes();
  const Index from_bytes = lanes.length * itemsize_bytes,
              to_bytes = lanes.length * state.output.view().dtype().itemsize_bytes();
  if (lanes.inner == 1) {
    for (Index lane = first; lane < end; ++lane)
      SortLane(state, sorter, from + lane * from_bytes, lanes.length, 0,
               to + (lane - first) * to_bytes);
    return;
  }
  const Index together = LanesTogether(from_bytes);
  std::vector<std::byte> gathered(static_cast<std::size_t>(from_bytes * together));
  for (Index lane = first; lane < end; lane += together) {
    const Index few_end = std::min(end, lane + together);
    GatherLanes(lanes, from, itemsize_bytes, lane, few_end, gathered.data());
    for (Index l = lane; l < few_end; ++l) {
      SortLane(state, sorter, gathered.data() + (l - lane) * from_bytes, lanes.length, 0,
               to + (l - first) * to_bytes);
    }
  }
}

// Sorts lanes that lie within a row of the array.
class SortWithinRows final : public Worker<RawElement, WrittenRows> {
 public:
  SortWithinRows(DataIterator chunks, LaneGeometry lanes, std::shared_ptr<const SortState> state)
      : Worker(std::move(chunks)), lanes_(std::move(lanes)), state_(std::move(state)) {}

  absl::StatusOr<WrittenRows> Process(const ChunkView<RawElement>& chunk) const override {
    const RowRange rows = chunk.rows();
    LaneGeometry lanes = lanes_;
    lanes.outer = lanes_.outer / state_->input.num_rows() * rows.size();
    const std::byte* from = state_->input.RowData(rows.begin);
    std::byte* to = RowsOf<std::byte>(state_->output, rows.begin);
    LaneSorter sorter(state_->input.dtype());
    if (lanes.inner == 1) {
      SortLanes(*state_, sorter, lanes, from, 0, lanes.num_lanes(), to);
    } else {
      const Index itemsize_bytes = state_->output.view().dtype().itemsize_bytes();
      const Index together = LanesTogether(lanes.length * itemsize_bytes);
      std::vector<std::byte> sorted(
          static_cast<std::size_t>(lanes.length * itemsize_bytes * together));
      for (Index lane = 0; lane < lanes.num_lanes(); lane += together) {
        const Index end = std::min(lanes.num_lanes(), lane + together);
        SortLanes(*state_, sorter, lanes, from, lane, end, sorted.data());
        ScatterLanes(lanes, sorted.data(), itemsize_bytes, lane, end, to);
      }
    }
    return state_->output.Finish(rows);
  }

  absl::Status ProcessCallback(const Chunk& chunk, WrittenRows written) override {
    return state_->output.Accept(chunk.rows, written);
  }

 private:
  LaneGeometry lanes_;
  std::shared_ptr<const SortState> state_;
};

// First half of a sort along the first axis: sorts each lane into its row of the scratch array.
class SortColumns final : public Worker<RawElement, WrittenRows> {
 public:
  SortColumns(DataIterator columns, LaneGeometry lanes, std::shared_ptr<const SortState> state)
      : Worker(std::move(columns)), lanes_(std::move(lanes)), state_(std::move(state)) {}

  absl::StatusOr<WrittenRows> Process(const ChunkView<RawElement>& chunk) const override {
    const RowRange columns = chunk.rows();
    LaneSorter sorter(state_->input.dtype());
    SortLanes(*state_, sorter, lanes_, state_->input.data(), columns.begin, columns.end,
              RowsOf<std::byte>(state_->scratch, columns.begin));
    return state_->scratch.Finish(columns);
  }

  absl::Status ProcessCallback(const Chunk& chunk, WrittenRows written) override {
    return state_->scratch.Accept(chunk.rows, written);
  }

 private:
  LaneGeometry lanes_;
  std::shared_ptr<const SortState> state_;
};

// Second half: transposes the scratch array into the output.
class TransposeColumns final : public Worker<RawElement, WrittenRows> {
 public:
  TransposeColumns(DataIterator rows, const LaneGeometry& lanes,
                   std::shared_ptr<const SortState> state)
      : Worker(std::move(rows)),
        columns_{1, lanes.inner, lanes.length, {}, true},
        state_(std::move(state)) {}

  absl::StatusOr<WrittenRows> Process(const ChunkView<RawElement>& chunk) const override {
    const RowRange rows = chunk.rows();
    const Index itemsize_bytes = state_->output.view().dtype().itemsize_bytes();
    for (Index row = rows.begin; row < rows.end; row += kLanesTogether) {
      GatherLanes(columns_, state_->scratch.view().data(), itemsize_bytes, row,
                  std::min(rows.end, row + kLanesTogether), RowsOf<std::byte>(state_->output, row));
    }
    return state_->output.Finish(rows);
  }

  absl::Status ProcessCallback(const Chunk& chunk, WrittenRows written) override {
    return state_->output.Accept(chunk.rows, written);
  }

 private:
  LaneGeometry columns_;
  std::shared_ptr<const SortState> state_;
};

// Returns an array of `count` rows without data, for a worker that iterates over something other
// than elements.
absl::StatusOr<NdView> Numbers(Index count) { return NdView::Create(nullptr, DType(), {count}); }

// Returns a function that returns plan() the first time, then nothing.
std::function<absl::StatusOr<std::optional<NextPass>>()> OneMorePass(
    std::function<std::string()> plan) {
  return [plan = std::move(plan),
          is_done = false]() mutable -> absl::StatusOr<std::optional<NextPass>> {
    if (std::exchange(is_done, true)) return std::nullopt;
    return NextPass{plan()};
  };
}

absl::Status SortOneLane(JobContext& context, const std::shared_ptr<SortState>& state, Job* job) {
  const Index count = state->input.num_elements();
  MPAIO_ASSIGN_OR_RETURN(const NdView flat,
                         NdView::Create(state->input.data(), state->input.dtype(), {count}));
  MPAIO_ASSIGN_OR_RETURN(const DataIterator runs,
                         DataIterator::Create(flat, Partition::ChunkCount(std::clamp<Index>(
                                                        count / kLeastRunRows, 1, kMostRuns))));
  job->worker = std::make_unique<SortRuns>(runs, state);
  if (runs.num_chunks() <= 1) return absl::OkStatus();
  const DType scratch_dtype = MergesValues(*state) ? state->input.dtype() : DType::Of<Index>();
  MPAIO_ASSIGN_OR_RETURN(state->scratch, context.allocate(scratch_dtype, {count}));
  job->next_pass = OneMorePass([state, runs] {
    const ElementOrder order(state->input.data(), state->input.dtype());
    const std::vector<RunPosition> borders = WithOrder(*state, order, [&](auto element, auto less) {
      return ChoosePlaces(RunsOf<decltype(element)>(state->scratch, runs), kPartRows, kSampleStep,
                          less);
    });
    std::string plan;
    Codec<std::vector<RunPosition>>::Encode(borders, &plan);
    return plan;
  });
  job->begin_pass = [state,
                     runs](absl::string_view plan) -> absl::StatusOr<std::unique_ptr<WorkerBase>> {
    MPAIO_RETURN_IF_ERROR(state->scratch.Share());
    MPAIO_ASSIGN_OR_RETURN(std::vector<RunPosition> borders,
                           DecodeResult<std::vector<RunPosition>>(plan));
    MPAIO_ASSIGN_OR_RETURN(const NdView numbers, Numbers(static_cast<Index>(borders.size()) + 1));
    MPAIO_ASSIGN_OR_RETURN(DataIterator parts,
                           DataIterator::Create(numbers, Partition::ChunkSize(1)));
    return std::make_unique<MergeParts>(std::move(parts), runs, std::move(borders), state);
  };
  return absl::OkStatus();
}

absl::Status SortAlongFirstAxis(JobContext& context, const LaneGeometry& lanes,
                                const std::shared_ptr<SortState>& state, Job* job) {
  MPAIO_ASSIGN_OR_RETURN(const NdView columns, Numbers(lanes.inner));
  MPAIO_ASSIGN_OR_RETURN(DataIterator column_chunks, context.divide(columns));
  MPAIO_ASSIGN_OR_RETURN(
      state->scratch, context.allocate(state->output.view().dtype(), {lanes.inner, lanes.length}));
  job->worker = std::make_unique<SortColumns>(std::move(column_chunks), lanes, state);
  job->next_pass = OneMorePass([] { return std::string(); });
  job->begin_pass = [state, lanes, divide = context.divide](
                        absl::string_view) -> absl::StatusOr<std::unique_ptr<WorkerBase>> {
    MPAIO_RETURN_IF_ERROR(state->scratch.Share());
    MPAIO_ASSIGN_OR_RETURN(const NdView rows, Numbers(lanes.length));
    MPAIO_ASSIGN_OR_RETURN(DataIterator row_chunks, divide(rows));
    return std::make_unique<TransposeColumns>(std::move(row_chunks), lanes, state);
  };
  return absl::OkStatus();
}

absl::StatusOr<LaneGeometry> LanesOf(const JobInputs& inputs) {
  MPAIO_ASSIGN_OR_RETURN(const std::optional<Index> axis,
                         ParseAxis(inputs.parameters.Text("axis")));
  return LaneGeometry::Of(inputs.array.shape(), axis, /*keepdims=*/false);
}

absl::StatusOr<Job> MakeSort(JobContext& context, SortResult result) {
  MPAIO_ASSIGN_OR_RETURN(LaneGeometry lanes, LanesOf(context.inputs()));
  auto state = std::make_shared<SortState>();
  state->input = context.chunks.array();
  state->result = result;
  state->output = std::move(context.output);
  Job job;
  job.output = [state]() -> const NdView& { return state->output.view(); };
  job.result = [state]() -> absl::StatusOr<nlohmann::ordered_json> {
    return nlohmann::ordered_json{{"dtype", state->output.view().dtype().ToString()},
                                  {"shape", state->output.view().shape()}};
  };
  // An array without elements may have too many lanes to iterate over: it is sorted as one empty
  // lane.
  if (state->output.view().num_dimensions() == 1 || state->input.num_elements() == 0) {
    MPAIO_RETURN_IF_ERROR(SortOneLane(context, state, &job));
  } else if (lanes.outer == 1 && lanes.inner == state->input.row_elements() &&
             lanes.length == state->input.num_rows()) {
    MPAIO_RETURN_IF_ERROR(SortAlongFirstAxis(context, lanes, state, &job));
  } else {
    job.worker =
        std::make_unique<SortWithinRows>(std::move(context.chunks), std::move(lanes), state);
  }
  return job;
}

}  // namespace

WorkerInfo SortWorkerInfo(SortResult result) {
  return {
      .summary = result == SortResult::kValues
                     ? "sorts along an axis, stable, NaN last"
                     : "positions that would sort along an axis, stable, NaN last",
      .accepts = {AcceptsOrdered()},
      .parameters = {ParameterInfo::Text(
          "axis", "the axis to sort along, or none: all elements as one lane", "-1")},
      .check = [](const JobInputs& inputs) { return LanesOf(inputs).status(); },
      .output = [result](const JobInputs& inputs) -> absl::StatusOr<OutputSpec> {
        const bool is_flat = inputs.parameters.Text("axis") == "none";
        return OutputSpec{
            result == SortResult::kValues ? inputs.array.dtype() : DType::Of<Index>(),
            is_flat ? std::vector<Index>{inputs.array.num_elements()} : inputs.array.shape()};
      },
      .needs_constant_input = true,
      .make = [result](JobContext& context) { return MakeSort(context, result); },
  };
}

}  // namespace mpaio
