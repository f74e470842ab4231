#include "agent/netlink/listeners.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace ktlsd::agent {
namespace {

constexpr std::size_t kMostListeners = 64;
constexpr std::size_t kMaxTable = 1U << 20;  // bytes
constexpr uint32_t kGroupsShown = 32;

// Takes the next word off `line`; empty at its end.
std::string_view NextWord(std::string_view& line) {
  const std::size_t start = std::min(line.find_first_not_of(' '), line.size());
  const std::size_t end = std::min(line.find(' ', start), line.size());
  const std::string_view word = line.substr(start, end - start);
  line.remove_prefix(end);
  return word;
}

template <typename Number>
std::optional<Number> ParseNumber(std::string_view word, int base = 10) {
  Number number = 0;
  const auto [end, error] =
      std::from_chars(word.data(), word.data() + word.size(), number, base);
  return error == std::errc() && end == word.data() + word.size()
             ? std::optional<Number>(number)
             : std::nullopt;
}

// sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
std::optional<Listener> ListenerIn(std::string_view line, uint32_t group) {
  constexpr std::size_t kProtocol = 1;
  constexpr std::size_t kPort = 2;
  constexpr std::size_t kGroups = 3;
  constexpr std::size_t kInode = 9;
  std::array<std::string_view, kInode + 1> words;
  for (std::string_view& word : words) {
    word = NextWord(line);
  }
  const auto groups = ParseNumber<uint32_t>(words[kGroups], 16);
  const auto port = ParseNumber<uint32_t>(words[kPort]);
  const auto inode = ParseNumber<ino_t>(words[kInode]);
  if (ParseNumber<int>(words[kProtocol]) != NETLINK_GENERIC || !groups ||
      !port || !inode || (*groups >> (group - 1) & 1U) == 0) {
    return std::nullopt;
  }
  return Listener{*inode, *port};
}

std::string ReadAll(BorrowedFd file) {
  std::string text;
  std::array<char, 4096> part{};
  while (text.size() < kMaxTable) {
    const ssize_t size = ::pread(file.raw(), part.data(), part.size(),
                                 static_cast<off_t>(text.size()));
    if (size <= 0) {
      break;
    }
    text.append(part.data(), static_cast<std::size_t>(size));
  }
  return text;
}

}  // namespace

std::vector<Listener> ListenersIn(std::string_view table, uint32_t group) {
  std::vector<Listener> listeners;
  if (group == 0 || group > kGroupsShown) {
    return listeners;
  }
  while (!table.empty() && listeners.size() < kMostListeners) {
    const std::size_t end = std::min(table.find('\n'), table.size());
    if (const auto listener = ListenerIn(table.substr(0, end), group)) {
      listeners.push_back(*listener);
    }
    table.remove_prefix(std::min(end + 1, table.size()));
  }
  return listeners;
}

Listeners::Listeners(OwnedFd table, BorrowedFd own, uint32_t group)
    : table_(std::move(table)), group_(group) {
  struct stat about{};
  if (::fstat(own.raw(), &about) == 0) {
    own_ = about.st_ino;
  }
}

Listeners Listeners::Here(BorrowedFd own, uint32_t group) {
  return {
      OwnedFd(::open("/proc/thread-self/net/netlink", O_RDONLY | O_CLOEXEC)),
      own, group};
}

std::vector<Listener> Listeners::Newcomers() {
  if (!table_.valid()) {
    return {};
  }
  std::vector<Listener> now = ListenersIn(ReadAll(table_.borrow()), group_);
  std::erase_if(
      now, [this](const Listener& listener) { return listener.inode == own_; });
  std::vector<Listener> newcomers;
  std::ranges::copy_if(now, std::back_inserter(newcomers),
                       [this](const Listener& listener) {
                         return std::ranges::count(seen_, listener) == 0;
                       });
  seen_ = std::move(now);
  return newcomers;
}

}  // namespace ktlsd::agent
