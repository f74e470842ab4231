// libcrypto's objects with owners, and its failures as an Error.
//
// Scope:     ownership and errors; no cryptography.
// Layer:     base, for the few sources that call libcrypto.
// Threads:   FetchedOnce is safe for concurrent use, the rest are value types.
#pragma once

#include <openssl/err.h>

#include <atomic>
#include <memory>
#include <string_view>

#include "base/fn_deleter.h"  // IWYU pragma: export
#include "base/result.h"

namespace ktlsd {

// An object that is costly to look up (an EVP_MD, say), made by the first who
// needs it and kept for the process. A failure is not kept: the next caller
// tries again.
template <typename T, auto Free>
class FetchedOnce {
 public:
  constexpr FetchedOnce() = default;
  FetchedOnce(const FetchedOnce&) = delete;
  FetchedOnce& operator=(const FetchedOnce&) = delete;

  // Returns the object, or null when make() does. Owned by this.
  template <typename Make>
  T* Get(Make&& make) {
    T* known = object_.load(std::memory_order_acquire);
    if (known != nullptr) {
      return known;
    }
    std::unique_ptr<T, FnDeleter<Free>> made(make());
    if (made && object_.compare_exchange_strong(known, made.get(),
                                                std::memory_order_acq_rel)) {
      return made.release();
    }
    return known;
  }

 private:
  std::atomic<T*> object_{nullptr};
};

// Whether libcrypto's queue of errors says that memory ran out. Empties the
// queue, which else would be taken for the reason of a later failure.
inline bool TakeNoMemory() {
  bool no_memory = false;
  while (const unsigned long error = ERR_get_error()) {
    no_memory |= ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
  }
  return no_memory;
}

// The Error for a libcrypto call that failed: `code`, or kNoMemory. Empties
// libcrypto's queue of errors.
inline Error CryptoError(Code code, std::string_view what) {
  return TakeNoMemory() ? Error{Code::kNoMemory, "libcrypto has no memory"}
                        : Error{code, what};
}
inline Error CryptoError(std::string_view what) {
  return CryptoError(Code::kCryptoFailed, what);
}

// The Error where libcrypto could not even make an object, often the one kind
// of failure that it does not queue.
inline Error NoMemory() {
  ERR_clear_error();
  return Error{Code::kNoMemory, "libcrypto has no memory"};
}

}  // namespace ktlsd
