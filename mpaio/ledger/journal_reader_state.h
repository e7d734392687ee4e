// SPDX-License-Identifier: Apache-2.0

// The state of a JournalReader: its file, and all that a JournalWriter needs to continue it.
#ifndef MPAIO_LEDGER_JOURNAL_READER_STATE_H_
#define MPAIO_LEDGER_JOURNAL_READER_STATE_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/index.h"
#include "mpaio/host/file_io.h"
#include "mpaio/ledger/journal.h"

namespace mpaio {

namespace journal {
class Window;
}  // namespace journal

struct JournalReader::State {
  absl::Status ReadFailure(int error) const {
    return ErrnoStatus(error, absl::StrCat("cannot read the journal ", path));
  }
  // Reads the whole file.
  absl::Status Scan();
  // Read its two parts.
  absl::Status ScanHeader(journal::Window& window);
  absl::Status ScanRecords(journal::Window& window);

  std::string path;
  FileDescriptor fd;
  struct stat at_first = {};
  std::string identity;
  std::vector<JournalEntry> entries;
  // The end of the last whole record, and the checksum of its head.
  Index end_bytes = 0;
  std::uint64_t chain = 0;
};

}  // namespace mpaio

#endif  // MPAIO_LEDGER_JOURNAL_READER_STATE_H_
