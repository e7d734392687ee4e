// SPDX-License-Identifier: Apache-2.0

// digest: joins strings like concat, and answers with the length and a checksum of the result. For
// tests of results that are too large to print.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/unicode.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/jobs/registry.h"

namespace mpaio {
namespace {

class Digest final : public Worker<UnicodeString, std::string> {
 public:
  using Worker::Worker;

  absl::StatusOr<std::string> Process(const ChunkView<UnicodeString>& chunk) const override {
    std::string joined;
    for (const auto text : chunk.elements()) MPAIO_RETURN_IF_ERROR(AppendUtf8(text, &joined));
    return joined;
  }

  absl::Status ProcessCallback(const Chunk&, std::string joined) override {
    // Adler-32 (RFC 1950), which depends on the position of each byte.
    constexpr std::uint32_t kModulus = 65521;
    for (const char byte : joined) {
      low_ = (low_ + static_cast<unsigned char>(byte)) % kModulus;
      high_ = (high_ + low_) % kModulus;
    }
    size_bytes_ += static_cast<Index>(joined.size());
    return absl::OkStatus();
  }

  mpaio::Answer Answer() const {
    return {{"bytes", size_bytes_}, {"adler32", (std::uint64_t{high_} << 16) | low_}};
  }

 private:
  Index size_bytes_ = 0;
  std::uint32_t low_ = 1;
  std::uint32_t high_ = 0;
};

MPAIO_REGISTER_WORKER({
    .summary = "joins the strings, and reports length and checksum",
    .accepts = {AcceptedType::Of<UnicodeString>()},
    .parameters = {},
    .output = nullptr,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      auto worker = std::make_unique<Digest>(std::move(context.chunks));
      const Digest* digest = worker.get();
      return Job{std::move(worker), [digest] { return digest->Answer(); }, nullptr};
    },
});

}  // namespace
}  // namespace mpaio
