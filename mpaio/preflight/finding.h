// SPDX-License-Identifier: Apache-2.0

// What a look at the machine before a run has found.
#ifndef MPAIO_PREFLIGHT_FINDING_H_
#define MPAIO_PREFLIGHT_FINDING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// kNote: it could be better. kWarning: a run is much slower than it could be, or may fail.
// kRefusal: a run cannot work.
enum class Severity { kOk, kNote, kWarning, kRefusal };

absl::string_view SeverityName(Severity severity);

struct Finding {
  Severity severity = Severity::kOk;
  std::string subject;  // "shared memory"
  std::string text;     // what is the case, with figures; one line
  std::string remedy;   // what to do about it, one line; empty where there is nothing to do
  std::string host;

  friend bool operator==(const Finding&, const Finding&) = default;
};

bool HasRefusal(const std::vector<Finding>& findings);

// A line for each, and below it its remedy:
//   warning  huge pages     none in /dev/shm
//            remedy: mount -o remount,huge=advise /dev/shm, as root
// Hosts are named where there are several. Ends with an end of line.
std::string FormatText(const std::vector<Finding>& findings);

// [{"severity", "subject", "host", "text", "remedy"}...]; bytes that are not UTF-8 become U+FFFD.
// Ends with an end of line.
std::string FormatJson(const std::vector<Finding>& findings);

// To another process and back. Errors: DataLoss where the bytes are no findings.
std::string EncodeFindings(const std::vector<Finding>& findings);
absl::StatusOr<std::vector<Finding>> DecodeFindings(absl::string_view bytes);

// For people: "4 MiB", "23.5 GiB", "17 bytes".
std::string FormatBytes(Index bytes);

}  // namespace mpaio

#endif  // MPAIO_PREFLIGHT_FINDING_H_
