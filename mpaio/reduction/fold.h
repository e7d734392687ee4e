// SPDX-License-Identifier: Apache-2.0

// Carries out an operation over the elements of a lane, chunk by chunk.
//
// An operation `Op` is a small value with
//   Wide        the type that its elements are read as (mpaio/kernel/wide.h)
//   State       the result over some elements; trivially copyable. A default-constructed State is
//               the result over no elements
//   kOrderFree  true if states can be combined in any grouping without changing the result: counts,
//               extremes, exact sums. Then the operation has
//                 State Fold(std::span<const Wide> elements, Index first) const
//               for any number of elements, where `first` is the index of the first one.
//               Otherwise the operation is defined over the fixed tree of
//               mpaio/result/fixed_tree.h, and has
//                 State Leaf(std::span<const Wide> elements) const
//               for at most kLeaf elements.
//   State Combine(State left, State right) const
// Therefore the result has the same bits however the lane is divided.
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

  // Returns the contribution of the elements [begin, end) of the lane.
  static Partial Compute(WideReader<Wide>& lane, Index begin, Index end, const Op& op) {
    State state{};
    const Index block =
        lane.is_direct() ? std::max<Index>(end - begin, 1) : WideReader<Wide>::kBlock;
    for (Index i = begin; i < end; i += block)
      state = op.Combine(state, op.Fold(lane.Read(i, std::min(block, end - i)), i));
    return state;
  }

  // Combines the contributions of consecutive parts of a lane.
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
