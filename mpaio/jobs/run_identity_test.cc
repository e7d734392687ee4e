// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/run_identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/base/version.h"
#include "mpaio/format/npy_writer.h"
#include "mpaio/host/text_file.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr absl::StatusCode kInvalidArgument = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kNotFound = absl::StatusCode::kNotFound;

// The identity of the command "sum ints.npy axis=0 + take words.npy out.npy from=more.npy", whose
// last file is too large to be compared as a whole.
RunIdentity Example() {
  RunIdentity identity;
  identity.version = "0.1.0";
  identity.partition = Partition::ChunkSize(4096);
  identity.parallelism = 3;
  identity.jobs = {{"sum", "ints.npy", "", {{"axis", "0"}, {"where", "all"}}, 12},
                   {"take", "words.npy", "out.npy", {{"from", "more.npy"}}, std::nullopt}};
  identity.inputs = {
      {"ints.npy", "ints.npy", "<i8", {84}, {800, 1'500'000'000'000'000'001, "00ff", true}},
      {"words.npy", "words.npy", "<U6", {10, 20}, {4928, 1'500'000'000'000'000'002, "11ff", true}},
      {"more.npy",
       "more.npy",
       "<f8",
       {1 << 22},
       {33'554'560, 1'500'000'000'000'000'003, "22ff", false}}};
  return identity;
}

TEST(CheckSameRun, TheSame) { MPAIO_EXPECT_OK(CheckSameRun(Example(), Example())); }

TEST(CheckSameRun, IgnoresIrrelevantDifferences) {
  RunIdentity now = Example();
  now.parallelism = 64;  // a resumed run uses the journal's
  now.jobs[0].chunks.reset();
  now.jobs[1].chunks = 7;
  now.inputs[0].file.mtime_ns += 1;  // all its bytes are the same
  MPAIO_EXPECT_OK(CheckSameRun(Example(), now));
}

TEST(CheckSameRun, NamesTheDifference) {
  struct Case {
    std::function<void(RunIdentity&)> change;
    std::string says;
  };
  const Case cases[] = {
      {[](RunIdentity& now) { now.version = "0.2.0"; },
       "the journal was written by mpaio 0.1.0, this is 0.2.0; go on with that version"},
      {[](RunIdentity& now) { now.jobs[0].worker = "max"; },
       "the journal is for sum ints.npy, this command for max ints.npy; give the command"},
      {[](RunIdentity& now) { now.jobs[0].input = "floats.npy"; },
       "the journal is for sum ints.npy, this command for sum floats.npy"},
      {[](RunIdentity& now) { now.jobs[1].output = "b.npy"; },
       "the journal is for take words.npy out.npy, this command for take words.npy b.npy"},
      {[](RunIdentity& now) { now.jobs.pop_back(); },
       "the journal is for sum ints.npy + take words.npy out.npy, this command for sum ints.npy;"},
      {[](RunIdentity& now) { std::swap(now.jobs[0], now.jobs[1]); },
       "the journal is for sum ints.npy, this command for take words.npy out.npy"},
      {[](RunIdentity& now) { now.jobs[0].parameters[0].second = "1"; },
       "sum ints.npy: parameter axis was 0, is now 1; give the same parameters"},
      {[](RunIdentity& now) { now.jobs[0].parameters.pop_back(); },
       "parameter where was all, is now absent"},
      {[](RunIdentity& now) { now.jobs[0].parameters.emplace_back("new", "x"); },
       "parameter new was absent, is now x"},
      {[](RunIdentity& now) { now.jobs[1].parameters[0].second = "less.npy"; },
       "parameter from was more.npy, is now less.npy"},
      {[](RunIdentity& now) { now.partition = Partition::ChunkSize(1); },
       "was written with --chunk=4096, this command has --chunk=1; give --chunk=4096"},
      {[](RunIdentity& now) { now.partition = Partition::Auto(); },
       "--chunk=4096, this command has --chunk=auto"},
      {[](RunIdentity& now) { now.partition = Partition::ChunkCount(4096); },
       "--chunk=4096, this command has --chunk=count:4096"},
      {[](RunIdentity& now) { now.inputs[0].file.size_bytes = 808; },
       "ints.npy has changed since the journal was written: 800 bytes then, 808 now"},
      {[](RunIdentity& now) { now.inputs[1].dtype = "<U12"; },
       "words.npy has changed since the journal was written: <U6 (10, 20) then, <U12 (10, 20) now"},
      {[](RunIdentity& now) {
         now.inputs[1].shape = {20, 10};
       },
       "<U6 (10, 20) then, <U6 (20, 10) now"},
      {[](RunIdentity& now) { now.inputs[0].file.digest = "00fe"; },
       "ints.npy has changed since the journal was written: still 800 bytes, but different ones"},
      {[](RunIdentity& now) { now.inputs[2].file.digest = "22fe"; },
       "more.npy has changed since the journal was written"},
      {[](RunIdentity& now) { now.inputs[2].file.mtime_ns += 1; },
       "touch -d @1500000000.000000003 more.npy"},
      {[](RunIdentity& now) { now.inputs[2].file.mtime_ns += 1; },
       "more.npy may have changed since the journal was written"},
      {[](RunIdentity& now) { now.inputs[2].name = "another"; },
       "the journal has no input another"},
      {[](RunIdentity& now) { now.jobs[0].chunks = 13; },
       "sum ints.npy had 12 chunks when the journal was written, has now 13"},
  };
  for (const Case& one : cases) {
    RunIdentity now = Example();
    one.change(now);
    EXPECT_THAT(CheckSameRun(Example(), now), StatusIs(kFailedPrecondition, one.says));
    EXPECT_THAT(CheckSameRun(Example(), now),
                StatusIs(kFailedPrecondition, "or start anew with another journal"));
  }
}

TEST(CheckSameRun, TimesBefore1970) {
  RunIdentity journal = Example();
  journal.inputs[2].file.mtime_ns = -1;
  EXPECT_THAT(CheckSameRun(journal, Example()),
              StatusIs(kFailedPrecondition, "touch -d @-1.999999999 more.npy"));
}

TEST(IdentityText, RoundTrip) {
  const std::string text = IdentityText(Example());
  EXPECT_THAT(text, Not(HasSubstr("\n")));
  EXPECT_THAT(text, HasSubstr(R"("jobs":[{"worker":"sum","input":"ints.npy","output":"",)"
                              R"("parameters":{"axis":"0","where":"all"},"chunks":12},)"));
  const absl::StatusOr<RunIdentity> back = ParseIdentity(text);
  ASSERT_THAT(back, IsOk());
  EXPECT_EQ(*back, Example());
  for (const Partition partition : {Partition::Auto(), Partition::ChunkCount(5)}) {
    RunIdentity other = Example();
    other.partition = partition;
    EXPECT_EQ(ParseIdentity(IdentityText(other))->partition, partition);
  }
}

TEST(ParseIdentity, RejectsOtherText) {
  for (const char* text : {"", "{", "[]", "7", "{}", "null", "\xff"})
    EXPECT_THAT(ParseIdentity(text), StatusIs(kDataLoss)) << text;
  const nlohmann::ordered_json whole = nlohmann::ordered_json::parse(IdentityText(Example()));
  // Each value, one after the other, is replaced by values of other types.
  const nlohmann::ordered_json flat = whole.flatten();
  int tried = 0;
  for (const auto& [pointer, value] : flat.items()) {
    for (const nlohmann::ordered_json& other :
         {nlohmann::ordered_json(nullptr), nlohmann::ordered_json(1.5),
          nlohmann::ordered_json::object()}) {
      nlohmann::ordered_json changed = whole;
      changed[nlohmann::ordered_json::json_pointer(pointer)] = other;
      EXPECT_THAT(ParseIdentity(changed.dump()), StatusIs(kDataLoss)) << pointer << " " << other;
      ++tried;
    }
  }
  EXPECT_GT(tried, 100);
  for (const char* key : {"format", "mpaio", "partition", "parallelism", "jobs", "inputs"}) {
    nlohmann::ordered_json changed = whole;
    changed.erase(key);
    EXPECT_THAT(ParseIdentity(changed.dump()), StatusIs(kDataLoss)) << key;
  }
  nlohmann::ordered_json later = whole;
  later["format"] = 2;
  later["mpaio"] = "9.0";
  EXPECT_THAT(ParseIdentity(later.dump()),
              StatusIs(kFailedPrecondition, "was written by mpaio 9.0"));
}

class FilesTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return directory_.File(name); }

  void WriteInts(const std::string& name, const std::vector<std::int64_t>& numbers) const {
    MPAIO_ASSERT_OK(WriteNpy(Path(name), NdView::Create(numbers.data(), DType::Parse("<i8").value(),
                                                        {static_cast<Index>(numbers.size())})
                                             .value()));
  }

  static void SetTime(const std::string& path, std::int64_t seconds, long nanoseconds) {
    const struct timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }

  // Writes one byte in place; keeps the modification time.
  static void SetByte(const std::string& path, Index offset, char byte) {
    struct stat status;
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(offset);
      file.put(byte);
      ASSERT_TRUE(file.good());
    }
    SetTime(path, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  }

  PlannedJob Plan(const std::string& input,
                  const std::vector<std::pair<std::string, std::string>>& given,
                  const std::string& output = "") const {
    PlannedJob planned;
    planned.spec = {"sum", input, output, given};
    planned.info = &info_;
    planned.parameters = Parameters::Create(info_.parameters, given).value();
    return planned;
  }

  WorkerInfo MakeInfo() const {
    WorkerInfo info;
    info.parameters = {ParameterInfo::Integer("axis", "an axis", 7),
                       ParameterInfo::Array("more", "another"),
                       ParameterInfo::OptionalNumber("low", "a bound")};
    return info;
  }

  TempDirectory directory_;
  const WorkerInfo info_ = MakeInfo();
};

TEST_F(FilesTest, DigestOfAllOfAFile) {
  const std::string path = Path("a");
  const std::string bytes = RandomBytes(1, 200'000);
  MPAIO_ASSERT_OK(WriteTextFile(path, bytes, "it"));
  SetTime(path, 1'500'000'000, 123'456'789);
  const absl::StatusOr<FileState> state = ReadFileState(path);
  ASSERT_THAT(state, IsOk());
  EXPECT_EQ(state->size_bytes, 200'000);
  EXPECT_EQ(state->mtime_ns, 1'500'000'000'123'456'789);
  EXPECT_TRUE(state->is_whole);
  EXPECT_EQ(state->digest.size(), 32u);
  EXPECT_EQ(ReadFileState(path).value(), *state);
  for (const Index offset : {0, 65'535, 65'536, 131'072, 199'999}) {
    const char byte = bytes[static_cast<std::size_t>(offset)];
    SetByte(path, offset, static_cast<char>(byte ^ 1));
    EXPECT_NE(ReadFileState(path)->digest, state->digest) << offset;
    SetByte(path, offset, byte);
    EXPECT_EQ(ReadFileState(path).value(), *state);
  }
}

// XXH3 of eight zero bytes, which are the length of an empty file; and of "abc" followed by the
// byte 3 and seven zero bytes.
TEST_F(FilesTest, DigestIsTheSameEverywhere) {
  MPAIO_ASSERT_OK(WriteTextFile(Path("empty"), "", "it"));
  EXPECT_EQ(ReadFileState(Path("empty"))->digest, "2c0a8a99dc147d5445c3b49d035665b2");
  MPAIO_ASSERT_OK(WriteTextFile(Path("abc"), "abc", "it"));
  EXPECT_EQ(ReadFileState(Path("abc"))->digest, "c015801c58d1bc0fc329960192503f3f");
}

TEST_F(FilesTest, ALargeFileIsSampled) {
  const std::string path = Path("large");
  MPAIO_ASSERT_OK(WriteTextFile(path, "", "it"));
  std::filesystem::resize_file(path, static_cast<std::uintmax_t>(kWholeDigestBytes));
  EXPECT_TRUE(ReadFileState(path)->is_whole);
  // 32 MiB of zeros: two neighbouring blocks of 64 KiB begin 0.5 MiB from each other.
  const Index size_bytes = 2 * kWholeDigestBytes;
  const Index distance = (size_bytes - kDigestBlockBytes) / (kDigestBlocks - 1);
  std::filesystem::resize_file(path, static_cast<std::uintmax_t>(size_bytes));
  const absl::StatusOr<FileState> state = ReadFileState(path);
  ASSERT_THAT(state, IsOk());
  EXPECT_FALSE(state->is_whole);
  const auto is_seen = [&](Index offset) {
    SetByte(path, offset, 'x');
    const bool differs = ReadFileState(path)->digest != state->digest;
    SetByte(path, offset, '\0');
    return differs;
  };
  for (const Index offset :
       {Index{0}, kDigestBlockBytes - 1, distance + 64, 30 * distance + kDigestBlockBytes / 2,
        size_bytes - kDigestBlockBytes, size_bytes - 1}) {
    EXPECT_TRUE(is_seen(offset)) << offset;
  }
  for (const Index offset : {kDigestBlockBytes, distance - 1, size_bytes - kDigestBlockBytes - 1})
    EXPECT_FALSE(is_seen(offset)) << offset;
  // Zeros again, but another length.
  std::filesystem::resize_file(path, static_cast<std::uintmax_t>(size_bytes) + 1);
  EXPECT_NE(ReadFileState(path)->digest, state->digest);
}

TEST_F(FilesTest, RejectsWhatIsNotARegularFile) {
  EXPECT_THAT(ReadFileState(Path("gone")), StatusIs(kNotFound));
  EXPECT_THAT(ReadFileState(directory_.path()), StatusIs(kInvalidArgument, "a directory"));
  EXPECT_THAT(IdentityOf({Plan("-", {})}, Partition::Auto(), 1),
              StatusIs(kInvalidArgument, "standard input cannot be read again"));
  EXPECT_THAT(IdentityOf({Plan("raw:<f8:3:-", {})}, Partition::Auto(), 1),
              StatusIs(kInvalidArgument, "give the name of a file"));
  EXPECT_THAT(IdentityOf({Plan(Path("gone"), {})}, Partition::Auto(), 1), StatusIs(kNotFound));
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(IdentityOf({Plan(Path("pipe"), {})}, Partition::Auto(), 1),
              StatusIs(kInvalidArgument, "a pipe"));
  WriteInts("a.npy", {1});
  EXPECT_THAT(IdentityOf({Plan(Path("a.npy"), {{"more", "-"}})}, Partition::Auto(), 1),
              StatusIs(kInvalidArgument, "standard input"));
}

TEST_F(FilesTest, IdentityOfACommand) {
  WriteInts("a.npy", {1, 2, 3});
  WriteInts("b.npy", {4, 5});
  MPAIO_ASSERT_OK(WriteTextFile(Path("c.bin"), std::string(24, 'c'), "it"));
  const std::string a = Path("a.npy"), b = Path("b.npy"),
                    c = absl::StrCat("raw:<f4:3x-1:", Path("c.bin"));
  const absl::StatusOr<RunIdentity> identity = IdentityOf(
      {Plan(a, {{"axis", "0"}, {"more", b}}), Plan(b, {}, "out.npy"), Plan(c, {{"low", "2.5"}})},
      Partition::ChunkSize(2), 5);
  ASSERT_THAT(identity, IsOk());
  EXPECT_EQ(identity->version, kVersion);
  EXPECT_EQ(identity->partition, Partition::ChunkSize(2));
  EXPECT_EQ(identity->parallelism, 5);
  ASSERT_EQ(identity->jobs.size(), 3u);
  EXPECT_EQ(identity->jobs[0].worker, "sum");
  EXPECT_EQ(identity->jobs[0].input, a);
  EXPECT_EQ(identity->jobs[1].output, "out.npy");
  EXPECT_EQ(identity->jobs[0].chunks, std::nullopt);
  EXPECT_THAT(identity->jobs[0].parameters,
              ElementsAre(Pair("axis", "0"), Pair("more", b), Pair("low", "none")));
  EXPECT_THAT(identity->jobs[1].parameters,
              ElementsAre(Pair("axis", "7"), Pair("more", ""), Pair("low", "none")));
  EXPECT_THAT(identity->jobs[2].parameters,
              ElementsAre(Pair("axis", "7"), Pair("more", ""), Pair("low", "2.5")));
  ASSERT_EQ(identity->inputs.size(), 3u);
  EXPECT_EQ(identity->inputs[0], (RunIdentity::Input{a, a, "<i8", {3}, ReadFileState(a).value()}));
  EXPECT_EQ(identity->inputs[1], (RunIdentity::Input{b, b, "<i8", {2}, ReadFileState(b).value()}));
  EXPECT_EQ(
      identity->inputs[2],
      (RunIdentity::Input{c, Path("c.bin"), "<f4", {3, 2}, ReadFileState(Path("c.bin")).value()}));
}

TEST_F(FilesTest, ChangesOfAnInput) {
  WriteInts("a.npy", {1, 2, 3});
  const std::string a = Path("a.npy");
  const std::vector<PlannedJob> plan = {Plan(a, {})};
  const RunIdentity journal =
      ParseIdentity(IdentityText(IdentityOf(plan, Partition::Auto(), 1).value())).value();
  MPAIO_EXPECT_OK(CheckSameRun(journal, IdentityOf(plan, Partition::Auto(), 2).value()));
  SetTime(a, 1'500'000'000, 0);
  MPAIO_EXPECT_OK(CheckSameRun(journal, IdentityOf(plan, Partition::Auto(), 2).value()));
  WriteInts("a.npy", {1, 2, 4});
  EXPECT_THAT(CheckSameRun(journal, IdentityOf(plan, Partition::Auto(), 1).value()),
              StatusIs(kFailedPrecondition, "still 152 bytes, but different ones"));
  WriteInts("a.npy", {1, 2, 3, 4});
  EXPECT_THAT(CheckSameRun(journal, IdentityOf(plan, Partition::Auto(), 1).value()),
              StatusIs(kFailedPrecondition, "152 bytes then, 160 now"));
  WriteInts("a.npy", {1, 2, 3});
  MPAIO_EXPECT_OK(CheckSameRun(journal, IdentityOf(plan, Partition::Auto(), 1).value()));
}

// File names are arbitrary bytes, but JSON is UTF-8.
TEST_F(FilesTest, NamesThatAreNoUtf8) {
  WriteInts("\xff.npy", {1});
  const std::vector<PlannedJob> plan = {Plan(Path("\xff.npy"), {})};
  const absl::StatusOr<RunIdentity> identity = IdentityOf(plan, Partition::Auto(), 1);
  ASSERT_THAT(identity, IsOk());
  const absl::StatusOr<RunIdentity> journal = ParseIdentity(IdentityText(*identity));
  ASSERT_THAT(journal, IsOk());
  MPAIO_EXPECT_OK(CheckSameRun(*journal, *identity));
}

}  // namespace
}  // namespace mpaio
