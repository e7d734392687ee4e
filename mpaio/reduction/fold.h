// SPDX-License-Identifier: Apache-2.0

// How an operation is carried out over the elements of a lane, chunk by chunk.
//
// An operation `Op` is a small value with
//   Wide          what its elements are read as (mpaio/kernel/wide.h)
//   State         what it has found out about some elements; trivially copyable, and by default
//                 that of none
//   kOrderFree    whether states can be joined in any grouping without a change of the result:
//                 counts, extremes, exact sums. Then
//                   State Fold(std::span<const Wide> elements, Index first) const, of any number of
//                   elements, the first of which has index `first`
//                 else the operation is defined over the fixed tree of mpaio/result/fixed_tree.h,
//                 and has
//                   State Leaf(std::span<const Wide> elements) const, of at most kLeaf elements
//   State Combine(State left, State right) const
// So the answer is the same to the bit however the lane is divided.
#ifndef MPAIO_REDUCTION_FOLD_H_
#define MPAIO_REDUCTION_FOLD_H_

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/kernel/wide.h"
#include "mpaio/result/fixed_tree.h"

namespace mpaio {

template <typename Op, bool kOrderFree = Op::kOrderFree>
struct Fold;

template <typename Op>
struct Fold<Op, true> {
  using Wide = typename Op::Wide;
  using State = typename Op::State;
  using Partial = State;

  // What the elements [begin, end) of the lane contribute.
  static Partial Compute(WideReader<Wide>& lane, Index begin, Index end, const Op& op) {
    State state{};
    const Index block =
        lane.is_direct() ? std::max<Index>(end - begin, 1) : WideReader<Wide>::kBlock;
    for (Index i = begin; i < end; i += block)
      state = op.Combine(state, op.Fold(lane.Read(i, std::min(block, end - i)), i));
    return state;
  }

  // Joins what consecutive parts of a lane contribute.
  class Reducer {
   public:
    explicit Reducer(Op op) : op_(std::move(op)) {}
    absl::Status Add(const Partial& partial) {
      state_ = op_.Combine(state_, partial);
      return absl::OkStatus();
    }
    absl::StatusOr<State> Finish(Index) const { return state_; }

   private:
    Op op_;
    State state_{};
  };
};

template <typename Op>
struct Fold<Op, false> {
  using Wide = typename Op::Wide;
  using State = typename Op::State;
  using Partial = TreePartial<Wide, State, Op>;

  static Partial Compute(WideReader<Wide>& lane, Index begin, Index end, const Op& op) {
    static_assert(kLeaf <= WideReader<Wide>::kBlock);
    return Partial::ComputeFrom(
        begin, end, [&lane](Index first, Index count) { return lane.Read(first, count); }, op);
  }

  class Reducer {
   public:
    explicit Reducer(Op op) : reducer_(std::move(op)) {}
    absl::Status Add(const Partial& partial) { return reducer_.Add(partial); }
    absl::StatusOr<State> Finish(Index length) const {
      MPAIO_ASSIGN_OR_RETURN(const std::optional<State> state, reducer_.Finish(length));
      return state.value_or(State{});
    }

   private:
    TreeReducer<Wide, State, Op> reducer_;
  };
};

}  // namespace mpaio

#endif  // MPAIO_REDUCTION_FOLD_H_
