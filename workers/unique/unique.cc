// SPDX-License-Identifier: Apache-2.0

// unique: the distinct values, sorted, with their counts.
//
// If there are few values, one pass suffices: each chunk's values are sent to rank 0, which merges
// them. If there are many, chunks report that, and three more passes follow, whose chunks do not
// depend on the number of ranks. First, each range of the array is reduced by one rank to a sorted
// run of distinct values with their counts, in memory that the ranks share. Then the values of each
// part of the merged runs are counted, each part by one rank. When the lengths of all parts are
// known, each part is merged and written to its position in the output files. Rank 0 itself
// receives only lengths, unless the result is printed.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/jobs/registry.h"
#include "workers/order/element_order.h"
#include "workers/order/unique_runs.h"
#include "workers/order/unique_values.h"

namespace mpaio {
namespace {

using EncodedValues = std::pair<std::string, std::vector<Index>>;
using RunCount = UniqueRuns::Count;

// Rank 0 can merge up to this many values, whatever the number of elements.
constexpr Index kFewValues = Index{1} << 16;
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
// A run is long enough to be worth merging; there are enough runs for every rank, and few enough
// that a part is merged in a few steps.
constexpr Index kLeastRunRows = Index{1} << 14;
constexpr Index kMostRuns = 64;
// Limits the private memory in which a rank sorts a run, and keeps counts within RunCount.
constexpr Index kMostRunRows = Index{1} << 22;
// A part and its buffer are about as large as a core's cache.
constexpr Index kPartRows = Index{1} << 16;
// One of kSampleStep values is sampled to divide the runs into parts.
constexpr Index kSampleStep = 1024;

// The passes of a job, in order.
enum class Pass { kFew, kRuns, kCount, kMerge };

// State shared by the passes of one job. Constant during a pass, except for the contents of the
// arrays and the results that rank 0 receives.
struct UniqueState {
  explicit UniqueState(const NdView& array) : input(array), few(array.dtype()) {}

  const DType& dtype() const { return input.dtype(); }

  NdView input;
  Pass pass = Pass::kFew;
  // Whether passes may follow the first.
  bool may_be_many = false;
  bool saves_values = false;
  bool saves_counts = false;
  // From the last pass on: true if rank 0 gathers them, because they are printed or because their
  // file could not be kept open. Otherwise all ranks write them to their file.
  bool gathers_values = false;
  bool gathers_counts = false;

  // On rank 0: the values found by chunks if there are few; true if there are many.
  UniqueMerger few;
  bool are_many = false;

  // Run r begins at row r * slot_rows of these arrays and has space for `slot_rows` values, as many
  // as it can have. It has run_lengths[r] values: known on rank 0 from the end of the pass on, on
  // other ranks from the beginning of the next.
  std::optional<DataIterator> runs;
  Index slot_rows = 0;
  OutputArray values, counts;
  std::vector<Index> run_lengths;

  std::vector<Index> borders;
  // Length of each part, known like run_lengths, and the row at which it begins.
  std::vector<Index> part_lengths, part_begins;

  OutputArray saved_values, saved_counts;
  // On rank 0.
  std::string gathered_values;
  std::vector<Index> gathered_counts;

  std::vector<RowRange> RunRows() const {
    std::vector<RowRange> rows;
    for (std::size_t r = 0; r < run_lengths.size(); ++r) {
      const Index begin = static_cast<Index>(r) * slot_rows;
      rows.push_back({begin, begin + run_lengths[r]});
    }
    return rows;
  }
  UniqueRuns Merger() const {
    return UniqueRuns(values.view().data(), reinterpret_cast<const RunCount*>(counts.view().data()),
                      dtype(), RunRows());
  }
};

using SharedState = std::shared_ptr<UniqueState>;

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

// The first pass. A chunk's result is its values, or nothing if they are many.
class FindFew final : public Worker<RawElement, std::optional<EncodedValues>> {
 public:
  FindFew(DataIterator chunks, SharedState state)
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
  SharedState state_;
};

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
    if (state_->gathers_values) {
      written.first.resize(
          static_cast<std::size_t>(rows.size() * state_->dtype().itemsize_bytes()));
      part.CopyValues(reinterpret_cast<std::byte*>(written.first.data()));
    } else if (state_->saves_values) {
      part.CopyValues(state_->saved_values.Rows<std::byte>(rows).data());
      MPAIO_ASSIGN_OR_RETURN(written.first, state_->saved_values.Finish(rows));
    }
    if (state_->gathers_counts) {
      written.second.resize(static_cast<std::size_t>(rows.size()) * sizeof(Index));
      part.CopyCounts(reinterpret_cast<Index*>(written.second.data()));
    } else if (state_->saves_counts) {
      part.CopyCounts(state_->saved_counts.Rows<Index>(rows).data());
      MPAIO_ASSIGN_OR_RETURN(written.second, state_->saved_counts.Finish(rows));
    }
    return written;
  }

  absl::Status ProcessCallback(const Chunk& chunk,
                               std::pair<std::string, std::string> written) override {
    const RowRange rows = RowsOf(chunk.id);
    // Parts are delivered in order.
    if (state_->gathers_values) {
      state_->gathered_values += written.first;
    } else if (state_->saves_values) {
      MPAIO_RETURN_IF_ERROR(state_->saved_values.Accept(rows, written.first));
    }
    if (state_->gathers_counts) {
      const std::size_t size = state_->gathered_counts.size();
      state_->gathered_counts.resize(size + static_cast<std::size_t>(rows.size()));
      std::memcpy(state_->gathered_counts.data() + size, written.second.data(),
                  written.second.size());
    } else if (state_->saves_counts) {
      MPAIO_RETURN_IF_ERROR(state_->saved_counts.Accept(rows, written.second));
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

// Encodes the findings of a pass that the other ranks need for the next. Called on rank 0.
absl::StatusOr<std::optional<NextPass>> PlanNextPass(UniqueState& state) {
  NextPass next;
  switch (state.pass) {
    case Pass::kFew:
      if (!state.are_many) return std::nullopt;
      return next;
    case Pass::kRuns:
      state.borders = state.Merger().ChooseBorders(kPartRows, kSampleStep);
      Codec<std::pair<std::vector<Index>, std::vector<Index>>>::Encode(
          {state.run_lengths, state.borders}, &next.plan);
      return next;
    case Pass::kCount:
      Codec<std::vector<Index>>::Encode(state.part_lengths, &next.plan);
      return next;
    case Pass::kMerge:
      break;
  }
  return std::nullopt;
}

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

using CreateOutput = decltype(JobContext::create_output);

absl::StatusOr<std::unique_ptr<WorkerBase>> BeginMerging(const SharedState& state,
                                                         const CreateOutput& create_output,
                                                         absl::string_view plan) {
  MPAIO_ASSIGN_OR_RETURN(state->part_lengths, DecodeResult<std::vector<Index>>(plan));
  Index total = 0;
  for (const Index length : state->part_lengths) {
    state->part_begins.push_back(total);
    total += length;
  }
  state->gathers_values = state->gathers_counts = !state->saves_values && !state->saves_counts;
  if (state->saves_values) {
    absl::StatusOr<OutputArray> made = create_output("", state->dtype(), {total});
    state->gathers_values = absl::IsUnavailable(made.status());
    if (made.ok()) state->saved_values = *std::move(made);
    if (!made.ok() && !state->gathers_values) return made.status();
  }
  if (state->saves_counts) {
    absl::StatusOr<OutputArray> made = create_output("counts", DType::Of<Index>(), {total});
    state->gathers_counts = absl::IsUnavailable(made.status());
    if (made.ok()) state->saved_counts = *std::move(made);
    if (!made.ok() && !state->gathers_counts) return made.status();
  }
  MPAIO_ASSIGN_OR_RETURN(DataIterator parts, Parts(*state));
  return std::make_unique<MergeParts>(std::move(parts), state);
}

// Reserves the memory of the passes after the first, which is possible only before any rank has
// died.
absl::Status PrepareForMany(JobContext& context, UniqueState& state) {
  const Index count = state.input.num_elements(), itemsize_bytes = state.dtype().itemsize_bytes();
  if (count <= kFewValues || itemsize_bytes == 0) return absl::OkStatus();
  state.may_be_many = true;
  MPAIO_ASSIGN_OR_RETURN(const NdView flat,
                         NdView::Create(state.input.data(), state.dtype(), {count}));
  const Index num_runs =
      std::max(std::min(count / kLeastRunRows, kMostRuns), CeilDivide(count, kMostRunRows));
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

// Returns the values that rank 0 has: all of them if they are few or gathered, otherwise none.
AnswerArray ValuesOf(UniqueState& state) {
  const std::string& values =
      state.pass == Pass::kFew ? state.few.Total().values : state.gathered_values;
  const Index count = state.dtype().itemsize_bytes() == 0
                          ? static_cast<Index>(state.few.Total().counts.size())
                          : static_cast<Index>(values.size()) / state.dtype().itemsize_bytes();
  AnswerArray array(state.dtype(), {count});
  if (!values.empty()) std::memcpy(array.mutable_data(), values.data(), values.size());
  return array;
}

const std::vector<Index>& CountsOf(UniqueState& state) {
  return state.pass == Pass::kFew ? state.few.Total().counts : state.gathered_counts;
}

nlohmann::ordered_json SummaryOf(UniqueState& state) {
  const Index distinct = state.pass == Pass::kFew
                             ? static_cast<Index>(CountsOf(state).size())
                             : state.part_begins.back() + state.part_lengths.back();
  return {{"dtype", state.dtype().ToString()},
          {"shape", std::vector<Index>{distinct}},
          {"distinct", distinct}};
}

absl::StatusOr<Job> Make(JobContext& context) {
  auto state = std::make_shared<UniqueState>(context.chunks.array());
  state->saves_values = context.saves_answer;
  state->saves_counts = !context.parameters.Text("counts").empty();
  MPAIO_RETURN_IF_ERROR(PrepareForMany(context, *state));
  Job job;
  job.worker = std::make_unique<FindFew>(std::move(context.chunks), state);
  if (state->may_be_many) {
    job.next_pass = [state] { return PlanNextPass(*state); };
    job.begin_pass = [state, create_output = context.create_output](
                         absl::string_view plan) -> absl::StatusOr<std::unique_ptr<WorkerBase>> {
      state->pass = static_cast<Pass>(static_cast<int>(state->pass) + 1);
      if (state->pass == Pass::kRuns) return std::make_unique<SortRuns>(state);
      return state->pass == Pass::kCount ? BeginCounting(state, plan)
                                         : BeginMerging(state, create_output, plan);
    };
  }
  job.result = [state]() -> absl::StatusOr<nlohmann::ordered_json> {
    return nlohmann::ordered_json{{"values", ToJson(ValuesOf(*state).view())},
                                  {"counts", CountsOf(*state)}};
  };
  job.array = [state]() -> absl::StatusOr<AnswerArray> { return ValuesOf(*state); };
  job.extra_outputs["counts"] = [state]() -> absl::StatusOr<AnswerArray> {
    return AnswerArray::Of<Index>(CountsOf(*state));
  };
  job.summary = [state]() -> absl::StatusOr<nlohmann::ordered_json> { return SummaryOf(*state); };
  return job;
}

MPAIO_REGISTER_WORKER({
    .summary = "the distinct values, sorted, and how often each occurs; all NaNs are one value",
    .accepts = {AcceptsOrdered()},
    .parameters = {ParameterInfo::Output("counts", "the file to save the counts to, as int64")},
    .answers_with_array = true,
    .make = Make,
});

}  // namespace
}  // namespace mpaio
