// SPDX-License-Identifier: Apache-2.0

// The findings of preflight checks.
#ifndef MPAIO_DIAGNOSIS_FINDING_H_
#define MPAIO_DIAGNOSIS_FINDING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// kNote: a run could be better.
// kWarning: a run is much slower than it could be, or may fail.
// kRefusal: a run cannot work.
enum class Severity { kOk, kNote, kWarning, kRefusal };

absl::string_view SeverityName(Severity severity);

struct Finding {
  Severity severity = Severity::kOk;
  std::string subject;  // "shared memory"
  std::string text;     // the fact, with figures; one line
  std::string remedy;   // what to do about it; one line; empty if there is nothing to do
  std::string host;

  friend bool operator==(const Finding&, const Finding&) = default;
};

bool HasRefusal(const std::vector<Finding>& findings);

// Returns a line for each finding, followed by its remedy:
//   warning  huge pages     none in /dev/shm
//            remedy: mount -o remount,huge=advise /dev/shm, as root
// Each line names the host if there are several. Line breaks inside a finding become spaces. Empty
// if there are no findings, else ends with a newline.
std::string FormatText(const std::vector<Finding>& findings);

// Returns [{"severity", "subject", "host", "text", "remedy"}...]; bytes that are not UTF-8 become
// U+FFFD. Ends with a newline.
std::string FormatJson(const std::vector<Finding>& findings);

// Encoding for messages between processes. Errors: DataLoss if the bytes are not findings.
std::string EncodeFindings(const std::vector<Finding>& findings);
absl::StatusOr<std::vector<Finding>> DecodeFindings(absl::string_view bytes);

// Returns a short text with at most one decimal: "4 MiB", "23.5 GiB", "17 bytes".
std::string FormatBytes(Index bytes);

}  // namespace mpaio

#endif  // MPAIO_DIAGNOSIS_FINDING_H_
