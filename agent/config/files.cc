#include "agent/config/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

namespace ktlsd::agent {
namespace {

constexpr std::size_t kMaxText = 1U << 20;  // bytes
constexpr std::string_view kCredential = "credential:";

Problem FromErrno(Code code, const std::string& path, int os_error) {
  return {code, path, std::generic_category().message(os_error)};
}

std::string Octal(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode & 07777U);
  return text.data();
}

std::string DirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool SameTime(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

std::variant<std::string, Problem> PathOf(const std::string& value, Code code) {
  if (!value.starts_with(kCredential)) {
    return value;
  }
  const std::string name = value.substr(kCredential.size());
  if (name.empty() || name == "." || name == ".." ||
      name.find('/') != std::string::npos) {
    return Problem{code, value, "not the name of a credential"};
  }
  const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || *directory == '\0') {
    return Problem{
        code, value,
        "the service has no credentials: LoadCredential= is not set"};
  }
  return std::string(directory) + '/' + name;
}

std::variant<OwnedFd, Problem> OpenFile(const std::string& path, Code code) {
  const std::variant<std::string, Problem> place = PathOf(path, code);
  if (const Problem* problem = std::get_if<Problem>(&place)) {
    return *problem;
  }
  // O_NONBLOCK: a FIFO must not hold the daemon up before it is refused.
  OwnedFd file(::open(std::get<std::string>(place).c_str(),
                      O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file.valid()) {
    return FromErrno(code, path, errno);
  }
  struct stat about{};
  if (::fstat(file.raw(), &about) != 0) {
    return FromErrno(code, path, errno);
  }
  if (!S_ISREG(about.st_mode)) {
    return Problem{code, path, "not a regular file"};
  }
  return file;
}

SecretFileFault JudgeSecretFile(const struct stat& about, uid_t owner) {
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return SecretFileFault::kOthersMayAccess;
  }
  if (about.st_uid != 0 && about.st_uid != owner &&
      about.st_uid != ::geteuid()) {
    return SecretFileFault::kOfAnother;
  }
  return SecretFileFault::kNone;
}

std::variant<OwnedFd, Problem> OpenPrivateKey(const std::string& path,
                                              uid_t owner) {
  std::variant<OwnedFd, Problem> opened =
      OpenFile(path, Code::kPrivateKeyUnusable);
  const OwnedFd* const file = std::get_if<OwnedFd>(&opened);
  if (file == nullptr) {
    return opened;
  }
  struct stat about{};
  if (::fstat(file->raw(), &about) != 0) {
    return FromErrno(Code::kPrivateKeyUnusable, path, errno);
  }
  switch (JudgeSecretFile(about, owner)) {
    case SecretFileFault::kOthersMayAccess:
      return Problem{
          Code::kPrivateKeyUnusable, path,
          "a private key that its group or others may access (mode " +
              Octal(about.st_mode) + "): make it 0400 or 0600"};
    case SecretFileFault::kOfAnother:
      return Problem{Code::kPrivateKeyUnusable, path,
                     "a private key of the user with the number " +
                         std::to_string(about.st_uid) +
                         ": it must be root's, or of the user of KTLSD_USER"};
    case SecretFileFault::kNone:
      break;
  }
  return opened;
}

std::variant<std::string, Problem> ReadText(const std::string& path,
                                            Code code) {
  std::variant<OwnedFd, Problem> opened = OpenFile(path, code);
  if (Problem* problem = std::get_if<Problem>(&opened)) {
    return std::move(*problem);
  }
  std::string text;
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t size =
        ::read(std::get<OwnedFd>(opened).raw(), part.data(), part.size());
    if (size == 0) {
      return text;
    }
    if (size < 0 && errno != EINTR) {
      return FromErrno(code, path, errno);
    }
    text.append(part.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
    if (text.size() > kMaxText) {
      return Problem{code, path, "too large"};
    }
  }
}

std::span<const char* const> SystemTrustStorePlaces() {
  // Debian's; then libcrypto's default file in Debian's and in others' builds.
  static constexpr std::array kPlaces = {
      "/etc/ssl/certs/ca-certificates.crt",
      "/usr/lib/ssl/cert.pem",
      "/etc/pki/tls/cert.pem",
      "/etc/ssl/cert.pem",
  };
  return kPlaces;
}

std::optional<std::string> SystemTrustStore() {
  const auto places = SystemTrustStorePlaces();
  const auto found = std::ranges::find_if(
      places, [](const char* place) { return ::access(place, F_OK) == 0; });
  return found == places.end() ? std::nullopt
                               : std::optional<std::string>(*found);
}

FileStamps::FileStamps(std::vector<std::string> paths)
    : paths_(std::move(paths)) {
  for (std::string& path : paths_) {
    // What is nowhere counts as absent.
    std::variant<std::string, Problem> place =
        PathOf(path, Code::kConfigUnusable);
    if (std::string* found = std::get_if<std::string>(&place)) {
      path = std::move(*found);
    }
    stamps_.push_back(StampOf(path));
  }
}

bool FileStamps::Changed() const {
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    if (!(StampOf(paths_[i]) == stamps_[i])) {
      return true;
    }
  }
  return false;
}

std::vector<std::string> FileStamps::Directories() const {
  std::vector<std::string> directories;
  for (const std::string& path : paths_) {
    directories.push_back(DirectoryOf(path));
    const std::unique_ptr<char, decltype(&::free)> real(
        ::realpath(path.c_str(), nullptr), &::free);
    if (real != nullptr) {
      directories.push_back(DirectoryOf(real.get()));
    }
  }
  std::sort(directories.begin(), directories.end());
  directories.erase(std::unique(directories.begin(), directories.end()),
                    directories.end());
  return directories;
}

bool FileStamps::Stamp::operator==(const Stamp& other) const {
  return device == other.device && inode == other.inode && size == other.size &&
         SameTime(modified, other.modified) &&
         SameTime(status_changed, other.status_changed);
}

FileStamps::Stamp FileStamps::StampOf(const std::string& path) {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) {
    return {};
  }
  return {about.st_dev, about.st_ino, about.st_size, about.st_mtim,
          about.st_ctim};
}

}  // namespace ktlsd::agent
