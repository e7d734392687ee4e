// SPDX-License-Identifier: Apache-2.0
#include "mpaio/worker/guard.h"

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <new>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace mpaio {

std::string TypeName(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return absl::StrReplaceAll(status == 0 ? name.get() : type.name(),
                             {{"(anonymous namespace)::", ""}});
}

absl::Status StatusOfCurrentException(absl::string_view what) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(
        what, " ran out of memory (std::bad_alloc); use smaller chunks or fewer ranks"));
  } catch (const std::exception& exception) {
    // Line breaks in the text become spaces, so that the message is one line.
    return absl::InternalError(
        absl::StrCat(what, " threw ", TypeName(typeid(exception)), ": ",
                     absl::StrReplaceAll(exception.what(), {{"\n", " "}, {"\r", " "}})));
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return absl::InternalError(absl::StrCat(what, " threw ",
                                            type != nullptr ? TypeName(*type) : "something",
                                            ", which is not a std::exception"));
  }
}

}  // namespace mpaio
