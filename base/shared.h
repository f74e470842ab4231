// A value that its copies share: for what is large, never changes and outlives
// whom it was made for.
//
// Scope:     one immutable value; whoever has a copy keeps it alive, and none
//            can end another's. Never null: a Shared that was moved from still
//            has its value.
// Layer:     base.
// Threads:   value types; copies may be in different threads.
#pragma once

#include <memory>
#include <utility>

namespace ktlsd {

template <typename T>
class Shared {
 public:
  // Implicit on purpose: where one is wanted, a T will do.
  Shared(T value)  // NOLINT(google-explicit-constructor)
      : value_(std::make_shared<const T>(std::move(value))) {}
  // Without moves, which would leave nothing behind.
  Shared(const Shared&) = default;
  Shared& operator=(const Shared&) = default;
  ~Shared() = default;

  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }

 private:
  std::shared_ptr<const T> value_;
};

}  // namespace ktlsd
