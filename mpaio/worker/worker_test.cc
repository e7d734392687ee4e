// SPDX-License-Identifier: Apache-2.0
#include "mpaio/worker/worker.h"

#include <atomic>
#include <cstdint>
#include <new>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

DataIterator Iterate(const NdView& array, Partition partition, DataIteratorOptions options = {}) {
  return DataIterator::Create(array, partition, options).value();
}

// Sums a chunk; fails or throws at the configured chunks.
class SumWorker : public Worker<std::int64_t, std::int64_t> {
 public:
  using Worker::Worker;

  absl::StatusOr<std::int64_t> Process(const ChunkView<std::int64_t>& chunk) const override {
    if (chunk.id() == fails_at) return absl::OutOfRangeError("too large");
    if (chunk.id() == throws_at) throw std::runtime_error("no luck");
    const auto elements = chunk.elements();
    return std::accumulate(elements.begin(), elements.end(), std::int64_t{0});
  }
  absl::Status ProcessCallback(const Chunk& chunk, std::int64_t sum) override {
    if (chunk.id == callback_throws_at) throw 5;
    delivered.emplace_back(chunk.id, sum);
    return chunk.id == callback_fails_at ? absl::AbortedError("enough") : absl::OkStatus();
  }

  ChunkId fails_at = -1, throws_at = -1, callback_fails_at = -1, callback_throws_at = -1;
  std::vector<std::pair<ChunkId, std::int64_t>> delivered;
};

class WorkerTest : public testing::Test {
 protected:
  // 10 rows of 3 elements, 0 to 29.
  WorkerTest() : data_(30) { std::iota(data_.begin(), data_.end(), 0); }
  NdView Array() const {
    return NdView::Create(data_.data(), DType::Of<std::int64_t>(), {10, 3}).value();
  }

  std::vector<std::int64_t> data_;
};

TEST_F(WorkerTest, AChunkViewShowsItsRows) {
  const DataIterator data = Iterate(Array(), Partition::ChunkSize(2));
  const ChunkView<std::int64_t> view(data, Chunk{2, {4, 6}});
  EXPECT_EQ(view.id(), 2);
  EXPECT_EQ(view.rows(), (RowRange{4, 6}));
  EXPECT_EQ(view.row_elements(), 3);
  EXPECT_EQ(view.first_element(), 12);
  ASSERT_EQ(view.elements().size(), 6u);
  EXPECT_EQ(view.elements().data(), data_.data() + 12);
  ASSERT_EQ(view.row(1).size(), 3u);
  EXPECT_EQ(view.row(1)[0], 15);
}

TEST_F(WorkerTest, AChunkViewOfStringsAndOfOneElement) {
  const std::string text("ab\0c\0\0def", 9);
  const NdView words = NdView::Create(text.data(), DType::Bytes(3), {3}).value();
  const DataIterator words_data = Iterate(words, Partition::Auto());
  const ChunkView<ByteString> view(words_data, Chunk{0, {1, 3}});
  ASSERT_EQ(view.elements().size(), 2u);
  EXPECT_EQ(view.elements()[0], "c");
  EXPECT_EQ(view.row(1)[0], "def");
  const double number = 2.5;
  const NdView scalar = NdView::Create(&number, DType::Of<double>(), {}).value();
  const DataIterator scalar_data = Iterate(scalar, Partition::Auto());
  EXPECT_EQ(ChunkView<double>(scalar_data, Chunk{0, {0, 1}}).elements()[0], 2.5);
}

// Shape (2, 3, 5), elements 0 to 29: rows 1 and 2 along axis 1 have 5 elements each in each of 2
// blocks.
TEST_F(WorkerTest, AChunkAlongAnotherAxisLiesInBlocks) {
  const NdView array = NdView::Create(data_.data(), DType::Of<std::int64_t>(), {2, 3, 5}).value();
  const DataIterator data = Iterate(array, Partition::ChunkSize(2), {.start_row = 1, .axis = 1});
  const ChunkView<std::int64_t> view(data, *data.begin());
  EXPECT_EQ(view.rows(), (RowRange{1, 3}));
  ASSERT_EQ(view.num_blocks(), 2);
  EXPECT_EQ(view.row_elements(), 10);
  EXPECT_EQ(view.first_element(), 5);
  ASSERT_EQ(view.block(0).size(), 10u);
  EXPECT_EQ(view.block(0).data(), data_.data() + 5);
  ASSERT_EQ(view.block(1).size(), 10u);
  EXPECT_EQ(view.block(1).data(), data_.data() + 20);
  EXPECT_THROW(view.elements(), std::logic_error);
  EXPECT_THROW(view.row(0), std::logic_error);
}

// A chunk along the first axis is one block; so is a chunk along an axis whose preceding axes all
// have extent 1.
TEST_F(WorkerTest, OneBlockIsAllElements) {
  const NdView array = NdView::Create(data_.data(), DType::Of<std::int64_t>(), {1, 10, 3}).value();
  for (const Index axis : {0, 1}) {
    const DataIterator data = Iterate(array, Partition::ChunkSize(10), {.axis = axis});
    const ChunkView<std::int64_t> view(data, *data.begin());
    ASSERT_EQ(view.num_blocks(), 1);
    EXPECT_EQ(view.block(0).data(), data_.data());
    EXPECT_EQ(view.block(0).size(), 30u);
    EXPECT_EQ(view.elements().size(), 30u);
  }
}

// Rows [1, 10) in chunks of 4: [1, 5), [5, 9), [9, 10).
TEST_F(WorkerTest, AResultGoesFromProcessToTheCallback) {
  SumWorker worker(Iterate(Array(), Partition::ChunkSize(4), {.start_row = 1}));
  for (const Chunk& chunk : worker.data_iterator()) {
    std::string encoded = "kept";
    ASSERT_TRUE(worker.ProcessChunk(chunk, &encoded).ok());
    ASSERT_EQ(encoded.substr(0, 4), "kept");
    ASSERT_TRUE(worker.DeliverChunk(chunk, absl::string_view(encoded).substr(4)).ok());
  }
  // 3 + 4 + ... + 14 = 102; 15 + ... + 26 = 246; 27 + 28 + 29 = 84.
  EXPECT_EQ(worker.delivered,
            (std::vector<std::pair<ChunkId, std::int64_t>>{{0, 102}, {1, 246}, {2, 84}}));
}

TEST_F(WorkerTest, AFailureLeavesTheBytesAsTheyWere) {
  SumWorker worker(Iterate(Array(), Partition::ChunkSize(4)));
  worker.fails_at = 1;
  worker.throws_at = 2;
  std::string encoded = "kept";
  EXPECT_EQ(worker.ProcessChunk({1, {4, 8}}, &encoded), absl::OutOfRangeError("too large"));
  EXPECT_EQ(worker.ProcessChunk({2, {8, 10}}, &encoded),
            absl::InternalError("Process threw std::runtime_error: no luck"));
  EXPECT_EQ(encoded, "kept");
}

// Appends half of the encoding, then fails.
struct Unencodable {
  void Encode(std::string* out) const {
    *out += "half";
    throw std::bad_alloc();
  }
  static absl::StatusOr<Unencodable> Decode(absl::string_view) {
    throw std::runtime_error("undecodable");
  }
};

class UnencodableWorker : public Worker<std::int64_t, std::vector<Unencodable>> {
 public:
  using Worker::Worker;
  absl::StatusOr<std::vector<Unencodable>> Process(const ChunkView<std::int64_t>&) const override {
    return std::vector<Unencodable>(1);
  }
  absl::Status ProcessCallback(const Chunk&, std::vector<Unencodable>) override {
    return absl::OkStatus();
  }
};

TEST_F(WorkerTest, CodecExceptionsAreFailures) {
  UnencodableWorker worker(Iterate(Array(), Partition::ChunkSize(4)));
  std::string encoded = "kept";
  EXPECT_EQ(worker.ProcessChunk({0, {0, 4}}, &encoded).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(encoded, "kept");
  std::string bytes;
  WireAppend<std::uint64_t>(1, &bytes);
  WireAppendBytes("", &bytes);
  const absl::Status delivered = worker.DeliverChunk({0, {0, 4}}, bytes);
  EXPECT_EQ(delivered.code(), absl::StatusCode::kInternal);
  EXPECT_NE(delivered.message().find("undecodable"), absl::string_view::npos) << delivered;
}

TEST_F(WorkerTest, CallbackErrorsAndExceptionsAreStatuses) {
  SumWorker worker(Iterate(Array(), Partition::ChunkSize(4)));
  worker.callback_fails_at = 0;
  worker.callback_throws_at = 1;
  std::string encoded;
  Codec<std::int64_t>::Encode(7, &encoded);
  EXPECT_EQ(worker.DeliverChunk({0, {0, 4}}, encoded), absl::AbortedError("enough"));
  EXPECT_EQ(worker.DeliverChunk({1, {4, 8}}, encoded).message(),
            "ProcessCallback threw int, which is not a std::exception");
  EXPECT_EQ(worker.DeliverChunk({2, {8, 10}}, encoded.substr(1)).code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(worker.delivered.size(), 1u);
}

// Returns a text as long as the chunk's number: a result of variable length.
class TextWorker final : public Worker<std::int64_t, std::string> {
 public:
  using Worker::Worker;
  absl::StatusOr<std::string> Process(const ChunkView<std::int64_t>& chunk) const override {
    if (chunk.id() == fails_at) return absl::OutOfRangeError("too large");
    return std::string(static_cast<std::size_t>(chunk.id()), 'x');
  }
  absl::Status ProcessCallback(const Chunk& chunk, std::string text) override {
    lengths.push_back(static_cast<std::int64_t>(text.size()));
    return chunk.id == callback_fails_at ? absl::AbortedError("enough") : absl::OkStatus();
  }
  ChunkId fails_at = -1, callback_fails_at = -1;
  std::vector<std::int64_t> lengths;
};

// Covers results of fixed and of variable length.
TEST_F(WorkerTest, SeveralChunksTogetherEqualOneByOne) {
  const std::atomic<bool> stop = false;
  SumWorker sums(Iterate(Array(), Partition::ChunkSize(1)));
  TextWorker texts(Iterate(Array(), Partition::ChunkSize(1)));
  for (WorkerBase* worker : {static_cast<WorkerBase*>(&sums), static_cast<WorkerBase*>(&texts)}) {
    std::string one_by_one = "kept", together = "kept";
    for (ChunkId id = 2; id < 9; ++id) {
      std::string encoded;
      ASSERT_TRUE(worker->ProcessChunk({id, {id, id + 1}}, &encoded).ok());
      WireAppendBytes(encoded, &one_by_one);
    }
    const ChunksDone processed = worker->ProcessChunks(2, 7, &together);
    EXPECT_TRUE(processed.status.ok()) << processed.status;
    EXPECT_EQ(processed.done, 7);
    EXPECT_EQ(together, one_by_one);
    WireReader reader(absl::string_view(together).substr(4));
    EXPECT_EQ(worker->DeliverChunks(2, 3, stop, &reader).done, 3);
    EXPECT_EQ(worker->DeliverChunks(5, 4, stop, &reader).done, 4);
    EXPECT_TRUE(reader.at_end());
  }
  std::vector<std::pair<ChunkId, std::int64_t>> expected;
  for (ChunkId id = 2; id < 9; ++id) expected.emplace_back(id, 9 * id + 3);
  EXPECT_EQ(sums.delivered, expected);
  EXPECT_EQ(texts.lengths, (std::vector<std::int64_t>{2, 3, 4, 5, 6, 7, 8}));
}

TEST_F(WorkerTest, SeveralChunksEndAtTheOneThatFails) {
  SumWorker sums(Iterate(Array(), Partition::ChunkSize(1)));
  TextWorker texts(Iterate(Array(), Partition::ChunkSize(1)));
  sums.fails_at = texts.fails_at = 4;
  sums.callback_fails_at = texts.callback_fails_at = 3;
  const std::atomic<bool> stop = false;
  for (WorkerBase* worker : {static_cast<WorkerBase*>(&sums), static_cast<WorkerBase*>(&texts)}) {
    std::string encoded;
    const ChunksDone processed = worker->ProcessChunks(2, 7, &encoded);
    EXPECT_EQ(processed.status, absl::OutOfRangeError("too large"));
    EXPECT_EQ(processed.done, 2);
    WireReader reader(encoded);
    const ChunksDone delivered = worker->DeliverChunks(2, 7, stop, &reader);
    EXPECT_EQ(delivered.status, absl::AbortedError("enough"));
    EXPECT_EQ(delivered.done, 1);
    EXPECT_TRUE(reader.at_end());
  }
  sums.throws_at = 6;
  std::string encoded = "kept";
  const ChunksDone thrown = sums.ProcessChunks(6, 2, &encoded);
  EXPECT_EQ(thrown.status, absl::InternalError("Process threw std::runtime_error: no luck"));
  EXPECT_EQ(thrown.done, 0);
  EXPECT_EQ(encoded, "kept");
  WireReader nothing("");
  EXPECT_EQ(sums.DeliverChunks(0, 1, stop, &nothing).status.code(), absl::StatusCode::kDataLoss);
}

TEST_F(WorkerTest, DeliveryOfSeveralChunksCanBeStopped) {
  SumWorker sums(Iterate(Array(), Partition::ChunkSize(1)));
  TextWorker texts(Iterate(Array(), Partition::ChunkSize(1)));
  const std::atomic<bool> stop = true;
  for (WorkerBase* worker : {static_cast<WorkerBase*>(&sums), static_cast<WorkerBase*>(&texts)}) {
    std::string encoded;
    ASSERT_EQ(worker->ProcessChunks(0, 3, &encoded).done, 3);
    WireReader reader(encoded);
    const ChunksDone delivered = worker->DeliverChunks(0, 3, stop, &reader);
    EXPECT_TRUE(delivered.status.ok());
    EXPECT_EQ(delivered.done, 0);
  }
  EXPECT_TRUE(sums.delivered.empty());
}

TEST_F(WorkerTest, RefusesAnArrayOfAnotherType) {
  SumWorker right(Iterate(Array(), Partition::Auto()));
  EXPECT_TRUE(right.CheckInput().ok());
  SumWorker wrong(
      Iterate(NdView::Create(data_.data(), DType::Of<double>(), {30}).value(), Partition::Auto()));
  const absl::Status status = wrong.CheckInput();
  EXPECT_EQ(status,
            absl::InvalidArgumentError(
                "the array holds float64 but the worker mpaio::SumWorker reads int64 (<i8)"));
}

TEST_F(WorkerTest, IsNamedByItsTypeOrBySetName) {
  SumWorker worker(Iterate(Array(), Partition::Auto()));
  EXPECT_EQ(worker.name(), "mpaio::SumWorker");
  worker.set_name("sum");
  EXPECT_EQ(worker.name(), "sum");
}

}  // namespace
}  // namespace mpaio
