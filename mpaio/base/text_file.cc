#include "mpaio/base/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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
  constexpr int kFlags = O_WRONLY | O_TRUNC | O_CLOEXEC;
  int fd = ::open(path.c_str(), kFlags);
  // Only then: of a file of another user in a sticky directory the system takes O_CREAT amiss
  // (fs.protected_regular).
  if (fd < 0 && errno == ENOENT) fd = ::open(path.c_str(), kFlags | O_CREAT, 0666);
  if (fd < 0) return failed();
  File file(::fdopen(fd, "w"));
  if (!file) {
    const absl::Status status = failed();
    ::close(fd);
    return status;
  }
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
