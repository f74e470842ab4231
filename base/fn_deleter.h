// The deleter of a C library's objects.
//
// Scope:     std::unique_ptr<T, FnDeleter<T_free>>.
// Layer:     base.
// Threads:   as the function.
#pragma once

namespace ktlsd {

// Calls the C function that frees a T.
template <auto Free>
struct FnDeleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

}  // namespace ktlsd
