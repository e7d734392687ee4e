#include "mpaio/array/file_mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/array/file_io.h"

namespace mpaio {
namespace {

// What the handler of SIGBUS looks at: no locks, no allocation. A mapping has a slot from before it is first read until
// it is unmapped.
struct Slot {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};  // 0: free
  std::atomic<bool> was_cut{false};
};
constexpr std::size_t kMaxMappings = 1024;
std::array<Slot, kMaxMappings> slots;
std::mutex slots_mutex;
struct sigaction previous_handler;
std::uintptr_t page_bytes;

void OnBusError(int signal_number, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (Slot& slot : slots) {
    const std::uintptr_t end = slot.end.load(std::memory_order_acquire);
    if (address < slot.begin.load(std::memory_order_relaxed) || address >= end) continue;
    slot.was_cut.store(true, std::memory_order_relaxed);
    const int error = errno;
    void* const page = reinterpret_cast<void*>(address / page_bytes * page_bytes);
    const void* const zeros = mmap(page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    errno = error;
    if (zeros == page) return;
    break;
  }
  // Somebody else's. Where nobody asked for it, returning makes the access fail again, and end the process.
  if ((previous_handler.sa_flags & SA_SIGINFO) != 0) {
    previous_handler.sa_sigaction(signal_number, info, context);
  } else if (previous_handler.sa_handler != SIG_DFL && previous_handler.sa_handler != SIG_IGN) {
    previous_handler.sa_handler(signal_number);
  } else {
    signal(SIGBUS, SIG_DFL);
  }
}

void InstallHandler() {
  static const bool installed = [] {
    page_bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    struct sigaction action = {};
    action.sa_sigaction = OnBusError;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous_handler);
    // Who waits for a lease makes the system send this, which would end the process.
    signal(SIGIO, SIG_IGN);
    return true;
  }();
  static_cast<void>(installed);
}

// -1 where all are taken.
int TakeSlot(const void* begin, std::size_t bytes) {
  const std::lock_guard<std::mutex> lock(slots_mutex);
  for (std::size_t k = 0; k < slots.size(); ++k) {
    if (slots[k].end.load(std::memory_order_relaxed) != 0) continue;
    const auto first = reinterpret_cast<std::uintptr_t>(begin);
    slots[k].was_cut.store(false, std::memory_order_relaxed);
    slots[k].begin.store(first, std::memory_order_relaxed);
    slots[k].end.store(first + bytes, std::memory_order_release);
    return static_cast<int>(k);
  }
  return -1;
}

// Whether only this host's programs can write to the file, so that a lease keeps out all. What is not known is taken for a file system of several hosts;
// the numbers are those of statfs(2).
bool IsOfThisHostAlone(int fd) {
  struct statfs file_system;
  if (fstatfs(fd, &file_system) != 0) return false;
  switch (static_cast<std::uint32_t>(file_system.f_type)) {
    case 0xef53:      // ext2 to ext4
    case 0x58465342:  // xfs
    case 0x9123683e:  // btrfs
    case 0xf2f52010:  // f2fs
    case 0x2fc12fc1:  // zfs
    case 0xca451a4e:  // bcachefs
    case 0x01021994:  // tmpfs
    case 0x858458f6:  // ramfs
    case 0x794c7630:  // overlayfs
      return true;
    default:
      return false;
  }
}

bool SameTime(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

}  // namespace

absl::StatusOr<std::unique_ptr<FileMapping>> FileMapping::Create(int fd, const std::string& name, Index offset_bytes,
                                                                 Index size_bytes, bool takes_lease) {
  InstallHandler();
  std::unique_ptr<FileMapping> mapping(new FileMapping);
  mapping->name_ = name;
  mapping->fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (mapping->fd_ < 0) return ErrnoStatus(errno, absl::StrCat("cannot map ", name));
  if (takes_lease) {
    const auto unprotected = [&name](absl::string_view why) {
      return absl::PermissionDeniedError(absl::StrCat(name, " cannot be mapped: others cannot be kept from writing it, as ", why));
    };
    if (!IsOfThisHostAlone(mapping->fd_)) return unprotected("its file system may be one of several hosts");
    if (fcntl(mapping->fd_, F_SETLEASE, F_RDLCK) != 0) {
      if (errno == EAGAIN) return absl::FailedPreconditionError(absl::StrCat(name, " cannot be mapped: another program has it open to write"));
      return unprotected(errno == EACCES ? "it belongs to another user" : "its file system has no leases");
    }
    mapping->has_lease_ = true;
  }
  if (fstat(mapping->fd_, &mapping->at_first_) != 0) return ErrnoStatus(errno, absl::StrCat("cannot map ", name));
  if (mapping->at_first_.st_size - offset_bytes < size_bytes) {
    return absl::FailedPreconditionError(absl::StrCat(name, " cannot be mapped: it was cut since it was opened"));
  }
  const Index page = sysconf(_SC_PAGESIZE);
  const Index before = offset_bytes % page;
  mapping->pages_bytes_ = static_cast<std::size_t>(before + size_bytes);
  void* const pages = mmap(nullptr, mapping->pages_bytes_, PROT_READ, MAP_SHARED, mapping->fd_, offset_bytes - before);
  if (pages == MAP_FAILED) {
    if (errno == ENODEV) return absl::UnimplementedError(absl::StrCat(name, " cannot be mapped: its file system has no mappings"));
    return ErrnoStatus(errno, absl::StrCat("cannot map ", name));
  }
  mapping->pages_ = pages;
  mapping->slot_ = TakeSlot(pages, mapping->pages_bytes_);
  if (mapping->slot_ < 0) return absl::ResourceExhaustedError(absl::StrCat(name, " cannot be mapped: ", kMaxMappings, " files are already"));
  mapping->data_ = static_cast<const std::byte*>(pages) + before;
  mapping->size_bytes_ = size_bytes;
  return mapping;
}

FileMapping::~FileMapping() {
  // In this order: as soon as it is unmapped, the address may be another's.
  if (slot_ >= 0) slots[static_cast<std::size_t>(slot_)].end.store(0, std::memory_order_release);
  if (pages_ != nullptr) munmap(pages_, pages_bytes_);
  if (has_lease_) fcntl(fd_, F_SETLEASE, F_UNLCK);
  if (fd_ >= 0) close(fd_);
}

absl::Status FileMapping::CheckUnchanged() const {
  const auto changed = [this](absl::string_view how) {
    return absl::DataLossError(absl::StrCat(name_, " ", how, " while it was read; let nothing write it, and start again"));
  };
  struct stat now = {};
  if (fstat(fd_, &now) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", name_));
  if (now.st_size < at_first_.st_size) return changed("shrank");
  if (slots[static_cast<std::size_t>(slot_)].was_cut.load(std::memory_order_relaxed)) {
    return absl::DataLossError(absl::StrCat(name_, " could not be read in full: it was cut for a while, or its disk failed"));
  }
  // The time of the last change of its attributes says less: a file that is renamed or linked holds what it held.
  if (now.st_size != at_first_.st_size || !SameTime(now.st_mtim, at_first_.st_mtim)) return changed("was written");
  return absl::OkStatus();
}

}  // namespace mpaio
