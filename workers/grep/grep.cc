// SPDX-License-Identifier: Apache-2.0

// grep: the strings in which a regular expression is found, in order, as numpy's array[mask].
//
// The expressions are RE2's. They have no back-references and no look-around, so that matching
// takes time linear in the text for every expression. A str array is matched as UTF-8; \w, \d, \s
// and \b cover ASCII only. A bytes array is matched byte by byte (as Latin-1), and so is the
// pattern.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/unicode.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/jobs/registry.h"
#include "re2/re2.h"

namespace mpaio {
namespace {

absl::StatusOr<std::unique_ptr<const RE2>> Compile(const JobInputs& inputs) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(!inputs.parameters.Flag("ignore_case"));
  if (inputs.array.dtype().kind() == DType::Kind::kString)
    options.set_encoding(RE2::Options::EncodingLatin1);
  const std::string& pattern = inputs.parameters.Text("pattern");
  auto expression = std::make_unique<const RE2>(pattern, options);
  if (expression->ok()) return expression;
  return absl::InvalidArgumentError(
      absl::StrCat("pattern=", pattern, ": ", expression->error(),
                   "; use RE2's syntax, which has no back-references and no look-around"));
}

// RE2 takes its own string view, Abseil's or the standard library's, depending on its version: all
// can be made from a pointer and a size.
bool IsFoundIn(const RE2& expression, const char* text, std::size_t size) {
  return expression.Match({text, size}, 0, size, RE2::UNANCHORED, nullptr, 0);
}

// Converts elements to text for RE2.
class Texts {
 public:
  absl::StatusOr<absl::string_view> Read(absl::string_view bytes) { return bytes; }
  // Valid until the next call. Errors: those of AppendUtf8().
  absl::StatusOr<absl::string_view> Read(std::u32string_view code_points) {
    utf8_.clear();
    MPAIO_RETURN_IF_ERROR(AppendUtf8(code_points, &utf8_));
    return absl::string_view(utf8_);
  }

 private:
  std::string utf8_;
};

// A chunk's result: the number of elements taken (they may have no bytes), and their bytes.
using Taken = std::pair<Index, std::string>;

template <typename String>
class Grep final : public Worker<String, Taken> {
 public:
  Grep(DataIterator chunks, std::unique_ptr<const RE2> expression, bool invert)
      : Worker<String, Taken>(std::move(chunks)),
        expression_(std::move(expression)),
        invert_(invert) {}

  absl::StatusOr<Taken> Process(const ChunkView<String>& chunk) const override {
    const FixedWidthStrings<String> strings = chunk.elements();
    const char* bytes = reinterpret_cast<const char*>(strings.data());
    const auto itemsize = static_cast<std::size_t>(this->data_iterator().dtype().itemsize_bytes());
    Texts texts;
    Taken taken;
    for (std::size_t i = 0; i < strings.size(); ++i) {
      const absl::StatusOr<absl::string_view> text = texts.Read(strings[i]);
      if (!text.ok()) {
        return absl::Status(text.status().code(),
                            absl::StrCat("element ", chunk.first_element() + static_cast<Index>(i),
                                         ": ", text.status().message()));
      }
      if (IsFoundIn(*expression_, text->data(), text->size()) == invert_) continue;
      ++taken.first;
      taken.second.append(bytes + i * itemsize, itemsize);
    }
    return taken;
  }

  absl::Status ProcessCallback(const Chunk&, Taken taken) override {
    count_ += taken.first;
    const auto* bytes = reinterpret_cast<const std::byte*>(taken.second.data());
    bytes_.insert(bytes_.end(), bytes, bytes + taken.second.size());
    return absl::OkStatus();
  }

  // Called once, at the end.
  AnswerArray Answer() {
    return AnswerArray(this->data_iterator().dtype(), {count_}, std::move(bytes_));
  }

 private:
  std::unique_ptr<const RE2> expression_;
  bool invert_;
  Index count_ = 0;
  std::vector<std::byte> bytes_;
};

template <typename String>
absl::StatusOr<Job> MakeGrep(JobContext& context) {
  MPAIO_ASSIGN_OR_RETURN(std::unique_ptr<const RE2> expression, Compile(context.inputs()));
  auto worker = std::make_unique<Grep<String>>(std::move(context.chunks), std::move(expression),
                                               context.parameters.Flag("invert"));
  Grep<String>* grep = worker.get();
  Job job;
  job.worker = std::move(worker);
  job.array = [grep]() -> absl::StatusOr<AnswerArray> { return grep->Answer(); };
  return job;
}

MPAIO_REGISTER_WORKER({
    .summary = "the strings in which a regular expression is found, as an array; RE2's: no "
               "back-references",
    .accepts = {AcceptedType::Of<UnicodeString>(), AcceptedType::Of<ByteString>()},
    .parameters = {ParameterInfo::Text(
                       "pattern", "the expression to find, anywhere in a string, such as ^a.*z$",
                       "")
                       .Required(),
                   ParameterInfo::Flag("invert", "take the strings in which it is not found"),
                   ParameterInfo::Flag("ignore_case", "ignore the case of letters")},
    .check = [](const JobInputs& inputs) { return Compile(inputs).status(); },
    .answers_with_array = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return context.chunks.dtype().kind() == DType::Kind::kUnicode
                 ? MakeGrep<UnicodeString>(context)
                 : MakeGrep<ByteString>(context);
    },
});

}  // namespace
}  // namespace mpaio
