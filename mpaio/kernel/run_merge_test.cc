// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/run_merge.h"

#include <algorithm>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

// The sort key, and the position in the concatenated runs.
using Element = std::pair<int, int>;
bool Less(const Element& a, const Element& b) { return a.first < b.first; }

std::vector<std::span<const Element>> Spans(const std::vector<std::vector<Element>>& runs) {
  return {runs.begin(), runs.end()};
}

std::vector<std::vector<Element>> RandomRuns(std::mt19937& random, int num_runs, int max_size,
                                             int different) {
  std::vector<std::vector<Element>> runs(static_cast<std::size_t>(num_runs));
  int number = 0;
  for (std::vector<Element>& run : runs) {
    run.resize(random() % static_cast<unsigned>(max_size + 1));
    for (Element& element : run)
      element.first = static_cast<int>(random() % static_cast<unsigned>(different));
    std::sort(run.begin(), run.end());
    for (Element& element : run) element.second = number++;
  }
  return runs;
}

TEST(Cut, EqualElementsOfEarlierRunsComeFirst) {
  const std::vector<std::vector<Element>> runs = {
      {{1, 0}, {5, 1}, {5, 2}}, {{5, 3}, {6, 4}}, {{0, 5}, {5, 6}}};
  EXPECT_THAT(Cut(Spans(runs), {1, 0}, Less), testing::ElementsAre(3, 0, 1));
  EXPECT_THAT(Cut(Spans(runs), {0, 1}, Less), testing::ElementsAre(1, 0, 1));
  EXPECT_THAT(Cut(Spans(runs), {2, 1}, Less), testing::ElementsAre(3, 1, 1));
  EXPECT_THAT(Cut(Spans(runs), {1, 1}, Less), testing::ElementsAre(3, 1, 2));
}

// The parts are merged separately, and together are the result of a stable sort.
TEST(RunMerge, PartsAreAStableSort) {
  const unsigned seed = 21;
  std::mt19937 random(seed);
  for (int trial = 0; trial < 300; ++trial) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << ", trial " << trial);
    const int num_runs = static_cast<int>(random() % 9);
    const int max_size = trial % 3 == 0 ? 3 : 200;
    const std::vector<std::vector<Element>> runs =
        RandomRuns(random, num_runs, max_size, trial % 2 == 0 ? 4 : 1000);
    std::vector<Element> expected;
    for (const std::vector<Element>& run : runs)
      expected.insert(expected.end(), run.begin(), run.end());
    std::stable_sort(expected.begin(), expected.end(), Less);

    const Index part_size = 1 + static_cast<Index>(random() % 100);
    const Index sample_step = 1 + static_cast<Index>(random() % 10);
    const std::vector<RunPosition> places = ChoosePlaces(Spans(runs), part_size, sample_step, Less);
    std::vector<std::vector<Index>> cuts = {std::vector<Index>(runs.size())};
    for (const RunPosition place : places) cuts.push_back(Cut(Spans(runs), place, Less));
    cuts.emplace_back();
    for (const std::vector<Element>& run : runs)
      cuts.back().push_back(static_cast<Index>(run.size()));

    std::vector<Element> sorted;
    for (std::size_t c = 0; c + 1 < cuts.size(); ++c) {
      std::vector<Element> values;
      std::vector<std::size_t> bounds = {0};
      for (std::size_t r = 0; r < runs.size(); ++r) {
        ASSERT_LE(cuts[c][r], cuts[c + 1][r]);
        values.insert(values.end(), runs[r].begin() + cuts[c][r], runs[r].begin() + cuts[c + 1][r]);
        bounds.push_back(values.size());
      }
      EXPECT_LE(static_cast<Index>(values.size()),
                part_size + static_cast<Index>(runs.size() + 1) * sample_step);
      std::vector<Element> buffer(values.size());
      const std::span<Element> merged =
          MergeRuns(std::span(values), std::span(buffer), bounds, Less);
      sorted.insert(sorted.end(), merged.begin(), merged.end());
    }
    EXPECT_EQ(sorted, expected);
  }
}

}  // namespace
}  // namespace mpaio
