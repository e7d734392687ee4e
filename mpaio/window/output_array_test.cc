// SPDX-License-Identifier: Apache-2.0
#include "mpaio/window/output_array.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/executor/executor_conformance.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/executor/thread_pool.h"
#include "mpaio/executor/thread_ranks.h"
#include "mpaio/format/array_file.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

const DType kInt64 = DType::Of<std::int64_t>();

// The expected value of an element: never 0, which means not written.
std::int64_t Value(Index row, Index column) { return 1000 * row + column + 1; }

// Writes as Process does.
void Write(const OutputArray& output, RowRange rows) {
  const std::span<std::int64_t> elements = output.Rows<std::int64_t>(rows);
  const Index columns = output.view().row_elements();
  ASSERT_EQ(static_cast<Index>(elements.size()), rows.size() * columns);
  for (Index at = 0; at < rows.size() * columns; ++at)
    elements[at] = Value(rows.begin + at / columns, at % columns);
}

std::vector<std::int64_t> Elements(const OutputArray& output, RowRange rows) {
  const auto* const first =
      reinterpret_cast<const std::int64_t*>(output.view().RowData(rows.begin));
  return {first, first + rows.size() * output.view().row_elements()};
}

std::vector<std::int64_t> Written(const OutputArray& output, RowRange rows) {
  std::vector<std::int64_t> values;
  for (Index row = rows.begin; row < rows.end; ++row) {
    for (Index column = 0; column < output.view().row_elements(); ++column)
      values.push_back(Value(row, column));
  }
  return values;
}

std::vector<std::int64_t> Zeros(const OutputArray& output, RowRange rows) {
  return std::vector<std::int64_t>(rows.size() * output.view().row_elements());
}

std::string Bytes(const std::vector<std::int64_t>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(std::int64_t));
}

// Divides `rows` among the ranks in turn: pieces of one, two, three, ... rows, so that few of them
// begin at a page boundary.
std::vector<std::vector<RowRange>> Divide(Index rows, int ranks) {
  std::vector<std::vector<RowRange>> shares(ranks);
  int turn = 0;
  for (Index begin = 0; begin < rows; ++turn) {
    const Index end = std::min(rows, begin + 1 + turn % 50);
    shares[turn % ranks].push_back({begin, end});
    begin = end;
  }
  return shares;
}

// Every rank writes its rows; the results of Finish are sent to rank 0, which accepts them. Rank
// 0's node sends no bytes.
void WriteAndCollect(Executor& executor, std::vector<Index> shape) {
  const absl::StatusOr<OutputArray> output = OutputArray::Create(executor, kInt64, shape);
  MPAIO_ASSERT_OK(output);
  EXPECT_EQ(output->view().shape(), shape);
  EXPECT_EQ(output->view().dtype(), kInt64);
  const RowRange all = {0, output->view().num_rows()};
  EXPECT_EQ(Elements(*output, all), Zeros(*output, all));
  Meet(executor);

  const std::vector<std::vector<RowRange>> shares = Divide(all.end, executor.size());
  std::string mine;
  for (const RowRange rows : shares[executor.rank()]) {
    Write(*output, rows);
    const absl::StatusOr<WrittenRows> written = output->Finish(rows);
    MPAIO_ASSERT_OK(written);
    EXPECT_EQ(*written, executor.node() == 0 ? "" : Bytes(Written(*output, rows))) << rows.begin;
    mine += *written;
  }
  const std::vector<std::string> results = Gather(executor, mine);
  const std::vector<std::string> nodes = Gather(executor, absl::StrCat(executor.node()));
  if (executor.rank() == 0) {
    for (int rank = 0; rank < executor.size(); ++rank) {
      Index at = 0;
      for (const RowRange rows : shares[rank]) {
        const bool is_here = nodes[rank] == "0";
        const Index size_bytes = is_here ? 0 : rows.size() * output->view().row_bytes();
        EXPECT_EQ(Elements(*output, rows), is_here ? Written(*output, rows) : Zeros(*output, rows))
            << "rank " << rank;
        MPAIO_EXPECT_OK(output->Accept(
            rows,
            results[rank].substr(std::min<std::size_t>(at, results[rank].size()), size_bytes)));
        EXPECT_EQ(Elements(*output, rows), Written(*output, rows)) << "rank " << rank;
        at += size_bytes;
      }
      EXPECT_EQ(at, static_cast<Index>(results[rank].size()));
    }
    EXPECT_EQ(Elements(*output, all), Written(*output, all));
  }
  Meet(executor);
}

TEST(OutputArray, InAPoolOfOneRowsAreWrittenInPlace) {
  const std::unique_ptr<Executor> executor = MakeInlineExecutor();
  for (const std::vector<Index>& shape :
       {std::vector<Index>{0, 2}, {1}, {3, 4}, {1000, 7}, {20, 3, 5}}) {
    SCOPED_TRACE(ShapeToString(shape));
    WriteAndCollect(*executor, shape);
  }
}

TEST(OutputArray, RowsOfOtherNodesComeBackAsBytes) {
  for (const int size : {1, 2, 3, 4}) {
    for (const int nodes : {1, 2}) {
      SCOPED_TRACE(absl::StrCat(size, " ranks on ", nodes, " nodes"));
      ThreadRanksOptions options;
      options.num_nodes = nodes;
      RunOnThreads(size, options, [](Executor& executor) {
        for (const std::vector<Index>& shape :
             {std::vector<Index>{0, 2}, {1}, {3, 4}, {1000, 7}, {20, 3, 5}}) {
          SCOPED_TRACE(absl::StrCat("rank ", executor.rank(), " of ", executor.size(), ", ",
                                    ShapeToString(shape)));
          WriteAndCollect(executor, shape);
        }
      });
    }
  }
}

// The elements of a row are contiguous: rows [1, 3) of shape (4, 2) are elements 2 to 5.
TEST(OutputArray, RowsAreTheArraysOwnElements) {
  const std::unique_ptr<Executor> executor = MakeInlineExecutor();
  const absl::StatusOr<OutputArray> output = OutputArray::Create(*executor, kInt64, {4, 2});
  MPAIO_ASSERT_OK(output);
  const std::span<std::int64_t> rows = output->Rows<std::int64_t>({1, 3});
  ASSERT_EQ(rows.size(), 4u);
  std::iota(rows.begin(), rows.end(), 1);
  EXPECT_THAT(Elements(*output, {0, 4}), testing::ElementsAre(0, 0, 1, 2, 3, 4, 0, 0));
  EXPECT_EQ(output->Rows<std::int64_t>({2, 2}).size(), 0u);
  EXPECT_EQ(output->Rows<std::int64_t>({4, 4}).size(), 0u);
}

TEST(OutputArray, AcceptPutsBytesInPlace) {
  const std::unique_ptr<Executor> executor = MakeInlineExecutor();
  const absl::StatusOr<OutputArray> output = OutputArray::Create(*executor, kInt64, {4, 2});
  MPAIO_ASSERT_OK(output);
  // Twice, as if the chunk had been run again.
  for (int times = 0; times < 2; ++times) {
    MPAIO_EXPECT_OK(output->Accept({1, 3}, Bytes({5, 6, 7, 8})));
    EXPECT_THAT(Elements(*output, {0, 4}), testing::ElementsAre(0, 0, 5, 6, 7, 8, 0, 0));
  }
  // The result of rows that are in place is empty.
  MPAIO_EXPECT_OK(output->Accept({1, 3}, ""));
  EXPECT_THAT(Elements(*output, {0, 4}), testing::ElementsAre(0, 0, 5, 6, 7, 8, 0, 0));
  MPAIO_EXPECT_OK(output->Accept({3, 4}, Bytes({9, 10})));
  EXPECT_THAT(Elements(*output, {0, 4}), testing::ElementsAre(0, 0, 5, 6, 7, 8, 9, 10));
}

TEST(OutputArray, AcceptRefusesAWrongLength) {
  const std::unique_ptr<Executor> executor = MakeInlineExecutor();
  const absl::StatusOr<OutputArray> output = OutputArray::Create(*executor, kInt64, {4, 2});
  MPAIO_ASSERT_OK(output);
  for (const Index size_bytes : {1, 16, 31, 33, 64}) {
    EXPECT_THAT(
        output->Accept({1, 3}, std::string(size_bytes, 'x')),
        StatusIs(absl::StatusCode::kInternal,
                 absl::StrCat("rows 1 to 2 came back as ", size_bytes, " bytes instead of 32")));
  }
  EXPECT_THAT(output->Accept({2, 2}, "x"), StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(Elements(*output, {0, 4}), testing::Each(0));
}

// Rank 0 writes the array; after Share every rank has all of it.
TEST(OutputArray, ShareGivesEveryNodeWhatRank0Has) {
  for (const int size : {1, 2, 3, 5}) {
    for (const int nodes : {1, 2, 3}) {
      for (const Index piece_bytes : {1, 100, 1000000}) {
        SCOPED_TRACE(absl::StrCat(size, " ranks on ", nodes, " nodes, pieces of ", piece_bytes));
        ThreadRanksOptions options;
        options.num_nodes = nodes;
        RunOnThreads(size, options, [&](Executor& executor) {
          for (const std::vector<Index>& shape : {std::vector<Index>{0, 2}, {1}, {30, 7}}) {
            const absl::StatusOr<OutputArray> output = OutputArray::Create(executor, kInt64, shape);
            MPAIO_ASSERT_OK(output);
            const RowRange all = {0, output->view().num_rows()};
            if (executor.rank() == 0) Write(*output, all);
            MPAIO_EXPECT_OK(output->Share(piece_bytes));
            EXPECT_EQ(Elements(*output, all), Written(*output, all)) << "rank " << executor.rank();
            Meet(executor);
          }
        });
      }
    }
  }
}

// The same for reserved memory and some rows: other rows are neither shared nor populated.
TEST(OutputArray, ShareOfSomeRowsThatWereReserved) {
  for (const int nodes : {1, 2, 3}) {
    for (const Index piece_bytes : {100, 1000000}) {
      SCOPED_TRACE(absl::StrCat(nodes, " nodes, pieces of ", piece_bytes));
      ThreadRanksOptions options;
      options.num_nodes = nodes;
      RunOnThreads(3, options, [&](Executor& executor) {
        const absl::StatusOr<OutputArray> output =
            OutputArray::Reserve(executor, kInt64, {100'000, 7});
        MPAIO_ASSERT_OK(output);
        const std::vector<RowRange> some = {{3, 30}, {50'000, 50'000}, {99'000, 100'000}};
        for (const RowRange rows : some) {
          MPAIO_EXPECT_OK(output->Populate(rows));
          if (executor.rank() == 0) Write(*output, rows);
        }
        MPAIO_EXPECT_OK(output->Share(some, piece_bytes));
        for (const RowRange rows : some)
          EXPECT_EQ(Elements(*output, rows), Written(*output, rows)) << "rank " << executor.rank();
        EXPECT_THAT(Elements(*output, {30, 40}), testing::Each(0));
        Meet(executor);
      });
    }
  }
}

// The pages of rows from other nodes are populated before the rows are stored.
TEST(OutputArray, AcceptsRowsOfWhatWasReserved) {
  const std::unique_ptr<Executor> executor = MakeInlineExecutor();
  const absl::StatusOr<OutputArray> output = OutputArray::Reserve(*executor, kInt64, {1000, 2});
  MPAIO_ASSERT_OK(output);
  MPAIO_EXPECT_OK(output->Accept({1, 3}, std::string(32, '\1')));
  EXPECT_THAT(Elements(*output, {1, 3}), testing::Each(0x0101010101010101));
  EXPECT_THAT(Elements(*output, {3, 1000}), testing::Each(0));
}

// As WriteAndCollect, but the array is in a file, which appears when rank 0 commits it.
void WriteToFile(Executor& executor, const std::string& path, std::vector<Index> shape) {
  const absl::StatusOr<OutputArray> output =
      OutputArray::CreateInFile(executor, path, kInt64, shape);
  MPAIO_ASSERT_OK(output);
  EXPECT_EQ(output->view().shape(), shape);
  EXPECT_EQ(output->view().dtype(), kInt64);
  const std::vector<std::vector<RowRange>> shares =
      Divide(output->view().num_rows(), executor.size());
  std::string mine;
  for (const RowRange rows : shares[executor.rank()]) {
    // Twice, as if the chunk were run again.
    for (int times = 0; times < 2; ++times) {
      Write(*output, rows);
      const absl::StatusOr<WrittenRows> written = output->Finish(rows);
      MPAIO_ASSERT_OK(written);
      EXPECT_EQ(*written, executor.node() == 0 ? "" : Bytes(Written(*output, rows))) << rows.begin;
      if (times == 1) mine += *written;
    }
  }
  const std::vector<std::string> results = Gather(executor, mine);
  if (executor.rank() == 0) {
    for (int rank = 0; rank < executor.size(); ++rank) {
      std::size_t at = 0;
      for (const RowRange rows : shares[rank]) {
        const std::size_t size_bytes =
            results[rank].empty() ? 0 : rows.size() * output->view().row_bytes();
        MPAIO_EXPECT_OK(output->Accept(rows, results[rank].substr(at, size_bytes)));
        at += size_bytes;
      }
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    MPAIO_ASSERT_OK(output->file()->Commit());
    const absl::StatusOr<ArrayFile> file = ArrayFile::Open(path);
    MPAIO_ASSERT_OK(file);
    EXPECT_EQ(file->shape(), shape);
    std::vector<std::int64_t> elements(static_cast<std::size_t>(output->view().num_elements()));
    MPAIO_EXPECT_OK(file->LoadShare(0, 1, std::as_writable_bytes(std::span(elements))));
    EXPECT_EQ(elements, Written(*output, {0, output->view().num_rows()}));
    std::filesystem::remove(path);
  }
  Meet(executor);
}

TEST(OutputArray, InAFileItIsWrittenByAllRanksOfRank0sNode) {
  const TempDirectory directory;
  for (const int size : {1, 2, 3, 4}) {
    for (const int nodes : {1, 2}) {
      ThreadRanksOptions options;
      options.num_nodes = nodes;
      RunOnThreads(size, options, [&](Executor& executor) {
        for (const std::vector<Index>& shape :
             {std::vector<Index>{0, 2}, {1}, {3, 4}, {1000, 7}, {20, 3, 5}}) {
          SCOPED_TRACE(absl::StrCat("rank ", executor.rank(), " of ", executor.size(), " on ",
                                    nodes, " nodes, ", ShapeToString(shape)));
          WriteToFile(executor, directory.File("out.npy"), shape);
        }
      });
    }
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

// The ranks of a thread pool share the objects. Each writes chunks of two arrays in turn, so a
// thread has two unfinished buffers at a time.
TEST(OutputArray, ThreadsWriteThroughOneObject) {
  constexpr Index kRows = 3000, kChunkRows = 7;
  const TempDirectory directory;
  ThreadPoolOptions options;
  options.threads = 4;
  const std::unique_ptr<Executor> pool = *MakeThreadPool(options);
  const absl::StatusOr<OutputArray> in_file =
      OutputArray::CreateInFile(*pool, directory.File("out.npy"), kInt64, {kRows, 3});
  const absl::StatusOr<OutputArray> in_other_file =
      OutputArray::CreateInFile(*pool, directory.File("other.npy"), kInt64, {kRows});
  const absl::StatusOr<OutputArray> in_memory = OutputArray::Reserve(*pool, kInt64, {kRows, 2});
  for (const auto* output : {&in_file, &in_other_file, &in_memory}) MPAIO_ASSERT_OK(*output);
  std::atomic<Index> next = 0;
  const auto write_chunks = [&](Executor&) -> absl::Status {
    for (Index begin; (begin = next.fetch_add(kChunkRows)) < kRows;) {
      const RowRange rows = {begin, std::min(begin + kChunkRows, kRows)};
      MPAIO_EXPECT_OK(in_memory->Populate(rows));
      for (const auto* output : {&in_file, &in_other_file, &in_memory}) Write(**output, rows);
      for (const auto* output : {&in_file, &in_other_file, &in_memory}) {
        const absl::StatusOr<WrittenRows> written = (*output)->Finish(rows);
        MPAIO_EXPECT_OK(written);
        EXPECT_THAT(*written, testing::IsEmpty());
      }
    }
    return absl::OkStatus();
  };
  MPAIO_ASSERT_OK(pool->ServeOnOtherRanks(write_chunks));
  MPAIO_EXPECT_OK(write_chunks(*pool));
  pool->JoinOtherRanks();
  EXPECT_EQ(Elements(*in_memory, {0, kRows}), Written(*in_memory, {0, kRows}));
  for (const auto& [output, name] :
       {std::pair(&in_file, "out.npy"), {&in_other_file, "other.npy"}}) {
    MPAIO_ASSERT_OK((*output)->file()->Commit());
    const absl::StatusOr<ArrayFile> file = ArrayFile::Open(directory.File(name));
    MPAIO_ASSERT_OK(file);
    std::vector<std::int64_t> elements(static_cast<std::size_t>((*output)->view().num_elements()));
    MPAIO_EXPECT_OK(file->LoadShare(0, 1, std::as_writable_bytes(std::span(elements))));
    EXPECT_EQ(elements, Written(**output, {0, kRows})) << name;
  }
}

TEST(OutputArray, AFileThatIsNotCommittedLeavesNothing) {
  const TempDirectory directory;
  RunOnThreads(2, {}, [&](Executor& executor) {
    const absl::StatusOr<OutputArray> output =
        OutputArray::CreateInFile(executor, directory.File("out.npy"), kInt64, {10});
    MPAIO_ASSERT_OK(output);
    Write(*output, {0, 10});
    MPAIO_EXPECT_OK(output->Finish({0, 10}));
    Meet(executor);
  });
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(OutputArray, AFileThatCannotBeMadeIsRefusedOnEveryRank) {
  const TempDirectory directory;
  RunOnThreads(3, {}, [&](Executor& executor) {
    const absl::Status nowhere =
        OutputArray::CreateInFile(executor, directory.File("no/out.npy"), kInt64, {10}).status();
    EXPECT_THAT(nowhere, StatusIs(absl::StatusCode::kNotFound, "does not exist; create it first"));
    ExpectSameOnAllRanks(executor, nowhere.ToString());
    EXPECT_THAT(
        OutputArray::CreateInFile(executor, directory.File("out.npy"), kInt64, {Index{1} << 62}),
        StatusIs(absl::StatusCode::kInvalidArgument));
  });
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(OutputArray, ImpossibleArraysAreRefusedOnEveryRank) {
  ThreadRanksOptions options;
  options.num_nodes = 2;
  RunOnThreads(3, options, [](Executor& executor) {
    const absl::Status no_room = OutputArray::Create(executor, kInt64, {Index{1} << 57}).status();
    EXPECT_THAT(no_room, StatusIs(absl::StatusCode::kResourceExhausted, "no room for"));
    ExpectSameOnAllRanks(executor, no_room.ToString());
    EXPECT_THAT(OutputArray::Create(executor, kInt64, {Index{1} << 62}),
                StatusIs(absl::StatusCode::kInvalidArgument));
    WriteAndCollect(executor, {100, 3});
  });
}

}  // namespace
}  // namespace mpaio
