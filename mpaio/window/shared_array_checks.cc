// SPDX-License-Identifier: Apache-2.0
#include "mpaio/window/shared_array_checks.h"

#include <signal.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/format/array_file.h"
#include "mpaio/format/npy_header.h"
#include "mpaio/host/fault_handler.h"
#include "mpaio/testing/child_process.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {
namespace {

constexpr std::uint64_t kSeed = 20240613;
constexpr ChildEnd kKilled = {.signal = SIGSEGV, .exit_status = 0};
const DType kInt64 = DType::Of<std::int64_t>();

// ---- Steps of the checks. Each rank runs the same check.

// A directory that all ranks see. Rank 0 creates it, and removes it when all have left it.
class PoolDirectory {
 public:
  explicit PoolDirectory(Executor& executor) : executor_(executor) {
    if (executor.rank() == 0) {
      own_.emplace();
      path_ = own_->path();
    }
    MPAIO_EXPECT_OK(executor.Broadcast(&path_));
  }
  ~PoolDirectory() { Meet(executor_); }
  PoolDirectory(const PoolDirectory&) = delete;
  PoolDirectory& operator=(const PoolDirectory&) = delete;

  std::string File(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

  // Collective over the pool. Rank 0 writes the file, which then exists for every rank. Returns its
  // path.
  std::string Write(absl::string_view name, absl::string_view bytes) const {
    const std::string path = File(name);
    if (executor_.rank() == 0) {
      std::ofstream out(path, std::ios::binary);
      out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      EXPECT_TRUE(out.flush()) << path;
    }
    Meet(executor_);
    return path;
  }

 private:
  Executor& executor_;
  std::optional<TempDirectory> own_;
  std::string path_;
};

// Returns the data of an array: bytes derived from its type and shape.
std::string DataOf(const DType& dtype, const std::vector<Index>& shape) {
  const absl::StatusOr<Index> size_bytes = ArraySizeBytes(dtype, shape);
  EXPECT_THAT(size_bytes, IsOk());
  return RandomBytes(kSeed + *size_bytes, *size_bytes);
}

std::string NpyOf(const DType& dtype, const std::vector<Index>& shape) {
  return FormatNpyHeader(dtype, shape) + DataOf(dtype, shape);
}

bool IsAligned(const NdView& view) {
  return reinterpret_cast<std::uintptr_t>(view.data()) % 64 == 0;
}

// Expects that the array equals NpyOf(dtype, shape), and can only be read.
void ExpectReadFrom(const SharedArray& array, const DType& dtype, const std::vector<Index>& shape) {
  const std::string data = DataOf(dtype, shape);
  const NdView& view = array.view();
  EXPECT_EQ(view.dtype(), dtype);
  EXPECT_EQ(view.shape(), shape);
  EXPECT_TRUE(array.is_sealed());
  EXPECT_TRUE(IsAligned(view));
  ASSERT_EQ(view.size_bytes(), static_cast<Index>(data.size()));
  if (data.empty()) return;
  const auto [there, wanted] = std::mismatch(view.data(), view.data() + data.size(),
                                             reinterpret_cast<const std::byte*>(data.data()));
  EXPECT_EQ(there - view.data(), view.size_bytes()) << "the first byte that differs";
  std::byte* const first = const_cast<std::byte*>(view.data());
  for (const Index at : {Index{0}, view.size_bytes() / 2, view.size_bytes() - 1}) {
    EXPECT_EQ(StoreInChild(first + at), kKilled) << "stored to byte " << at;
  }
}

// Returns the status of FromFile, with a path that may differ between ranks; expects the same
// status on every rank.
absl::Status Refusal(Executor& executor, const std::string& path) {
  const absl::Status status = SharedArray::FromFile(executor, path).status();
  ExpectSameOnAllRanks(executor, status.ToString());
  return status;
}

// ---- The checks.

using Check = void (*)(Executor&);

void LoadsAFilesContents(Executor& executor) {
  struct Case {
    DType dtype;
    std::vector<Index> shape;
  };
  const PoolDirectory directory(executor);
  for (const auto& [dtype, shape] : std::vector<Case>{
           {kInt64, {}},          // one element
           {kInt64, {0}},         // no element
           {kInt64, {0, 3}},      //
           {kInt64, {3, 0}},      // empty rows
           {kInt64, {1}},         // fewer pages than ranks
           {kInt64, {1, 1000}},   // one row
           {kInt64, {511}},       // one element less than a page
           {kInt64, {512}},       // a page
           {kInt64, {513}},       // one element more
           {kInt64, {2048}},      // four pages
           {kInt64, {1000, 7}},   //
           {kInt64, {5, 7, 11}},  //
           {DType::Of<double>(), {100001}},
           {DType::Of<double>(), {3, 333}},
           {DType::Bytes(1), {4096 * 3 + 1}},
           {DType::Bytes(5), {4099}},  // elements that cross page boundaries
           {DType::Bytes(5), {13, 17}},
           {DType::Unicode(7), {1013}},
           {DType::Unicode(1), {1}},
           {kInt64, {700001}},  // megabytes
       }) {
    SCOPED_TRACE(absl::StrCat(dtype.ToString(), " ", ShapeToString(shape), ", seed ", kSeed));
    const std::string path = directory.Write("array.npy", NpyOf(dtype, shape));
    const absl::StatusOr<SharedArray> array = SharedArray::FromFile(executor, path);
    MPAIO_ASSERT_OK(array);
    ExpectReadFrom(*array, dtype, shape);
    Meet(executor);  // before the file is overwritten
  }
}

// FromFile copies: the array does not depend on the file afterwards.
void TheArrayStaysWhenTheFileGoes(Executor& executor) {
  const PoolDirectory directory(executor);
  const std::string path = directory.Write("array.npy", NpyOf(kInt64, {5000}));
  const absl::StatusOr<SharedArray> array = SharedArray::FromFile(executor, path);
  MPAIO_ASSERT_OK(array);
  directory.Write("array.npy", "");
  std::error_code ignored;
  if (executor.rank() == 0) std::filesystem::remove(path, ignored);
  Meet(executor);
  ExpectReadFrom(*array, kInt64, {5000});
}

void SeveralArraysLiveSideBySide(Executor& executor) {
  const PoolDirectory directory(executor);
  std::vector<SharedArray> arrays;
  for (Index rows = 1; rows <= 6; ++rows) {
    const std::string path =
        directory.Write(absl::StrCat(rows, ".npy"), NpyOf(kInt64, {rows, 777}));
    absl::StatusOr<SharedArray> array = SharedArray::FromFile(executor, path);
    MPAIO_ASSERT_OK(array);
    arrays.push_back(*std::move(array));
  }
  for (Index rows = 1; rows <= 6; ++rows) ExpectReadFrom(arrays[rows - 1], kInt64, {rows, 777});
  Meet(executor);
}

// In the window every array is in C order and this machine's byte order.
void OtherOrdersAreConverted(Executor& executor) {
  const PoolDirectory directory(executor);
  constexpr Index kRows = 300, kColumns = 700;
  const std::string data = DataOf(kInt64, {kRows, kColumns});
  std::string header = FormatNpyHeader(kInt64, {kRows, kColumns});
  header[header.find("<i8")] = '>';
  header.replace(header.find("False,"), 6, "True, ");
  // Writes the elements in Fortran order and big-endian, so that the array has `data` in C order.
  std::string file(data.size(), '\0');
  for (Index row = 0; row < kRows; ++row) {
    for (Index column = 0; column < kColumns; ++column) {
      const char* const from = data.data() + 8 * (row * kColumns + column);
      std::reverse_copy(from, from + 8, file.data() + 8 * (column * kRows + row));
    }
  }
  const absl::StatusOr<SharedArray> array =
      SharedArray::FromFile(executor, directory.Write("array.npy", header + file));
  MPAIO_ASSERT_OK(array);
  ExpectReadFrom(*array, kInt64, {kRows, kColumns});

  const std::string raw = directory.Write("array.bin", data);
  const absl::StatusOr<SharedArray> same =
      SharedArray::FromFile(executor, absl::StrCat("raw:<i8:-1x", kColumns, ":", raw));
  MPAIO_ASSERT_OK(same);
  ExpectReadFrom(*same, kInt64, {kRows, kColumns});
}

// An array whose file has the layout of memory is mapped, not copied; others are copied, unless
// mapping is required.
void FilesAreMappedWhereTheyCanBe(Executor& executor) {
  const PoolDirectory directory(executor);
  for (const auto& [dtype, shape] :
       std::vector<std::pair<DType, std::vector<Index>>>{{kInt64, {700'001}},
                                                         {kInt64, {}},
                                                         {DType::Bytes(5), {13, 17}},
                                                         {DType::Unicode(7), {1013}}}) {
    const std::string path = directory.Write("array.npy", NpyOf(dtype, shape));
    const absl::StatusOr<ArrayFile> file = SharedArray::Open(executor, path);
    MPAIO_ASSERT_OK(file);
    for (const Source source : {Source::kAuto, Source::kMap, Source::kWindow, Source::kOnDemand}) {
      const absl::StatusOr<SharedArray> array = SharedArray::Load(executor, *file, source);
      MPAIO_ASSERT_OK(array);
      // With kAuto this depends on whether the file system has leases.
      if (source != Source::kAuto) {
        EXPECT_EQ(array->is_mapped(), source == Source::kMap);
        // Small arrays are read at once.
        EXPECT_EQ(array->needs_file(),
                  source == Source::kMap ||
                      (source == Source::kOnDemand && array->view().size_bytes() > 5'000'000));
      }
      ExpectReadFrom(*array, dtype, shape);
      MPAIO_EXPECT_OK(array->CheckUnchanged());
      Meet(executor);
    }
  }

  std::string swapped = NpyOf(kInt64, {1000});
  swapped[swapped.find("<i8")] = '>';
  for (const auto& [name, bytes] : {std::pair<std::string, std::string>("swapped.npy", swapped),
                                    {"none.npy", NpyOf(kInt64, {0})}}) {
    const absl::StatusOr<ArrayFile> file =
        SharedArray::Open(executor, directory.Write(name, bytes));
    MPAIO_ASSERT_OK(file);
    const absl::StatusOr<SharedArray> array = SharedArray::Load(executor, *file, Source::kAuto);
    MPAIO_ASSERT_OK(array);
    EXPECT_FALSE(array->is_mapped());
    const absl::Status refused = SharedArray::Load(executor, *file, Source::kMap).status();
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnimplemented, "cannot be mapped"));
    ExpectSameOnAllRanks(executor, refused.ToString());
  }
}

// Arrays that have to be byte-swapped are loaded on demand, too.
void OtherByteOrdersOnDemand(Executor& executor) {
  constexpr Index kCount = 1'000'003;
  const PoolDirectory directory(executor);
  const std::string swapped = DataOf(kInt64, {kCount});
  const absl::StatusOr<ArrayFile> file =
      SharedArray::Open(executor, absl::StrCat("raw:>i8:", directory.Write("array.bin", swapped)));
  MPAIO_ASSERT_OK(file);
  for (const Source source : {Source::kAuto, Source::kOnDemand}) {
    const absl::StatusOr<SharedArray> array = SharedArray::Load(executor, *file, source);
    MPAIO_ASSERT_OK(array);
    EXPECT_TRUE(array->needs_file());
    // Each rank starts at a different element.
    for (Index k = 0; k < kCount; ++k) {
      const Index at = 8 * ((k + executor.rank() * (kCount / executor.size())) % kCount);
      std::byte element[8];
      std::reverse_copy(array->view().data() + at, array->view().data() + at + 8, element);
      ASSERT_EQ(std::memcmp(element, swapped.data() + at, 8), 0) << "byte " << at;
    }
    MPAIO_EXPECT_OK(array->CheckUnchanged());
    Meet(executor);
  }
}

// One rank has no free fault handler, so all ranks load the array at once, into the same memory.
void FallsBackToLoadingAtOnce(Executor& executor) {
  const PoolDirectory directory(executor);
  const absl::StatusOr<ArrayFile> file =
      SharedArray::Open(executor, directory.Write("array.npy", NpyOf(kInt64, {700'001})));
  MPAIO_ASSERT_OK(file);
  const std::byte watched{};
  std::vector<std::unique_ptr<FaultHandler>> all;
  if (executor.rank() == executor.size() - 1) {
    while (auto one = FaultHandler::Watch(
               SIGSEGV, &watched, 1, [](void*, std::byte*) { return false; }, nullptr))
      all.push_back(std::move(one));
  }
  const absl::StatusOr<SharedArray> array = SharedArray::Load(executor, *file, Source::kOnDemand);
  MPAIO_ASSERT_OK(array);
  EXPECT_FALSE(array->needs_file());
  Meet(executor);
  all.clear();
  ExpectReadFrom(*array, kInt64, {700'001});
}

// The type and shape are known before loading.
void OpenedFirstAndLoadedLater(Executor& executor) {
  const PoolDirectory directory(executor);
  const std::string path = directory.Write("array.npy", NpyOf(kInt64, {1000, 7}));
  const absl::StatusOr<ArrayFile> file = SharedArray::Open(executor, path);
  MPAIO_ASSERT_OK(file);
  EXPECT_EQ(file->dtype(), kInt64);
  EXPECT_EQ(file->shape(), (std::vector<Index>{1000, 7}));
  EXPECT_EQ(file->name(), path);
  for (int times = 0; times < 2; ++times) {
    const absl::StatusOr<SharedArray> array = SharedArray::Load(executor, *file);
    MPAIO_ASSERT_OK(array);
    ExpectReadFrom(*array, kInt64, {1000, 7});
  }
  // The file is cut before it is loaded.
  Meet(executor);
  std::error_code error;
  if (executor.rank() == 0) std::filesystem::resize_file(path, 1000, error);
  Meet(executor);
  const absl::Status status = SharedArray::Load(executor, *file).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "shrank while it was read"));
  ExpectSameOnAllRanks(executor, status.ToString());
}

// Standard input would have to be sent to each node.
void StandardInputIsRefusedOnSeveralNodes(Executor& executor) {
  if (executor.num_nodes() == 1) return;
  for (const char* input : {"-", "raw:<i8:3:-"}) {
    EXPECT_THAT(Refusal(executor, input), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                   "standard input reaches one node only"));
  }
}

// Every rank gets the same status, and the pool stays usable.
void FilesThatCannotBeReadAreRefused(Executor& executor) {
  const PoolDirectory directory(executor);
  const std::string good = NpyOf(kInt64, {1000});
  EXPECT_THAT(Refusal(executor, directory.File("gone.npy")),
              StatusIs(absl::StatusCode::kNotFound, "gone.npy"));
  EXPECT_THAT(Refusal(executor, directory.File("")), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Refusal(executor, directory.Write("text.npy",
                                                "this is no array, but it is long enough for one")),
              StatusIs(absl::StatusCode::kInvalidArgument, "text.npy"));
  EXPECT_THAT(Refusal(executor, directory.Write("short.npy", good.substr(0, good.size() - 1))),
              StatusIs(absl::StatusCode::kDataLoss, "short.npy"));
  EXPECT_THAT(Refusal(executor, directory.Write("header.npy", good.substr(0, 50))),
              StatusIs(absl::StatusCode::kDataLoss, "header.npy"));
  std::string damaged = good;
  damaged[damaged.find("descr")] = 'x';
  EXPECT_THAT(Refusal(executor, directory.Write("key.npy", damaged)),
              StatusIs(absl::StatusCode::kDataLoss, "key.npy"));
  EXPECT_THAT(Refusal(executor, directory.Write("long.npy", good + "!")),
              StatusIs(absl::StatusCode::kDataLoss, "long.npy holds 1 bytes more"));
  std::string objects = good;
  objects.replace(objects.find("<i8"), 3, "|O8");
  EXPECT_THAT(Refusal(executor, directory.Write("objects.npy", objects)),
              StatusIs(absl::StatusCode::kUnimplemented, "objects.npy"));

  const absl::StatusOr<SharedArray> array =
      SharedArray::FromFile(executor, directory.Write("good.npy", good));
  MPAIO_ASSERT_OK(array);
  ExpectReadFrom(*array, kInt64, {1000});
}

// As if one node did not see the file: every rank gets the status of the rank without it.
void AFileThatOneRankLacksIsRefused(Executor& executor) {
  const PoolDirectory directory(executor);
  const std::string good = directory.Write("good.npy", NpyOf(kInt64, {1000}));
  for (int without = 0; without < executor.size(); ++without) {
    const std::string gone = directory.File(absl::StrCat("gone_for_", without, ".npy"));
    EXPECT_THAT(Refusal(executor, executor.rank() == without ? gone : good),
                StatusIs(absl::StatusCode::kNotFound, absl::StrCat("gone_for_", without, ".npy")));
    // The file is missing on all ranks from `without` on: the status is the lowest rank's.
    const std::string also_gone =
        directory.File(absl::StrCat("gone_for_", executor.rank(), ".npy"));
    EXPECT_THAT(Refusal(executor, executor.rank() >= without ? also_gone : good),
                StatusIs(absl::StatusCode::kNotFound, absl::StrCat("gone_for_", without, ".npy")));
  }
  MPAIO_EXPECT_OK(SharedArray::FromFile(executor, good));
}

// As if one node had an older copy of the file.
void AFileThatDiffersOnOneRankIsRefused(Executor& executor) {
  const PoolDirectory directory(executor);
  const std::string good = directory.Write("good.npy", NpyOf(kInt64, {1000}));
  for (const auto& [dtype, shape] : std::vector<std::pair<DType, std::vector<Index>>>{
           {kInt64, {999}}, {kInt64, {1000, 1}}, {DType::Of<double>(), {1000}}, {kInt64, {0}}}) {
    const std::string other = directory.Write("other.npy", NpyOf(dtype, shape));
    for (int rank = 1; rank < executor.size(); ++rank) {
      const absl::Status status = Refusal(executor, executor.rank() == rank ? other : good);
      EXPECT_THAT(status,
                  StatusIs(absl::StatusCode::kFailedPrecondition, "is not the same on every node"));
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                                   absl::StrCat("rank ", rank, " on ")));
      EXPECT_THAT(status,
                  StatusIs(absl::StatusCode::kFailedPrecondition, "<i8 (1000,), 8000 bytes"));
      EXPECT_THAT(status,
                  StatusIs(absl::StatusCode::kFailedPrecondition,
                           absl::StrCat("sees ", dtype.ToString(), " ", ShapeToString(shape))));
    }
  }
  // The same type and shape, with another first element.
  std::string contents = NpyOf(kInt64, {1000});
  contents[200] ^= 1;
  const std::string other = directory.Write("other.npy", contents);
  for (int rank = 1; rank < executor.size(); ++rank) {
    EXPECT_THAT(Refusal(executor, executor.rank() == rank ? other : good),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         "8000 bytes, but a file of other contents"));
  }
  MPAIO_EXPECT_OK(SharedArray::FromFile(executor, good));
}

// The file is sparse and 4 TiB long.
void AFileLargerThanTheMemoryIsRefused(Executor& executor) {
  const PoolDirectory directory(executor);
  constexpr Index kRows = Index{1} << 39;
  const std::string header = FormatNpyHeader(kInt64, {kRows});
  const std::string path = directory.Write("sparse.npy", header);
  std::error_code error;
  if (executor.rank() == 0) std::filesystem::resize_file(path, header.size() + 8 * kRows, error);
  MPAIO_ASSERT_OK(executor.Agree(
      error ? absl::UnavailableError(absl::StrCat("no sparse file: ", error.message()))
            : absl::OkStatus()));
  EXPECT_THAT(Refusal(executor, path), StatusIs(absl::StatusCode::kResourceExhausted,
                                                absl::StrCat("(", 8 * kRows, " bytes)")));
  MPAIO_EXPECT_OK(
      SharedArray::FromFile(executor, directory.Write("good.npy", NpyOf(kInt64, {1000}))));
}

// An array of zeros; each rank of a node writes its own rows; after sealing every rank sees all of
// them.
void CreatedFilledAndSealed(Executor& executor) {
  for (const Index rows : {0, 1, 7, 512, 100003}) {
    SCOPED_TRACE(absl::StrCat(rows, " rows"));
    absl::StatusOr<SharedArray> array = SharedArray::Create(executor, kInt64, {rows, 3});
    MPAIO_ASSERT_OK(array);
    EXPECT_FALSE(array->is_sealed());
    EXPECT_TRUE(IsAligned(array->view()));
    EXPECT_EQ(array->view().dtype(), kInt64);
    EXPECT_EQ(array->view().shape(), (std::vector<Index>{rows, 3}));
    EXPECT_EQ(array->mutable_view().mutable_data(), array->view().data());
    auto* const numbers = reinterpret_cast<std::int64_t*>(array->mutable_view().mutable_data());
    EXPECT_EQ(std::count(numbers, numbers + rows * 3, 0), rows * 3);
    if (rows > 0) {
      EXPECT_EQ(StoreInChild(array->mutable_view().mutable_data()), ChildEnd{});
    }
    Meet(executor);
    for (Index row = executor.node_rank(); row < rows; row += executor.node_size()) {
      for (Index column = 0; column < 3; ++column)
        numbers[row * 3 + column] = 10 * row + column + 1;
    }
    MPAIO_ASSERT_OK(array->Seal(executor));
    EXPECT_TRUE(array->is_sealed());
    Index wrong = 0;
    for (Index at = 0; at < rows * 3; ++at) wrong += numbers[at] != 10 * (at / 3) + at % 3 + 1;
    EXPECT_EQ(wrong, 0) << "elements";
    if (rows > 0) {
      EXPECT_EQ(StoreInChild(array->mutable_view().mutable_data()), kKilled);
      EXPECT_EQ(StoreInChild(array->mutable_view().MutableRowData(rows) - 1), kKilled);
    }
    MPAIO_EXPECT_OK(array->Seal(executor));
    EXPECT_TRUE(array->is_sealed());
  }
  Meet(executor);
}

void ArraysThatCannotBeCreatedAreRefused(Executor& executor) {
  struct Case {
    std::vector<Index> shape;
    absl::StatusCode code;
  };
  for (const auto& [shape, code] :
       std::vector<Case>{{{Index{1} << 57}, absl::StatusCode::kResourceExhausted},
                         {{Index{1} << 28, Index{1} << 29}, absl::StatusCode::kResourceExhausted},
                         {{Index{1} << 62}, absl::StatusCode::kInvalidArgument},
                         {{Index{1} << 40, Index{1} << 40}, absl::StatusCode::kInvalidArgument},
                         {{3, -1}, absl::StatusCode::kInvalidArgument}}) {
    SCOPED_TRACE(ShapeToString(shape));
    const absl::Status status = SharedArray::Create(executor, kInt64, shape).status();
    EXPECT_THAT(status, StatusIs(code));
    ExpectSameOnAllRanks(executor, status.ToString());
    MPAIO_EXPECT_OK(SharedArray::Create(executor, kInt64, {10}));
  }
}

// An array is a handle: moving it does not move its data.
void MovingKeepsTheMemory(Executor& executor) {
  absl::StatusOr<SharedArray> created = SharedArray::Create(executor, kInt64, {100});
  MPAIO_ASSERT_OK(created);
  const std::byte* const data = created->view().data();
  SharedArray moved = *std::move(created);
  SharedArray assigned;
  EXPECT_EQ(assigned.view().num_rows(), 0);
  EXPECT_FALSE(assigned.is_sealed());
  assigned = std::move(moved);
  EXPECT_EQ(assigned.view().data(), data);
  MPAIO_EXPECT_OK(assigned.Seal(executor));
  const SharedArray sealed = std::move(assigned);
  EXPECT_TRUE(sealed.is_sealed());
  EXPECT_EQ(sealed.view().data(), data);
  EXPECT_EQ(StoreInChild(const_cast<std::byte*>(data)), kKilled);
  Meet(executor);
}

struct NamedCheck {
  const char* name;
  Check run;
};

constexpr NamedCheck kChecks[] = {
    {"LoadsAFilesContents", LoadsAFilesContents},
    {"TheArrayStaysWhenTheFileGoes", TheArrayStaysWhenTheFileGoes},
    {"SeveralArraysLiveSideBySide", SeveralArraysLiveSideBySide},
    {"OtherOrdersAreConverted", OtherOrdersAreConverted},
    {"FilesAreMappedWhereTheyCanBe", FilesAreMappedWhereTheyCanBe},
    {"OtherByteOrdersOnDemand", OtherByteOrdersOnDemand},
    {"FallsBackToLoadingAtOnce", FallsBackToLoadingAtOnce},
    {"OpenedFirstAndLoadedLater", OpenedFirstAndLoadedLater},
    {"StandardInputIsRefusedOnSeveralNodes", StandardInputIsRefusedOnSeveralNodes},
    {"FilesThatCannotBeReadAreRefused", FilesThatCannotBeReadAreRefused},
    {"AFileThatOneRankLacksIsRefused", AFileThatOneRankLacksIsRefused},
    {"AFileThatDiffersOnOneRankIsRefused", AFileThatDiffersOnOneRankIsRefused},
    {"AFileLargerThanTheMemoryIsRefused", AFileLargerThanTheMemoryIsRefused},
    {"CreatedFilledAndSealed", CreatedFilledAndSealed},
    {"ArraysThatCannotBeCreatedAreRefused", ArraysThatCannotBeCreatedAreRefused},
    {"MovingKeepsTheMemory", MovingKeepsTheMemory},
};

class SharedArrayCheck : public testing::Test {
 public:
  SharedArrayCheck(const RunOnPool& run, Check check) : run_(run), check_(check) {}

  void TestBody() override {
    run_([this](Executor& executor) {
      SCOPED_TRACE(absl::StrCat("rank ", executor.rank(), " of ", executor.size()));
      check_(executor);
    });
  }

 private:
  const RunOnPool run_;
  const Check check_;
};

}  // namespace

void RegisterSharedArrayChecks(const std::string& suite, const RunOnPool& run) {
  for (const NamedCheck& check : kChecks) {
    testing::RegisterTest(suite.c_str(), check.name, nullptr, nullptr, __FILE__, __LINE__,
                          [run, check = check.run]() -> SharedArrayCheck* {
                            return new SharedArrayCheck(run, check);
                          });
  }
}

}  // namespace mpaio
