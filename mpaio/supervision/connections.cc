// SPDX-License-Identifier: Apache-2.0
#include "mpaio/supervision/connections.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "absl/strings/numbers.h"

namespace mpaio {
namespace {

// Returns the address, without the port, of one end of an IPv4 or IPv6 connection; empty for any
// other socket. `end_of`: getsockname or getpeername.
std::string AddressOf(int fd, int (*end_of)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof(storage);
  if (end_of(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  const auto bytes_of = [](const auto& address) {
    return std::string(reinterpret_cast<const char*>(&address), sizeof(address));
  };
  if (storage.ss_family == AF_INET)
    return bytes_of(reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr);
  if (storage.ss_family == AF_INET6)
    return bytes_of(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr);
  return {};
}

bool LeadsToAnotherHost(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) return false;
  const std::string other = AddressOf(fd, getpeername);
  return !other.empty() && other != AddressOf(fd, getsockname);
}

}  // namespace

bool LeadsTo(int connection, const std::vector<std::string>& hosts) {
  const std::string other = AddressOf(connection, getpeername);
  if (other.empty()) return false;
  char text[INET6_ADDRSTRLEN] = "";
  const bool is_4 = other.size() == sizeof(in_addr);
  return inet_ntop(is_4 ? AF_INET : AF_INET6, other.data(), text, sizeof(text)) != nullptr &&
         std::find(hosts.begin(), hosts.end(), text) != hosts.end();
}

std::vector<int> ConnectionsToOtherHosts() {
  std::vector<int> connections;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), closedir);
  if (folder == nullptr) return connections;
  while (const dirent* const entry = readdir(folder.get())) {
    int fd = -1;
    if (!absl::SimpleAtoi(entry->d_name, &fd) || !LeadsToAnotherHost(fd)) continue;
    connections.push_back(fd);
    if (connections.size() == kMostDescriptors) break;
  }
  return connections;
}

bool SendMessage(int socket, absl::string_view bytes, const std::vector<int>& descriptors) {
  iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(kMostDescriptors * sizeof(int))] = {};
  const std::size_t size = std::min(descriptors.size(), kMostDescriptors) * sizeof(int);
  if (size > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), descriptors.data(), size);
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

ReceivedMessage ReceiveMessage(int socket, std::size_t most_bytes) {
  ReceivedMessage received;
  received.bytes.resize(most_bytes);
  iovec part = {received.bytes.data(), most_bytes};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(kMostDescriptors * sizeof(int))] = {};
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  received.bytes.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
  if (length <= 0) return received;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    received.descriptors.resize((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(received.descriptors.data(), CMSG_DATA(header),
                received.descriptors.size() * sizeof(int));
  }
  return received;
}

}  // namespace mpaio
