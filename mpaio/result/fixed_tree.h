// SPDX-License-Identifier: Apache-2.0

// A reduction whose result has the same bits however the elements are divided into chunks.
//
// Floating-point addition is not associative: sums over chunks of different sizes differ in their
// last bits. Therefore the order of operations is fixed by the elements' indices alone, and each
// chunk performs the operations that involve only its own elements.
//
// Definition. Elements are numbered from 0, starting with the first one reduced (not the first of
// the array, if the iteration starts later). Element i is in *leaf* i / 256, so leaf j has the
// elements [256 j, 256 j + 256). Above the leaves is a dyadic tree: *node* (l, k), of level l >= 0
// and index k >= 0, covers the leaves [k * 2^l, (k + 1) * 2^l). Its value is
//
//     value(0, k) = Leaf(the 256 elements of leaf k)
//     value(l, k) = Combine(value(l - 1, 2 k), value(l - 1, 2 k + 1))
//
// The value of n elements: n = 256 f + p with 0 <= p < 256. The f complete leaves are covered from
// left to right by one node for each set bit of f, from the highest to the lowest: N1, N2, ..., Nm.
// If p > 0, the last p elements form a last, short leaf, P = Leaf(p elements). The value is the
// fold from right to left:
//
//     Combine(N1, Combine(N2, ... Combine(Nm, P)))
//
// Without P, the innermost value is Nm. Without elements there is no value.
//
// The left argument of Combine always has the lower indices, so Combine need be neither commutative
// nor associative.
//
// Worked example: n = 2700 = 256 * 10 + 140. f = 10 = 0b1010, so N1 = (3, 0) covers leaves [0, 8),
// and N2 = (1, 4) covers leaves [8, 10); P has the elements [2560, 2700). The value is Combine(N1,
// Combine(N2, P)).
//
// The contribution of a chunk [begin, end) (TreePartial): the values of the maximal nodes that lie
// inside it, and the unreduced elements before the first and after the last leaf that lies inside
// it. For the chunk [1000, 2700) of the example:
//
//     front   elements [1000, 1024)
//     nodes   (2, 1) = leaves [4, 8), (1, 4) = leaves [8, 10)
//     back    elements [2560, 2700)
//
// Rank 0 (TreeReducer) combines these in order, with memory for one node per level and one leaf.
//
// Requirements on `Ops` (concept TreeOps): a stateless or constant object with two pure functions
//
//     Value Leaf(std::span<const Element> elements) const   // 1 to 256 elements
//     Value Combine(Value left, Value right) const
//
// Leaf may depend on nothing but its elements. Code that computes in floating point must be
// compiled without -ffast-math and with -ffp-contract=off: a compiler that may fuse a * b + c could
// do so in one inlined copy of Leaf and not in another.
#ifndef MPAIO_RESULT_FIXED_TREE_H_
#define MPAIO_RESULT_FIXED_TREE_H_

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// The number of elements of a leaf. It is part of the definition of every reduction: another number
// changes the last bits of results. 256 elements are enough to make the tree cheap compared with
// reading them, and few enough to be sent unreduced.
inline constexpr Index kLeaf = 256;

template <typename Ops, typename Element, typename Value>
concept TreeOps = requires(const Ops& ops, std::span<const Element> elements, Value value) {
  { ops.Leaf(elements) } -> std::convertible_to<Value>;
  { ops.Combine(std::move(value), std::move(value)) } -> std::convertible_to<Value>;
};

// The position of the elements [begin, end) relative to the leaves. 0 <= begin <= end.
struct LeafSplit {
  // The elements [begin, begin + front_elements) belong to a leaf that begins before `begin`.
  Index front_elements = 0;
  // The leaves [first_leaf, last_leaf) lie inside the range.
  Index first_leaf = 0;
  Index last_leaf = 0;
  // The elements [end - back_elements, end) belong to a leaf that begins inside the range and ends
  // after `end`.
  Index back_elements = 0;

  static constexpr LeafSplit Of(Index begin, Index end) {
    const Index into_leaf = begin % kLeaf;
    LeafSplit split;
    split.front_elements = into_leaf == 0 ? 0 : std::min(kLeaf - into_leaf, end - begin);
    split.first_leaf = (begin + split.front_elements) / kLeaf;
    split.last_leaf = std::max(split.first_leaf, end / kLeaf);
    split.back_elements =
        (end - begin) - split.front_elements - (split.last_leaf - split.first_leaf) * kLeaf;
    return split;
  }
};

// Returns the largest k with 2^k <= value. Precondition: value > 0.
constexpr int FloorLog2(std::uint64_t value) { return 63 - std::countl_zero(value); }

// Returns the level of the first of the maximal nodes that cover the leaves [first_leaf,
// last_leaf), which must not be empty. The next node begins at first_leaf + 2^level.
constexpr int FirstNodeLevel(Index first_leaf, Index last_leaf) {
  const int fits = FloorLog2(static_cast<std::uint64_t>(last_leaf - first_leaf));
  return first_leaf == 0 ? fits
                         : std::min(fits, std::countr_zero(static_cast<std::uint64_t>(first_leaf)));
}

// Returns the number of maximal nodes that cover the leaves [first_leaf, last_leaf): at most 2 *
// log2(number of leaves) + 1.
constexpr Index CountNodes(Index first_leaf, Index last_leaf) {
  Index nodes = 0;
  for (; first_leaf < last_leaf; ++nodes)
    first_leaf += Index{1} << FirstNodeLevel(first_leaf, last_leaf);
  return nodes;
}

// The contribution of one chunk of elements to a reduction. A value type; its range determines
// which nodes it has.
template <typename Element, typename Value, typename Ops>
class TreePartial {
  static_assert(std::is_trivially_copyable_v<Element>, "elements are kept as bytes");
  static_assert(!std::is_same_v<Element, bool> && !std::is_same_v<Value, bool>,
                "use std::uint8_t: vector<bool> has no data()");
  static_assert(TreeOps<Ops, Element, Value>);

 public:
  // The partial of no elements, at index 0.
  TreePartial() = default;

  // Returns the partial of `elements`, the first of which has index first_element_index >= 0. Reads
  // each element once. Allocates at most three times, independently of the number of leaves.
  static TreePartial Compute(std::span<const Element> elements, Index first_element_index,
                             const Ops& ops) {
    return ComputeFrom(
        first_element_index, first_element_index + static_cast<Index>(elements.size()),
        [elements, first_element_index](Index first, Index count) {
          return elements.subspan(static_cast<std::size_t>(first - first_element_index),
                                  static_cast<std::size_t>(count));
        },
        ops);
  }

  // Like Compute(), for the elements [begin, end), 0 <= begin <= end, which are requested from
  // `source` in order, at most a leaf at a time: source(first, count) returns a span of the
  // elements [first, first + count), valid until the next call.
  template <typename Source>
  static TreePartial ComputeFrom(Index begin, Index end, Source&& source, const Ops& ops) {
    TreePartial partial;
    partial.begin_ = begin;
    partial.end_ = end;
    const LeafSplit split = LeafSplit::Of(begin, end);
    const std::span<const Element> front = source(begin, split.front_elements);
    partial.front_.assign(front.begin(), front.end());
    partial.ComputeNodes(source, split.first_leaf, split.last_leaf, ops);
    const std::span<const Element> back = source(end - split.back_elements, split.back_elements);
    partial.back_.assign(back.begin(), back.end());
    return partial;
  }

  // This partial covers the elements [begin, end).
  Index begin() const { return begin_; }
  Index end() const { return end_; }

  // The elements at the front that belong to a leaf that begins before begin(). Fewer than kLeaf.
  const std::vector<Element>& front() const { return front_; }
  // The values of the maximal nodes, from left to right. FirstNodeLevel gives their levels.
  const std::vector<Value>& nodes() const { return nodes_; }
  // The elements at the back that belong to a leaf that ends after end(). Fewer than kLeaf.
  const std::vector<Element>& back() const { return back_; }

  // Appends the bytes of this to `out`: begin, end, front, nodes, back, in native byte order and
  // without padding. At most 16 bytes, 510 elements and 2 * 54 values.
  void Encode(std::string* out) const requires std::is_trivially_copyable_v<Value> {
    Append(&begin_, 1, out);
    Append(&end_, 1, out);
    Append(front_.data(), front_.size(), out);
    Append(nodes_.data(), nodes_.size(), out);
    Append(back_.data(), back_.size(), out);
  }

  // The inverse of Encode(). `bytes` must be exactly the bytes that one call of Encode() appended.
  // They need no alignment, and are copied.
  //
  // Errors: DataLoss if the bytes are not those of a partial of this type.
  static absl::StatusOr<TreePartial> Decode(
      absl::string_view bytes) requires std::is_trivially_copyable_v<Value> &&
      std::is_default_constructible_v<Value> && std::is_default_constructible_v<Element> {
    TreePartial partial;
    const std::size_t given_bytes = bytes.size();
    if (given_bytes < 2 * sizeof(Index)) return Damaged(given_bytes, 2 * sizeof(Index));
    Take(&bytes, &partial.begin_, 1);
    Take(&bytes, &partial.end_, 1);
    if (partial.begin_ < 0 || partial.end_ < partial.begin_) {
      return absl::DataLossError(absl::StrCat("a partial result names the elements [",
                                              partial.begin_, ", ", partial.end_,
                                              "); sender and receiver must be the same program"));
    }
    // The range determines the lengths of the parts, which are small for every range: nothing here
    // can overflow.
    const LeafSplit split = LeafSplit::Of(partial.begin_, partial.end_);
    const auto front = static_cast<std::size_t>(split.front_elements);
    const auto nodes = static_cast<std::size_t>(CountNodes(split.first_leaf, split.last_leaf));
    const auto back = static_cast<std::size_t>(split.back_elements);
    const std::size_t rest_bytes = (front + back) * sizeof(Element) + nodes * sizeof(Value);
    if (bytes.size() != rest_bytes) return Damaged(given_bytes, 2 * sizeof(Index) + rest_bytes);
    partial.front_.resize(front);
    partial.nodes_.resize(nodes);
    partial.back_.resize(back);
    Take(&bytes, partial.front_.data(), front);
    Take(&bytes, partial.nodes_.data(), nodes);
    Take(&bytes, partial.back_.data(), back);
    return partial;
  }

 private:
  // Processes the leaves like a binary counter: a leaf that completes a node of level l is merged
  // with the l nodes before it.
  template <typename Source>
  void ComputeNodes(Source& source, Index first_leaf, Index last_leaf, const Ops& ops) {
    if (first_leaf == last_leaf) return;
    const std::uint64_t num_leaves = static_cast<std::uint64_t>(last_leaf - first_leaf);
    std::vector<Value> stack;
    // Enough for every push_back below.
    stack.reserve(2 * static_cast<std::size_t>(std::bit_width(num_leaves)));
    // Hides the constant from the compiler: with a constant length, GCC falsely warns about the
    // loop after an unrolled one.
    Index leaf_elements = kLeaf;
    asm("" : "+r"(leaf_elements));
    Index position = first_leaf * kLeaf;
    for (std::uint64_t done = 1; done <= num_leaves; ++done, position += kLeaf) {
      Value value = ops.Leaf(std::span<const Element>(source(position, leaf_elements)));
      // The largest node that ends with this leaf: its size divides the end index of the leaf, and
      // does not exceed the number of leaves so far.
      const int level = std::min(std::countr_zero(static_cast<std::uint64_t>(first_leaf) + done),
                                 FloorLog2(done));
      for (int merged = 0; merged < level; ++merged) {
        value = ops.Combine(std::move(stack.back()), std::move(value));
        stack.pop_back();
      }
      stack.push_back(std::move(value));
    }
    nodes_ = std::move(stack);
  }

  template <typename T>
  static void Append(const T* values, std::size_t count, std::string* out) {
    if (count > 0) out->append(reinterpret_cast<const char*>(values), count * sizeof(T));
  }

  template <typename T>
  static void Take(absl::string_view* bytes, T* values, std::size_t count) {
    if (count > 0) std::memcpy(values, bytes->data(), count * sizeof(T));
    bytes->remove_prefix(count * sizeof(T));
  }

  static absl::Status Damaged(std::size_t given_bytes, std::size_t expected_bytes) {
    return absl::DataLossError(
        absl::StrCat("a partial result has ", given_bytes, " bytes where ", expected_bytes,
                     " were expected; sender and receiver must be the same program"));
  }

  Index begin_ = 0;
  Index end_ = 0;
  std::vector<Element> front_;
  std::vector<Value> nodes_;
  std::vector<Element> back_;
};

// Combines the partials of consecutive chunks, given in order. Not thread-safe.
template <typename Element, typename Value, typename Ops>
class TreeReducer {
 public:
  using Partial = TreePartial<Element, Value, Ops>;

  explicit TreeReducer(Ops ops = Ops()) : ops_(std::move(ops)) {
    pending_.reserve(static_cast<std::size_t>(kLeaf));
  }

  // Adds the partial of the elements that follow those added so far. On failure nothing changes.
  //
  // Errors: FailedPrecondition if `partial` does not begin at num_elements().
  absl::Status Add(const Partial& partial) {
    if (partial.begin() != num_elements_) {
      return absl::FailedPreconditionError(
          absl::StrCat("a partial result begins at element ", partial.begin(), ", not at ",
                       num_elements_, "; add partial results in the order of their chunks"));
    }
    const LeafSplit split = LeafSplit::Of(partial.begin(), partial.end());
    pending_.insert(pending_.end(), partial.front().begin(), partial.front().end());
    if (static_cast<Index>(pending_.size()) == kLeaf) {
      PushNode(ops_.Leaf(std::span<const Element>(pending_)), 0);
      pending_.clear();
    }
    Index leaf = split.first_leaf;
    for (const Value& node : partial.nodes()) {
      const int level = FirstNodeLevel(leaf, split.last_leaf);
      PushNode(node, level);
      leaf += Index{1} << level;
    }
    pending_.insert(pending_.end(), partial.back().begin(), partial.back().end());
    num_elements_ = partial.end();
    return absl::OkStatus();
  }

  // The number of elements added, which is the index of the next one.
  Index num_elements() const { return num_elements_; }

  // Returns the value of all elements; nullopt if there are none. Changes nothing, so it may be
  // called for a running value, and again after more elements have been added.
  //
  // Errors: FailedPrecondition if the number of elements added is not `num_elements`.
  absl::StatusOr<std::optional<Value>> Finish(Index num_elements) const {
    if (num_elements != num_elements_) {
      return absl::FailedPreconditionError(
          absl::StrCat("the reduction has ", num_elements_, " of ", num_elements,
                       " elements; add the partial results of all chunks first"));
    }
    std::optional<Value> value;
    if (!pending_.empty()) value = ops_.Leaf(std::span<const Element>(pending_));
    for (std::size_t i = nodes_.size(); i-- > 0;) {
      value = value.has_value() ? ops_.Combine(nodes_[i], *std::move(value)) : nodes_[i];
    }
    return value;
  }

 private:
  // Appends the next node of `level`, and merges it with the siblings that it completes. Before and
  // after the call, nodes_ holds one node for each set bit of num_leaves_, the highest first.
  void PushNode(Value value, int level) {
    for (Index index = num_leaves_ >> level; (index & 1) != 0; index >>= 1) {
      value = ops_.Combine(std::move(nodes_.back()), std::move(value));
      nodes_.pop_back();
    }
    nodes_.push_back(std::move(value));
    num_leaves_ += Index{1} << level;
  }

  Ops ops_;
  Index num_elements_ = 0;
  Index num_leaves_ = 0;
  std::vector<Value> nodes_;
  std::vector<Element> pending_;  // The elements after the last complete leaf; fewer than kLeaf.
};

}  // namespace mpaio

#endif  // MPAIO_RESULT_FIXED_TREE_H_
