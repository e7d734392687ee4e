// SPDX-License-Identifier: Apache-2.0

// len: the length of each string without the NULs at its end, as numpy.char.str_len. A str array is
// measured in code points, a bytes array in bytes.
#include <cstdint>

#include "mpaio/jobs/registry.h"
#include "workers/elementwise/row_writer.h"

namespace mpaio {
namespace {

template <typename String>
Job MakeLen(JobContext& context) {
  return MakeRowWriterJob<String>(context, [](const ChunkView<String>& chunk, std::byte* rows) {
    std::int64_t* length = reinterpret_cast<std::int64_t*>(rows);
    for (const auto text : chunk.elements()) *length++ = static_cast<std::int64_t>(text.size());
    return absl::OkStatus();
  });
}

MPAIO_REGISTER_WORKER({
    .summary = "writes the length of each string: its code points or bytes, without the padding",
    .accepts = {AcceptedType::Of<UnicodeString>(), AcceptedType::Of<ByteString>()},
    .output = [](const JobInputs& inputs) -> absl::StatusOr<OutputSpec> {
      return OutputSpec{DType::Of<std::int64_t>(), inputs.array.shape()};
    },
    .streams_output = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return context.chunks.dtype().kind() == DType::Kind::kUnicode
                 ? MakeLen<UnicodeString>(context)
                 : MakeLen<ByteString>(context);
    },
});

}  // namespace
}  // namespace mpaio
