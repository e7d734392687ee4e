// SPDX-License-Identifier: Apache-2.0

// A temporary directory for a test's files.
#ifndef MPAIO_TESTING_TEMP_DIRECTORY_H_
#define MPAIO_TESTING_TEMP_DIRECTORY_H_

#include <string>

#include "absl/strings/string_view.h"

namespace mpaio {

// A new, empty directory; aborts if it cannot be made. The destructor removes it with its contents.
// For files that several ranks share, one rank creates it and sends the path to the others.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  // Returns the path of the file `name` in it.
  std::string File(absl::string_view name) const;

 private:
  std::string path_;
};

}  // namespace mpaio

#endif  // MPAIO_TESTING_TEMP_DIRECTORY_H_
