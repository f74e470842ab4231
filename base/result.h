// Result<T>: a value, or an Error that says what went wrong and whose fault it
// is. The one way in which this project's libraries report failure.
//
// Scope:     nothing here allocates or throws; an Error is cheap to copy.
// Layer:     base; everything may use it.
// Threads:   value types.
// Design:    docs/design/error-table.md
#pragma once

#include <string_view>
#include <utility>
#include <variant>

#include "base/error_codes.h"

namespace ktlsd {

// What failed. `what` is a string literal (or other storage that lives for
// ever) and never contains bytes from a peer; `os_error` is an errno or 0;
// `alert` is the alert description that the peer sent (kAlertReceived) or 0.
struct Error {
  Code code;
  std::string_view what;
  int os_error = 0;
  uint8_t alert = 0;
};

// A T, or the Error that kept us from having one. Reading the half that is not
// there is a bug of the caller; std::get then throws, so it is never undefined.
template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: `return value;` and `return Error{...};` both read
  // well in a function that returns Result<T>.
  Result(T value)  // NOLINT(google-explicit-constructor)
      : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error)  // NOLINT(google-explicit-constructor)
      : state_(std::in_place_index<1>, error) {}

  bool ok() const { return state_.index() == 0; }
  const Error& error() const { return std::get<1>(state_); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }

 private:
  std::variant<T, Error> state_;
};

struct Ok {};

// Success without a value: `return Ok{};`.
using Status = Result<Ok>;

}  // namespace ktlsd

#define KTLSD_CONCAT_INNER(a, b) a##b
#define KTLSD_CONCAT(a, b) KTLSD_CONCAT_INNER(a, b)

// Evaluates a Status or Result and returns its error from this function.
#define RETURN_IF_ERROR(expression)                   \
  do {                                                \
    if (auto status_ = (expression); !status_.ok()) { \
      return status_.error();                         \
    }                                                 \
  } while (false)

// Declares `declaration` from a Result's value, or returns its error from this
// function. One to a line.
#define ASSIGN_OR_RETURN(declaration, expression)                     \
  ASSIGN_OR_RETURN_IMPL(KTLSD_CONCAT(result_, __LINE__), declaration, \
                        expression)
#define ASSIGN_OR_RETURN_IMPL(result, declaration, expression) \
  auto result = (expression);                                  \
  if (!result.ok()) {                                          \
    return result.error();                                     \
  }                                                            \
  declaration = std::move(result).value()
