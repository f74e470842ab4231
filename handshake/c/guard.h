// The edge of the C ABI: nothing leaves it as an exception.
//
// Scope:     every entry's body runs inside one of these.
// Layer:     handshake/c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/c/codes.h"

namespace ktlsd::handshake {

inline constexpr Error kNullArgument = {Code::kApiMisuse, "a NULL argument"};
inline constexpr Error kOutOfMemory = {Code::kNoMemory, "out of memory"};
inline constexpr Error kEscaped = {Code::kInternal,
                                   "an exception reached the C ABI"};

template <typename... Pointers>
constexpr bool AnyNull(const Pointers*... pointers) {
  return ((pointers == nullptr) || ...);
}

// What a pointer and a length of the program name.
inline ByteView View(const void* data, std::size_t length) {
  return ByteView(static_cast<const uint8_t*>(data), length);
}

inline int NumberOf(const Status& status) {
  return status.ok() ? KTLSD_OK : NumberOf(status.error().code);
}

// The number of what `body()`, a Status, returns or throws; `broken(Error)`,
// which must not throw, is told what was thrown.
template <typename Body, typename Broken>
int Guarded(Body&& body, Broken&& broken) noexcept {
  try {
    return NumberOf(body());
  } catch (const std::bad_alloc&) {
    broken(kOutOfMemory);
    return KTLSD_NO_MEMORY;
  } catch (...) {
    broken(kEscaped);
    return KTLSD_INTERNAL;
  }
}

template <typename Body>
int Guarded(Body&& body) noexcept {
  return Guarded(std::forward<Body>(body), [](const Error&) {});
}

}  // namespace ktlsd::handshake
