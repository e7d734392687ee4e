// SPDX-License-Identifier: Apache-2.0
#include "workers/order/run_merge_sort.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mpaio/base/status_macros.h"
#include "mpaio/kernel/run_merge.h"
#include "workers/order/element_order.h"
#include "workers/order/key_dispatch.h"
#include "workers/order/lane_sorter.h"
#include "workers/order/run_count.h"

namespace mpaio {
namespace {

// A part and its buffer fit in a core's cache.
constexpr Index kPartRows = Index{1} << 17;
// One of kSampleStep elements is sampled to divide the runs into parts.
constexpr Index kSampleStep = 1024;

// Returns true if the elements themselves are merged, as numbers are. Otherwise positions in the
// input, which every node has, are merged.
bool MergesValues(const SortState& state) {
  return state.result == SortResult::kValues && HasKey(state.input.dtype());
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

}  // namespace

absl::Status SortOneLane(JobContext& context, const std::shared_ptr<SortState>& state, Job* job) {
  const Index count = state->input.num_elements();
  MPAIO_ASSIGN_OR_RETURN(const NdView flat,
                         NdView::Create(state->input.data(), state->input.dtype(), {count}));
  MPAIO_ASSIGN_OR_RETURN(const DataIterator runs,
                         DataIterator::Create(flat, Partition::ChunkCount(NumRuns(count))));
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
    MPAIO_ASSIGN_OR_RETURN(const NdView part_rows,
                           RowsWithoutData(static_cast<Index>(borders.size()) + 1));
    MPAIO_ASSIGN_OR_RETURN(DataIterator parts,
                           DataIterator::Create(part_rows, Partition::ChunkSize(1)));
    return std::make_unique<MergeParts>(std::move(parts), runs, std::move(borders), state);
  };
  return absl::OkStatus();
}

}  // namespace mpaio
