// The keyrings that ACCEPT linked to this process, each as long as a request
// uses it.
//
// Scope:     a keyring that is linked already is linked again by nobody: who
//            drops the link of one request must know of all others that were
//            ACCEPTed, also of those that nobody has looked at. So they are
//            counted with the ACCEPT (counted_accept.h).
// Layer:     agent/netlink.
// Threads:   any, as long as it outlives its uses.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "agent/netlink/inheriting_mutex.h"

namespace ktlsd::agent {

// Serial of a key in the kernel's keyrings.
using KeySerial = int32_t;

class KeyringUses {
 public:
  using Held = std::unique_lock<InheritingMutex>;

  // One request's use; the last one of a keyring to end unlinks it.
  class Use {
   public:
    Use() = default;
    Use(Use&& other) noexcept
        : uses_(std::exchange(other.uses_, nullptr)),
          keyring_(other.keyring_) {}
    Use& operator=(Use&& other) noexcept {
      std::swap(uses_, other.uses_);
      std::swap(keyring_, other.keyring_);
      return *this;
    }
    ~Use() {
      if (uses_ != nullptr) {
        uses_->End(keyring_);
      }
    }
    bool counted() const { return uses_ != nullptr; }

   private:
    friend class KeyringUses;
    Use(KeyringUses* uses, KeySerial keyring)
        : uses_(uses), keyring_(keyring) {}
    KeyringUses* uses_ = nullptr;
    KeySerial keyring_ = 0;
  };

  // `unlink` drops a link; it is called by whichever thread ends the last use.
  explicit KeyringUses(std::function<void(KeySerial)> unlink)
      : unlink_(std::move(unlink)) {}
  KeyringUses(const KeyringUses&) = delete;
  KeyringUses& operator=(const KeyringUses&) = delete;

  // While it is held, nothing is unlinked; no use may end in this thread.
  Held Hold() { return Held(mutex_); }
  // Without memory it counts nothing.
  Use Begin(const Held&, std::optional<KeySerial> keyring) noexcept {
    if (!keyring.has_value()) {
      return Use();
    }
    try {
      ++uses_[*keyring];
      return Use(this, *keyring);
    } catch (const std::bad_alloc&) {
      return Use();
    }
  }

 private:
  void End(KeySerial keyring) {
    const Held held = Hold();
    if (--uses_[keyring] == 0) {
      uses_.erase(keyring);
      unlink_(keyring);
    }
  }

  const std::function<void(KeySerial)> unlink_;
  InheritingMutex mutex_;
  std::map<KeySerial, unsigned> uses_;
};

}  // namespace ktlsd::agent
