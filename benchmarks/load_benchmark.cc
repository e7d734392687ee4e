// SPDX-License-Identifier: Apache-2.0

// All ranks load a .npy file of int64 into a new window, in alternation with a peer, in which each
// rank calls pread() for its share, into a new window of the same kind. A second comparison also
// sums the loaded elements: mpaio loads pages on demand, when the sum touches them; each rank of
// the peer sums its share after it has read the share. Prints the seconds of both and their ratio:
// median, smallest and largest.
//
// usage: mpirun -n RANKS load_benchmark FILE.npy [ROUNDS]
//
// The file's elements must be in this machine's byte order and in C order.
//
// A measurement begins with no memory allocated and ends when every rank has finished its share.
// Without the sum, mpaio has populated and sealed the window by then. Freeing is not counted.
// The page cache should hold the file: the warm-up rounds read it if there is enough memory.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/executor/mpi_executor.h"
#include "mpaio/format/array_file.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/mpi/environment.h"
#include "mpaio/mpi/shared_window.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {
namespace {

// Calls `step` on all ranks at once. Returns the seconds until the last rank has returned.
// Collective.
template <typename F>
absl::StatusOr<double> Timed(const Communicator& world, F&& step) {
  MPAIO_RETURN_IF_ERROR(world.Barrier());
  const auto start = std::chrono::steady_clock::now();
  MPAIO_RETURN_IF_ERROR(step());
  MPAIO_RETURN_IF_ERROR(world.Barrier());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The input file.
struct File {
  std::string path;
  Index header_bytes = 0;
  Index size_bytes = 0;  // of the array
};

// A rank's share of the array, in bytes.
struct Share {
  Index begin, end;
  Share(const File& file, const Communicator& world)
      : begin(Border(file, world.rank(), world.size())),
        end(Border(file, world.rank() + 1, world.size())) {}

 private:
  static Index Border(const File& file, Index rank, Index size) {
    const Index count = file.size_bytes / static_cast<Index>(sizeof(std::int64_t));
    return (count / size * rank + count % size * rank / size) *
           static_cast<Index>(sizeof(std::int64_t));
  }
};

std::int64_t Sum(const std::byte* array, const Share& share) {
  const auto* const numbers = reinterpret_cast<const std::int64_t*>(array);
  constexpr auto kBytes = static_cast<Index>(sizeof(std::int64_t));
  return std::accumulate(numbers + share.begin / kBytes, numbers + share.end / kBytes,
                         std::int64_t{0});
}

// Loads the file with mpaio and returns the seconds. If `sum` is not null, also stores the sum of
// the rank's share in it.
absl::StatusOr<double> LoadOurs(const Communicator& world, const File& file, std::int64_t* sum) {
  MPAIO_ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor, MpiExecutor::Create(world));
  SharedArray array;
  const absl::StatusOr<double> seconds = Timed(world, [&]() -> absl::Status {
    MPAIO_ASSIGN_OR_RETURN(const ArrayFile opened, SharedArray::Open(*executor, file.path));
    MPAIO_ASSIGN_OR_RETURN(
        array,
        SharedArray::Load(*executor, opened, sum == nullptr ? Source::kWindow : Source::kOnDemand));
    if (sum != nullptr) *sum = Sum(array.view().data(), Share(file, world));
    return array.CheckUnchanged();
  });
  array = SharedArray();
  MPAIO_RETURN_IF_ERROR(executor->Close());
  return seconds;
}

absl::Status ReadShare(const File& file, const Share& share, std::byte* array) {
  const int fd = ::open(file.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::NotFoundError(absl::StrCat("cannot open ", file.path));
  Index at = share.begin;
  while (at < share.end) {
    const ssize_t got =
        ::pread(fd, array + at, static_cast<std::size_t>(share.end - at), file.header_bytes + at);
    if (got <= 0) break;
    at += got;
  }
  ::close(fd);
  return at == share.end ? absl::OkStatus()
                         : absl::DataLossError(absl::StrCat("cannot read ", file.path));
}

// The same for the peer.
absl::StatusOr<double> LoadPlainly(const Communicator& world, const File& file, std::int64_t* sum) {
  SharedWindow window;
  const absl::StatusOr<double> seconds = Timed(world, [&]() -> absl::Status {
    MPAIO_ASSIGN_OR_RETURN(window, SharedWindow::Allocate(world, file.size_bytes));
    const Share share(file, world);
    MPAIO_RETURN_IF_ERROR(ReadShare(file, share, window.data()));
    if (sum != nullptr) *sum = Sum(window.data(), share);
    return absl::OkStatus();
  });
  MPAIO_RETURN_IF_ERROR(window.Free());
  return seconds;
}

void Show(const std::string& name, std::vector<double> values, const char* unit) {
  std::sort(values.begin(), values.end());
  std::printf("%-28s %8.3f %-6s (%.3f to %.3f)\n", name.c_str(), values[values.size() / 2], unit,
              values.front(), values.back());
}

absl::Status Compare(const Communicator& world, const File& file, int rounds, bool sums) {
  std::vector<double> ours, plain, ratios;
  constexpr int kWarmUps = 2;
  for (int round = -kWarmUps; round < rounds; ++round) {
    std::int64_t our_sum = 0, plain_sum = 0;
    absl::StatusOr<double> first, second;
    for (const bool is_ours : {round % 2 == 0, round % 2 != 0}) {
      (is_ours ? first : second) = is_ours ? LoadOurs(world, file, sums ? &our_sum : nullptr)
                                           : LoadPlainly(world, file, sums ? &plain_sum : nullptr);
    }
    MPAIO_RETURN_IF_ERROR(first.status());
    MPAIO_RETURN_IF_ERROR(second.status());
    if (our_sum != plain_sum)
      return absl::InternalError(
          absl::StrCat("the sums differ: mpaio ", our_sum, ", plain pread ", plain_sum));
    if (round < 0) continue;
    ours.push_back(*first);
    plain.push_back(*second);
    ratios.push_back(*second / *first);
  }
  if (world.rank() != 0) return absl::OkStatus();
  const std::string what = sums ? " and sum" : "";
  Show("SharedArray::Load" + what, std::move(ours), "s");
  Show("plain pread" + what, std::move(plain), "s");
  Show("speed, ours / plain" + what, std::move(ratios), "times");
  return absl::OkStatus();
}

absl::Status Measure(const Communicator& world, const std::string& path, int rounds) {
  if (world.size() < 2)
    return absl::InvalidArgumentError(
        "it needs at least 2 ranks: mpirun -n 2 load_benchmark FILE.npy");
  MPAIO_ASSIGN_OR_RETURN(const ArrayFile opened, ArrayFile::Open(path));
  struct stat status;
  if (opened.dtype().ToString() != "<i8" || ::stat(path.c_str(), &status) != 0)
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is not an array of int64 in a .npy file of this byte order"));
  const File file = {path, status.st_size - opened.size_bytes(), opened.size_bytes()};
  MPAIO_RETURN_IF_ERROR(Compare(world, file, rounds, /*sums=*/false));
  return Compare(world, file, rounds, /*sums=*/true);
}

}  // namespace
}  // namespace mpaio

int main(int argc, char** argv) {
  mpaio::Environment environment(&argc, &argv);
  absl::Status status = environment.status();
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 9;
  if (status.ok())
    status =
        argc < 2 || rounds < 1
            ? absl::InvalidArgumentError("usage: mpirun -n RANKS load_benchmark FILE.npy [ROUNDS]")
            : mpaio::Measure(environment.world(), argv[1], rounds);
  if (!status.ok() && environment.world().rank() == 0)
    std::fprintf(stderr, "load_benchmark: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
