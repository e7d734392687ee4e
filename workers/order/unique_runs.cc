// SPDX-License-Identifier: Apache-2.0
#include "workers/order/unique_runs.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <span>
#include <utility>

#include "mpaio/kernel/run_merge.h"
#include "workers/order/key_dispatch.h"

namespace mpaio {

UniqueRuns::UniqueRuns(const std::byte* values, const Count* counts, const DType& dtype,
                       std::vector<RowRange> rows)
    : values_(values),
      counts_(counts),
      dtype_(dtype),
      itemsize_bytes_(dtype.itemsize_bytes()),
      order_(values, dtype),
      rows_(std::move(rows)) {}

std::vector<Index> UniqueRuns::ChooseBorders(Index part_rows, Index sample_step) const {
  std::vector<KeyedIndex> samples;
  for (const RowRange run : rows_) {
    for (Index row = run.begin + sample_step; row < run.end; row += sample_step)
      samples.push_back({0, row});
  }
  std::vector<KeyedIndex> buffer(samples.size());
  order_.FillKeys(samples);
  order_.Sort(samples, buffer);
  std::vector<Index> borders;
  const auto step = static_cast<std::size_t>(std::max<Index>(1, part_rows / sample_step));
  for (std::size_t s = step; s < samples.size(); s += step) borders.push_back(samples[s].index);
  return borders;
}

bool UniqueRuns::SortsBefore(Index a, Index b) const {
  return order_.Less(a, b) && (order_.is_exact() || !order_.IsNaN(a) || !order_.IsNaN(b));
}

std::vector<Index> UniqueRuns::Cut(const std::vector<Index>& borders, Index number) const {
  std::vector<Index> ends;
  for (const RowRange run : rows_) {
    Index begin = run.begin, end = run.end;
    if (number == 0) end = begin;
    if (number > static_cast<Index>(borders.size())) begin = end;
    while (begin < end) {
      const Index middle = begin + (end - begin) / 2;
      if (SortsBefore(middle, borders[static_cast<std::size_t>(number - 1)])) {
        begin = middle + 1;
      } else {
        end = middle;
      }
    }
    ends.push_back(begin);
  }
  return ends;
}

std::vector<RowRange> UniqueRuns::RowsOf(const std::vector<Index>& borders, Index number) const {
  const std::vector<Index> begins = Cut(borders, number), ends = Cut(borders, number + 1);
  std::vector<RowRange> slices;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    if (begins[r] < ends[r]) slices.push_back({begins[r], ends[r]});
  }
  return slices;
}

Index UniqueRuns::CountValues(const std::vector<Index>& borders, Index number) const {
  if (!HasKey(dtype_)) return Merge(borders, number).size();
  const std::vector<RowRange> slices = RowsOf(borders, number);
  return VisitKey<true>(dtype_, [&](auto key) {
    using Bits = typename decltype(key)::Bits;
    std::vector<Bits> keys;
    std::vector<std::size_t> bounds = {0};
    for (const RowRange slice : slices) {
      const auto* const values = reinterpret_cast<const Bits*>(values_);
      std::transform(values + slice.begin, values + slice.end, std::back_inserter(keys), key);
      bounds.push_back(keys.size());
    }
    std::vector<Bits> buffer(keys.size());
    const std::span<Bits> merged = MergeRuns(std::span(keys), std::span(buffer), std::move(bounds),
                                             [](Bits a, Bits b) { return a < b; });
    Index count = merged.empty() ? 0 : 1;
    for (std::size_t i = 1; i < merged.size(); ++i) count += merged[i] != merged[i - 1];
    return count;
  });
}

UniqueRuns::Part UniqueRuns::Merge(const std::vector<Index>& borders, Index number) const {
  const std::vector<RowRange> slices = RowsOf(borders, number);
  std::vector<std::size_t> bounds = {0};
  for (const RowRange slice : slices)
    bounds.push_back(bounds.back() + static_cast<std::size_t>(slice.size()));
  Part part(*this);
  std::vector<KeyedIndex> entries(bounds.back()), buffer(bounds.back());
  for (std::size_t s = 0; s < slices.size(); ++s)
    order_.Fill(slices[s].begin, std::span(entries).subspan(bounds[s], bounds[s + 1] - bounds[s]));
  const auto merge = [&](auto less) {
    const std::span<KeyedIndex> merged =
        MergeRuns(std::span(entries), std::span(buffer), bounds, less);
    part.merged_ = merged.data() == entries.data() ? std::move(entries) : std::move(buffer);
  };
  if (order_.is_exact()) {
    merge([](const KeyedIndex& a, const KeyedIndex& b) { return a.key < b.key; });
  } else {
    merge([this](const KeyedIndex& a, const KeyedIndex& b) { return order_.Less(a, b); });
  }
  FindStarts(&part);
  return part;
}

void UniqueRuns::FindStarts(Part* part) const {
  const std::vector<KeyedIndex>& merged = part->merged_;
  std::vector<std::size_t>& starts = part->starts_;
  starts.resize(merged.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < merged.size(); ++i) {
    // Free of branches on the values, which are unpredictable: an entry that is not a start is
    // overwritten.
    starts[size] = i;
    size += i == 0 || (order_.is_exact() ? merged[i - 1].key != merged[i].key
                                         : SortsBefore(merged[i - 1].index, merged[i].index));
  }
  starts.resize(size);
}

void UniqueRuns::Part::CopyValues(std::byte* to) const {
  const auto itemsize = static_cast<std::size_t>(runs_.itemsize_bytes_);
  const auto value = [this, itemsize](std::size_t start) {
    return runs_.values_ + static_cast<std::size_t>(merged_[start].index) * itemsize;
  };
  if (itemsize == 8) {
    // With a constant size, a copy is a single load and store.
    for (const std::size_t start : starts_)
      to = static_cast<std::byte*>(std::memcpy(to, value(start), 8)) + 8;
    return;
  }
  for (const std::size_t start : starts_) {
    std::memcpy(to, value(start), itemsize);
    to += itemsize;
  }
}

void UniqueRuns::Part::CopyCounts(Index* to) const {
  for (std::size_t s = 0; s < starts_.size(); ++s) {
    const std::size_t end = s + 1 < starts_.size() ? starts_[s + 1] : merged_.size();
    Index count = 0;
    for (std::size_t i = starts_[s]; i < end; ++i) count += Index{runs_.counts_[merged_[i].index]};
    to[s] = count;
  }
}

}  // namespace mpaio
