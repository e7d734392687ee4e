// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/open_files.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>

namespace mpaio {
namespace {

// Some libraries loop over all possible descriptors; in containers the limit may be 2^30.
constexpr rlim_t kMaxLimit = rlim_t{1} << 20;

std::atomic<Index> shares_taken{0};

}  // namespace

void RaiseOpenFileLimit() {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(limit.rlim_max, kMaxLimit);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  // If this fails, the code that needs more files reports it.
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

Index OpenFileLimit() {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return static_cast<Index>(kMaxLimit);
  return static_cast<Index>(std::min(limit.rlim_cur, kMaxLimit));
}

OpenFileShare OpenFileShare::Take() {
  OpenFileShare share;
  share.is_taken_ = shares_taken.fetch_add(1) < OpenFileLimit() / 2;
  if (!share.is_taken_) shares_taken.fetch_sub(1);
  return share;
}

OpenFileShare& OpenFileShare::operator=(OpenFileShare&& other) noexcept {
  if (this != &other) {
    GiveBack();
    is_taken_ = other.is_taken_;
    other.is_taken_ = false;
  }
  return *this;
}

void OpenFileShare::GiveBack() {
  if (is_taken_) shares_taken.fetch_sub(1);
  is_taken_ = false;
}

}  // namespace mpaio
