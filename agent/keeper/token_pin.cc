#include "agent/keeper/token_pin.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

#include "agent/config/files.h"
#include "agent/config/problem.h"
#include "agent/service/read_file.h"
#include "base/key_access.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

Error Unusable(std::string_view what, int os_error = 0) {
  return {Code::kPrivateKeyUnusable, what, os_error};
}

Result<std::string> FileOf(const std::string& source) {
  constexpr std::string_view kFile = "file:";
  constexpr std::string_view kCredential = "credential:";
  const std::string value =
      source.starts_with(kFile) ? source.substr(kFile.size()) : source;
  if (!value.starts_with('/') && !source.starts_with(kCredential)) {
    return Unusable("pin-source is neither a whole path nor a credential");
  }
  std::variant<std::string, Problem> path =
      PathOf(value, Code::kPrivateKeyUnusable);
  if (std::string* const found = std::get_if<std::string>(&path)) {
    return std::move(*found);
  }
  return Unusable("pin-source names no credential of the service");
}

Status CheckAccess(BorrowedFd file) {
  struct stat about{};
  if (::fstat(file.raw(), &about) != 0) {
    return Unusable("the PIN's file cannot be opened", errno);
  }
  switch (JudgeSecretFile(about, 0)) {
    case SecretFileFault::kOthersMayAccess:
      return Unusable(
          "its group or others may access the PIN's file: make it 0400 or "
          "0600");
    case SecretFileFault::kOfAnother:
      return Unusable("the PIN's file must be root's");
    case SecretFileFault::kNone:
      break;
  }
  return Ok{};
}

}  // namespace

Result<TokenPin> ReadPin(const std::string& source) {
  const KeyAccess access;
  ASSIGN_OR_RETURN(const std::string path, FileOf(source));
  const OwnedFd file(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file.valid()) {
    return Unusable("the PIN's file cannot be opened", errno);
  }
  ASSIGN_OR_RETURN(
      const FileFacts facts,
      InspectFile(file.borrow(), kMaxPin, Code::kPrivateKeyUnusable));
  RETURN_IF_ERROR(CheckAccess(file.borrow()));
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
