#include "agent/systemd/kept_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/systemd/environment.h"

namespace ktlsd::agent {
namespace {

constexpr int kFirst = STDERR_FILENO + 1;
constexpr int64_t kMost = 64;

// Takes the part before the next ':' off `names`.
std::string NextName(std::string_view& names) {
  const std::size_t end = std::min(names.find(':'), names.size());
  std::string name(names.substr(0, end));
  names.remove_prefix(std::min(end + 1, names.size()));
  return name;
}

}  // namespace

KeptDescriptors KeptDescriptors::FromEnvironment() {
  const std::optional<int64_t> process = TakeNumber("LISTEN_PID");
  const int64_t count = TakeNumber("LISTEN_FDS", kMost).value_or(0);
  const std::string names = TakeText("LISTEN_FDNAMES").value_or("");
  KeptDescriptors kept;
  if (process != ::getpid()) {
    return kept;
  }
  std::string_view rest = names;
  for (int i = 0; i < count; ++i) {
    std::string name = NextName(rest);
    // Fails for a number that nothing has: then there is nothing to own.
    if (::fcntl(kFirst + i, F_SETFD, FD_CLOEXEC) == 0) {
      kept.kept_.push_back({std::move(name), OwnedFd(kFirst + i)});
    }
  }
  return kept;
}

OwnedFd KeptDescriptors::Take(std::string_view name) {
  const auto found = std::ranges::find_if(
      kept_, [name](const Kept& kept) { return kept.name == name; });
  if (found == kept_.end()) {
    return {};
  }
  OwnedFd descriptor = std::move(found->descriptor);
  kept_.erase(found);
  return descriptor;
}

std::vector<std::string> KeptDescriptors::Names() const {
  std::vector<std::string> names;
  names.reserve(kept_.size());
  for (const Kept& kept : kept_) {
    names.push_back(kept.name);
  }
  return names;
}

}  // namespace ktlsd::agent
