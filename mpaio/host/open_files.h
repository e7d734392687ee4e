// SPDX-License-Identifier: Apache-2.0

// The number of files that this process may have open.
#ifndef MPAIO_HOST_OPEN_FILES_H_
#define MPAIO_HOST_OPEN_FILES_H_

#include "mpaio/base/index.h"

namespace mpaio {

// Raises the limit of open files as far as this process may, to 2^20 at most. Systems keep it at
// 1024 for programs that call select(), which supports no higher descriptors: such a program must
// not call this. Child processes that are started later inherit the limit.
void RaiseOpenFileLimit();

// Returns the current limit (ulimit -n), but at most 2^20.
Index OpenFileLimit();

// A share of the descriptors, for a file that stays open until a run ends. All shares together get
// half of OpenFileLimit(), so that the other half is left for files that are opened and closed.
// Movable; the destructor gives the share back.
class OpenFileShare {
 public:
  OpenFileShare() = default;
  // Takes a share. If none is left, is_taken() of the result is false. Thread-safe.
  static OpenFileShare Take();
  ~OpenFileShare() { GiveBack(); }
  OpenFileShare(OpenFileShare&& other) noexcept : is_taken_(other.is_taken_) {
    other.is_taken_ = false;
  }
  OpenFileShare& operator=(OpenFileShare&& other) noexcept;

  bool is_taken() const { return is_taken_; }

 private:
  void GiveBack();

  bool is_taken_ = false;
};

}  // namespace mpaio

#endif  // MPAIO_HOST_OPEN_FILES_H_
