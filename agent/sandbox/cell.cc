#include "agent/sandbox/cell.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <vector>

#include "base/fn_deleter.h"

namespace ktlsd::agent {
namespace {

constexpr std::size_t kMaxUserRecord = 1U << 16;  // bytes

// A whole decimal number, and not 0.
bool ParseId(std::string_view text, uint32_t& id) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), id);
  return error == std::errc() && end == text.data() + text.size() && id != 0;
}

// Whatever cannot be read counts as full.
bool IsEmpty(BorrowedFd directory) {
  // Of its own: reading moves the offset.
  OwnedFd copy(
      ::openat(directory.raw(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, FnDeleter<::closedir>> entries(
      ::fdopendir(copy.raw()));
  if (entries == nullptr) {
    return false;
  }
  static_cast<void>(copy.Release());  // `entries` closes it
  errno = 0;
  while (const dirent* entry = ::readdir(entries.get())) {
    if (std::strcmp(entry->d_name, ".") != 0 &&
        std::strcmp(entry->d_name, "..") != 0) {
      return false;
    }
  }
  return errno == 0;
}

bool IsReadOnly(BorrowedFd directory) {
  struct statvfs about{};
  return ::fstatvfs(directory.raw(), &about) == 0 &&
         (about.f_flag & ST_RDONLY) != 0;
}

Error CannotMakeRoot() {
  return {Code::kSystemFailed, "cannot make an empty root directory", errno};
}

}  // namespace

std::string Format(const RoleUser& user) {
  return std::to_string(user.uid) + ':' + std::to_string(user.gid);
}

std::optional<RoleUser> ParseRoleUser(std::string_view text) {
  const std::size_t colon = text.find(':');
  RoleUser user;
  if (colon == std::string_view::npos ||
      !ParseId(text.substr(0, colon), user.uid) ||
      !ParseId(text.substr(colon + 1), user.gid)) {
    return std::nullopt;
  }
  return user;
}

Result<RoleUser> FindRoleUser(const std::string& name) {
  if (name.empty()) {
    return RoleUser{};
  }
  std::vector<char> text(kMaxUserRecord);
  passwd entry{};
  passwd* found = nullptr;
  const int error =
      ::getpwnam_r(name.c_str(), &entry, text.data(), text.size(), &found);
  if (found == nullptr) {
    return Error{Code::kConfigUnusable, "no such user for the roles", error};
  }
  if (found->pw_uid == 0 || found->pw_gid == 0) {
    return Error{Code::kConfigUnusable, "roles must not run as root"};
  }
  return RoleUser{found->pw_uid, found->pw_gid};
}

Result<OwnedFd> OpenTokenRoot(const char* path) {
  OwnedFd root(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (path[0] != '/' || !root.valid()) {
    return Error{Code::kConfigUnusable,
                 "KTLSD_TOKEN_ROOT is no directory by its whole path", errno};
  }
  return root;
}

Result<Cell> MakeCell(const RoleUser& user) {
  const OwnedFd filesystem(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!filesystem.valid()) {
    return CannotMakeRoot();
  }
  // One inode: the root itself. Nothing can be made in it, even if it could be
  // written.
  for (const auto& [key, value] :
       {std::pair{"mode", "0555"}, std::pair{"nr_inodes", "1"}}) {
    if (::fsconfig(filesystem.raw(), FSCONFIG_SET_STRING, key, value, 0) != 0) {
      return CannotMakeRoot();
    }
  }
  if (::fsconfig(filesystem.raw(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) !=
      0) {
    return CannotMakeRoot();
  }
  Cell cell{OwnedFd(::fsmount(filesystem.raw(), FSMOUNT_CLOEXEC,
                              MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                                  MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)),
            user,
            {}};
  if (!cell.root.valid()) {
    return CannotMakeRoot();
  }
  return cell;
}

Result<Cell> UseCell(const std::string& path, const RoleUser& user) {
  Cell cell{OwnedFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
            user};
  if (!cell.root.valid()) {
    return Error{Code::kConfigUnusable, "cannot open the roles' root directory",
                 errno};
  }
  if (!IsEmpty(cell.root.borrow()) || !IsReadOnly(cell.root.borrow())) {
    return Error{Code::kConfigUnusable,
                 "the roles' root directory is not empty and read-only"};
  }
  return cell;
}

}  // namespace ktlsd::agent
