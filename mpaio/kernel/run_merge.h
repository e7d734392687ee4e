// SPDX-License-Identifier: Apache-2.0

// Merges many sorted runs in independent parts.
//
// The merged order is that of a stable sort of the concatenated runs: by `less`, then by run, then
// by position. A part is the range between two positions in that order; Cut returns how many
// elements of each run precede such a position.
//
// Worked example: runs {1, 5, 5}, {5, 6}, {0, 5}. Element 0 of run 1 (its 5) is preceded by 3, 0
// and 1 elements of the runs: {1, 5, 5}, {} and {0}.
#ifndef MPAIO_KERNEL_RUN_MERGE_H_
#define MPAIO_KERNEL_RUN_MERGE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "mpaio/base/index.h"

namespace mpaio {

// The location of an element: its run, and its position in the run.
struct RunPosition {
  Index run = 0;
  Index position = 0;
};

// Returns how many elements of each run precede `place`. One binary search per run.
template <typename T, typename Less>
std::vector<Index> Cut(const std::vector<std::span<const T>>& runs, RunPosition place, Less less) {
  const T& pivot =
      runs[static_cast<std::size_t>(place.run)][static_cast<std::size_t>(place.position)];
  std::vector<Index> sizes;
  for (Index r = 0; r < static_cast<Index>(runs.size()); ++r) {
    const std::span<const T> run = runs[static_cast<std::size_t>(r)];
    if (r == place.run) {
      sizes.push_back(place.position);
    } else if (r < place.run) {
      sizes.push_back(std::upper_bound(run.begin(), run.end(), pivot, less) - run.begin());
    } else {
      sizes.push_back(std::lower_bound(run.begin(), run.end(), pivot, less) - run.begin());
    }
  }
  return sizes;
}

// Returns positions, in order, that divide all elements into parts of about `part_size` elements;
// none if there are fewer than two parts. A part is at most `(runs.size() + 1) * sample_step`
// elements longer than that, because only every sample_step-th element of each run is sampled.
template <typename T, typename Less>
std::vector<RunPosition> ChoosePlaces(const std::vector<std::span<const T>>& runs, Index part_size,
                                      Index sample_step, Less less) {
  std::vector<RunPosition> samples;
  for (Index r = 0; r < static_cast<Index>(runs.size()); ++r) {
    const Index size = static_cast<Index>(runs[static_cast<std::size_t>(r)].size());
    for (Index position = sample_step; position < size; position += sample_step)
      samples.push_back({r, position});
  }
  const auto value = [&runs](RunPosition at) -> const T& {
    return runs[static_cast<std::size_t>(at.run)][static_cast<std::size_t>(at.position)];
  };
  // The samples are in run order, so the stable sort orders equal ones by run and position.
  std::stable_sort(samples.begin(), samples.end(),
                   [&](RunPosition a, RunPosition b) { return less(value(a), value(b)); });
  const Index step = std::max<Index>(1, part_size / sample_step);
  std::vector<RunPosition> places;
  for (Index s = step; s < static_cast<Index>(samples.size()); s += step)
    places.push_back(samples[static_cast<std::size_t>(s)]);
  return places;
}

// The state of a merge of two runs.
template <typename T>
struct TwoRuns {
  const T *i, *i_end, *j, *j_end;
  T* to;

  TwoRuns(std::span<const T> a, std::span<const T> b, T* to)
      : i(a.data()), i_end(i + a.size()), j(b.data()), j_end(j + b.size()), to(to) {}

  bool has_both() const { return i != i_end && j != j_end; }
  // Branch-free on the elements, because such branches are unpredictable. Precondition: has_both().
  template <typename Less>
  void Step(Less less) {
    const bool takes_b = less(*j, *i);
    *to++ = *(takes_b ? j : i);
    j += takes_b;
    i += !takes_b;
  }
  template <typename Less>
  void Finish(Less less) {
    while (has_both()) Step(less);
    to = std::copy(i, i_end, to);
    std::copy(j, j_end, to);
  }
};

// Returns how many of the first `count` elements of the merged runs come from `a`.
template <typename T, typename Less>
std::size_t CountFromFirst(std::span<const T> a, std::span<const T> b, std::size_t count,
                           Less less) {
  std::size_t least = count > b.size() ? count - b.size() : 0, most = std::min(count, a.size());
  while (least < most) {
    const std::size_t middle = least + (most - least) / 2;
    // a[middle] precedes b[count - middle - 1], so it is one of the first `count`.
    if (!less(b[count - middle - 1], a[middle])) {
      least = middle + 1;
    } else {
      most = middle;
    }
  }
  return least;
}

// Merges both into `to`; of equal elements, those of `a` come first.
template <typename T, typename Less>
void MergeTwo(std::span<const T> a, std::span<const T> b, T* to, Less less) {
  // Each step depends on the one before, so two independent halves are merged alternately: the
  // processor can overlap their steps.
  const std::size_t half = (a.size() + b.size()) / 2, of_a = CountFromFirst(a, b, half, less);
  TwoRuns<T> front(a.first(of_a), b.first(half - of_a), to);
  TwoRuns<T> back(a.subspan(of_a), b.subspan(half - of_a), to + half);
  while (front.has_both() && back.has_both()) {
    front.Step(less);
    back.Step(less);
  }
  front.Finish(less);
  back.Finish(less);
}

// Merges the contiguous runs in `values`: run r is [bounds[r], bounds[r + 1]). `buffer` is as long
// as `values`. The result is in one of the two, which is returned.
template <typename T, typename Less>
std::span<T> MergeRuns(std::span<T> values, std::span<T> buffer, std::vector<std::size_t> bounds,
                       Less less) {
  while (bounds.size() > 2) {
    std::vector<std::size_t> merged = {0};
    for (std::size_t r = 0; r + 1 < bounds.size(); r += 2) {
      const std::size_t begin = bounds[r], middle = bounds[r + 1],
                        end = r + 2 < bounds.size() ? bounds[r + 2] : middle;
      MergeTwo<T>(values.subspan(begin, middle - begin), values.subspan(middle, end - middle),
                  buffer.data() + begin, less);
      merged.push_back(end);
    }
    bounds = std::move(merged);
    std::swap(values, buffer);
  }
  return values;
}

}  // namespace mpaio

#endif  // MPAIO_KERNEL_RUN_MERGE_H_
