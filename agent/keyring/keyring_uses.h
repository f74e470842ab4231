// The keyrings that ACCEPT linked to this process, each as long as a request
// uses it.
//
// Layer:     agent/keyring.
// Threads:   thread-compatible.
#pragma once

#include <map>
#include <optional>
#include <utility>

#include "agent/keyring/keyrings.h"
#include "agent/netlink/request.h"

namespace ktlsd::agent {

class KeyringUses {
 public:
  // One request's use; the last one of a keyring to end unlinks it.
  class Use {
   public:
    Use() = default;
    Use(Use&& other) noexcept
        : uses_(std::exchange(other.uses_, nullptr)),
          keyring_(other.keyring_) {}
    Use& operator=(Use&&) = delete;
    ~Use() {
      if (uses_ != nullptr) {
        uses_->End(keyring_);
      }
    }

   private:
    friend class KeyringUses;
    Use(KeyringUses* uses, KeySerial keyring)
        : uses_(uses), keyring_(keyring) {}
    KeyringUses* uses_ = nullptr;
    KeySerial keyring_ = 0;
  };

  // `keyrings` must outlive this, and this every Use.
  explicit KeyringUses(Keyrings& keyrings) : keyrings_(keyrings) {}
  KeyringUses(const KeyringUses&) = delete;
  KeyringUses& operator=(const KeyringUses&) = delete;

  Use Begin(std::optional<KeySerial> keyring) {
    if (!keyring.has_value()) {
      return Use();
    }
    ++uses_[*keyring];
    return Use(this, *keyring);
  }

 private:
  void End(KeySerial keyring) {
    if (--uses_[keyring] == 0) {
      uses_.erase(keyring);
      keyrings_.Unlink(keyring);
    }
  }

  Keyrings& keyrings_;
  std::map<KeySerial, unsigned> uses_;
};

}  // namespace ktlsd::agent
