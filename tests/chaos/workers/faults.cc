// SPDX-License-Identifier: Apache-2.0
#include "tests/chaos/workers/faults.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"

namespace mpaio {
namespace {

int RankOf() {
  const char* const rank = getenv("OMPI_COMM_WORLD_RANK");
  return rank == nullptr ? 0 : atoi(rank);
}

// Appends in one call, so that the lines of concurrent processes are not mixed. Returns the length
// of the file after the write, which includes at least this text and all text before it; 0 on an
// error.
off_t Append(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return 0;
  struct stat status = {};
  const bool is_written =
      write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      fstat(file, &status) == 0;
  close(file);
  return is_written ? status.st_size : 0;
}

[[noreturn]] void TakeAllMemory() {
  constexpr std::size_t kBytes = std::size_t{16} << 20;
  // The test has set a memory limit; do not call this without one.
  for (;;) {
    void* const memory =
        mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) std::memset(memory, 1, kBytes);
  }
}

[[noreturn]] void Harm(const std::string& how) {
  if (how == "exit0") exit(0);
  if (how == "exit1") exit(1);
  if (how == "_exit0") _exit(0);
  if (how == "abort") abort();
  if (how == "segv") {
    // A real access violation: a write to a page without permissions.
    void* const page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *static_cast<volatile char*>(page) = 1;
  }
  if (how == "kill") raise(SIGKILL);
  if (how == "stop") raise(SIGSTOP);
  if (how == "alloc") TakeAllMemory();
  // "hang"
  for (;;) pause();
}

}  // namespace

std::vector<ParameterInfo> ChaosFaults::ParametersOf() {
  return {ParameterInfo::Text("folder", "where the plan is", ""),
          ParameterInfo::Integer("chunk_us", "time that a chunk takes, in microseconds", 0, 0)};
}

ChaosFaults::ChaosFaults(const Parameters& parameters)
    : folder_(parameters.Text("folder")),
      chunk_time_(parameters.Integer("chunk_us")),
      rank_(RankOf()),
      rank_process_(getpid()) {
  std::ifstream plan(absl::StrCat(folder_, "/plan"));
  ChunkId chunk = 0;
  Fault fault;
  while (!folder_.empty() && plan >> chunk >> fault.how >> fault.times) plan_[chunk] = fault;
}

void ChaosFaults::Log(ChunkId chunk, const std::string& how) const {
  Append(folder_ + "/events", absl::StrCat(rank_, getpid() == rank_process_ ? " rank " : " child ",
                                           chunk, " ", how, "\n"));
}

void ChaosFaults::Suffer(ChunkId chunk) const {
  if (folder_.empty()) return;
  // Once per process. A forked child inherits the flag if its parent has processed a chunk itself.
  static bool has_reported = false;
  if (!has_reported) {
    has_reported = true;
    Append(absl::StrCat(folder_, "/ready.", rank_), "");
  }
  // Sleeps instead of computing, so that long runs leave the cores to other processes.
  std::this_thread::sleep_for(chunk_time_);
  const auto planned = plan_.find(chunk);
  if (planned == plan_.end()) return;
  const Fault& fault = planned->second;
  const off_t attempt = Append(absl::StrCat(folder_, "/attempts.", chunk), ".");
  if (fault.times >= 0 && attempt > fault.times) return;
  if (rank_ == 0 && getpid() == rank_process_) return Log(chunk, "spared");
  Log(chunk, fault.how);
  Harm(fault.how);
}

}  // namespace mpaio
