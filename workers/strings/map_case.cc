// SPDX-License-Identifier: Apache-2.0
#include "workers/strings/map_case.h"

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "workers/elementwise/row_writer.h"

namespace mpaio {
namespace {

absl::Status MapChunk(const ChunkView<UnicodeString>& chunk, LetterCase letter_case,
                      std::byte* rows) {
  const FixedWidthStrings<UnicodeString> strings = chunk.elements();
  const auto width = static_cast<std::size_t>(strings.width());
  char32_t* to = reinterpret_cast<char32_t*>(rows);
  CaseMapper mapper(letter_case);
  for (std::size_t i = 0; i < strings.size(); ++i) {
    const absl::Status status =
        mapper.Map(std::u32string_view(strings.data() + i * width, width), to + i * width);
    if (status.ok()) continue;
    return absl::Status(
        status.code(), absl::StrCat("element ", chunk.first_element() + static_cast<Index>(i), ": ",
                                    status.message()));
  }
  return absl::OkStatus();
}

}  // namespace

OutputSpec MapCaseOutput(const JobInputs& inputs) {
  return OutputSpec{inputs.array.dtype().Native(), inputs.array.shape()};
}

Job MakeMapCaseJob(JobContext& context, LetterCase letter_case) {
  if (context.chunks.dtype().kind() == DType::Kind::kUnicode) {
    return MakeRowWriterJob<UnicodeString>(
        context, [letter_case](const ChunkView<UnicodeString>& chunk, std::byte* rows) {
          return MapChunk(chunk, letter_case, rows);
        });
  }
  return MakeRowWriterJob<ByteString>(
      context, [letter_case](const ChunkView<ByteString>& chunk, std::byte* rows) {
        // Padding maps to itself, so elements need not be separated.
        const FixedWidthStrings<ByteString> strings = chunk.elements();
        const std::size_t size = strings.size() * static_cast<std::size_t>(strings.width());
        MapAsciiCase(absl::string_view(strings.data(), size), letter_case,
                     reinterpret_cast<char*>(rows));
        return absl::OkStatus();
      });
}

}  // namespace mpaio
