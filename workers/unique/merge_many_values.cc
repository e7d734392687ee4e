// SPDX-License-Identifier: Apache-2.0
#include "workers/unique/merge_many_values.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "workers/order/run_count.h"
#include "workers/order/unique_runs.h"
#include "workers/order/unique_values.h"
#include "workers/unique/find_few_values.h"

namespace mpaio {
namespace {

using CreateOutput = decltype(JobContext::create_output);
using RunCount = UniqueRuns::Count;
using SharedState = std::shared_ptr<UniqueState>;

// Limits the private memory in which a rank sorts a run, and keeps counts within RunCount.
constexpr Index kMostRunRows = Index{1} << 22;
// A part and its buffer are about as large as a core's cache.
constexpr Index kPartRows = Index{1} << 16;
// One of kSampleStep values is sampled to divide the runs into parts.
constexpr Index kSampleStep = 1024;

// The second pass. A chunk becomes a run.
class SortRuns final : public Worker<RawElement, std::tuple<Index, WrittenRows, WrittenRows>> {
 public:
  explicit SortRuns(SharedState state) : Worker(*state->runs), state_(std::move(state)) {}

  absl::StatusOr<std::tuple<Index, WrittenRows, WrittenRows>> Process(
      const ChunkView<RawElement>& chunk) const override {
    const RawElements elements = chunk.elements();
    const UniqueValues unique =
        UniqueValues::Of(elements.data(), static_cast<Index>(elements.size()), state_->dtype());
    const auto length = static_cast<Index>(unique.counts.size());
    const RowRange rows = RowsOf(chunk.id(), length);
    MPAIO_RETURN_IF_ERROR(state_->values.Populate(rows));
    MPAIO_RETURN_IF_ERROR(state_->counts.Populate(rows));
    std::memcpy(state_->values.Rows<std::byte>(rows).data(), unique.values.data(),
                unique.values.size());
    std::copy(unique.counts.begin(), unique.counts.end(),
              state_->counts.Rows<RunCount>(rows).begin());
    MPAIO_ASSIGN_OR_RETURN(WrittenRows values, state_->values.Finish(rows));
    MPAIO_ASSIGN_OR_RETURN(WrittenRows counts, state_->counts.Finish(rows));
    return std::make_tuple(length, std::move(values), std::move(counts));
  }

  absl::Status ProcessCallback(const Chunk& chunk,
                               std::tuple<Index, WrittenRows, WrittenRows> run) override {
    const auto& [length, values, counts] = run;
    // Chunks are delivered in order.
    state_->run_lengths.push_back(length);
    const RowRange rows = RowsOf(chunk.id, length);
    MPAIO_RETURN_IF_ERROR(state_->values.Accept(rows, values));
    return state_->counts.Accept(rows, counts);
  }

 private:
  RowRange RowsOf(ChunkId run, Index length) const {
    const Index begin = run * state_->slot_rows;
    return {begin, begin + length};
  }

  SharedState state_;
};

// Returns the chunks of a pass over parts: row i stands for part i.
absl::StatusOr<DataIterator> Parts(const UniqueState& state) {
  MPAIO_ASSIGN_OR_RETURN(
      const NdView numbers,
      NdView::Create(nullptr, DType(), {static_cast<Index>(state.borders.size()) + 1}));
  return DataIterator::Create(numbers, Partition::ChunkSize(1));
}

// The third pass. Counts the values of each part.
class CountParts final : public Worker<RawElement, Index> {
 public:
  CountParts(DataIterator parts, SharedState state)
      : Worker(std::move(parts)), state_(std::move(state)), runs_(state_->Merger()) {}

  absl::StatusOr<Index> Process(const ChunkView<RawElement>& chunk) const override {
    return runs_.CountValues(state_->borders, chunk.id());
  }

  absl::Status ProcessCallback(const Chunk&, Index length) override {
    state_->part_lengths.push_back(length);
    return absl::OkStatus();
  }

 private:
  SharedState state_;
  UniqueRuns runs_;
};

// The fourth pass. Writes each part's values and counts to their positions.
class MergeParts final : public Worker<RawElement, std::pair<std::string, std::string>> {
 public:
  MergeParts(DataIterator parts, SharedState state)
      : Worker(std::move(parts)), state_(std::move(state)), runs_(state_->Merger()) {}

  absl::StatusOr<std::pair<std::string, std::string>> Process(
      const ChunkView<RawElement>& chunk) const override {
    const UniqueRuns::Part part = runs_.Merge(state_->borders, chunk.id());
    const RowRange rows = RowsOf(chunk.id());
    // The part must have the length that was counted in the previous pass.
    if (part.size() != rows.size()) {
      return absl::InternalError(absl::StrCat("part ", chunk.id(), " has ", part.size(),
                                              " values, but the previous pass counted ",
                                              rows.size()));
    }
    std::pair<std::string, std::string> written;
    if (state_->values_to.gathers) {
      written.first.resize(
          static_cast<std::size_t>(rows.size() * state_->dtype().itemsize_bytes()));
      part.CopyValues(reinterpret_cast<std::byte*>(written.first.data()));
    } else if (state_->values_to.saves) {
      part.CopyValues(state_->values_to.saved.Rows<std::byte>(rows).data());
      MPAIO_ASSIGN_OR_RETURN(written.first, state_->values_to.saved.Finish(rows));
    }
    if (state_->counts_to.gathers) {
      written.second.resize(static_cast<std::size_t>(rows.size()) * sizeof(Index));
      part.CopyCounts(reinterpret_cast<Index*>(written.second.data()));
    } else if (state_->counts_to.saves) {
      part.CopyCounts(state_->counts_to.saved.Rows<Index>(rows).data());
      MPAIO_ASSIGN_OR_RETURN(written.second, state_->counts_to.saved.Finish(rows));
    }
    return written;
  }

  absl::Status ProcessCallback(const Chunk& chunk,
                               std::pair<std::string, std::string> written) override {
    const RowRange rows = RowsOf(chunk.id);
    // Parts are delivered in order.
    if (state_->values_to.gathers) {
      state_->gathered_values += written.first;
    } else if (state_->values_to.saves) {
      MPAIO_RETURN_IF_ERROR(state_->values_to.saved.Accept(rows, written.first));
    }
    if (state_->counts_to.gathers) {
      const std::size_t size = state_->gathered_counts.size();
      state_->gathered_counts.resize(size + static_cast<std::size_t>(rows.size()));
      std::memcpy(state_->gathered_counts.data() + size, written.second.data(),
                  written.second.size());
    } else if (state_->counts_to.saves) {
      MPAIO_RETURN_IF_ERROR(state_->counts_to.saved.Accept(rows, written.second));
    }
    return absl::OkStatus();
  }

 private:
  RowRange RowsOf(ChunkId part) const {
    const auto number = static_cast<std::size_t>(part);
    return {state_->part_begins[number],
            state_->part_begins[number] + state_->part_lengths[number]};
  }

  SharedState state_;
  UniqueRuns runs_;
};

absl::StatusOr<std::unique_ptr<WorkerBase>> BeginCounting(const SharedState& state,
                                                          absl::string_view plan) {
  using Plan = std::pair<std::vector<Index>, std::vector<Index>>;
  MPAIO_ASSIGN_OR_RETURN(Plan decoded, DecodeResult<Plan>(plan));
  state->run_lengths = std::move(decoded.first);
  state->borders = std::move(decoded.second);
  const std::vector<RowRange> rows = state->RunRows();
  MPAIO_RETURN_IF_ERROR(state->values.Share(rows));
  MPAIO_RETURN_IF_ERROR(state->counts.Share(rows));
  MPAIO_ASSIGN_OR_RETURN(DataIterator parts, Parts(*state));
  return std::make_unique<CountParts>(std::move(parts), state);
}

// Creates the file of a destination that saves; rank 0 gathers if the file cannot be kept open.
absl::Status CreateFile(const CreateOutput& create_output, const std::string& name,
                        const DType& dtype, Index total, UniqueDestination& to) {
  if (!to.saves) return absl::OkStatus();
  absl::StatusOr<OutputArray> made = create_output(name, dtype, {total});
  to.gathers = absl::IsUnavailable(made.status());
  if (made.ok()) to.saved = *std::move(made);
  return to.gathers ? absl::OkStatus() : made.status();
}

absl::StatusOr<std::unique_ptr<WorkerBase>> BeginMerging(const SharedState& state,
                                                         const CreateOutput& create_output,
                                                         absl::string_view plan) {
  MPAIO_ASSIGN_OR_RETURN(state->part_lengths, DecodeResult<std::vector<Index>>(plan));
  Index total = 0;
  for (const Index length : state->part_lengths) {
    state->part_begins.push_back(total);
    total += length;
  }
  state->values_to.gathers = state->counts_to.gathers =
      !state->values_to.saves && !state->counts_to.saves;
  MPAIO_RETURN_IF_ERROR(CreateFile(create_output, "", state->dtype(), total, state->values_to));
  MPAIO_RETURN_IF_ERROR(
      CreateFile(create_output, "counts", DType::Of<Index>(), total, state->counts_to));
  MPAIO_ASSIGN_OR_RETURN(DataIterator parts, Parts(*state));
  return std::make_unique<MergeParts>(std::move(parts), state);
}

}  // namespace

absl::Status PrepareForManyValues(JobContext& context, UniqueState& state) {
  const Index count = state.input.num_elements(), itemsize_bytes = state.dtype().itemsize_bytes();
  if (count <= kFewValues || itemsize_bytes == 0) return absl::OkStatus();
  state.may_be_many = true;
  MPAIO_ASSIGN_OR_RETURN(const NdView flat,
                         NdView::Create(state.input.data(), state.dtype(), {count}));
  const Index num_runs = std::max(NumRuns(count), CeilDivide(count, kMostRunRows));
  MPAIO_ASSIGN_OR_RETURN(state.runs, DataIterator::Create(flat, Partition::ChunkCount(num_runs)));
  for (const Chunk run : *state.runs) state.slot_rows = std::max(state.slot_rows, run.rows.size());
  // There are no more distinct values than bit patterns.
  if (itemsize_bytes <= 2)
    state.slot_rows = std::min(state.slot_rows, Index{1} << (8 * itemsize_bytes));
  const Index rows = state.runs->num_chunks() * state.slot_rows;
  absl::StatusOr<OutputArray> values = context.reserve(state.dtype(), {rows});
  absl::StatusOr<OutputArray> counts =
      values.ok() ? context.reserve(DType::Of<RunCount>(), {rows}) : values.status();
  // Without shared memory to merge in, rank 0 merges all values in its own memory, however many.
  if (absl::IsResourceExhausted(counts.status())) {
    state.may_be_many = false;
    return absl::OkStatus();
  }
  MPAIO_RETURN_IF_ERROR(counts.status());
  state.values = *std::move(values);
  state.counts = *std::move(counts);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<NextPass>> PlanNextPass(UniqueState& state) {
  NextPass next;
  switch (state.pass) {
    case UniquePass::kFew:
      if (!state.are_many) return std::nullopt;
      return next;
    case UniquePass::kRuns:
      state.borders = state.Merger().ChooseBorders(kPartRows, kSampleStep);
      Codec<std::pair<std::vector<Index>, std::vector<Index>>>::Encode(
          {state.run_lengths, state.borders}, &next.plan);
      return next;
    case UniquePass::kCount:
      Codec<std::vector<Index>>::Encode(state.part_lengths, &next.plan);
      return next;
    case UniquePass::kMerge:
      break;
  }
  return std::nullopt;
}

absl::StatusOr<std::unique_ptr<WorkerBase>> BeginNextPass(const SharedState& state,
                                                          const CreateOutput& create_output,
                                                          absl::string_view plan) {
  state->pass = static_cast<UniquePass>(static_cast<int>(state->pass) + 1);
  if (state->pass == UniquePass::kRuns) return std::make_unique<SortRuns>(state);
  return state->pass == UniquePass::kCount ? BeginCounting(state, plan)
                                           : BeginMerging(state, create_output, plan);
}

}  // namespace mpaio
