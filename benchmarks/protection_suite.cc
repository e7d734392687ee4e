// SPDX-License-Identifier: Apache-2.0

// The cost of the protection against crashes, hangs and stops: runs of chunks of a millisecond that
// are isolated, isolated with a deadline, with a journal, and with all of these, compared with an
// unprotected run.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmarks/loads.h"
#include "benchmarks/pool.h"
#include "benchmarks/suite.h"
#include "mpaio/jobs/journal_observer.h"
#include "mpaio/ledger/journal.h"

namespace mpaio {
namespace {

constexpr Index kChunks = 2000;
constexpr double kChunkNanoseconds = 1e6;

class Burner final : public Worker<std::int64_t, std::int64_t> {
 public:
  Burner(DataIterator data, std::int64_t rounds, bool is_isolated)
      : Worker(std::move(data)), rounds_(rounds) {
    set_isolated(is_isolated);
  }

  absl::StatusOr<std::int64_t> Process(const ChunkView<std::int64_t>& chunk) const override {
    return chunk.elements()[0] + (Burn(rounds_) & 0);
  }
  absl::Status ProcessCallback(const Chunk&, std::int64_t value) override {
    total_ += value;
    return absl::OkStatus();
  }
  absl::Status Check() const {
    return total_ == kChunks * (kChunks - 1) / 2 ? absl::OkStatus()
                                                 : absl::InternalError("the results' sum is wrong");
  }

 private:
  std::int64_t rounds_;
  std::int64_t total_ = 0;
};

struct Protection {
  const char* name;
  bool is_isolated = false;
  bool has_deadline = false;
  bool has_journal = false;
};

std::string JournalPath() {
  const char* const folder = std::getenv("TMPDIR");
  return absl::StrCat(folder == nullptr ? "/tmp" : folder, "/mpaio_benchmark_journal.", getpid());
}

absl::StatusOr<std::vector<BenchmarkCase>> MakeProtectionCases(const Communicator& world) {
  MPAIO_ASSIGN_OR_RETURN(const std::shared_ptr<BenchmarkPool> pool, BenchmarkPool::Create(world));
  MPAIO_ASSIGN_OR_RETURN(const std::span<std::int64_t> numbers,
                         pool->Numbers(kChunks, [](Index k) { return k; }));
  MPAIO_ASSIGN_OR_RETURN(const NdView array,
                         NdView::Create(numbers.data(), DType::Of<std::int64_t>(), {kChunks}));
  MPAIO_ASSIGN_OR_RETURN(const DataIterator chunks,
                         DataIterator::Create(array, Partition::ChunkSize(1)));
  MPAIO_ASSIGN_OR_RETURN(const double rounds, SameOnAllRanks(world, [] {
                           return kChunkNanoseconds / NanosecondsPerRound();
                         }));

  std::vector<BenchmarkCase> cases;
  for (const Protection& protection :
       {Protection{"Mpaio"}, Protection{"Isolated", true}, Protection{"WithDeadline", true, true},
        Protection{"WithJournal", false, false, true}, Protection{"WithAll", true, true, true}}) {
    cases.push_back(
        {absl::StrCat("BM_Protection_", protection.name, "/chunk_ms:1"),
         [=]() -> absl::StatusOr<double> {
           RunOptions options;
           if (protection.has_deadline) options.chunk_deadline = absl::Seconds(10);
           std::optional<JournalWriter> journal;
           std::optional<JournalObserver> observer;
           if (protection.has_journal && pool->world().rank() == 0) {
             MPAIO_ASSIGN_OR_RETURN(journal, JournalWriter::Create(JournalPath(), "a benchmark"));
             options.observers = {&observer.emplace(&*journal, 0)};
           }
           const absl::StatusOr<double> seconds = pool->TimeRun(
               [&] {
                 return Burner(chunks, static_cast<std::int64_t>(rounds), protection.is_isolated);
               },
               options);
           if (journal) std::filesystem::remove(JournalPath());
           return seconds;
         },
         static_cast<double>(kChunks)});
  }
  return cases;
}

}  // namespace
}  // namespace mpaio

int main(int argc, char** argv) { return mpaio::RunSuite(argc, argv, mpaio::MakeProtectionCases); }
