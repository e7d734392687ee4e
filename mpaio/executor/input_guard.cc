// SPDX-License-Identifier: Apache-2.0
#include "mpaio/executor/input_guard.h"

#include <utility>

namespace mpaio {

void InputGuards::Add(std::weak_ptr<const InputGuard> guard) {
  const std::lock_guard lock(mutex_);
  std::erase_if(guards_, [](const auto& one) { return one.expired(); });
  guards_.push_back(std::move(guard));
}

InputGuardList InputGuards::List() const {
  const std::lock_guard lock(mutex_);
  InputGuardList list;
  for (const std::weak_ptr<const InputGuard>& guard : guards_) {
    if (std::shared_ptr<const InputGuard> alive = guard.lock()) list.push_back(std::move(alive));
  }
  return list;
}

}  // namespace mpaio
