// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/memory_capacity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "mpaio/host/cgroup.h"
#include "mpaio/host/file_descriptor.h"
#include "mpaio/host/text_file.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14; older headers do not have it
#endif

namespace mpaio {
namespace {

constexpr Index kUnlimited = std::numeric_limits<Index>::max();

std::string Gigabytes(Index bytes) {
  return absl::StrFormat("%.2f GB", static_cast<double>(bytes) / 1e9);
}

}  // namespace

std::string WhyNotWritable(const std::string& directory) {
  // Tries a file without a name first, where the file system supports that.
  if (FileDescriptor(open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)).is_open())
    return "";
  if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) {
    std::string name = directory + "/mpaio_XXXXXX";
    if (FileDescriptor(mkostemp(name.data(), O_CLOEXEC)).is_open()) {
      unlink(name.c_str());
      return "";
    }
  }
  return absl::AsciiStrToLower(std::strerror(errno));
}

MemoryCapacity FindMemoryCapacity(const std::string& backing_directory, absl::string_view setting) {
  MemoryCapacity capacity{kUnlimited, "nothing", ""};
  const auto limit = [&capacity](Index bytes, std::string by, std::string remedy) {
    if (bytes < capacity.available_bytes) capacity = {bytes, std::move(by), std::move(remedy)};
  };
  if (!backing_directory.empty()) {
    if (const std::string why = WhyNotWritable(backing_directory); !why.empty()) {
      const bool is_limit_of_files = why == absl::AsciiStrToLower(std::strerror(EMFILE));
      limit(0, absl::StrCat(backing_directory, ", where no file can be made (", why, "),"),
            is_limit_of_files
                ? "raise the limit of open files (ulimit -n N), or name fewer files at once"
                : absl::StrCat("mount it writable (mount -t tmpfs tmpfs ", backing_directory, ")",
                               setting.empty() ? "" : ", or name another in ", setting));
    }
  }
  struct statvfs file_system;
  // A file system without a limit (a tmpfs of size 0) or without a size of its own reports 0
  // blocks.
  if (!backing_directory.empty() && statvfs(backing_directory.c_str(), &file_system) == 0 &&
      file_system.f_blocks > 0) {
    limit(static_cast<Index>(file_system.f_bavail) * static_cast<Index>(file_system.f_frsize),
          backing_directory,
          absl::StrCat("enlarge it (mount -o remount,size=SIZE ", backing_directory,
                       "; docker run --shm-size=SIZE)",
                       setting.empty() ? "" : ", or name a larger one in ", setting));
  }
  const Index available_kb =
      NumberAfter(TextOf("/proc/meminfo"), "MemAvailable:", kUnlimited / 1024);
  limit(available_kb * 1024, "the node's available memory",
        "end other programs, or use a node with more memory");
  if (const std::optional<Index> bytes = CgroupMemory()) {
    limit(*bytes, "the memory limit of the control group",
          "raise the limit of the container or job (docker run --memory=SIZE, sbatch --mem=SIZE)");
  }
  return capacity;
}

absl::Status CheckMemoryCapacity(const MemoryCapacity& capacity, Index wanted_bytes,
                                 Index kept_bytes) {
  // Open MPI's own segments: 4 MiB for each rank, of which few pages are used.
  constexpr Index kReserveBytes = 8 << 20;
  if (wanted_bytes <= capacity.available_bytes - kReserveBytes - kept_bytes)
    return absl::OkStatus();
  const std::string also_kept =
      kept_bytes > 0
          ? absl::StrCat(" and ", Gigabytes(kept_bytes), " for arrays that are still being loaded")
          : "";
  return absl::ResourceExhaustedError(absl::StrCat(
      "no room for ", Gigabytes(wanted_bytes), " (", wanted_bytes,
      " bytes) of shared memory: ", capacity.limited_by, " has ",
      Gigabytes(capacity.available_bytes), " (", capacity.available_bytes, " bytes), of which ",
      kReserveBytes >> 20, " MiB are kept for Open MPI", also_kept, "; ", capacity.remedy));
}

absl::Status CheckOwnMemory(const MemoryCapacity& capacity, Index wanted_bytes,
                            absl::string_view what) {
  if (wanted_bytes <= capacity.available_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(what, " needs ", Gigabytes(wanted_bytes), " (", wanted_bytes,
                   " bytes) of memory, ", Gigabytes(capacity.available_bytes),
                   " are free: the limit is ", capacity.limited_by, "; ", capacity.remedy));
}

bool CanPopulateInPlace() {
  static const bool can = [] {
    const std::size_t page_bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* const page =
        mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    const bool populated = madvise(page, page_bytes, MADV_POPULATE_WRITE) == 0;
    munmap(page, page_bytes);
    return populated;
  }();
  return can;
}

int PopulatePagesInPlace(std::byte* data, Index size_bytes) {
  return madvise(data, static_cast<std::size_t>(size_bytes), MADV_POPULATE_WRITE) == 0 ? 0 : errno;
}

absl::Status PopulatePages(std::byte* data, Index size_bytes) {
  const auto out_of_memory = [] {
    return absl::ResourceExhaustedError(
        "shared memory ran out while its pages were being touched: another program took it, "
        "or the limit is lower than reported; free some memory and start again");
  };
  if (size_bytes <= 0) return absl::OkStatus();
  const int error = PopulatePagesInPlace(data, size_bytes);
  if (error == 0) return absl::OkStatus();
  if (error != EINVAL) return out_of_memory();
  // The kernel is older than 5.14. A read() into a page that cannot be populated gives EFAULT,
  // where a store would be a SIGBUS.
  const FileDescriptor zeros(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  if (!zeros.is_open())
    return absl::InternalError(absl::StrCat("/dev/zero: ", std::strerror(errno)));
  constexpr Index kPiece = 64 << 20;
  for (Index at = 0; at < size_bytes;) {
    const ssize_t got =
        read(zeros.get(), data + at, static_cast<std::size_t>(std::min(kPiece, size_bytes - at)));
    if (got > 0) {
      at += got;
    } else if (errno != EINTR) {
      return out_of_memory();
    }
  }
  return absl::OkStatus();
}

Index UnpopulatedBytes(const std::byte* data, Index size_bytes) {
  const Index page_bytes = sysconf(_SC_PAGESIZE);
  constexpr Index kPagesAtATime = Index{1} << 16;
  std::vector<unsigned char> is_resident(static_cast<std::size_t>(kPagesAtATime));
  Index unpopulated = 0;
  for (Index at = 0; at < size_bytes; at += kPagesAtATime * page_bytes) {
    const Index pages = std::min(kPagesAtATime, CeilDivide(size_bytes - at, page_bytes));
    // For a shared mapping, a page that is in the page cache has been populated by some process.
    if (mincore(const_cast<std::byte*>(data) + at, static_cast<std::size_t>(pages * page_bytes),
                is_resident.data()) != 0)
      continue;
    for (Index k = 0; k < pages; ++k)
      unpopulated += (is_resident[static_cast<std::size_t>(k)] & 1) != 0 ? 0 : page_bytes;
  }
  return unpopulated;
}

}  // namespace mpaio
