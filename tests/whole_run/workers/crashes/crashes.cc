// SPDX-License-Identifier: Apache-2.0

// crashes: a sum that ends its process, or never ends, on selected rows. For tests.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mpaio/base/index.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/kernel/sum.h"

namespace mpaio {
namespace {

class Crashes final : public Worker<std::int64_t, absl::int128> {
 public:
  Crashes(DataIterator chunks, const Parameters& parameters, std::vector<Index> rows)
      : Worker(std::move(chunks)),
        how_(parameters.Text("how")),
        rows_(std::move(rows)),
        every_(parameters.Integer("every")),
        times_(parameters.Integer("times")),
        counters_(parameters.Text("counters")),
        spares_rank_0_(parameters.Integer("spares_rank_0") != 0),
        chunk_cost_(parameters.Integer("chunk_us")) {}

  absl::StatusOr<absl::int128> Process(const ChunkView<std::int64_t>& chunk) const override {
    // Sleeps instead of computing, so that a run is long but leaves the cores to other processes.
    std::this_thread::sleep_for(chunk_cost_);
    if (IsSelected(chunk.rows()) && !IsSpared() && CountCrash(chunk.rows().begin)) Crash();
    return SumExactly(chunk.elements());
  }

  absl::Status ProcessCallback(const Chunk&, absl::int128 sum) override {
    total_ += sum;
    return absl::OkStatus();
  }

  mpaio::Answer Answer() const { return static_cast<std::int64_t>(total_); }

 private:
  bool IsSelected(RowRange rows) const {
    if (every_ > 0 &&
        rows.begin / every_ * every_ + (rows.begin % every_ == 0 ? 0 : every_) < rows.end)
      return true;
    return std::any_of(rows_.begin(), rows_.end(),
                       [rows](Index row) { return rows.begin <= row && row < rows.end; });
  }

  bool IsSpared() const {
    const char* const rank = std::getenv("OMPI_COMM_WORLD_RANK");
    return spares_rank_0_ && (rank == nullptr || std::string(rank) == "0");
  }

  // Counts a crash of the chunk that begins with `row`, in a file that gets a byte for each crash
  // in any process. Returns false if the limit is reached. The file may be a pipe that a test
  // reads.
  bool CountCrash(Index row) const {
    if (counters_.empty()) return true;
    const int file = ::open(absl::StrCat(counters_, "/", row).c_str(),
                            O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    struct stat status = {};
    const bool is_allowed =
        file >= 0 && ::fstat(file, &status) == 0 && (times_ < 0 || status.st_size < times_);
    const bool is_written = is_allowed && ::write(file, "x", 1) == 1;
    if (file >= 0) ::close(file);
    return is_written;
  }

  void Crash() const {
    if (how_ == "segv") {
      volatile int* volatile nowhere = nullptr;
      *nowhere = 1;
    } else if (how_ == "abort") {
      std::abort();
    } else if (how_ == "exit0") {
      std::exit(0);
    } else if (how_ == "exit1") {
      std::exit(1);
    } else if (how_ == "kill") {
      ::raise(SIGKILL);
    } else if (how_ == "hang") {
      for (;;) ::pause();
    } else if (how_ == "spin") {
      for (std::atomic<int> turns = 0;; ++turns) {
      }
    } else if (how_ == "allocate") {
      // Allocates until it fails. The limit protects the machine's memory.
      const struct rlimit limit = {std::size_t{16} << 30, std::size_t{16} << 30};
      ::setrlimit(RLIMIT_AS, &limit);
      std::vector<std::unique_ptr<char[]>> all;
      for (;;) all.push_back(std::make_unique_for_overwrite<char[]>(std::size_t{1} << 30));
    }
    if (how_ == "throw") throw std::runtime_error("throws as it was told to");
  }

  const std::string how_;
  const std::vector<Index> rows_;
  const Index every_;
  const Index times_;
  const std::string counters_;
  const bool spares_rank_0_;
  const std::chrono::microseconds chunk_cost_;
  absl::int128 total_ = 0;
};

absl::StatusOr<std::vector<Index>> Rows(const std::string& text) {
  std::vector<Index> rows;
  for (const absl::string_view word : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    if (!absl::SimpleAtoi(word, &rows.emplace_back()))
      return absl::InvalidArgumentError(absl::StrCat("rows: '", word, "' is no row; give 3,14,15"));
  }
  return rows;
}

MPAIO_REGISTER_WORKER({
    .summary = "adds up integers, and ends its process on some chunks",
    .accepts = {AcceptedType::Of<std::int64_t>()},
    .parameters =
        {ParameterInfo::Choice("how", "what happens",
                               {"segv", "abort", "exit0", "exit1", "kill", "hang", "spin",
                                "allocate", "throw", "nothing"}),
         ParameterInfo::Text("rows", "the chunks that have one of these rows: 3,14,15", ""),
         ParameterInfo::Integer(
             "every", "and the chunks with a row that is a multiple of this; 0: none", 0, 0),
         ParameterInfo::Integer("times", "how often, for each chunk; -1: always. Needs counters",
                                -1, -1),
         ParameterInfo::Text("counters",
                             "a folder, in which each chunk has a file, by its first row, that "
                             "gets a byte each time",
                             ""),
         ParameterInfo::Integer("spares_rank_0", "1: not on rank 0", 0, 0),
         ParameterInfo::Integer("chunk_us", "time that a chunk takes, in microseconds", 0, 0)},
    .output = nullptr,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      absl::StatusOr<std::vector<Index>> rows = Rows(context.parameters.Text("rows"));
      if (!rows.ok()) return rows.status();
      auto worker = std::make_unique<Crashes>(std::move(context.chunks), context.parameters,
                                              *std::move(rows));
      const Crashes* crashes = worker.get();
      return Job{std::move(worker), [crashes] { return crashes->Answer(); }, nullptr};
    },
});

}  // namespace
}  // namespace mpaio
