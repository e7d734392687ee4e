// SPDX-License-Identifier: Apache-2.0
#include "mpaio/executor/anonymous_memory.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/host/memory_capacity.h"

namespace mpaio {
namespace {

class AnonymousMemory final : public SharedMemory {
 public:
  AnonymousMemory(std::byte* data, Index size_bytes, Index mapped_bytes, bool has_huge_pages)
      : SharedMemory(data, size_bytes, has_huge_pages), mapped_bytes_(mapped_bytes) {}
  ~AnonymousMemory() override {
    if (mapped_bytes_ > 0) munmap(data(), static_cast<std::size_t>(mapped_bytes_));
  }
  absl::Status Synchronize() override { return absl::OkStatus(); }

 private:
  Index mapped_bytes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SharedMemory>> MapAnonymousMemory(Index size_bytes,
                                                                 HugePages huge_pages,
                                                                 PagePolicy page_policy,
                                                                 Index kept_bytes) {
  if (size_bytes < 0)
    return absl::InvalidArgumentError(
        absl::StrCat("shared memory of ", size_bytes, " bytes: the size is negative"));
  MPAIO_RETURN_IF_ERROR(CheckMemoryCapacity(FindMemoryCapacity(""), size_bytes, kept_bytes));
  const Index page_bytes = sysconf(_SC_PAGESIZE);
  const Index mapped_bytes = std::max<Index>(1, CeilDivide(size_bytes, page_bytes)) * page_bytes;
  void* data = mmap(nullptr, static_cast<std::size_t>(mapped_bytes), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "no room for ", size_bytes, " bytes of shared memory (mmap): ", std::strerror(errno),
        "; look at the limits of this process (ulimit -v)"));
  }
  const bool has_huge_pages =
      AdviseHugePages(static_cast<std::byte*>(data), mapped_bytes, huge_pages, "");
  auto memory = std::make_unique<AnonymousMemory>(static_cast<std::byte*>(data), size_bytes,
                                                  mapped_bytes, has_huge_pages);
  if (page_policy == PagePolicy::kNow || !CanPopulateInPlace())
    MPAIO_RETURN_IF_ERROR(PopulatePages(memory->data(), size_bytes));
  return std::unique_ptr<SharedMemory>(std::move(memory));
}

absl::StatusOr<SharedMemory*> AnonymousMemories::Allocate(Index size_bytes,
                                                          PagePolicy page_policy) {
  MPAIO_ASSIGN_OR_RETURN(
      std::unique_ptr<SharedMemory> memory,
      MapAnonymousMemory(size_bytes, huge_pages_, page_policy, UnpopulatedBytes(on_demand_)));
  if (page_policy == PagePolicy::kOnDemand) on_demand_.push_back(memory.get());
  memories_.push_back(std::move(memory));
  return memories_.back().get();
}

void AnonymousMemories::Clear() {
  on_demand_.clear();
  memories_.clear();
}

}  // namespace mpaio
