// SPDX-License-Identifier: Apache-2.0

// Workers that reduce an array, or each of its lanes along an axis, to one value.
//
// In addition to the interface in fold.h, an operation has
//   explicit Op(const ReductionInputs&)
//   absl::Status Store(const State& state, Index length, const DType& result, std::byte* to) const
//                 which writes the lane's value as `result`, or returns an error if it has none
#ifndef MPAIO_REDUCTION_REDUCTION_WORKER_H_
#define MPAIO_REDUCTION_REDUCTION_WORKER_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/jobs/answer.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/fold.h"
#include "mpaio/reduction/geometry.h"

namespace mpaio {

// The inputs that an operation may depend on.
struct ReductionInputs {
  const DType& dtype;
  const Parameters& parameters;
};

// The interface through which rank 0 obtains the answer.
class ReductionAnswer {
 public:
  virtual ~ReductionAnswer() = default;
  virtual absl::StatusOr<AnswerArray> Answer() = 0;
};

// The contribution of a chunk to each lane. With a single lane it is not in a vector, because the
// vector would cost more than a small chunk.
template <typename Op, bool kOneLane>
using ContributionOf = std::conditional_t<kOneLane, typename Fold<Op>::Partial,
                                          std::vector<typename Fold<Op>::Partial>>;

// For few, long lanes: a chunk is a part of every lane.
template <typename Op, bool kOneLane>
class ReduceAcross final : public Worker<RawElement, ContributionOf<Op, kOneLane>>,
                           public ReductionAnswer {
  using Folding = Fold<Op>;
  using Partials = ContributionOf<Op, kOneLane>;

 public:
  // `chunks` divides the lanes' elements; each of its rows has `row_elements` elements.
  ReduceAcross(DataIterator chunks, Index row_elements, NdView array, LaneGeometry geometry,
               DType result, Op op)
      : Worker<RawElement, Partials>(std::move(chunks)),
        row_elements_(row_elements),
        array_(std::move(array)),
        geometry_(std::move(geometry)),
        result_(std::move(result)),
        op_(op),
        reducers_(static_cast<std::size_t>(geometry_.num_lanes()), typename Folding::Reducer(op)) {}

  absl::StatusOr<Partials> Process(const ChunkView<RawElement>& chunk) const override {
    if constexpr (kOneLane) {
      return OfLane(0, chunk.rows());
    } else {
      Partials partials;
      partials.reserve(reducers_.size());
      for (Index lane = 0; lane < geometry_.num_lanes(); ++lane)
        partials.push_back(OfLane(lane, chunk.rows()));
      return partials;
    }
  }

  absl::Status ProcessCallback(const Chunk&, Partials partials) override {
    if constexpr (kOneLane) {
      return reducers_.front().Add(partials);
    } else {
      if (partials.size() != reducers_.size()) return LaneCountMismatch();
      for (std::size_t lane = 0; lane < partials.size(); ++lane)
        MPAIO_RETURN_IF_ERROR(reducers_[lane].Add(partials[lane]));
      return absl::OkStatus();
    }
  }

  absl::StatusOr<AnswerArray> Answer() override {
    AnswerArray answer(result_, geometry_.result_shape);
    std::byte* to = answer.mutable_data();
    for (const auto& reducer : reducers_) {
      MPAIO_ASSIGN_OR_RETURN(const typename Op::State state, reducer.Finish(geometry_.length));
      MPAIO_RETURN_IF_ERROR(op_.Store(state, geometry_.length, result_, to));
      to += result_.itemsize_bytes();
    }
    return answer;
  }

 private:
  typename Folding::Partial OfLane(Index lane, RowRange rows) const {
    const Index itemsize_bytes = array_.dtype().itemsize_bytes();
    WideReader<typename Op::Wide> reader(array_.data() + geometry_.LaneStart(lane) * itemsize_bytes,
                                         array_.dtype(), geometry_.inner * itemsize_bytes);
    return Folding::Compute(reader, rows.begin * row_elements_, rows.end * row_elements_, op_);
  }

  Index row_elements_;
  NdView array_;
  LaneGeometry geometry_;
  DType result_;
  Op op_;
  std::vector<typename Folding::Reducer> reducers_;
};

// The number of neighbouring lanes that are reduced together, because they share cache lines.
inline constexpr Index kTileLanes = 16;

// For many lanes: a chunk is a set of whole lanes. Its rows are the lanes, and its result is their
// values.
template <typename Op>
class ReduceLanes final : public Worker<RawElement, std::string>, public ReductionAnswer {
  using Folding = Fold<Op>;
  // A multiple of kLeaf, small enough that the tile's cache lines stay in cache.
  static constexpr Index kTileLength = 4096;

 public:
  ReduceLanes(DataIterator chunks, NdView array, LaneGeometry geometry, DType result, Op op)
      : Worker<RawElement, std::string>(std::move(chunks)),
        array_(std::move(array)),
        geometry_(std::move(geometry)),
        result_(std::move(result)),
        op_(op) {}

  absl::StatusOr<std::string> Process(const ChunkView<RawElement>& chunk) const override {
    std::string values(static_cast<std::size_t>(chunk.rows().size() * result_.itemsize_bytes()),
                       '\0');
    std::byte* to = reinterpret_cast<std::byte*>(values.data());
    for (Index lane = chunk.rows().begin; lane < chunk.rows().end;) {
      // Neighbours within one block of `inner`. Contiguous lanes share no cache lines.
      Index count = 1;
      if (geometry_.inner > 1)
        count = std::min(
            {kTileLanes, chunk.rows().end - lane, geometry_.inner - lane % geometry_.inner});
      MPAIO_RETURN_IF_ERROR(ReduceTogether(lane, count, to));
      to += count * result_.itemsize_bytes();
      lane += count;
    }
    return values;
  }

  absl::Status ProcessCallback(const Chunk& chunk, std::string values) override {
    if (static_cast<Index>(values.size()) != chunk.rows.size() * result_.itemsize_bytes()) {
      return LaneCountMismatch();
    }
    if (values_.empty())
      values_.resize(static_cast<std::size_t>(geometry_.num_lanes() * result_.itemsize_bytes()));
    std::memcpy(values_.data() + chunk.rows.begin * result_.itemsize_bytes(), values.data(),
                values.size());
    return absl::OkStatus();
  }

  // May be called once: the values are moved out.
  absl::StatusOr<AnswerArray> Answer() override {
    return AnswerArray(result_, geometry_.result_shape, std::move(values_));
  }

 private:
  absl::Status ReduceTogether(Index first_lane, Index count, std::byte* to) const {
    const Index itemsize_bytes = array_.dtype().itemsize_bytes();
    std::vector<typename Folding::Reducer> reducers(static_cast<std::size_t>(count),
                                                    typename Folding::Reducer(op_));
    for (Index begin = 0; begin < geometry_.length; begin += kTileLength) {
      const Index end = std::min(begin + kTileLength, geometry_.length);
      for (Index i = 0; i < count; ++i) {
        WideReader<typename Op::Wide> reader(
            array_.data() + geometry_.LaneStart(first_lane + i) * itemsize_bytes, array_.dtype(),
            geometry_.inner * itemsize_bytes);
        MPAIO_RETURN_IF_ERROR(
            reducers[static_cast<std::size_t>(i)].Add(Folding::Compute(reader, begin, end, op_)));
      }
    }
    for (const auto& reducer : reducers) {
      MPAIO_ASSIGN_OR_RETURN(const typename Op::State state, reducer.Finish(geometry_.length));
      MPAIO_RETURN_IF_ERROR(op_.Store(state, geometry_.length, result_, to));
      to += result_.itemsize_bytes();
    }
    return absl::OkStatus();
  }

  NdView array_;
  LaneGeometry geometry_;
  DType result_;
  Op op_;
  std::vector<std::byte> values_;
};

// How a reduction's lanes are divided into chunks, and what the rows of the chunks are.
struct ReductionPlan {
  LaneGeometry geometry;
  DataIterator chunks;
  // True: chunks are parts of all lanes (ReduceAcross), and each row has `row_elements` elements of
  // a lane. False: rows are lanes (ReduceLanes).
  bool across = false;
  Index row_elements = 1;
};
absl::StatusOr<ReductionPlan> PlanReduction(JobContext& context);

// Returns the job that carries out `Op`, with the answer as an array of type `result`.
template <typename Op>
absl::StatusOr<Job> MakeReduction(JobContext& context, const DType& result) {
  const NdView array = context.chunks.array();
  MPAIO_ASSIGN_OR_RETURN(ReductionPlan plan, PlanReduction(context));
  const Op op(ReductionInputs{array.dtype(), context.parameters});
  Job job;
  ReductionAnswer* answer = nullptr;
  const std::vector<Index> result_shape = plan.geometry.result_shape;
  const auto take = [&](auto worker) {
    answer = worker.get();
    job.worker = std::move(worker);
  };
  if (plan.across && plan.geometry.num_lanes() == 1) {
    take(std::make_unique<ReduceAcross<Op, true>>(std::move(plan.chunks), plan.row_elements, array,
                                                  std::move(plan.geometry), result, op));
  } else if (plan.across) {
    take(std::make_unique<ReduceAcross<Op, false>>(std::move(plan.chunks), plan.row_elements, array,
                                                   std::move(plan.geometry), result, op));
  } else {
    take(std::make_unique<ReduceLanes<Op>>(std::move(plan.chunks), array, std::move(plan.geometry),
                                           result, op));
  }
  job.array = [answer] { return answer->Answer(); };
  MPAIO_ASSIGN_OR_RETURN(job.answer_bytes, ArraySizeBytes(result, result_shape));
  return job;
}

// Like MakeReduction(), with the operation for the wide type of the array's elements. `void` means
// that there is no operation for that type; CheckAccepts() must have refused such an array.
template <typename IntOp, typename UintOp, typename FloatOp, typename ComplexOp = void,
          typename LongDoubleOp = void>
absl::StatusOr<Job> MakeReductionFor(JobContext& context, const DType& result) {
  switch (WideKindOf(context.chunks.dtype())) {
    case WideKind::kInt:
      if constexpr (!std::is_void_v<IntOp>) return MakeReduction<IntOp>(context, result);
      break;
    case WideKind::kUint:
      if constexpr (!std::is_void_v<UintOp>) return MakeReduction<UintOp>(context, result);
      break;
    case WideKind::kFloat:
      if constexpr (!std::is_void_v<FloatOp>) return MakeReduction<FloatOp>(context, result);
      break;
    case WideKind::kComplex:
      if constexpr (!std::is_void_v<ComplexOp>) return MakeReduction<ComplexOp>(context, result);
      break;
    case WideKind::kLongDouble:
      if constexpr (!std::is_void_v<LongDoubleOp>)
        return MakeReduction<LongDoubleOp>(context, result);
      break;
    case WideKind::kNone:
      break;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no such reduction of ", context.chunks.dtype().name()));
}

// numpy's result types. Sums and products: int64, uint64, or the type itself.
DType SumType(const DType& dtype);
// Means: float64, or the type itself.
DType MeanType(const DType& dtype);
// Variances and norms: as means, but for complex numbers the type of their parts.
DType RealMeanType(const DType& dtype);

// Returns `more` and the parameters axis= and keepdims=, which every reduction has.
std::vector<ParameterInfo> ReductionParameters(std::vector<ParameterInfo> more = {});

// Checks that the axis exists and, if `needs_elements`, that no lane is empty. For
// WorkerInfo::check.
absl::Status CheckReduction(const JobInputs& inputs, bool needs_elements);

// The element types that reductions accept.
AcceptedType RealTypes();     // bool, integers, float16 to float64
AcceptedType FloatTypes();    // float16 to float64
AcceptedType ComplexTypes();  // complex64, complex128
AcceptedType LongDoubleType();
AcceptedType TimeTypes();  // datetime64, timedelta64
AcceptedType TimedeltaType();

bool IsTime(const DType& dtype);
bool IsTimedelta(const DType& dtype);

// Writes a number as float16, float32, float64 or longdouble. All NaNs become one, because the bits
// of a sum of several NaNs depend on the processor.
void StoreReal(double value, const DType& dtype, std::byte* to);

}  // namespace mpaio

#endif  // MPAIO_REDUCTION_REDUCTION_WORKER_H_
