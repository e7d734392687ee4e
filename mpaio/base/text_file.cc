#include "mpaio/base/text_file.h"

#include <errno.h>

#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"

namespace mpaio {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

}  // namespace

absl::Status WriteTextFile(const std::string& path, absl::string_view text, absl::string_view what) {
  const auto failed = [&] { return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", what, " to ", path)); };
  File file(std::fopen(path.c_str(), "we"));
  if (!file) return failed();
  if (std::fwrite(text.data(), 1, text.size(), file.get()) != text.size()) return failed();
  // What is still in the buffer may not fit either.
  return std::fclose(file.release()) == 0 ? absl::OkStatus() : failed();
}

absl::StatusOr<std::string> ReadTextFile(const std::string& path, absl::string_view what) {
  const auto failed = [&] { return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", what, " from ", path)); };
  const File file(std::fopen(path.c_str(), "re"));
  if (!file) return failed();
  std::string text;
  char buffer[1 << 16];
  std::size_t got;
  while ((got = std::fread(buffer, 1, sizeof(buffer), file.get())) > 0) text.append(buffer, got);
  if (std::ferror(file.get()) != 0) return failed();
  return text;
}

std::string TextOf(const std::string& path) { return ReadTextFile(path, "").value_or(""); }

}  // namespace mpaio
