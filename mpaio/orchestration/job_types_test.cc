// SPDX-License-Identifier: Apache-2.0

// Jobs of every kind of element, result and partition, several at once, in every kind of pool.
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/orchestration/test_pools.h"
#include "mpaio/orchestration/test_workers.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

// A worker made of two functions.
template <typename Element, typename Result>
class Calls : public Worker<Element, Result> {
 public:
  using Processing = std::function<absl::StatusOr<Result>(const ChunkView<Element>&)>;
  using Callback = std::function<absl::Status(const Chunk&, Result)>;

  Calls(DataIterator data, Processing process, Callback callback)
      : Worker<Element, Result>(std::move(data)),
        process_(std::move(process)),
        callback_(std::move(callback)) {}

  absl::StatusOr<Result> Process(const ChunkView<Element>& chunk) const override {
    return process_(chunk);
  }
  absl::Status ProcessCallback(const Chunk& chunk, Result result) override {
    return callback_(chunk, std::move(result));
  }

 private:
  Processing process_;
  Callback callback_;
};

class JobTypesTest : public testing::TestWithParam<Pool> {};

INSTANTIATE_TEST_SUITE_P(Pools, JobTypesTest, testing::ValuesIn(AllPools()), PoolName);

// The least and greatest value of a chunk, and the index of the least.
struct Extremes {
  float least = 0;
  float most = 0;
  Index at = 0;
  friend bool operator==(const Extremes&, const Extremes&) = default;
};

std::optional<Extremes> ExtremesOf(const float* values, Index begin, Index end) {
  std::optional<Extremes> extremes;
  for (Index i = begin; i < end; ++i) {
    if (values[i] < 0) continue;
    if (!extremes || values[i] < extremes->least)
      extremes = Extremes{values[i], extremes ? extremes->most : values[i], i};
    extremes->most = std::max(extremes->most, values[i]);
  }
  return extremes;
}

// Six jobs over six arrays: each answer equals that of a serial loop.
TEST_P(JobTypesTest, EveryKindOfElementAndResultAtOnce) {
  constexpr Index kRows = 500;
  const std::vector<std::int64_t> ints = Counting(kRows);
  std::vector<double> table(kRows * 5);
  std::vector<std::uint8_t> bytes(kRows);
  std::vector<float> floats(kRows);
  std::string words;
  std::u32string texts;
  std::vector<std::string> word_of_row;
  std::vector<Index> length_of_row;
  std::mt19937 random(7);
  for (double& value : table) value = static_cast<double>(random() % 1000) / 8;
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random() % 11);
  for (float& value : floats) value = static_cast<float>(static_cast<int>(random() % 100) - 90);
  for (Index row = 0; row < kRows; ++row) {
    word_of_row.emplace_back(random() % 7, static_cast<char>('a' + row % 26));
    words += word_of_row.back() + std::string(6 - word_of_row.back().size(), '\0');
    length_of_row.push_back(static_cast<Index>(random() % 4));
    texts += std::u32string(static_cast<std::size_t>(length_of_row.back()), U'\u4e16') +
             std::u32string(static_cast<std::size_t>(3 - length_of_row.back()), U'\0');
  }
  const auto divide = [](const void* data, DType dtype, std::vector<Index> shape,
                         Partition partition, DataIteratorOptions options = {}) {
    return DataIterator::Create(NdView::Create(data, dtype, std::move(shape)).value(), partition,
                                options)
        .value();
  };
  RunInPool(GetParam(), [&](Executor& executor) {
    std::int64_t sum = 0;
    Calls<std::int64_t, std::int64_t> sums(
        divide(ints.data(), DType::Of<std::int64_t>(), {kRows}, Partition::ChunkSize(7),
               {.start_row = 3, .end_row = 490}),
        [](const auto& chunk) {
          const auto elements = chunk.elements();
          return std::accumulate(elements.begin(), elements.end(), std::int64_t{0});
        },
        [&](const Chunk&, std::int64_t part) {
          sum += part;
          return absl::OkStatus();
        });
    std::vector<double> row_sums;
    Calls<double, std::vector<double>> rows(
        divide(table.data(), DType::Of<double>(), {kRows, 5}, Partition::Auto(),
               {.parallelism = executor.size()}),
        [](const ChunkView<double>& chunk) {
          std::vector<double> result;
          for (Index i = 0; i < chunk.rows().size(); ++i) {
            const auto row = chunk.row(i);
            result.push_back(std::accumulate(row.begin(), row.end(), 0.0));
          }
          return result;
        },
        [&](const Chunk& chunk, const std::vector<double>& part) {
          EXPECT_EQ(chunk.rows.size(), static_cast<Index>(part.size()));
          row_sums.insert(row_sums.end(), part.begin(), part.end());
          return absl::OkStatus();
        });
    std::map<std::uint8_t, Index> histogram;
    Calls<std::uint8_t, std::map<std::uint8_t, Index>> counts(
        divide(bytes.data(), DType::Of<std::uint8_t>(), {kRows}, Partition::ChunkCount(13)),
        [](const auto& chunk) {
          std::map<std::uint8_t, Index> result;
          for (const std::uint8_t byte : chunk.elements()) ++result[byte];
          return result;
        },
        [&](const Chunk&, const std::map<std::uint8_t, Index>& part) {
          for (const auto& [byte, count] : part) histogram[byte] += count;
          return absl::OkStatus();
        });
    std::string joined;
    Calls<ByteString, std::string> concatenation(
        divide(words.data(), DType::Bytes(6), {kRows}, Partition::ChunkSize(4)),
        [](const auto& chunk) {
          std::string result;
          for (const absl::string_view word : chunk.elements())
            result.append(word.data(), word.size());
          return result;
        },
        [&](const Chunk&, const std::string& part) {
          joined += part;
          return absl::OkStatus();
        });
    std::vector<Index> lengths;
    Calls<UnicodeString, std::vector<Index>> text_lengths(
        divide(texts.data(), DType::Unicode(3), {kRows}, Partition::ChunkSize(1)),
        [](const auto& chunk) {
          return std::vector<Index>{static_cast<Index>(chunk.elements()[0].size())};
        },
        [&](const Chunk&, const std::vector<Index>& part) {
          lengths.insert(lengths.end(), part.begin(), part.end());
          return absl::OkStatus();
        });
    std::vector<std::optional<Extremes>> extremes;
    Calls<float, std::optional<Extremes>> extreme(
        divide(floats.data(), DType::Of<float>(), {kRows}, Partition::ChunkSize(20)),
        [&](const auto& chunk) {
          return ExtremesOf(floats.data(), chunk.rows().begin, chunk.rows().end);
        },
        [&](const Chunk&, const std::optional<Extremes>& part) {
          extremes.push_back(part);
          return absl::OkStatus();
        });
    MPAIO_EXPECT_OK(
        RunToEnd(executor, {&sums, &rows, &counts, &concatenation, &text_lengths, &extreme}));
    if (executor.rank() != 0) {
      EXPECT_EQ(sum, 0);
      EXPECT_TRUE(lengths.empty());
      return;
    }
    EXPECT_EQ(sum, (490 * 489 - 3 * 2) / 2);
    ASSERT_EQ(row_sums.size(), static_cast<std::size_t>(kRows));
    for (std::size_t row = 0; row < row_sums.size(); ++row) {
      EXPECT_EQ(row_sums[row],
                std::accumulate(table.begin() + static_cast<std::ptrdiff_t>(5 * row),
                                table.begin() + static_cast<std::ptrdiff_t>(5 * row + 5), 0.0));
    }
    std::map<std::uint8_t, Index> expected_histogram;
    for (const std::uint8_t byte : bytes) ++expected_histogram[byte];
    EXPECT_EQ(histogram, expected_histogram);
    std::string expected_words;
    for (const std::string& word : word_of_row) expected_words += word;
    EXPECT_EQ(joined, expected_words);
    EXPECT_EQ(lengths, length_of_row);
    std::vector<std::optional<Extremes>> expected_extremes;
    for (Index row = 0; row < kRows; row += 20)
      expected_extremes.push_back(ExtremesOf(floats.data(), row, row + 20));
    EXPECT_EQ(extremes, expected_extremes);
  });
}

// The result of a chunk in the tests of lengths: empty, short, or longer than a message that is
// sent at once.
std::string ContentsOf(std::uint64_t seed, ChunkId chunk) {
  std::mt19937_64 random(seed * 1000 + static_cast<std::uint64_t>(chunk));
  const Index longest = std::vector<Index>{0, 1, 20, 3000, 200'000}[random() % 5];
  return RandomBytes(
      random(),
      longest == 0 ? 0 : static_cast<Index>(random() % static_cast<std::uint64_t>(longest)));
}

TEST_P(JobTypesTest, ResultsOfRandomLengths) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  const std::vector<std::int64_t> numbers = Counting(120);
  for (const Delivery delivery : {Delivery::kInOrder, Delivery::kAsCompleted}) {
    for (const Index max_held_bytes : {Index{1}, Index{100'000}, Index{1} << 40}) {
      RunInPool(GetParam(), [&](Executor& executor) {
        std::vector<int> times(120);
        ChunkId next = 0;
        Calls<std::int64_t, std::string> strings(
            InChunks(numbers, 1), [&](const auto& chunk) { return ContentsOf(seed, chunk.id()); },
            [&](const Chunk& chunk, const std::string& contents) {
              EXPECT_TRUE(contents == ContentsOf(seed, chunk.id))
                  << "chunk " << chunk.id << ", seed " << seed;
              EXPECT_TRUE(delivery == Delivery::kAsCompleted || chunk.id == next);
              ++next;
              ++times[static_cast<std::size_t>(chunk.id)];
              return absl::OkStatus();
            });
        MPAIO_EXPECT_OK(RunToEnd(executor, {&strings},
                                 {.delivery = delivery, .max_held_bytes = max_held_bytes}));
        EXPECT_EQ(times, std::vector<int>(120, executor.rank() == 0 ? 1 : 0));
      });
    }
  }
}

TEST_P(JobTypesTest, EveryPartitionGivesEveryRowOnceAndInOrder) {
  const std::vector<std::int64_t> numbers = Counting(30'000);
  const NdView array = NdView::Create(numbers.data(), DType::Of<std::int64_t>(), {30'000}).value();
  const auto expect_every_row = [&](Partition partition, const DataIteratorOptions& options) {
    RunInPool(GetParam(), [&](Executor& executor) {
      Echo echo(DataIterator::Create(array, partition, options).value());
      MPAIO_EXPECT_OK(RunToEnd(executor, {&echo}));
      if (executor.rank() != 0) {
        EXPECT_TRUE(echo.chunks.empty()) << "callbacks are called on rank 0 only";
        return;
      }
      EXPECT_EQ(echo.rows,
                std::vector<std::int64_t>(numbers.begin() + options.start_row,
                                          numbers.begin() + options.end_row.value_or(30'000)));
      EXPECT_EQ(echo.chunks, Counting(echo.data_iterator().num_chunks()));
    });
  };
  const DataIteratorOptions some_rows{.start_row = 77, .end_row = 29'999};
  for (const Partition partition : {Partition::Auto(), Partition::ChunkCount(1),
                                    Partition::ChunkCount(997), Partition::ChunkSize(256)}) {
    for (const DataIteratorOptions& options :
         {DataIteratorOptions{}, some_rows, DataIteratorOptions{.row_alignment = 32}}) {
      expect_every_row(partition, options);
    }
  }
  for (const Index chunk_rows : {1, 7, 29'999, 30'000, 50'000}) {
    for (const DataIteratorOptions& options : {DataIteratorOptions{}, some_rows})
      expect_every_row(Partition::ChunkSize(chunk_rows), options);
  }
}

TEST_P(JobTypesTest, NoRowsNoChunksNoCallbacks) {
  const std::vector<std::int64_t> none, some = Counting(10);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo empty(InChunks(none, 5)), other(InChunks(some, 5));
    MPAIO_EXPECT_OK(RunToEnd(executor, {&empty}));
    MPAIO_EXPECT_OK(RunToEnd(executor, {&empty, &other}));
    EXPECT_TRUE(empty.chunks.empty());
    if (executor.rank() == 0) {
      EXPECT_EQ(other.rows, some);
    }
  });
}

// One pool of every kind, for tests that are too slow or too large for all pools.
std::vector<Pool> SomePools() {
  return {{}, {1, true, 1}, {2, true, 1}, {2, false, 1}, {4, true, 1}, {4, false, 2}, {5, true, 2}};
}

// Uses `time` of CPU time, however busy the machine is.
void BurnCpu(std::chrono::nanoseconds time) {
  const auto used = [] {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  };
  for (const auto end = used() + time; used() < end;) {
  }
}

// Two active jobs, 4000 chunks of 20 µs and 80 of 1 ms, get the same time, so both are half done
// when half of the run is over. Only in pools where one rank processes, so that no rank takes the
// core from another.
TEST(FairnessTest, JobsAdvanceAtTheSamePace) {
  const std::vector<std::int64_t> many = Counting(4000), few = Counting(80);
  for (const Pool& pool : {Pool{}, Pool{2, false, 1}}) {
    RunInPool(pool, [&](Executor& executor) {
      Echo fine(InChunks(many, 1)), coarse(InChunks(few, 1));
      fine.before = [](ChunkId) {
        BurnCpu(std::chrono::microseconds(20));
        return absl::OkStatus();
      };
      coarse.before = [](ChunkId) {
        BurnCpu(std::chrono::milliseconds(1));
        return absl::OkStatus();
      };
      std::size_t coarse_at_half = 0;
      fine.callback = [&](ChunkId chunk) {
        if (chunk == 2000) coarse_at_half = coarse.chunks.size();
        return absl::OkStatus();
      };
      MPAIO_EXPECT_OK(RunToEnd(executor, {&coarse, &fine}));
      if (executor.rank() != 0) return;
      // About 40; other load on the machine is measured too.
      EXPECT_GE(coarse_at_half, 10u);
      EXPECT_LE(coarse_at_half, 70u);
    });
  }
}

// 400 chunks of 1 ms, and 64 that take almost no time. The slow job is given first. (A core that is
// taken away for a while makes a fast chunk look slow, so the bound cannot be much less than half.)
TEST(FairnessTest, ASlowJobDoesNotStarveAFastOne) {
  const std::vector<std::int64_t> many = Counting(400), few = Counting(64);
  for (const Pool& pool : SomePools()) {
    RunInPool(pool, [&](Executor& executor) {
      Echo slow(InChunks(many, 1)), fast(InChunks(few, 1));
      slow.before = Taking(std::chrono::milliseconds(1));
      Index slow_when_fast_ended = -1;
      fast.callback = [&](ChunkId chunk) {
        if (chunk == 63) slow_when_fast_ended = static_cast<Index>(slow.chunks.size());
        return absl::OkStatus();
      };
      MPAIO_EXPECT_OK(RunToEnd(executor, {&slow, &fast}));
      if (executor.rank() != 0) return;
      EXPECT_GE(slow_when_fast_ended, 0) << pool;
      EXPECT_LE(slow_when_fast_ended, 200) << pool;
    });
  }
}

TEST(ResultsOfOneLengthTest, NothingOr20MegabytesEach) {
  const std::vector<std::int64_t> numbers = Counting(6);
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{20'000'000}}) {
    for (const Pool& pool : SomePools()) {
      RunInPool(pool, [&](Executor& executor) {
        Letters letters(InChunks(numbers, 1), bytes);
        MPAIO_EXPECT_OK(RunToEnd(executor, {&letters}));
        EXPECT_EQ(letters.callbacks, executor.rank() == 0 ? 6 : 0);
      });
    }
  }
}

// One result of 110 MB among small ones: more than may be held, more than a batch, and more than a
// rank may have unsent.
TEST(HugeResultTest, AStringOfMoreThan100Megabytes) {
  constexpr std::size_t kHugeBytes = 110'000'000;
  const std::vector<std::int64_t> numbers = Counting(5);
  for (const Pool& pool : {Pool{}, Pool{2, false, 1}}) {
    RunInPool(pool, [&](Executor& executor) {
      std::vector<std::size_t> sizes;
      bool is_right = true;
      Calls<std::int64_t, std::string> strings(
          InChunks(numbers, 1),
          [](const auto& chunk) {
            return std::string(chunk.id() == 2 ? kHugeBytes : 3,
                               static_cast<char>('a' + chunk.id()));
          },
          [&](const Chunk& chunk, const std::string& contents) {
            sizes.push_back(contents.size());
            is_right &=
                contents.find_first_not_of(static_cast<char>('a' + chunk.id)) == std::string::npos;
            return absl::OkStatus();
          });
      MPAIO_EXPECT_OK(RunToEnd(executor, {&strings}, {.max_held_bytes = 50'000'000}));
      if (executor.rank() != 0) return;
      EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 3, kHugeBytes, 3, 3}));
      EXPECT_TRUE(is_right);
    });
  }
}

// Chunk 0 ends only after another chunk's result has been delivered, which is impossible in order.
TEST(AsCompletedTest, DoesNotWaitForASlowChunk) {
  const std::vector<std::int64_t> numbers = Counting(50);
  std::atomic<bool> another_is_delivered = false;
  RunInPool({3, false, 1}, [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    echo.before = [&](ChunkId chunk) {
      return chunk == 0 ? WaitForFlag(another_is_delivered) : absl::OkStatus();
    };
    echo.callback = [&](ChunkId chunk) {
      if (chunk != 0) another_is_delivered = true;
      return absl::OkStatus();
    };
    MPAIO_EXPECT_OK(RunToEnd(executor, {&echo}, {.delivery = Delivery::kAsCompleted}));
    if (executor.rank() != 0) return;
    EXPECT_NE(echo.chunks.front(), 0);
    EXPECT_THAT(echo.chunks, testing::UnorderedElementsAreArray(numbers));
  });
}

}  // namespace
}  // namespace mpaio
