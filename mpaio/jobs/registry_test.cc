// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/registry.h"

#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

class SumWorker : public Worker<std::int64_t, std::int64_t> {
 public:
  using Worker::Worker;
  absl::StatusOr<std::int64_t> Process(const ChunkView<std::int64_t>& chunk) const override {
    const auto elements = chunk.elements();
    return std::accumulate(elements.begin(), elements.end(), std::int64_t{0});
  }
  absl::Status ProcessCallback(const Chunk&, std::int64_t sum) override {
    total += sum;
    return absl::OkStatus();
  }
  std::int64_t total = 0;
};

// As in a worker target, except that there the macro mpaio_worker defines the name.
#define MPAIO_WORKER_NAME "sum_for_test"
#define MPAIO_WORKER_IS_ISOLATED 1
MPAIO_REGISTER_WORKER({
    .summary = "adds up the elements",
    .accepts = {AcceptedType::Of<std::int64_t>(), AcceptedType::Of<ByteString>()},
    .parameters = {ParameterInfo::Integer("start", "what the sum starts from", 0)},
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      auto worker = std::make_unique<SumWorker>(context.chunks);
      worker->total = context.parameters.Integer("start");
      Job job;
      job.result = [sum = worker.get()] { return Answer{{"sum", sum->total}}; };
      job.worker = std::move(worker);
      return job;
    },
});

const bool kOthersAreRegistered =
    RegisterWorker("histogram", {.summary = "counts", .accepts = {}, .parameters = {}}) &&
    RegisterWorker("a_first", {.summary = "first", .accepts = {}, .parameters = {}});

TEST(RegistryTest, FindsWorkersByName) {
  ASSERT_TRUE(kOthersAreRegistered);
  EXPECT_EQ(RegisteredWorkers(),
            (std::vector<std::string>{"a_first", "histogram", "sum_for_test"}));
  ASSERT_NE(FindWorker("sum_for_test"), nullptr);
  EXPECT_EQ(FindWorker("sum_for_test")->summary, "adds up the elements");
  EXPECT_EQ(FindWorker("sum"), nullptr);
  EXPECT_EQ(FindWorker(""), nullptr);
}

TEST(RegistryTest, MakesAJobThatGivesItsAnswer) {
  const WorkerInfo& info = *FindWorker("sum_for_test");
  const std::vector<std::int64_t> data = {1, 2, 3, 4, 5};
  const NdView array = NdView::Create(data.data(), DType::Of<std::int64_t>(), {5}).value();
  ASSERT_TRUE(info.CheckAccepts(array.dtype()).ok());
  const Parameters parameters = Parameters::Create(info.parameters, {{"start", "100"}}).value();
  JobContext context{DataIterator::Create(array, Partition::ChunkSize(2)).value(), parameters, {}};
  absl::StatusOr<Job> job = info.make(context);
  ASSERT_TRUE(job.ok()) << job.status();
  for (const Chunk& chunk : job->worker->data_iterator()) {
    std::string encoded;
    ASSERT_TRUE(job->worker->ProcessChunk(chunk, &encoded).ok());
    ASSERT_TRUE(job->worker->DeliverChunk(chunk, encoded).ok());
  }
  const absl::StatusOr<Answer> answer = job->result();
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_NE(answer->Find("sum"), nullptr);
  const NdView sum = answer->Find("sum")->array()->view();
  EXPECT_EQ(sum.dtype(), DType::Of<std::int64_t>());
  EXPECT_EQ(*reinterpret_cast<const std::int64_t*>(sum.data()), 115);
  EXPECT_EQ(job->output, nullptr);
  EXPECT_EQ(info.output, nullptr);
}

TEST(RegistryTest, RefusesATypeThatIsNotAccepted) {
  const WorkerInfo& info = *FindWorker("sum_for_test");
  EXPECT_TRUE(info.CheckAccepts(DType::Bytes(7)).ok());
  EXPECT_EQ(info.CheckAccepts(DType::Of<double>()),
            absl::InvalidArgumentError(
                "holds float64, which the worker does not take; it takes int64 (<i8), bytes (S)"));
}

TEST(RegistryTest, ProposesTheNearestName) {
  const auto message = [](absl::string_view name) {
    const absl::Status status = UnknownWorker(name);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  const std::string all = "there are a_first, histogram, sum_for_test (see --list)";
  EXPECT_EQ(message("histogramm"), "unknown worker 'histogramm'; did you mean 'histogram'? " + all);
  EXPECT_EQ(message("histgoram"), "unknown worker 'histgoram'; did you mean 'histogram'? " + all);
  EXPECT_EQ(message("a_firts"), "unknown worker 'a_firts'; did you mean 'a_first'? " + all);
  EXPECT_EQ(message("quite_another"), "unknown worker 'quite_another'; " + all);
  EXPECT_EQ(message(""), "unknown worker ''; " + all);
}

TEST(RegistryDeathTest, DuplicateNamesEndTheProgram) {
  EXPECT_DEATH(RegisterWorker("histogram", {}),
               "two worker targets are named 'histogram'; rename one");
}

TEST(RegistryDeathTest, ReservedNamesEndTheProgram) {
  EXPECT_DEATH(
      RegisterWorker("doctor", {}),
      "a worker target is named 'doctor', which is a reserved word of the command line; rename it");
}

}  // namespace
}  // namespace mpaio
