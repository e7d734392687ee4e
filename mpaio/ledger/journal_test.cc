// SPDX-License-Identifier: Apache-2.0
#include "mpaio/ledger/journal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/host/text_file.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

using ::testing::HasSubstr;

constexpr absl::StatusCode kAlreadyExists = absl::StatusCode::kAlreadyExists;
constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr absl::StatusCode kInvalidArgument = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kNotFound = absl::StatusCode::kNotFound;
constexpr absl::StatusCode kResourceExhausted = absl::StatusCode::kResourceExhausted;
constexpr absl::StatusCode kUnimplemented = absl::StatusCode::kUnimplemented;

// As journal.h specifies.
constexpr std::size_t kHeaderBytes = 48;
constexpr std::size_t kHeadBytes = 56;
constexpr char kIdentity[] = "{\"worker\":\"sum\"}";

struct Record {
  std::int32_t pass = 0;
  std::int32_t job = 0;
  ChunkRange chunks;
  std::string results;

  bool operator==(const Record&) const = default;
  friend void PrintTo(const Record& record, std::ostream* out) {
    *out << "pass " << record.pass << " job " << record.job << " [" << record.chunks.begin << ", "
         << record.chunks.end << ") " << record.results.size() << " bytes";
  }
};

// Records of several jobs and passes, not in the order of their chunks; the first has no results.
std::vector<Record> SmallRecords() {
  return {{0, 0, {0, 1}, ""},
          {0, 1, {4, 7}, "seven"},
          {0, 0, {2, 3}, std::string(13, '\0')},
          {0, 0, {1, 2}, "one"},
          {0, 1, {0, 4}, RandomBytes(1, 40)},
          {1, 0, {0, 1000}, "of the next pass"}};
}

class JournalTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return directory_.File(name); }

  static std::string Bytes(const std::string& path) { return ReadTextFile(path, "it").value(); }
  // Returns the number of bytes after the last whole record: those that Continue truncates.
  static Index TornBytes(const std::string& path) {
    const std::string copy = path + ".torn";
    std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
    const absl::StatusOr<JournalReader> reader = JournalReader::Open(copy);
    EXPECT_THAT(reader, IsOk());
    EXPECT_THAT(JournalWriter::Continue(copy, *reader), IsOk());
    const Index torn =
        static_cast<Index>(std::filesystem::file_size(path) - std::filesystem::file_size(copy));
    std::filesystem::remove(copy);
    return torn;
  }
  static void SetBytes(const std::string& path, absl::string_view bytes) {
    // Removed first, because some file systems sync a file at once when its contents are replaced,
    // which is slow.
    std::filesystem::remove(path);
    MPAIO_ASSERT_OK(WriteTextFile(path, bytes, "it"));
  }

  static absl::Status Append(JournalWriter& writer, const Record& record) {
    return writer.Append(record.pass, record.job, record.chunks, record.results);
  }

  // Writes a journal of the records. Returns its bytes.
  static std::string WriteJournal(const std::string& path, const std::vector<Record>& records) {
    absl::StatusOr<JournalWriter> writer = JournalWriter::Create(path, kIdentity);
    EXPECT_THAT(writer, IsOk());
    for (const Record& record : records) MPAIO_EXPECT_OK(Append(*writer, record));
    MPAIO_EXPECT_OK(writer->Sync());
    return Bytes(path);
  }

  static std::vector<Record> Records(const JournalReader& reader) {
    std::vector<Record> records;
    for (const JournalEntry& entry : reader.entries()) {
      absl::StatusOr<std::string> results = reader.Read(entry);
      EXPECT_THAT(results, IsOk());
      records.push_back({entry.pass, entry.job, entry.chunks, results.value_or("unreadable")});
    }
    return records;
  }

  // Returns the records of a journal, or nothing if it is refused. Expects them to be a prefix of
  // `all`.
  static std::optional<std::vector<Record>> TrueRecords(const std::string& path,
                                                        const std::vector<Record>& all) {
    const absl::StatusOr<JournalReader> reader = JournalReader::Open(path);
    if (!reader.ok()) {
      EXPECT_THAT(reader, ::testing::AnyOf(StatusIs(kDataLoss), StatusIs(kUnimplemented)));
      return std::nullopt;
    }
    EXPECT_EQ(reader->identity(), kIdentity);
    std::vector<Record> records = Records(*reader);
    EXPECT_LE(records.size(), all.size());
    EXPECT_TRUE(records.size() <= all.size() &&
                std::equal(records.begin(), records.end(), all.begin()));
    std::size_t whole_bytes = kHeaderBytes + sizeof(kIdentity) - 1;
    for (const Record& record : records) whole_bytes += kHeadBytes + record.results.size();
    EXPECT_EQ(static_cast<std::uintmax_t>(TornBytes(path)),
              std::filesystem::file_size(path) - whole_bytes);
    return records;
  }

  // Continues the journal until it has all records. Returns its bytes.
  static std::string Complete(const std::string& path, const std::vector<Record>& all) {
    const absl::StatusOr<JournalReader> reader = JournalReader::Open(path);
    EXPECT_THAT(reader, IsOk());
    absl::StatusOr<JournalWriter> writer = JournalWriter::Continue(path, *reader);
    EXPECT_THAT(writer, IsOk());
    EXPECT_EQ(writer->num_records(), static_cast<Index>(reader->entries().size()));
    for (std::size_t r = reader->entries().size(); r < all.size(); ++r)
      MPAIO_EXPECT_OK(Append(*writer, all[r]));
    MPAIO_EXPECT_OK(writer->Flush());
    return Bytes(path);
  }

  TempDirectory directory_;
};

// Limits the length of files of this process while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::size_t bytes) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &old_), 0);
    before_ = ::signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {bytes, old_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() {
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &old_), 0);
    ::signal(SIGXFSZ, before_);
  }

 private:
  struct rlimit old_;
  void (*before_)(int) = nullptr;
};

TEST_F(JournalTest, ReadsWhatWasWritten) {
  const std::string bytes = WriteJournal(Path("j"), SmallRecords());
  const absl::StatusOr<JournalReader> reader = JournalReader::Open(Path("j"));
  ASSERT_THAT(reader, IsOk());
  EXPECT_EQ(reader->identity(), kIdentity);
  EXPECT_EQ(Records(*reader), SmallRecords());
  EXPECT_EQ(TornBytes(Path("j")), 0);
  // 48 + 16 bytes of header, 56 for each record, and 0 + 5 + 13 + 3 + 40 + 16 of results.
  EXPECT_EQ(bytes.size(), 48u + 16u + 6u * 56u + 77u);
  const JournalEntry& second = reader->entries()[1];
  EXPECT_EQ(second.offset, 48 + 16 + 56 + 56);
  EXPECT_EQ(bytes.substr(static_cast<std::size_t>(second.offset), 5), "seven");
}

TEST_F(JournalTest, NoRecords) {
  for (const std::string& identity :
       {std::string(), std::string("any\0text", 8), std::string(3 << 20, 'x')}) {
    std::filesystem::remove(Path("j"));
    MPAIO_ASSERT_OK(JournalWriter::Create(Path("j"), identity));
    const absl::StatusOr<JournalReader> reader = JournalReader::Open(Path("j"));
    ASSERT_THAT(reader, IsOk());
    EXPECT_EQ(reader->identity(), identity);
    EXPECT_TRUE(reader->entries().empty());
    EXPECT_EQ(TornBytes(Path("j")), 0);
  }
}

TEST_F(JournalTest, RandomRecordsAcrossSeveralRuns) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  // Sizes around those of the implementation's buffers: 64 KiB for writing, 1 MiB for reading.
  const Index sizes[] = {
      0, 1, 100, (64 << 10) - 57, (64 << 10) - 1, 64 << 10, (1 << 20) - 57, (1 << 20) + 1, 5 << 20};
  std::vector<Record> records;
  ChunkId next[2][3] = {};
  for (int r = 0; r < 300; ++r) {
    const bool is_long = random() % 20 == 0;
    const Index size_bytes =
        is_long ? sizes[random() % std::size(sizes)] : static_cast<Index>(random() % 3000);
    const auto pass = static_cast<std::int32_t>(random() % 2),
               job = static_cast<std::int32_t>(random() % 3);
    ChunkId& at = next[pass][job];
    at += random() % 2;  // there may be a gap
    const ChunkId begin = at;
    at += 1 + random() % 5;
    records.push_back({pass, job, {begin, at}, RandomBytes(random(), size_bytes)});
  }
  std::shuffle(records.begin(), records.end(), random);

  std::size_t written = 0;
  {
    absl::StatusOr<JournalWriter> writer = JournalWriter::Create(Path("j"), kIdentity);
    ASSERT_THAT(writer, IsOk());
    for (; written < 100; ++written) MPAIO_ASSERT_OK(Append(*writer, records[written]));
  }
  while (written < records.size()) {
    const absl::StatusOr<JournalReader> reader = JournalReader::Open(Path("j"));
    ASSERT_THAT(reader, IsOk());
    ASSERT_EQ(reader->entries().size(), written);
    absl::StatusOr<JournalWriter> writer = JournalWriter::Continue(Path("j"), *reader);
    ASSERT_THAT(writer, IsOk());
    const std::size_t end = std::min(written + 1 + random() % 100, records.size());
    for (; written < end; ++written) {
      MPAIO_ASSERT_OK(Append(*writer, records[written]));
      const std::uint32_t next_call = random() % 20;
      if (next_call < 2) {
        MPAIO_ASSERT_OK(next_call == 0 ? writer->Flush() : writer->Sync());
      }
    }
    EXPECT_EQ(writer->num_records(), static_cast<Index>(written));
    // Records read before can still be read.
    EXPECT_TRUE(Records(*reader) ==
                std::vector<Record>(
                    records.begin(),
                    records.begin() + static_cast<std::ptrdiff_t>(reader->entries().size())));
  }
  const absl::StatusOr<JournalReader> reader = JournalReader::Open(Path("j"));
  ASSERT_THAT(reader, IsOk());
  EXPECT_TRUE(Records(*reader) == records) << "seed " << seed;
  EXPECT_EQ(TornBytes(Path("j")), 0);
}

TEST_F(JournalTest, SmallRecordsAreGathered) {
  absl::StatusOr<JournalWriter> writer = JournalWriter::Create(Path("j"), kIdentity);
  ASSERT_THAT(writer, IsOk());
  const auto size = [this] { return std::filesystem::file_size(Path("j")); };
  const std::uintmax_t header_bytes = size();
  // 64 KiB are 936 records of 70 bytes, and 16 bytes.
  for (ChunkId chunk = 0; chunk < 936; ++chunk)
    MPAIO_ASSERT_OK(writer->Append(0, 0, {chunk, chunk + 1}, "fourteen bytes"));
  EXPECT_EQ(size(), header_bytes);
  MPAIO_ASSERT_OK(writer->Append(0, 0, {936, 937}, "fourteen bytes"));
  EXPECT_EQ(size(), header_bytes + 937 * 70);
  MPAIO_ASSERT_OK(writer->Append(0, 0, {937, 938}, "fourteen bytes"));
  EXPECT_EQ(size(), header_bytes + 937 * 70);
  MPAIO_ASSERT_OK(writer->Flush());
  EXPECT_EQ(size(), header_bytes + 938 * 70);
}

TEST_F(JournalTest, AKilledProcessLeavesWhatWasFlushed) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    absl::StatusOr<JournalWriter> writer = JournalWriter::Create(Path("j"), kIdentity);
    bool is_ok = writer.ok();
    for (int r = 0; r < 3; ++r)
      is_ok = is_ok && Append(*writer, SmallRecords()[static_cast<std::size_t>(r)]).ok();
    is_ok = is_ok && writer->Flush().ok() && Append(*writer, SmallRecords()[3]).ok();
    if (!is_ok) ::_exit(1);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(TrueRecords(Path("j"), SmallRecords())->size(), 3u);
  // The lock ended with the process.
  Complete(Path("j"), SmallRecords());
  EXPECT_EQ(TrueRecords(Path("j"), SmallRecords()), SmallRecords());
}

TEST_F(JournalTest, CutAtEveryByte) {
  const std::vector<Record> records = SmallRecords();
  const std::string whole = WriteJournal(Path("whole"), records);
  const std::string path = Path("cut");
  std::size_t refused = 0;
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    SCOPED_TRACE(length);
    SetBytes(path, whole.substr(0, length));
    std::size_t end = kHeaderBytes + sizeof(kIdentity) - 1, expected = 0;
    const bool has_header = length >= end;
    while (expected < records.size() &&
           end + kHeadBytes + records[expected].results.size() <= length) {
      end += kHeadBytes + records[expected++].results.size();
    }
    const std::optional<std::vector<Record>> read = TrueRecords(path, records);
    ASSERT_EQ(read.has_value(), has_header);
    if (!has_header) {
      EXPECT_THAT(JournalReader::Open(path),
                  StatusIs(kDataLoss, length == 0 ? "is empty" : "ends within its header"));
      ++refused;
      continue;
    }
    EXPECT_EQ(read->size(), expected);
    EXPECT_EQ(TornBytes(path), static_cast<Index>(length - end));
    EXPECT_EQ(Complete(path, records), whole);
  }
  EXPECT_EQ(refused, 64u);
}

TEST_F(JournalTest, EveryBitFlipped) {
  const std::vector<Record> records = SmallRecords();
  const std::string whole = WriteJournal(Path("whole"), records);
  const std::string path = Path("flipped");
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    SCOPED_TRACE(bit);
    std::string bytes = whole;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    SetBytes(path, bytes);
    std::size_t end = kHeaderBytes + sizeof(kIdentity) - 1, expected = 0;
    const bool is_header = bit / 8 < end;
    while (expected < records.size() &&
           end + kHeadBytes + records[expected].results.size() <= bit / 8) {
      end += kHeadBytes + records[expected++].results.size();
    }
    const std::optional<std::vector<Record>> read = TrueRecords(path, records);
    ASSERT_EQ(read.has_value(), !is_header);
    if (!is_header) {
      EXPECT_EQ(read->size(), expected);
      // Completing it gives the original journal again.
      if (bit % 8 == 0) {
        EXPECT_EQ(Complete(path, records), whole);
      }
    }
  }
}

TEST_F(JournalTest, AnythingAfterTheLastRecordIsTorn) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  const std::vector<Record> records = SmallRecords();
  const std::string whole = WriteJournal(Path("whole"), records);
  std::vector<std::string> garbage = {std::string(1, '\0'), std::string(5000, '\0'),
                                      std::string(5000, '\xff'), whole, whole.substr(64)};
  for (int i = 0; i < 200; ++i)
    garbage.push_back(RandomBytes(random(), static_cast<Index>(random() % 400)));
  for (const std::string& more : garbage) {
    SetBytes(Path("more"), whole + more);
    EXPECT_EQ(TrueRecords(Path("more"), records), records);
    EXPECT_EQ(TornBytes(Path("more")), static_cast<Index>(more.size()));
    EXPECT_EQ(Complete(Path("more"), records), whole);
  }
}

TEST_F(JournalTest, SeveralBytesOverwritten) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  const std::vector<Record> records = SmallRecords();
  const std::string whole = WriteJournal(Path("whole"), records);
  for (int i = 0; i < 1000; ++i) {
    SCOPED_TRACE(absl::StrCat("seed ", seed, ", ", i));
    std::string bytes = whole;
    for (std::uint32_t writes = 1 + random() % 4; writes > 0; --writes) {
      const std::string piece = RandomBytes(random(), 1 + static_cast<Index>(random() % 60));
      const std::size_t at = random() % whole.size();
      for (std::size_t b = 0; b < piece.size() && at + b < whole.size(); ++b)
        bytes[at + b] = piece[b];
    }
    const auto first = static_cast<std::size_t>(
        std::mismatch(bytes.begin(), bytes.end(), whole.begin()).first - bytes.begin());
    SetBytes(Path("j"), bytes);
    const std::optional<std::vector<Record>> read = TrueRecords(Path("j"), records);
    ASSERT_EQ(read.has_value(), first >= kHeaderBytes + sizeof(kIdentity) - 1);
  }
}

TEST_F(JournalTest, RandomBytesAreNoJournal) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  for (int i = 0; i < 300; ++i) {
    SetBytes(Path("j"), RandomBytes(random(), 1 + static_cast<Index>(random() % 400)));
    ASSERT_THAT(JournalReader::Open(Path("j")), StatusIs(kDataLoss, "is not a journal of mpaio"));
  }
}

// A record is valid only where it was written.
TEST_F(JournalTest, RecordsFromOtherPlacesAreTorn) {
  const std::vector<Record> records = {
      {0, 0, {0, 1}, "aaaa"}, {0, 0, {1, 2}, "bbbb"}, {0, 0, {2, 3}, "cccc"}};
  const std::string whole = WriteJournal(Path("a"), records);
  const std::size_t header_bytes = 64, record_bytes = 60;
  const auto record = [&](const std::string& bytes, std::size_t r) {
    return bytes.substr(header_bytes + r * record_bytes, record_bytes);
  };
  const std::string header = whole.substr(0, header_bytes);
  ASSERT_EQ(whole, header + record(whole, 0) + record(whole, 1) + record(whole, 2));

  SetBytes(Path("j"), header + record(whole, 1) + record(whole, 0) + record(whole, 2));
  EXPECT_EQ(TrueRecords(Path("j"), records)->size(), 0u);
  SetBytes(Path("j"), header + record(whole, 0) + record(whole, 2));
  EXPECT_EQ(TrueRecords(Path("j"), records)->size(), 1u);
  SetBytes(Path("j"), header + record(whole, 0) + record(whole, 0));
  EXPECT_EQ(TrueRecords(Path("j"), records)->size(), 1u);
  // A record of another journal, at the same position.
  const std::string other = WriteJournal(Path("b"), records);
  SetBytes(Path("j"), header + record(whole, 0) + record(other, 1) + record(other, 2));
  EXPECT_EQ(TrueRecords(Path("j"), records)->size(), 1u);
  // A record of the same journal from before it was truncated: the second record was torn, and
  // another replaced it when the run continued.
  SetBytes(Path("j"), header + record(whole, 0));
  const std::vector<Record> anew = {records[0], {0, 0, {2, 3}, "cccc"}};
  const std::string again = Complete(Path("j"), anew);
  SetBytes(Path("j"), again + record(whole, 2));
  EXPECT_EQ(TrueRecords(Path("j"), anew), anew);
}

// Makes journals with valid checksums and records that no run writes. They must do no harm either.
class Forged {
 public:
  explicit Forged(const std::string& header) : bytes_(header) {
    std::memcpy(&chain_, header.data() + 40, 8);
  }

  Forged& Add(std::int32_t pass, std::int32_t job, std::int64_t begin, std::int64_t end,
              std::uint64_t length_bytes, const std::string& results) {
    std::string head;
    const auto add = [&head](auto value) {
      head.append(reinterpret_cast<const char*>(&value), sizeof(value));
    };
    add(number_++);
    add(pass);
    add(job);
    add(begin);
    add(end);
    add(length_bytes);
    add(std::uint64_t{XXH3_64bits(results.data(), results.size())});
    chain_ = XXH3_64bits_withSeed(head.data(), head.size(), chain_);
    add(chain_);
    bytes_ += head + results;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::uint64_t chain_ = 0;
  std::uint64_t number_ = 0;
};

TEST_F(JournalTest, ForgedRecords) {
  const std::string header = WriteJournal(Path("whole"), {});
  const auto open = [&](const Forged& forged) {
    SetBytes(Path("j"), forged.bytes());
    return JournalReader::Open(Path("j"));
  };
  EXPECT_EQ(
      open(Forged(header).Add(0, 0, 0, 1, 3, "abc").Add(0, 0, 1, 2, 2, "de"))->entries().size(),
      2u);
  // Lengths that lead beyond the end of the file.
  for (const std::uint64_t length_bytes :
       {std::uint64_t{4}, std::uint64_t{1} << 40, std::uint64_t{1} << 63, ~std::uint64_t{0},
        ~std::uint64_t{0} - 55}) {
    const absl::StatusOr<JournalReader> reader =
        open(Forged(header).Add(0, 0, 0, 1, length_bytes, "abc"));
    ASSERT_THAT(reader, IsOk());
    EXPECT_TRUE(reader->entries().empty());
    EXPECT_EQ(TornBytes(Path("j")), 59);
    // A checksum of only the part of the results that the file has.
    EXPECT_TRUE(open(Forged(header).Add(0, 0, 0, 1, length_bytes, ""))->entries().empty());
  }
  constexpr Index kMin = std::numeric_limits<Index>::min(),
                  kMax = std::numeric_limits<Index>::max();
  const Record no_chunks[] = {
      {0, 0, {1, 1}, ""},  {0, 0, {2, 1}, ""},       {0, 0, {-1, 1}, ""},     {-1, 0, {0, 1}, ""},
      {0, -1, {0, 1}, ""}, {0, 0, {kMin, kMax}, ""}, {0, 0, {kMax, kMin}, ""}};
  for (const Record& bad : no_chunks) {
    EXPECT_THAT(open(Forged(header)
                         .Add(0, 0, 5, 6, 0, "")
                         .Add(bad.pass, bad.job, bad.chunks.begin, bad.chunks.end, 0, "")),
                StatusIs(kDataLoss, "record 1"));
  }
  // [10, 20) and [30, 40) have records.
  const ChunkRange twice[] = {{10, 20}, {10, 11}, {19, 20}, {5, 11},  {19, 25},
                              {15, 16}, {0, 100}, {20, 31}, {39, 41}, {0, kMax}};
  for (const ChunkRange& chunks : twice) {
    EXPECT_THAT(open(Forged(header)
                         .Add(0, 0, 10, 20, 0, "")
                         .Add(0, 0, 30, 40, 0, "")
                         .Add(0, 0, chunks.begin, chunks.end, 0, "")),
                StatusIs(kDataLoss, "has already"));
    EXPECT_THAT(open(Forged(header)
                         .Add(0, 0, 10, 20, 0, "")
                         .Add(0, 0, 30, 40, 0, "")
                         .Add(0, 1, chunks.begin, chunks.end, 0, "")),
                IsOk());
    EXPECT_THAT(open(Forged(header)
                         .Add(0, 0, 10, 20, 0, "")
                         .Add(0, 0, 30, 40, 0, "")
                         .Add(1, 0, chunks.begin, chunks.end, 0, "")),
                IsOk());
  }
  const ChunkRange once[] = {{0, 10},  {9, 10},  {20, 30}, {20, 21},
                             {29, 30}, {25, 26}, {40, 41}, {40, kMax}};
  for (const ChunkRange& chunks : once) {
    EXPECT_THAT(open(Forged(header)
                         .Add(0, 0, 30, 40, 0, "")
                         .Add(0, 0, 10, 20, 0, "")
                         .Add(0, 0, chunks.begin, chunks.end, 0, "")),
                IsOk());
  }
  // Merged adjacent ranges are found as well.
  EXPECT_THAT(open(Forged(header)
                       .Add(0, 0, 0, 1, 0, "")
                       .Add(0, 0, 2, 3, 0, "")
                       .Add(0, 0, 1, 2, 0, "")
                       .Add(0, 0, 2, 3, 0, "")),
              StatusIs(kDataLoss, "has already"));
}

TEST_F(JournalTest, HeadersOfOtherVersionsAndMachines) {
  const std::string whole = WriteJournal(Path("whole"), SmallRecords());
  const auto with_checksum = [](std::string bytes) {
    const std::uint64_t checksum = XXH3_64bits(bytes.data(), 40);
    std::memcpy(bytes.data() + 40, &checksum, 8);
    return bytes;
  };
  ASSERT_EQ(with_checksum(whole), whole);
  std::string later = whole;
  later[12] = 2;
  SetBytes(Path("j"), with_checksum(later));
  EXPECT_THAT(JournalReader::Open(Path("j")), StatusIs(kUnimplemented, "layout 2"));
  std::string swapped = whole;
  std::reverse(swapped.begin() + 8, swapped.begin() + 12);
  SetBytes(Path("j"), swapped);
  EXPECT_THAT(JournalReader::Open(Path("j")), StatusIs(kUnimplemented, "byte order"));
  for (const std::uint64_t length_bytes :
       {~std::uint64_t{0}, std::uint64_t{1} << 63, (std::uint64_t{64} << 20) + 1}) {
    std::string endless = whole;
    std::memcpy(endless.data() + 24, &length_bytes, 8);
    SetBytes(Path("j"), with_checksum(endless));
    EXPECT_THAT(JournalReader::Open(Path("j")), StatusIs(kDataLoss, "damaged"));
  }
}

TEST_F(JournalTest, ReadVerifiesAgain) {
  const std::string bytes = WriteJournal(Path("j"), SmallRecords());
  const absl::StatusOr<JournalReader> reader = JournalReader::Open(Path("j"));
  ASSERT_THAT(reader, IsOk());
  JournalEntry beyond = reader->entries()[1];
  beyond.length_bytes = std::numeric_limits<Index>::max();
  EXPECT_THAT(reader->Read(beyond), StatusIs(kDataLoss, "changed"));
  beyond.length_bytes = 5;
  beyond.offset = std::numeric_limits<Index>::max();
  EXPECT_THAT(reader->Read(beyond), StatusIs(kDataLoss, "changed"));
  std::string other = bytes;
  other[static_cast<std::size_t>(reader->entries()[1].offset)] ^= 1;
  MPAIO_ASSERT_OK(WriteTextFile(Path("j"), other, "it"));
  EXPECT_THAT(reader->Read(reader->entries()[1]), StatusIs(kDataLoss, "changed"));
  EXPECT_EQ(*reader->Read(reader->entries()[3]), "one");
  std::filesystem::resize_file(Path("j"), 100);
  EXPECT_THAT(reader->Read(reader->entries()[3]), StatusIs(kDataLoss, "changed"));
}

TEST_F(JournalTest, NothingIsWrittenOver) {
  const std::string bytes = WriteJournal(Path("j"), SmallRecords());
  EXPECT_THAT(JournalWriter::Create(Path("j"), kIdentity).status(),
              StatusIs(kAlreadyExists, "--resume"));
  EXPECT_EQ(Bytes(Path("j")), bytes);
  SetBytes(Path("x"), "x");
  EXPECT_THAT(JournalWriter::Create(Path("x"), kIdentity).status(), StatusIs(kAlreadyExists));
  EXPECT_EQ(Bytes(Path("x")), "x");
  SetBytes(Path("empty"), "");
  EXPECT_THAT(JournalWriter::Create(Path("empty"), kIdentity).status(), IsOk());
}

TEST_F(JournalTest, FilesThatAreNotJournals) {
  EXPECT_THAT(JournalReader::Open(Path("gone")), StatusIs(kNotFound, "there is no journal"));
  EXPECT_THAT(JournalReader::Open(directory_.path()), StatusIs(kInvalidArgument, "a directory"));
  EXPECT_THAT(JournalReader::Open("/dev/null"), StatusIs(kInvalidArgument, "a device"));
  EXPECT_THAT(JournalWriter::Create("/dev/full", kIdentity).status(),
              StatusIs(kInvalidArgument, "a device"));
  EXPECT_THAT(JournalWriter::Create(Path("gone/j"), kIdentity).status(), StatusIs(kNotFound));
  EXPECT_FALSE(JournalWriter::Create(directory_.path(), kIdentity).ok());
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(JournalReader::Open(Path("pipe")), StatusIs(kInvalidArgument, "a pipe"));
  EXPECT_THAT(JournalWriter::Create(Path("pipe"), kIdentity).status(),
              StatusIs(kInvalidArgument, "a pipe"));
  EXPECT_THAT(JournalWriter::Create(Path("j"), std::string((64 << 20) + 1, 'x')).status(),
              StatusIs(kInvalidArgument, "at most"));
  EXPECT_FALSE(std::filesystem::exists(Path("j")));
}

TEST_F(JournalTest, OneWriterAtATime) {
  absl::StatusOr<JournalWriter> writer = JournalWriter::Create(Path("j"), kIdentity);
  ASSERT_THAT(writer, IsOk());
  const absl::StatusOr<JournalReader> reader = JournalReader::Open(Path("j"));
  ASSERT_THAT(reader, IsOk());
  EXPECT_THAT(JournalWriter::Continue(Path("j"), *reader).status(),
              StatusIs(kFailedPrecondition, "by another run"));
  EXPECT_THAT(JournalWriter::Create(Path("j"), kIdentity).status(),
              StatusIs(kFailedPrecondition, "by another run"));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0)
    ::_exit(absl::IsFailedPrecondition(JournalWriter::Continue(Path("j"), *reader).status()) ? 0
                                                                                             : 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  // The first writer is not affected.
  MPAIO_EXPECT_OK(Append(*writer, SmallRecords()[0]));
  MPAIO_EXPECT_OK(writer->Sync());
  EXPECT_EQ(TrueRecords(Path("j"), SmallRecords())->size(), 1u);
}

TEST_F(JournalTest, ContinuesOnlyTheFileThatWasRead) {
  WriteJournal(Path("j"), {SmallRecords()[0]});
  const absl::StatusOr<JournalReader> before = JournalReader::Open(Path("j"));
  ASSERT_THAT(before, IsOk());
  const std::string bytes = Complete(Path("j"), SmallRecords());
  EXPECT_THAT(JournalWriter::Continue(Path("j"), *before).status(),
              StatusIs(kFailedPrecondition, "changed since it was read"));
  EXPECT_EQ(Bytes(Path("j")), bytes);
  const absl::StatusOr<JournalReader> read = JournalReader::Open(Path("j"));
  std::filesystem::rename(Path("j"), Path("moved"));
  EXPECT_THAT(JournalWriter::Continue(Path("j"), *read).status(), StatusIs(kNotFound));
  SetBytes(Path("j"), bytes);
  EXPECT_THAT(JournalWriter::Continue(Path("j"), *read).status(),
              StatusIs(kFailedPrecondition, "changed since it was read"));
  MPAIO_EXPECT_OK(JournalWriter::Continue(Path("moved"), *read));
}

TEST_F(JournalTest, AppendRefusesInvalidChunks) {
  absl::StatusOr<JournalWriter> writer = JournalWriter::Create(Path("j"), kIdentity);
  ASSERT_THAT(writer, IsOk());
  EXPECT_THAT(writer->Append(0, 0, {1, 1}, "x"), StatusIs(kInvalidArgument));
  EXPECT_THAT(writer->Append(0, 0, {-1, 1}, "x"), StatusIs(kInvalidArgument));
  EXPECT_THAT(writer->Append(-1, 0, {0, 1}, "x"), StatusIs(kInvalidArgument));
  EXPECT_THAT(writer->Append(0, -1, {0, 1}, "x"), StatusIs(kInvalidArgument));
  EXPECT_EQ(writer->num_records(), 0);
  for (const Record& record : SmallRecords()) MPAIO_EXPECT_OK(Append(*writer, record));
  MPAIO_EXPECT_OK(writer->Flush());
  EXPECT_EQ(TrueRecords(Path("j"), SmallRecords()), SmallRecords());
}

// Each record is written on its own, or two at a time, or all at once.
enum class Writes { kEach, kPairs, kAll };

class FullDiskTest : public JournalTest, public ::testing::WithParamInterface<Writes> {};

TEST_P(FullDiskTest, AtEveryByte) {
  const std::vector<Record> records = SmallRecords();
  const std::string whole = WriteJournal(Path("whole"), records);
  const std::string path = Path("j");
  const std::size_t header_bytes = 64;
  for (std::size_t limit = 0; limit <= whole.size(); ++limit) {
    SCOPED_TRACE(limit);
    std::filesystem::remove(path);
    if (limit < header_bytes) {
      const FileSizeLimit no_more(limit);
      EXPECT_THAT(JournalWriter::Create(path, kIdentity).status(),
                  StatusIs(kResourceExhausted, "cannot create the journal"));
      EXPECT_FALSE(std::filesystem::exists(path));
      continue;
    }
    // Not made with Create, because it waits for the disk each time.
    SetBytes(path, whole.substr(0, header_bytes));
    {
      const FileSizeLimit no_more(limit);
      absl::StatusOr<JournalWriter> writer =
          JournalWriter::Continue(path, JournalReader::Open(path).value());
      ASSERT_THAT(writer, IsOk());
      absl::Status failure;
      for (std::size_t r = 0; r < records.size(); ++r) {
        const absl::Status appended = Append(*writer, records[r]);
        const bool flushes =
            GetParam() == Writes::kEach || (GetParam() == Writes::kPairs && r % 2 == 1);
        const absl::Status flushed = flushes ? writer->Flush() : appended;
        // After a failure every call returns the same error.
        if (!failure.ok()) {
          EXPECT_EQ(appended, failure);
          EXPECT_EQ(flushed, failure);
        }
        if (failure.ok()) failure = flushed;
      }
      if (failure.ok()) failure = writer->Flush();
      EXPECT_EQ(failure.ok(), limit == whole.size());
      EXPECT_EQ(writer->Sync(), failure);
      if (!failure.ok()) {
        EXPECT_THAT(failure, StatusIs(kResourceExhausted, "go on with --resume"));
        EXPECT_THAT(std::string(failure.message()),
                    HasSubstr(absl::StrCat(writer->num_records(),
                                           writer->num_records() == 1 ? " record" : " records")));
        if (GetParam() == Writes::kAll) {
          EXPECT_THAT(
              std::string(failure.message()),
              HasSubstr(absl::StrCat("for at least ", whole.size() - limit, " bytes more")));
        }
      }
      std::size_t end = header_bytes, expected = 0;
      while (expected < records.size() &&
             end + kHeadBytes + records[expected].results.size() <= limit) {
        end += kHeadBytes + records[expected++].results.size();
      }
      EXPECT_EQ(writer->num_records(), static_cast<Index>(expected));
      EXPECT_EQ(TrueRecords(path, records)->size(), expected);
      EXPECT_EQ(TornBytes(path), 0);
    }
    // The limit is lifted.
    Complete(path, records);
    EXPECT_EQ(TrueRecords(path, records), records);
  }
}

INSTANTIATE_TEST_SUITE_P(Journal, FullDiskTest,
                         ::testing::Values(Writes::kEach, Writes::kPairs, Writes::kAll),
                         [](const auto& info) {
                           return info.param == Writes::kEach    ? "Each"
                                  : info.param == Writes::kPairs ? "Pairs"
                                                                 : "All";
                         });

// Long results, which are not copied to the buffer, follow a record that is in it.
TEST_F(JournalTest, FullDiskInLongResults) {
  const std::vector<Record> records = {
      {0, 0, {0, 1}, "short"}, {0, 0, {1, 2}, RandomBytes(1, 300000)}, {0, 0, {2, 3}, "last"}};
  const std::size_t first_end = 64 + 56 + 5, second_end = first_end + 56 + 300000;
  for (const std::size_t limit : {first_end - 1, first_end, first_end + 55, first_end + 56,
                                  first_end + 57, second_end - 1, second_end}) {
    SCOPED_TRACE(limit);
    std::filesystem::remove(Path("j"));
    {
      const FileSizeLimit no_more(limit);
      absl::StatusOr<JournalWriter> writer = JournalWriter::Create(Path("j"), kIdentity);
      ASSERT_THAT(writer, IsOk());
      MPAIO_EXPECT_OK(Append(*writer, records[0]));
      EXPECT_EQ(Append(*writer, records[1]).ok(), limit == second_end);
      EXPECT_EQ(TrueRecords(Path("j"), records)->size(), limit == second_end  ? 2u
                                                         : limit >= first_end ? 1u
                                                                              : 0u);
      EXPECT_EQ(TornBytes(Path("j")), 0);
    }
    Complete(Path("j"), records);
    EXPECT_EQ(TrueRecords(Path("j"), records), records);
  }
}

TEST_F(JournalTest, MovesAndWritesTheRestOnDestruction) {
  absl::StatusOr<JournalWriter> first = JournalWriter::Create(Path("j"), kIdentity);
  ASSERT_THAT(first, IsOk());
  MPAIO_ASSERT_OK(Append(*first, SmallRecords()[0]));
  {
    JournalWriter second = *std::move(first);
    MPAIO_ASSERT_OK(Append(second, SmallRecords()[1]));
    EXPECT_EQ(TrueRecords(Path("j"), SmallRecords())->size(), 0u);
  }
  EXPECT_EQ(TrueRecords(Path("j"), SmallRecords())->size(), 2u);
}

}  // namespace
}  // namespace mpaio
