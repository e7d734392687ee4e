// SPDX-License-Identifier: Apache-2.0

// A peer of the worker `sum`: plain processes that share memory and each sum a part of it. In each
// round, each process is started by a byte from one pipe and reports its end in another. Prints the
// seconds of each round, from the start of the first process to the end of the last.
//
// usage: plain_processes PROCESSES MEGABYTES ROUNDS
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <span>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: plain_processes PROCESSES MEGABYTES ROUNDS\n");
    return 2;
  }
  const int processes = std::atoi(argv[1]);
  const std::size_t count =
      static_cast<std::size_t>(std::atoll(argv[2])) * 1000000 / sizeof(std::int64_t);
  const int rounds = std::atoi(argv[3]);
  void* memory = mmap(nullptr, (count + static_cast<std::size_t>(processes)) * sizeof(std::int64_t),
                      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (processes < 1 || rounds < 1 || memory == MAP_FAILED) {
    std::fprintf(stderr,
                 "plain_processes: PROCESSES and ROUNDS must be at least 1, and MEGABYTES must fit "
                 "in memory\n");
    return 1;
  }
  auto* const numbers = static_cast<std::int64_t*>(memory);
  std::int64_t* const sums = numbers + count;
  std::iota(numbers, numbers + count, std::int64_t{1});
  int start[2], done[2];
  if (pipe(start) != 0 || pipe(done) != 0) return 1;
  for (int p = 0; p < processes; ++p) {
    if (fork() != 0) continue;
    const std::size_t begin =
        count * static_cast<std::size_t>(p) / static_cast<std::size_t>(processes);
    const std::size_t end =
        count * static_cast<std::size_t>(p + 1) / static_cast<std::size_t>(processes);
    char byte;
    close(start[1]);
    while (read(start[0], &byte, 1) == 1) {
      sums[p] = std::accumulate(numbers + begin, numbers + end, std::int64_t{0});
      if (write(done[1], &byte, 1) != 1) _exit(1);
    }
    _exit(0);
  }
  for (int round = 0; round < rounds; ++round) {
    const auto from = std::chrono::steady_clock::now();
    char byte = 0;
    for (int p = 0; p < processes; ++p) {
      if (write(start[1], &byte, 1) != 1) return 1;
    }
    for (int p = 0; p < processes; ++p) {
      if (read(done[0], &byte, 1) != 1) return 1;
    }
    std::printf("%.6f\n",
                std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count());
    const std::int64_t expected =
        static_cast<std::int64_t>(count) * (static_cast<std::int64_t>(count) + 1) / 2;
    if (std::accumulate(sums, sums + processes, std::int64_t{0}) != expected) return 1;
  }
  close(start[1]);
  while (wait(nullptr) > 0) {
  }
  return 0;
}
