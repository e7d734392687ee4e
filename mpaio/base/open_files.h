// SPDX-License-Identifier: Apache-2.0

// How many files this process may have open.
#ifndef MPAIO_BASE_OPEN_FILES_H_
#define MPAIO_BASE_OPEN_FILES_H_

#include "mpaio/base/index.h"

namespace mpaio {

// Raises the limit of open files as far as this process may. Systems keep it at 1024 for programs
// that call select(), which takes no higher descriptors: such a program must not call this.
// Processes that are started later inherit it.
void RaiseOpenFileLimit();

// That limit now (ulimit -n).
Index OpenFileLimit();

// A share of the descriptors, for a file that stays open until a run ends. All of them together get
// half of OpenFileLimit(), so that the other half is left for what is opened and closed. Movable;
// given back by the destructor.
class OpenFileShare {
 public:
  OpenFileShare() = default;
  // One that is taken, or where none is left one that is not.
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

#endif  // MPAIO_BASE_OPEN_FILES_H_
