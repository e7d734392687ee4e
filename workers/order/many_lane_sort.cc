// SPDX-License-Identifier: Apache-2.0
#include "workers/order/many_lane_sort.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "mpaio/base/status_macros.h"
#include "workers/order/axis.h"
#include "workers/order/lane_sorter.h"

namespace mpaio {
namespace {

// Lanes that are gathered at once: each is a separate memory stream for the processor. Long lanes
// are gathered in smaller numbers, to limit memory.
constexpr Index kLanesTogether = 32;
constexpr Index kTogetherBytes = Index{16} << 20;
Index LanesTogether(Index lane_bytes) {
  return std::clamp<Index>(kTogetherBytes / std::max<Index>(lane_bytes, 1), 1, kLanesTogether);
}

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
class RowLaneSorter final : public Worker<RawElement, WrittenRows> {
 public:
  RowLaneSorter(DataIterator chunks, LaneGeometry lanes, std::shared_ptr<const SortState> state)
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

}  // namespace

std::unique_ptr<WorkerBase> SortWithinRows(DataIterator chunks, LaneGeometry lanes,
                                           std::shared_ptr<const SortState> state) {
  return std::make_unique<RowLaneSorter>(std::move(chunks), std::move(lanes), std::move(state));
}

absl::Status SortAlongFirstAxis(JobContext& context, const LaneGeometry& lanes,
                                const std::shared_ptr<SortState>& state, Job* job) {
  MPAIO_ASSIGN_OR_RETURN(const NdView columns, RowsWithoutData(lanes.inner));
  MPAIO_ASSIGN_OR_RETURN(DataIterator column_chunks, context.divide(columns));
  MPAIO_ASSIGN_OR_RETURN(
      state->scratch, context.allocate(state->output.view().dtype(), {lanes.inner, lanes.length}));
  job->worker = std::make_unique<SortColumns>(std::move(column_chunks), lanes, state);
  job->next_pass = OneMorePass([] { return std::string(); });
  job->begin_pass = [state, lanes, divide = context.divide](
                        absl::string_view) -> absl::StatusOr<std::unique_ptr<WorkerBase>> {
    MPAIO_RETURN_IF_ERROR(state->scratch.Share());
    MPAIO_ASSIGN_OR_RETURN(const NdView rows, RowsWithoutData(lanes.length));
    MPAIO_ASSIGN_OR_RETURN(DataIterator row_chunks, divide(rows));
    return std::make_unique<TransposeColumns>(std::move(row_chunks), lanes, state);
  };
  return absl::OkStatus();
}

}  // namespace mpaio
