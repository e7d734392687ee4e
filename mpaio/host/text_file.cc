// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mpaio/host/file_descriptor.h"

namespace mpaio {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

}  // namespace

absl::Status WriteTextFile(const std::string& path, absl::string_view text,
                           absl::string_view what) {
  const auto failed = [&] {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", what, " to ", path));
  };
  constexpr int kFlags = O_WRONLY | O_TRUNC | O_CLOEXEC;
  FileDescriptor fd(::open(path.c_str(), kFlags));
  // O_CREAT only for a new file: the system refuses it for a file of another user in a sticky
  // directory (fs.protected_regular).
  if (!fd.is_open() && errno == ENOENT)
    fd = FileDescriptor(::open(path.c_str(), kFlags | O_CREAT, 0666));
  if (!fd.is_open()) return failed();
  File file(::fdopen(fd.get(), "w"));
  if (!file) return failed();
  fd.Release();
  if (std::fwrite(text.data(), 1, text.size(), file.get()) != text.size()) return failed();
  // fclose() writes the rest of the buffer, which may fail too.
  return std::fclose(file.release()) == 0 ? absl::OkStatus() : failed();
}

absl::StatusOr<std::string> ReadTextFile(const std::string& path, absl::string_view what) {
  const std::string prefix = absl::StrCat("cannot read ", what, " from ", path);
  const auto failed = [&prefix] { return absl::ErrnoToStatus(errno, prefix); };
  const auto too_long = [&prefix] {
    return absl::InvalidArgumentError(
        absl::StrCat(prefix, ": it is longer than ", kMaxTextFileBytes >> 20,
                     " MiB, the limit for text files; check the path"));
  };
  // O_NONBLOCK: a pipe without a writer would block forever.
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status;
  if (!fd.is_open() || ::fstat(fd.get(), &status) != 0) return failed();
  if (!S_ISREG(status.st_mode))
    return absl::InvalidArgumentError(
        absl::StrCat(prefix, ": it is not a regular file; check the path"));
  if (status.st_size > kMaxTextFileBytes) return too_long();
  const File file(::fdopen(fd.get(), "r"));
  if (!file) return failed();
  fd.Release();
  std::string text;
  char buffer[1 << 16];
  std::size_t got;
  while ((got = std::fread(buffer, 1, sizeof(buffer), file.get())) > 0) {
    text.append(buffer, got);
    // Files of /proc do not report their length.
    if (static_cast<Index>(text.size()) > kMaxTextFileBytes) return too_long();
  }
  if (std::ferror(file.get()) != 0) return failed();
  return text;
}

std::string TextOf(const std::string& path) { return ReadTextFile(path, "").value_or(""); }

Index NumberAfter(absl::string_view text, absl::string_view key, Index otherwise) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    Index value = 0;
    if (words.size() >= 2 && words[0] == key && absl::SimpleAtoi(words[1], &value)) return value;
  }
  return otherwise;
}

}  // namespace mpaio
