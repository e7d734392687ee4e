// SPDX-License-Identifier: Apache-2.0

// Ownership of an open file.
#ifndef MPAIO_HOST_FILE_DESCRIPTOR_H_
#define MPAIO_HOST_FILE_DESCRIPTOR_H_

#include <utility>

namespace mpaio {

// Owns a file descriptor: the destructor closes it. The default holds none. Closing does not change
// errno, so that the reason of an earlier failure can still be read from it.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  // Takes the result of open() and the like: a negative number stands for none.
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { Close(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = other.Release();
    }
    return *this;
  }

  bool is_open() const { return fd_ >= 0; }
  // Negative if there is none.
  int get() const { return fd_; }
  // Returns get(), and owns it no longer.
  int Release() { return std::exchange(fd_, -1); }
  // Idempotent.
  void Close();

 private:
  int fd_ = -1;
};

}  // namespace mpaio

#endif  // MPAIO_HOST_FILE_DESCRIPTOR_H_
