// The edge of the C ABI: nothing leaves it as an exception.
//
// Scope:     every entry's body runs inside one of these.
// Layer:     handshake/c.
#pragma once

#include <openssl/err.h>
#include <pthread.h>

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

// Keeps a thread from being cancelled (pthread_cancel(3)) while it lives. glibc
// cancels by an exception of its own that must not be caught: Guarded() would
// end the process.
class NotCancelled {
 public:
  NotCancelled() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  NotCancelled(const NotCancelled&) = delete;
  NotCancelled& operator=(const NotCancelled&) = delete;
  ~NotCancelled() { pthread_setcancelstate(before_, nullptr); }

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

// Empties libcrypto's queue of errors, a thread's own, before and after: what
// the program left there is not the reason of a failure of ours, nor the other
// way round.
class OwnErrors {
 public:
  OwnErrors() { ERR_clear_error(); }
  OwnErrors(const OwnErrors&) = delete;
  OwnErrors& operator=(const OwnErrors&) = delete;
  ~OwnErrors() { ERR_clear_error(); }
};

// The number of what `body()`, a Status, returns or throws; `broken(Error)`,
// which must not throw, is told what was thrown.
template <typename Body, typename Broken>
int Guarded(Body&& body, Broken&& broken) noexcept {
  const NotCancelled not_cancelled;
  const OwnErrors own_errors;
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
