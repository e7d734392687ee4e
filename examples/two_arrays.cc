// SPDX-License-Identifier: Apache-2.0

// Two workers over two arrays at once: one joins strings, the other adds integers.
//
//   mpirun -n 4 bazel-bin/examples/two_arrays
//
// Every rank runs this main. The pool and the arrays belong to the program, which passes them in.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <numeric>
#include <string>

#include "mpaio/mpaio.h"

namespace {

constexpr mpaio::Index kRows = 1000;

class JoinStrings final : public mpaio::Worker<mpaio::ByteString, std::string> {
 public:
  using Worker::Worker;

  // In any rank: from a chunk to its result.
  absl::StatusOr<std::string> Process(
      const mpaio::ChunkView<mpaio::ByteString>& chunk) const override {
    std::string joined;
    for (const absl::string_view text : chunk.elements()) joined.append(text.data(), text.size());
    return joined;
  }
  // On rank 0, once for each chunk, in their order.
  absl::Status ProcessCallback(const mpaio::Chunk&, std::string joined) override {
    all += joined;
    return absl::OkStatus();
  }

  std::string all;
};

class AddIntegers final : public mpaio::Worker<std::int64_t, std::int64_t> {
 public:
  using Worker::Worker;

  absl::StatusOr<std::int64_t> Process(const mpaio::ChunkView<std::int64_t>& chunk) const override {
    const auto elements = chunk.elements();
    return std::accumulate(elements.begin(), elements.end(), std::int64_t{0});
  }
  absl::Status ProcessCallback(const mpaio::Chunk&, std::int64_t sum) override {
    total += sum;
    return absl::OkStatus();
  }

  std::int64_t total = 0;
};

// Returns strings "foo_0", "foo_1", ... in the memory that the ranks of a node share.
absl::StatusOr<mpaio::SharedArray> MakeStrings(mpaio::Executor& pool) {
  constexpr mpaio::Index kLength = 8;
  MPAIO_ASSIGN_OR_RETURN(mpaio::SharedArray strings,
                         mpaio::SharedArray::Create(pool, mpaio::DType::Bytes(kLength), {kRows}));
  if (pool.node_rank() == 0) {
    for (mpaio::Index row = 0; row < kRows; ++row) {
      std::snprintf(reinterpret_cast<char*>(strings.mutable_view().MutableRowData(row)), kLength,
                    "foo_%d", static_cast<int>(row));
    }
  }
  // From here on the array is constant on every rank.
  MPAIO_RETURN_IF_ERROR(strings.Seal(pool));
  return strings;
}

// Returns the integers 0, 1, ...
absl::StatusOr<mpaio::SharedArray> MakeIntegers(mpaio::Executor& pool) {
  MPAIO_ASSIGN_OR_RETURN(
      mpaio::SharedArray integers,
      mpaio::SharedArray::Create(pool, mpaio::DType::Of<std::int64_t>(), {kRows}));
  if (pool.node_rank() == 0) {
    MPAIO_ASSIGN_OR_RETURN(const auto numbers, integers.mutable_view().Span<std::int64_t>());
    std::iota(numbers.begin(), numbers.end(), 0);
  }
  MPAIO_RETURN_IF_ERROR(integers.Seal(pool));
  return integers;
}

absl::Status Run(mpaio::Executor& pool) {
  MPAIO_ASSIGN_OR_RETURN(const mpaio::SharedArray strings, MakeStrings(pool));
  MPAIO_ASSIGN_OR_RETURN(const mpaio::SharedArray integers, MakeIntegers(pool));
  MPAIO_ASSIGN_OR_RETURN(
      mpaio::DataIterator string_chunks,
      mpaio::DataIterator::Create(strings.view(), mpaio::Partition::ChunkSize(100)));
  MPAIO_ASSIGN_OR_RETURN(
      mpaio::DataIterator integer_chunks,
      mpaio::DataIterator::Create(integers.view(), mpaio::Partition::ChunkSize(50)));
  JoinStrings join(std::move(string_chunks));
  AddIntegers add(std::move(integer_chunks));
  mpaio::WorkerOrchestrator orchestrator(pool, {&join, &add});
  // Rank 0 goes on at once; the other ranks serve until the run is over.
  MPAIO_ASSIGN_OR_RETURN(mpaio::Run run, orchestrator.Start());
  MPAIO_RETURN_IF_ERROR(run.Wait());
  if (pool.rank() != 0) return absl::OkStatus();
  std::printf("%zu characters, %s...\n", join.all.size(), join.all.substr(0, 15).c_str());
  std::printf("sum %lld\n", static_cast<long long>(add.total));
  return absl::OkStatus();
}

absl::Status RunInPool(const mpaio::Environment& environment) {
  MPAIO_RETURN_IF_ERROR(environment.status());
  MPAIO_ASSIGN_OR_RETURN(const std::unique_ptr<mpaio::Executor> pool,
                         mpaio::MpiExecutor::Create(environment.world()));
  return Run(*pool);
}

}  // namespace

int main(int argc, char** argv) {
  mpaio::Environment environment(&argc, &argv);
  const absl::Status status = RunInPool(environment);
  if (status.ok() || environment.world().rank() != 0) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
