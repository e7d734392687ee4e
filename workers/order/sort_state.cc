// SPDX-License-Identifier: Apache-2.0
#include "workers/order/sort_state.h"

#include <utility>

namespace mpaio {

void SortLane(const SortState& state, LaneSorter& sorter, const std::byte* from, Index count,
              Index first, std::byte* to) {
  if (state.result == SortResult::kValues) {
    sorter.SortValues(from, count, to);
  } else {
    sorter.SortIndices(from, count, first, reinterpret_cast<Index*>(to));
  }
}

absl::StatusOr<NdView> RowsWithoutData(Index count) {
  return NdView::Create(nullptr, DType(), {count});
}

std::function<absl::StatusOr<std::optional<NextPass>>()> OneMorePass(
    std::function<std::string()> plan) {
  return [plan = std::move(plan),
          is_done = false]() mutable -> absl::StatusOr<std::optional<NextPass>> {
    if (std::exchange(is_done, true)) return std::nullopt;
    return NextPass{plan()};
  };
}

}  // namespace mpaio
