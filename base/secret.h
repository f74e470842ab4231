// Secret<Max>: up to Max bytes of key material that wipe themselves.
//
// Scope:     storage only: no copy, no printing, no comparison but in constant
//            time, no reading without a KeyAccess token.
// Layer:     base.
// Threads:   thread-compatible.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ktlsd {

class KeyAccess;  // base/key_access.h

template <std::size_t Max>
class Secret {
 public:
  Secret() = default;

  // Copies `bytes` in; the caller wipes its own. What does not fit is refused:
  // the secret is then empty, which every consumer of a secret rejects.
  Secret(const KeyAccess&, std::span<const uint8_t> bytes) {
    if (bytes.size() <= Max) {
      std::ranges::copy(bytes, bytes_.begin());
      size_ = bytes.size();
    }
  }

  // Makes a secret of `size` bytes, at most Max, that `fill` writes in place:
  // fill(std::span<uint8_t>) returns bool. False leaves the secret empty.
  template <typename Fill>
  static Secret Filled(const KeyAccess&, std::size_t size, Fill&& fill) {
    Secret secret;
    if (size > Max || !fill(std::span<uint8_t>(secret.bytes_).first(size))) {
      secret.Wipe();
      return secret;
    }
    secret.size_ = size;
    return secret;
  }

  Secret(Secret&& other) noexcept { TakeFrom(other); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      Wipe();
      TakeFrom(other);
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { Wipe(); }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  std::span<const uint8_t> Reveal(const KeyAccess&) const {
    return std::span<const uint8_t>(bytes_).first(size_);
  }

  // Constant time in the contents; the lengths are not secret.
  bool Equals(const Secret& other) const {
    if (size_ != other.size_) {
      return false;
    }
    uint8_t difference = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      difference =
          static_cast<uint8_t>(difference | (bytes_[i] ^ other.bytes_[i]));
    }
    return difference == 0;
  }

  void Wipe() {
    ::explicit_bzero(bytes_.data(), bytes_.size());
    size_ = 0;
  }

 private:
  void TakeFrom(Secret& other) {
    std::memcpy(bytes_.data(), other.bytes_.data(), Max);
    size_ = other.size_;
    other.Wipe();
  }

  std::array<uint8_t, Max> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace ktlsd
