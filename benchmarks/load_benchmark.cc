// Loading a .npy file into a fresh window by all ranks, in turns with its peer: each rank's plain pread() of its share into a fresh window of the same
// kind. Prints the seconds of both and their ratio: medians, with the smallest and the largest.
//
// usage: mpirun -n RANKS load_benchmark FILE.npy [ROUNDS]      the file's elements must be in this machine's byte order, and in C order
//
// Both start with no memory and end when every rank has its share in place; ours has also backed the window and sealed it. Freeing is not counted. The
// page cache should hold the file: the rounds before the first that counts see to that if there is room.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/executor/mpi_executor.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/mpi/environment.h"
#include "mpaio/mpi/shared_window.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {
namespace {

// Calls `step` on all ranks at once; gives the seconds until the last has returned.
template <typename F>
absl::StatusOr<double> Timed(const Communicator& world, F&& step) {
  MPAIO_RETURN_IF_ERROR(world.Barrier());
  const auto start = std::chrono::steady_clock::now();
  MPAIO_RETURN_IF_ERROR(step());
  MPAIO_RETURN_IF_ERROR(world.Barrier());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

absl::StatusOr<double> LoadOurs(const Communicator& world, const std::string& path) {
  MPAIO_ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor, MpiExecutor::Create(world));
  const absl::StatusOr<double> seconds = Timed(world, [&] { return SharedArray::FromFile(*executor, path).status(); });
  MPAIO_RETURN_IF_ERROR(executor->Close());
  return seconds;
}

absl::Status ReadShare(const std::string& path, Index begin, Index end, std::byte* to) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  while (begin < end) {
    const ssize_t got = ::pread(fd, to + begin, static_cast<std::size_t>(end - begin), begin);
    if (got <= 0) break;
    begin += got;
  }
  ::close(fd);
  return begin == end ? absl::OkStatus() : absl::DataLossError(absl::StrCat("cannot read ", path));
}

// The header is read along with the rest: some hundred bytes.
absl::StatusOr<double> LoadPlainly(const Communicator& world, const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  const Index size_bytes = status.st_size;
  SharedWindow window;
  const absl::StatusOr<double> seconds = Timed(world, [&]() -> absl::Status {
    MPAIO_ASSIGN_OR_RETURN(window, SharedWindow::Allocate(world, size_bytes));
    const auto share = [&](Index rank) { return size_bytes / world.size() * rank + size_bytes % world.size() * rank / world.size(); };
    return ReadShare(path, share(world.rank()), share(world.rank() + 1), window.data());
  });
  MPAIO_RETURN_IF_ERROR(window.Free());
  return seconds;
}

void Show(const char* name, std::vector<double> values, const char* unit) {
  std::sort(values.begin(), values.end());
  std::printf("%-28s %8.3f %-6s (%.3f to %.3f)\n", name, values[values.size() / 2], unit, values.front(), values.back());
}

absl::Status Measure(const Communicator& world, const std::string& path, int rounds) {
  if (world.size() < 2) return absl::InvalidArgumentError("give it at least 2 ranks: mpirun -n 2 load_benchmark FILE.npy");
  std::vector<double> ours, plain, ratios;
  constexpr int kWarmUps = 2;
  for (int round = -kWarmUps; round < rounds; ++round) {
    absl::StatusOr<double> first, second;
    if (round % 2 == 0) {
      first = LoadOurs(world, path);
      second = LoadPlainly(world, path);
    } else {
      second = LoadPlainly(world, path);
      first = LoadOurs(world, path);
    }
    MPAIO_RETURN_IF_ERROR(first.status());
    MPAIO_RETURN_IF_ERROR(second.status());
    if (round < 0) continue;
    ours.push_back(*first);
    plain.push_back(*second);
    ratios.push_back(*second / *first);
  }
  if (world.rank() != 0) return absl::OkStatus();
  Show("SharedArray::FromFile", std::move(ours), "s");
  Show("plain pread", std::move(plain), "s");
  Show("speed, ours / plain", std::move(ratios), "times");
  return absl::OkStatus();
}

}  // namespace
}  // namespace mpaio

int main(int argc, char** argv) {
  mpaio::Environment environment(&argc, &argv);
  absl::Status status = environment.status();
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 9;
  if (status.ok()) status = argc < 2 || rounds < 1 ? absl::InvalidArgumentError("usage: mpirun -n RANKS load_benchmark FILE.npy [ROUNDS]")
                                                   : mpaio::Measure(environment.world(), argv[1], rounds);
  if (!status.ok() && environment.world().rank() == 0) std::fprintf(stderr, "load_benchmark: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
