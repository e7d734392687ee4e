// SPDX-License-Identifier: Apache-2.0
#include "workers/order/quantile_job.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/kernel/rank_search.h"
#include "mpaio/reduction/geometry.h"
#include "workers/order/axis.h"
#include "workers/order/lane_search.h"
#include "workers/order/number_keys.h"
#include "workers/order/quantile.h"
#include "workers/order/rank_codec.h"

namespace mpaio {

namespace {

// Longer lanes are searched in several passes instead of being gathered.
constexpr Index kMaxGathered = Index{1} << 20;
// Elements whose keys are computed at once, so that they stay in the L1 cache.
constexpr Index kBlock = 2048;
// Lanes that are gathered at once, and the limit of their memory.
constexpr Index kLanesTogether = 32;
constexpr Index kTogetherBytes = Index{16} << 20;
// Each quantile may need its own counters on every rank.
constexpr std::size_t kMaxQuantiles = 1000;

struct Request {
  QuantileMethod method = QuantileMethod::kMedian;
  std::vector<double> q = {0.5};
  // A single q adds no axis to the result.
  bool has_axis_of_q() const { return q.size() > 1; }
};

Request RequestOf(QuantileKind kind, const Parameters& parameters) {
  if (kind == QuantileKind::kMedian) return {};
  return {ParseQuantileMethod(parameters.Text("method")), parameters.Numbers("q")};
}

absl::StatusOr<LaneGeometry> LanesOf(const JobInputs& inputs) {
  return LaneGeometry::Of(inputs.array.shape(), inputs.parameters.OptionalInteger("axis"),
                          inputs.parameters.Flag("keepdims"));
}

std::vector<Index> ResultShape(const Request& request, const LaneGeometry& lanes) {
  std::vector<Index> shape = lanes.result_shape;
  if (request.has_axis_of_q()) shape.insert(shape.begin(), static_cast<Index>(request.q.size()));
  return shape;
}

// One pass over all elements of a search for ranks.
class ScanForRanks final : public Worker<RawElement, RankFindings> {
 public:
  ScanForRanks(DataIterator chunks, RankPass pass, std::shared_ptr<RankSearch> search)
      : Worker(std::move(chunks)), pass_(std::move(pass)), search_(std::move(search)) {}

  absl::StatusOr<RankFindings> Process(const ChunkView<RawElement>& chunk) const override {
    const RawElements elements = chunk.elements();
    const Index count = static_cast<Index>(elements.size()),
                itemsize_bytes = elements.itemsize_bytes();
    RankScan scan(pass_, count);
    std::vector<std::uint64_t> keys(static_cast<std::size_t>(std::min(count, kBlock)));
    for (Index begin = 0; begin < count; begin += kBlock) {
      const std::span<std::uint64_t> some =
          std::span(keys).first(static_cast<std::size_t>(std::min(kBlock, count - begin)));
      LoadKeys(data_iterator().dtype(), elements.data() + begin * itemsize_bytes, some);
      scan.Add(some);
    }
    return scan.Take();
  }

  absl::Status ProcessCallback(const Chunk&, RankFindings findings) override {
    search_->Add(findings);
    return absl::OkStatus();
  }

 private:
  RankPass pass_;
  std::shared_ptr<RankSearch> search_;
};

absl::StatusOr<Job> MakeOfAll(JobContext& context, const Request& request,
                              std::vector<Index> shape) {
  const DataIterator chunks = context.chunks;
  const DType dtype = chunks.dtype();
  const auto quantile =
      std::make_shared<Quantile>(dtype, request.method, request.q, chunks.array().num_elements());
  const auto search =
      std::make_shared<RankSearch>(KeyBits(dtype), quantile->ranks(), kMaxCollectedKeys);
  Job job;
  job.worker = std::make_unique<ScanForRanks>(chunks, search->pass(), search);
  job.next_pass = [search, dtype]() -> absl::StatusOr<std::optional<NextPass>> {
    // If there is a NaN, the answer is known after the first pass.
    if (IsNaNKey(dtype, search->max_key()) || !search->Advance()) return std::nullopt;
    NextPass next;
    Codec<RankPass>::Encode(search->pass(), &next.plan);
    return next;
  };
  job.begin_pass = [search,
                    chunks](absl::string_view plan) -> absl::StatusOr<std::unique_ptr<WorkerBase>> {
    MPAIO_ASSIGN_OR_RETURN(RankPass pass, DecodeResult<RankPass>(plan));
    return std::make_unique<ScanForRanks>(chunks, std::move(pass), search);
  };
  job.array = [search, quantile, dtype, method = request.method,
               shape = std::move(shape)]() -> absl::StatusOr<AnswerArray> {
    AnswerArray answer(Quantile::ResultType(dtype, method), shape);
    for (Index r = 0; r < quantile->num_results(); ++r) {
      quantile->Compute(r, search->keys(), IsNaNKey(dtype, search->max_key()),
                        answer.mutable_data() + r * answer.dtype().itemsize_bytes());
    }
    return answer;
  };
  return job;
}

// A chunk is a range of lanes. Its result has, quantile by quantile, the values of all its lanes.
class QuantilesOfLanes final : public Worker<RawElement, std::string> {
 public:
  QuantilesOfLanes(DataIterator chunks, NdView array, LaneGeometry lanes, const Request& request)
      : Worker(std::move(chunks)),
        array_(std::move(array)),
        result_shape_(ResultShape(request, lanes)),
        lanes_(std::move(lanes)),
        result_type_(Quantile::ResultType(array_.dtype(), request.method)),
        quantile_(array_.dtype(), request.method, request.q, std::max<Index>(lanes_.length, 1)) {}

  absl::StatusOr<std::string> Process(const ChunkView<RawElement>& chunk) const override {
    const RowRange lanes = chunk.rows();
    const Index itemsize_bytes = array_.dtype().itemsize_bytes(),
                result_bytes = result_type_.itemsize_bytes();
    std::string results(
        static_cast<std::size_t>(quantile_.num_results() * lanes.size() * result_bytes), '\0');
    const Index lane_bytes = std::max<Index>(1, lanes_.length * itemsize_bytes);
    const Index together = std::clamp<Index>(kTogetherBytes / lane_bytes, 1, kLanesTogether);
    std::vector<std::byte> gathered(static_cast<std::size_t>(together * lane_bytes));
    std::vector<std::uint64_t> keys(static_cast<std::size_t>(lanes_.length)),
        wanted(quantile_.ranks().size());
    for (Index begin = lanes.begin; begin < lanes.end; begin += together) {
      const Index end = std::min(lanes.end, begin + together);
      GatherLanes(lanes_, array_.data(), itemsize_bytes, begin, end, gathered.data());
      for (Index lane = begin; lane < end; ++lane) {
        if (lanes_.length > 0)
          LoadKeys(array_.dtype(), gathered.data() + (lane - begin) * lane_bytes, keys);
        const bool has_nan = Select(keys, wanted);
        for (Index r = 0; r < quantile_.num_results(); ++r) {
          auto* to = reinterpret_cast<std::byte*>(results.data()) +
                     (r * lanes.size() + lane - lanes.begin) * result_bytes;
          quantile_.Compute(r, wanted, has_nan, to);
        }
      }
    }
    return results;
  }

  absl::Status ProcessCallback(const Chunk& chunk, std::string results) override {
    const Index result_bytes = result_type_.itemsize_bytes();
    const Index chunk_bytes = chunk.rows.size() * result_bytes;
    for (Index r = 0; r < quantile_.num_results(); ++r) {
      std::memcpy(
          Answer().mutable_data() + (r * lanes_.num_lanes() + chunk.rows.begin) * result_bytes,
          results.data() + r * chunk_bytes, static_cast<std::size_t>(chunk_bytes));
    }
    return absl::OkStatus();
  }

  // Allocated on rank 0 alone: the others do not need it.
  AnswerArray& Answer() {
    if (!answer_.has_value()) answer_.emplace(result_type_, result_shape_);
    return *answer_;
  }

 private:
  // Finds the keys of the wanted ranks. If there is a NaN or no element, returns true and leaves
  // `wanted` unset.
  bool Select(std::vector<std::uint64_t>& keys, std::vector<std::uint64_t>& wanted) const {
    if (keys.empty()) return true;
    if (IsNaNKey(array_.dtype(), *std::max_element(keys.begin(), keys.end()))) return true;
    auto begin = keys.begin();
    for (std::size_t w = 0; w < wanted.size(); ++w) {
      const auto at = keys.begin() + quantile_.ranks()[w];
      std::nth_element(begin, at, keys.end());
      wanted[w] = *at;
      begin = at + 1;
    }
    return false;
  }

  NdView array_;
  std::vector<Index> result_shape_;
  LaneGeometry lanes_;
  DType result_type_;
  Quantile quantile_;
  std::optional<AnswerArray> answer_;
};

absl::StatusOr<Job> MakeOfLanes(JobContext& context, const Request& request, LaneGeometry lanes) {
  const NdView array = context.chunks.array();
  MPAIO_ASSIGN_OR_RETURN(const NdView lane_numbers,
                         NdView::Create(nullptr, DType(), {lanes.num_lanes()}));
  MPAIO_ASSIGN_OR_RETURN(DataIterator chunks, context.divide(lane_numbers));
  auto worker =
      std::make_unique<QuantilesOfLanes>(std::move(chunks), array, std::move(lanes), request);
  Job job;
  job.array = [lane_worker = worker.get()]() -> absl::StatusOr<AnswerArray> {
    return std::move(lane_worker->Answer());
  };
  job.worker = std::move(worker);
  return job;
}

absl::Status Check(QuantileKind kind, const JobInputs& inputs) {
  const Request request = RequestOf(kind, inputs.parameters);
  MPAIO_ASSIGN_OR_RETURN(const LaneGeometry lanes, LanesOf(inputs));
  // Each lane has an answer, even if it has no elements, so the answer can be larger than the
  // input.
  const absl::StatusOr<Index> answer_bytes = ArraySizeBytes(
      Quantile::ResultType(inputs.array.dtype(), request.method), ResultShape(request, lanes));
  if (!answer_bytes.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the answer is too large, ", answer_bytes.status().message(), "; choose another axis="));
  }
  if (kind == QuantileKind::kMedian) return absl::OkStatus();
  for (const double q : request.q) {
    if (!(q >= 0 && q <= 1))
      return absl::InvalidArgumentError(
          absl::StrCat("q=", q, " is not in [0, 1]; quantiles are fractions"));
  }
  if (request.q.size() > kMaxQuantiles) {
    return absl::InvalidArgumentError(absl::StrCat(
        "q= has ", request.q.size(), " numbers; give at most ", kMaxQuantiles, " in one job"));
  }
  if (lanes.length == 0 && lanes.num_lanes() > 0)
    return absl::InvalidArgumentError("an array or an axis with no elements has no quantiles");
  if (inputs.array.dtype().kind() == DType::Kind::kBool &&
      Quantile::ResultType(inputs.array.dtype(), request.method) == DType::Of<double>()) {
    return absl::InvalidArgumentError(
        "there is no value between false and true; use method=lower, higher or nearest for bool");
  }
  return absl::OkStatus();
}

absl::StatusOr<Job> Make(QuantileKind kind, JobContext& context) {
  const Request request = RequestOf(kind, context.parameters);
  MPAIO_ASSIGN_OR_RETURN(LaneGeometry lanes, LanesOf(context.inputs()));
  const DType dtype = context.chunks.dtype(), result = Quantile::ResultType(dtype, request.method);
  const std::vector<Index> shape = ResultShape(request, lanes);
  absl::StatusOr<Job> job;
  if (lanes.num_lanes() == 1 && lanes.length > 0) {
    job = MakeOfAll(context, request, shape);
  } else if (lanes.num_lanes() > 0 && lanes.length > kMaxGathered) {
    job = SearchLanes(context, lanes, Quantile(dtype, request.method, request.q, lanes.length),
                      result, shape);
  } else {
    job = MakeOfLanes(context, request, std::move(lanes));
  }
  MPAIO_RETURN_IF_ERROR(job.status());
  MPAIO_ASSIGN_OR_RETURN(job->answer_bytes, ArraySizeBytes(result, shape));
  return job;
}

}  // namespace

WorkerInfo QuantileWorkerInfo(QuantileKind kind) {
  WorkerInfo info;
  info.accepts = {AcceptsNumbers()};
  info.parameters = {
      ParameterInfo::OptionalInteger("axis",
                                     "the axis to compute along, or none: over all elements"),
      ParameterInfo::Flag("keepdims", "whether the reduced axes stay, with an extent of 1")};
  if (kind == QuantileKind::kMedian) {
    info.summary = "the middle element, or the mean of the middle two; NaN where one is NaN";
  } else {
    info.summary =
        "elements at given fractions of the sorted order, or between them; NaN where one is NaN";
    info.parameters.push_back(ParameterInfo::Numbers("q", "the fractions, in [0, 1]", "0.5"));
    info.parameters.push_back(
        ParameterInfo::Choice("method", "what is taken between two elements",
                              {"linear", "lower", "higher", "nearest", "midpoint"}));
  }
  info.check = [kind](const JobInputs& inputs) { return Check(kind, inputs); };
  info.answers_with_array = true;
  info.make = [kind](JobContext& context) { return Make(kind, context); };
  return info;
}

}  // namespace mpaio
