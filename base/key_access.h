// The token without which no secret can be read.
//
// Scope:     an empty type. Who may make one is decided by the visibility of
//            the build target //base:key_access, not by review.
// Layer:     base.
#pragma once

namespace ktlsd {

class KeyAccess {
 public:
  explicit KeyAccess() = default;
};

}  // namespace ktlsd
