// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/rank_search.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace mpaio {
namespace {

// Bits counted per pass: 16 for a few prefixes, so that one pass covers the exponent of a double
// and more; fewer for many prefixes.
constexpr int kStepBits = 16;
constexpr int kStepBitsOfMany = 10;
constexpr std::size_t kFewPrefixes = 16;

std::uint64_t ShiftRight(std::uint64_t key, int bits) { return bits >= 64 ? 0 : key >> bits; }
std::uint64_t ShiftLeft(std::uint64_t key, int bits) { return bits >= 64 ? 0 : key << bits; }

}  // namespace

RankScan::RankScan(const RankPass& pass, Index expected)
    : pass_(pass),
      counter_(
          pass.collects() ? 0 : static_cast<std::uint64_t>(pass.prefixes.size()) << pass.step_bits,
          expected) {}

void RankScan::Add(std::span<const std::uint64_t> keys) {
  const int prefix_shift = pass_.key_bits - pass_.prefix_bits;
  const int step_shift = prefix_shift - pass_.step_bits;
  const std::uint64_t step_mask = (std::uint64_t{1} << pass_.step_bits) - 1;
  const std::vector<std::uint64_t>& prefixes = pass_.prefixes;
  for (const std::uint64_t key : keys) {
    if (pass_.prefix_bits == 0) {
      findings_.min_key = std::min(findings_.min_key, key);
      findings_.max_key = std::max(findings_.max_key, key);
    }
    const std::uint64_t prefix = ShiftRight(key, prefix_shift);
    std::size_t p = 0;
    if (prefixes.size() == 1) {
      if (prefix != prefixes[0]) continue;
    } else {
      const auto found = std::lower_bound(prefixes.begin(), prefixes.end(), prefix);
      if (found == prefixes.end() || *found != prefix) continue;
      p = static_cast<std::size_t>(found - prefixes.begin());
    }
    if (pass_.collects()) {
      findings_.keys.push_back(key);
    } else {
      counter_.Add(p << pass_.step_bits | (ShiftRight(key, step_shift) & step_mask));
    }
  }
}

RankFindings RankScan::Take() {
  findings_.counts = counter_.Take();
  return std::exchange(findings_, {});
}

RankSearch::RankSearch(int key_bits, std::vector<Index> ranks, Index max_collected)
    : max_collected_(max_collected) {
  pass_.key_bits = key_bits;
  pass_.step_bits = std::min(kStepBits, key_bits);
  for (const Index rank : ranks) wanted_.push_back({0, rank});
  counts_.resize(std::size_t{1} << pass_.step_bits);
}

void RankSearch::Add(const RankFindings& findings) {
  min_key_ = std::min(min_key_, findings.min_key);
  max_key_ = std::max(max_key_, findings.max_key);
  for (const SlotCount& slot : findings.counts) counts_[slot.slot] += slot.count;
  collected_.insert(collected_.end(), findings.keys.begin(), findings.keys.end());
}

bool RankSearch::Advance() {
  if (pass_.collects()) {
    PickFromCollected();
    return false;
  }
  Narrow();
  SkipCommonBits();
  if (pass_.prefix_bits == pass_.key_bits) {
    for (const Wanted& wanted : wanted_) keys_.push_back(pass_.prefixes[wanted.prefix]);
    return false;
  }
  Plan();
  return true;
}

// Extends each wanted key's prefix by the bits at which the cumulative count exceeds its rank.
void RankSearch::Narrow() {
  std::vector<std::uint64_t> prefixes;
  num_candidates_ = 0;
  const std::size_t num_steps = std::size_t{1} << pass_.step_bits;
  auto wanted = wanted_.begin();
  for (std::size_t p = 0; p < pass_.prefixes.size(); ++p) {
    Index before = 0;
    for (std::size_t s = 0; s < num_steps; ++s) {
      const Index count = counts_[p * num_steps + s];
      bool is_wanted = false;
      for (; wanted != wanted_.end() && wanted->prefix == p && wanted->rank < before + count;
           ++wanted) {
        is_wanted = true;
        *wanted = {prefixes.size(), wanted->rank - before};
      }
      if (is_wanted) {
        prefixes.push_back(ShiftLeft(pass_.prefixes[p], pass_.step_bits) | s);
        num_candidates_ += count;
      }
      before += count;
      // Skip to the next prefix once no wanted key has this one.
      if (wanted == wanted_.end() || wanted->prefix != p) break;
    }
  }
  pass_.prefix_bits += pass_.step_bits;
  pass_.prefixes = std::move(prefixes);
}

// Skips the leading bits that all candidate keys share, which saves passes. (Integers often share
// many.)
void RankSearch::SkipCommonBits() {
  if (pass_.prefixes.size() != 1) return;
  const int rest_bits = pass_.key_bits - pass_.prefix_bits;
  const std::uint64_t least = std::max(min_key_, ShiftLeft(pass_.prefixes[0], rest_bits));
  const std::uint64_t greatest = std::min(
      max_key_, ShiftLeft(pass_.prefixes[0], rest_bits) | ((std::uint64_t{1} << rest_bits) - 1));
  const int different_bits = 64 - std::countl_zero(least ^ greatest);
  pass_.prefix_bits = pass_.key_bits - different_bits;
  pass_.prefixes[0] = ShiftRight(least, different_bits);
}

void RankSearch::Plan() {
  if (num_candidates_ <= max_collected_) {
    pass_.step_bits = 0;
    return;
  }
  pass_.step_bits = std::min(pass_.prefixes.size() <= kFewPrefixes ? kStepBits : kStepBitsOfMany,
                             pass_.key_bits - pass_.prefix_bits);
  counts_.assign(pass_.prefixes.size() << pass_.step_bits, 0);
}

void RankSearch::PickFromCollected() {
  std::sort(collected_.begin(), collected_.end());
  const int rest_bits = pass_.key_bits - pass_.prefix_bits;
  for (const Wanted& wanted : wanted_) {
    const auto first = std::lower_bound(collected_.begin(), collected_.end(),
                                        ShiftLeft(pass_.prefixes[wanted.prefix], rest_bits));
    keys_.push_back(first[wanted.rank]);
  }
  collected_ = {};
}

}  // namespace mpaio
