#include "mpaio/array/array_parts.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

// What is swapped at a time: it is in the cache still.
constexpr Index kBlockBytes = Index{256} << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<ArrayParts>> ArrayParts::Create(int fd, const std::string& name,
                                                               Index data_offset, Index size_bytes,
                                                               ByteSwapper swapper) {
  std::unique_ptr<ArrayParts> parts(new ArrayParts);
  parts->name_ = name;
  MPAIO_ASSIGN_OR_RETURN(parts->fd_, Duplicate(fd, name));
  MPAIO_ASSIGN_OR_RETURN(parts->at_first_, FileStamp::Of(fd, name));
  parts->data_offset_ = data_offset;
  parts->size_bytes_ = size_bytes;
  parts->swapper_ = std::move(swapper);
  return parts;
}

absl::Status ArrayParts::ReadFile(Index begin, std::span<std::byte> to) const {
  return ReadWhole(fd_.get(), name_, to, data_offset_ + begin);
}

absl::Status ArrayParts::Read(Index begin, std::span<std::byte> to) const {
  if (swapper_.swaps_nothing()) return ReadFile(begin, to);
  // Swapped elsewhere, so that nobody sees bytes in their old order.
  thread_local std::vector<std::byte> block;
  const Index unit = swapper_.unit_bytes(), end = begin + static_cast<Index>(to.size());
  for (Index at = begin - begin % unit; at < end;) {
    const Index block_bytes =
        std::min(std::max(kBlockBytes / unit, Index{1}) * unit, CeilDivide(end - at, unit) * unit);
    block.resize(static_cast<std::size_t>(block_bytes));
    MPAIO_RETURN_IF_ERROR(ReadFile(at, block));
    swapper_.Swap(block.data(), block_bytes);
    const Index first = std::max(at, begin), last = std::min(at + block_bytes, end);
    std::memcpy(to.data() + (first - begin), block.data() + (first - at), static_cast<std::size_t>(last - first));
    at += block_bytes;
  }
  return absl::OkStatus();
}

}  // namespace mpaio
