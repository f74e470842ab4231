// A move-only type, for the tests of the build rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ktlsd {

class Door {
 public:
  Door() = default;
  Door(Door&&) = default;
  Door& operator=(Door&&) = default;
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  // Opens when `knock` is longer than three bytes.
  bool Knock(std::span<const uint8_t> knock) const;

 private:
  size_t bolts_ = 3;
};

}  // namespace ktlsd
