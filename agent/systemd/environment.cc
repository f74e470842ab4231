#include "agent/systemd/environment.h"

#include <charconv>
#include <cstdlib>
#include <system_error>

namespace ktlsd::agent {

std::optional<std::string> TakeText(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  std::string text = value;
  ::unsetenv(name);
  return text;
}

std::optional<int64_t> TakeNumber(const char* name, int64_t most) {
  const std::optional<std::string> text = TakeText(name);
  if (!text.has_value()) {
    return std::nullopt;
  }
  int64_t number = -1;
  const char* const end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || rest != end || number < 0 || number > most) {
    return std::nullopt;
  }
  return number;
}

}  // namespace ktlsd::agent
