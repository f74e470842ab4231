#include "agent/keeper/token_pin.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "agent/service/read_file.h"
#include "base/key_access.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

Error Unusable(std::string_view what, int os_error = 0) {
  return {Code::kPrivateKeyUnusable, what, os_error};
}

Result<std::string> PathOf(const std::string& source) {
  constexpr std::string_view kFile = "file:";
  constexpr std::string_view kCredential = "credential:";
  if (source.starts_with('/')) {
    return source;
  }
  if (source.starts_with(kFile) &&
      source.substr(kFile.size()).starts_with('/')) {
    return source.substr(kFile.size());
  }
  const std::string name = source.starts_with(kCredential)
                               ? source.substr(kCredential.size())
                               : std::string();
  const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (name.empty() || name.find('/') != std::string::npos || name == "..") {
    return Unusable("pin-source is neither a whole path nor a credential");
  }
  if (directory == nullptr) {
    return Unusable("the service manager gave us no credentials");
  }
  return std::string(directory) + '/' + name;
}

}  // namespace

Result<TokenPin> ReadPin(const std::string& source) {
  const KeyAccess access;
  ASSIGN_OR_RETURN(const std::string path, PathOf(source));
  const OwnedFd file(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file.valid()) {
    return Unusable("the PIN's file cannot be opened", errno);
  }
  ASSIGN_OR_RETURN(
      const FileFacts facts,
      InspectFile(file.borrow(), kMaxPin, Code::kPrivateKeyUnusable));
  if ((facts.mode & S_IRWXO) != 0) {
    return Unusable("the PIN's file is accessible to everybody");
  }
  TokenPin pin =
      TokenPin::Filled(access, facts.size, [&](std::span<uint8_t> into) {
        return ReadExactly(file.borrow(), into);
      });
  const std::span<const uint8_t> text = pin.Reveal(access);
  if (!text.empty() && text.back() == '\n') {
    pin = TokenPin(access, text.first(text.size() - 1));
  }
  if (pin.empty()) {
    return Unusable("the PIN's file is empty, or cannot be read");
  }
  return pin;
}

}  // namespace ktlsd::agent
