#include "agent/keeper/testing/tokens.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

constexpr std::array kModules = {
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/pkcs11/libsofthsm2.so",
};

pid_t Start(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  pid_t pid = 0;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO}) {
    ::posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null",
                                       O_WRONLY, 0);
  }
  const int error = ::posix_spawnp(&pid, arguments[0], &actions, nullptr,
                                   arguments.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? pid : 0;
}

void Run(const std::vector<std::string>& words) {
  const pid_t pid = Start(words);
  int status = 0;
  if (pid == 0 || ::waitpid(pid, &status, 0) != pid || status != 0) {
    throw std::runtime_error(words[0] + " failed");
  }
}

bool Installed(const std::string& program) {
  return ::access(("/usr/bin/" + program).c_str(), X_OK) == 0;
}

bool LibraryThere(const std::string& folder, const std::string& name) {
  const std::array places = {"/usr/lib/x86_64-linux-gnu/",
                             "/usr/lib/aarch64-linux-gnu/"};
  return std::ranges::any_of(places, [&](const char* place) {
    return ::access((place + folder + "/" + name).c_str(), R_OK) == 0;
  });
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  std::string path = "/tmp/ktlsd-token-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    throw std::runtime_error("cannot make a directory");
  }
  path_ = path + '/';
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ScratchDirectory::Write(const std::string& name,
                                    std::string_view contents,
                                    mode_t mode) const {
  const std::string path = PathOf(name);
  const OwnedFd file(
      ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  if (!file.valid() ||
      ::write(file.raw(), contents.data(), contents.size()) !=
          static_cast<ssize_t>(contents.size()) ||
      ::fchmod(file.raw(), mode) != 0) {
    throw std::runtime_error("cannot write a file");
  }
  return path;
}

std::string SoftToken::Module() {
  const auto* const module = std::ranges::find_if(
      kModules, [](const char* place) { return ::access(place, R_OK) == 0; });
  return module == kModules.end() ? "" : *module;
}

std::string SoftToken::Missing() {
  if (Module().empty() || !Installed("softhsm2-util")) {
    return "softhsm2 is not installed";
  }
  if (!LibraryThere("engines-3", "pkcs11.so") &&
      !LibraryThere("ossl-modules", "pkcs11.so")) {
    return "libcrypto has neither provider nor engine for PKCS#11";
  }
  return "";
}

SoftToken::SoftToken() {
  std::filesystem::create_directory(scratch_.PathOf("tokens"));
  const std::string config = scratch_.Write(
      "softhsm2.conf", "directories.tokendir = " + scratch_.PathOf("tokens") +
                           "\nobjectstore.backend = file\n");
  ::setenv("SOFTHSM2_CONF", config.c_str(), 1);
  Run({"softhsm2-util", "--init-token", "--free", "--label", "ktlsd", "--pin",
       "1234", "--so-pin", "5678"});
}

void SoftToken::Import(std::string_view key_pem, const std::string& label,
                       const std::string& id) {
  Run({"softhsm2-util", "--import", scratch_.Write("key.pem", key_pem),
       "--token", "ktlsd", "--label", label, "--id", id, "--pin", "1234"});
}

std::string TpmEmulator::Missing() {
  for (const char* program : {"swtpm", "tpm2_import"}) {
    if (!Installed(program)) {
      return std::string(program) + " is not installed";
    }
  }
  return LibraryThere("ossl-modules", "tpm2.so")
             ? ""
             : "libcrypto has no provider for TPMs";
}

// The emulator is at one end of a terminal, the other is a device file: as with
// a real TPM, all goes over one open descriptor.
TpmEmulator::TpmEmulator() : emulator_(::posix_openpt(O_RDWR | O_NOCTTY)) {
  std::array<char, 64> name{};
  if (!emulator_.valid() || ::grantpt(emulator_.raw()) != 0 ||
      ::unlockpt(emulator_.raw()) != 0 ||
      ::ptsname_r(emulator_.raw(), name.data(), name.size()) != 0) {
    throw std::runtime_error("no terminal");
  }
  device_ = OwnedFd(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  termios raw{};
  ::tcgetattr(device_.raw(), &raw);
  ::cfmakeraw(&raw);
  ::tcsetattr(device_.raw(), TCSANOW, &raw);
  pid_ = Start({"swtpm", "chardev", "--tpm2", "--tpmstate",
                "dir=" + scratch_.PathOf(""), "--fd",
                std::to_string(emulator_.raw()), "--flags", "startup-clear"});
  const std::string tcti = std::string("device:") + name.data();
  ::setenv("TPM2TOOLS_TCTI", tcti.c_str(), 1);
  ::setenv("TPM2OPENSSL_TCTI", tcti.c_str(), 1);
}

TpmEmulator::~TpmEmulator() {
  if (pid_ != 0) {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
}

void TpmEmulator::Import(std::string_view key_pem, const std::string& handle) {
  const auto path = [&](const char* name) { return scratch_.PathOf(name); };
  const std::string key = scratch_.Write("key.pem", key_pem);
  Run({"tpm2_createprimary", "-Q", "-C", "o", "-c", path("primary")});
  Run({"tpm2_flushcontext", "-t"});
  Run({"tpm2_import", "-Q", "-C", path("primary"), "-G", "ecc", "-i", key, "-u",
       path("public"), "-r", path("private")});
  Run({"tpm2_flushcontext", "-t"});
  Run({"tpm2_load", "-Q", "-C", path("primary"), "-u", path("public"), "-r",
       path("private"), "-c", path("loaded")});
  Run({"tpm2_evictcontrol", "-Q", "-C", "o", "-c", path("loaded"), handle});
  Run({"tpm2_flushcontext", "-t"});
}

}  // namespace ktlsd::agent
