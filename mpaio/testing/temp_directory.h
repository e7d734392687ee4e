// SPDX-License-Identifier: Apache-2.0

// A place for a test's files.
#ifndef MPAIO_TESTING_TEMP_DIRECTORY_H_
#define MPAIO_TESTING_TEMP_DIRECTORY_H_

#include <string>

#include "absl/strings/string_view.h"

namespace mpaio {

// A new directory, empty; removed, with what is in it, when this object goes. For files that
// several ranks see, one of them makes it and tells the others the path.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  // The path of the file `name` in it.
  std::string File(absl::string_view name) const;

 private:
  std::string path_;
};

}  // namespace mpaio

#endif  // MPAIO_TESTING_TEMP_DIRECTORY_H_
