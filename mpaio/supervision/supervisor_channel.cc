// SPDX-License-Identifier: Apache-2.0
#include "mpaio/supervision/supervisor_channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace mpaio {
namespace {

std::string RandomHex(std::size_t digits) {
  std::string hex(digits, '0');
  std::string random(digits, '\0');
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) return {};
  for (std::size_t k = 0; k < digits; ++k)
    hex[k] = "0123456789abcdef"[static_cast<unsigned char>(random[k]) % 16];
  return hex;
}

// A name outside of any file system, which disappears with the socket (unix(7), abstract).
socklen_t SetLocalName(const std::string& name, sockaddr_un* address) {
  *address = {};
  address->sun_family = AF_UNIX;
  std::memcpy(address->sun_path + 1, name.data(), name.size());
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
}

struct AnyAddress {
  sockaddr_storage storage = {};
  socklen_t length = 0;
};

std::optional<AnyAddress> InternetAddress(const std::string& host, int port) {
  AnyAddress address;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<std::uint16_t>(port));
    address.length = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<std::uint16_t>(port));
    address.length = sizeof(sockaddr_in6);
  } else {
    return std::nullopt;
  }
  return address;
}

// Opens a listener on all interfaces. Returns its port, or 0 on an error.
int Listen(int family, std::vector<int>* listeners) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return 0;
  AnyAddress any = *InternetAddress(family == AF_INET ? "0.0.0.0" : "::", 0);
  const int on = 1;
  if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  auto* const address = reinterpret_cast<sockaddr*>(&any.storage);
  if (bind(fd, address, any.length) != 0 || listen(fd, SOMAXCONN) != 0 ||
      getsockname(fd, address, &any.length) != 0) {
    close(fd);
    return 0;
  }
  listeners->push_back(fd);
  return ntohs(family == AF_INET ? reinterpret_cast<sockaddr_in*>(address)->sin_port
                                 : reinterpret_cast<sockaddr_in6*>(address)->sin6_port);
}

void AddInterfaces(int port_4, int port_6, ChannelAddress* address) {
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) return;
  for (const ifaddrs* one = interfaces; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_UP) == 0 ||
        (one->ifa_flags & IFF_LOOPBACK) != 0)
      continue;
    char host[INET6_ADDRSTRLEN] = "";
    if (one->ifa_addr->sa_family == AF_INET && port_4 != 0) {
      inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, host,
                sizeof(host));
      address->internet.push_back({host, port_4});
    } else if (one->ifa_addr->sa_family == AF_INET6 && port_6 != 0) {
      const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr;
      // A link-local address means nothing without the other host's name for that link.
      if (IN6_IS_ADDR_LINKLOCAL(&v6)) continue;
      inet_ntop(AF_INET6, &v6, host, sizeof(host));
      address->internet.push_back({host, port_6});
    }
  }
  freeifaddrs(interfaces);
}

bool SendAll(int fd, const std::string& bytes) {
  return send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

std::string EncodeAddress(const ChannelAddress& address) {
  std::string text = absl::StrCat(address.token, " ", address.local_name);
  for (const ChannelAddress::Internet& one : address.internet)
    absl::StrAppend(&text, " ", one.host, "/", one.port);
  return text;
}

absl::StatusOr<ChannelAddress> DecodeAddress(absl::string_view text) {
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  const absl::Status wrong = absl::DataLossError("rank 0's address for supervisors is damaged");
  if (words.size() < 2 || words[0].size() != kTokenBytes ||
      words[1].size() + 1 > sizeof(sockaddr_un::sun_path))
    return wrong;
  ChannelAddress address{words[0], words[1], {}};
  for (std::size_t k = 2; k < words.size(); ++k) {
    const std::vector<std::string> parts = absl::StrSplit(words[k], '/');
    int port = 0;
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &port) || port <= 0 || port > 65535)
      return wrong;
    address.internet.push_back({parts[0], port});
  }
  return address;
}

absl::StatusOr<ChannelAddress> OpenListeners(bool has_several_nodes, std::vector<int>* listeners) {
  ChannelAddress address{RandomHex(kTokenBytes), absl::StrCat("mpaio-", RandomHex(16)), {}};
  if (address.token.empty())
    return absl::UnavailableError("getrandom gives no token for the channels of supervisors");
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un name;
  const socklen_t length = SetLocalName(address.local_name, &name);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&name), length) != 0 ||
      listen(fd, SOMAXCONN) != 0) {
    const absl::Status status = absl::UnavailableError(
        absl::StrCat("cannot open a socket for the supervisors of ranks: ", std::strerror(errno)));
    if (fd >= 0) close(fd);
    return status;
  }
  listeners->push_back(fd);
  if (has_several_nodes) {
    const int port_4 = Listen(AF_INET, listeners);
    const int port_6 = Listen(AF_INET6, listeners);
    AddInterfaces(port_4, port_6, &address);
  }
  return address;
}

void WatchHost(int channel) {
  const auto set = [channel](int level, int option, int value) {
    setsockopt(channel, level, option, &value, sizeof(value));
  };
  constexpr int kProbes = 5, kSecondsBetween = kHostTimeoutSeconds / (kProbes + 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kHostTimeoutSeconds - kProbes * kSecondsBetween);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kSecondsBetween);
  set(IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  // The same limit for sent data that is not acknowledged.
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, kHostTimeoutSeconds * 1000);
}

bool IsSilence(int error) {
  return error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH || error == EHOSTDOWN;
}

int ConnectChannel(const ChannelAddress& address, const Hello& hello, int timeout_ms) {
  std::string first_message = address.token;
  first_message.append(reinterpret_cast<const char*>(&hello), sizeof(hello));
  const int local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (local >= 0) {
    sockaddr_un name;
    const socklen_t length = SetLocalName(address.local_name, &name);
    // On another host there is no socket of this name.
    if (connect(local, reinterpret_cast<const sockaddr*>(&name), length) == 0 &&
        SendAll(local, first_message))
      return local;
    close(local);
  }
  // Connects to all addresses at once, and uses the first that answers: some may be unreachable.
  std::vector<pollfd> attempts;
  for (const ChannelAddress::Internet& one : address.internet) {
    const std::optional<AnyAddress> to = InternetAddress(one.host, one.port);
    if (!to) continue;
    const int fd = socket(to->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) continue;
    if (connect(fd, reinterpret_cast<const sockaddr*>(&to->storage), to->length) != 0 &&
        errno != EINPROGRESS) {
      close(fd);
      continue;
    }
    attempts.push_back({fd, POLLOUT, 0});
  }
  int connected = -1;
  for (std::size_t open = attempts.size(); open > 0 && connected < 0;) {
    if (poll(attempts.data(), attempts.size(), timeout_ms) <= 0) break;
    for (pollfd& attempt : attempts) {
      if (attempt.fd < 0 || attempt.revents == 0 || connected >= 0) continue;
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(attempt.fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error == 0 && SendAll(attempt.fd, first_message)) {
        connected = attempt.fd;
      } else {
        close(attempt.fd);
        --open;
      }
      attempt.fd = -1;
    }
  }
  for (const pollfd& attempt : attempts) {
    if (attempt.fd >= 0) close(attempt.fd);
  }
  if (connected >= 0) {
    const int on = 1;
    setsockopt(connected, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    WatchHost(connected);
    fcntl(connected, F_SETFL, fcntl(connected, F_GETFL) & ~O_NONBLOCK);
  }
  return connected;
}

}  // namespace mpaio
