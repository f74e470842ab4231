// What roles are locked into: a root directory without anything in it, and a
// user without rights.
//
// Scope:     the monitor makes both once, while it may; each role is started
//            with them.
// Layer:     agent/sandbox.
// Design:    docs/design/process-model.md
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

// By default the kernel's overflow user, "nobody", which owns nothing.
struct RoleUser {
  uid_t uid = 65534;
  gid_t gid = 65534;

  bool operator==(const RoleUser&) const = default;
};

// "UID:GID", as a role is told it; neither may be 0.
std::string Format(const RoleUser& user);
std::optional<RoleUser> ParseRoleUser(std::string_view text);

// The user called `name` with its own group; the default when `name` is empty.
// Errors: kConfigUnusable there is none, or it is root
Result<RoleUser> FindRoleUser(const std::string& name);

struct Cell {
  OwnedFd root;  // a directory: empty, read-only, part of no mount namespace
  RoleUser user;
  // In its place for a keeper with tokens, whose modules read files; not valid:
  // the same.
  OwnedFd token_root = {};
};

// Privilege: CAP_SYS_ADMIN.
// Errors:    kSystemFailed with the errno
Result<Cell> MakeCell(const RoleUser& user);

// With a root that somebody else made: the directory at `path`. It needs no
// privilege, and is part of this process's mount namespace.
// Errors: kConfigUnusable it is not empty, or can be written; or, with the
//         errno, it cannot be opened
Result<Cell> UseCell(const std::string& path, const RoleUser& user);
// The directory `path`, to be the root of a keeper with tokens.
// Errors: kConfigUnusable with the errno
Result<OwnedFd> OpenTokenRoot(const char* path);

}  // namespace ktlsd::agent
