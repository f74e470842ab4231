#include "agent/tags/wildcard.h"

#include <cctype>
#include <cstddef>
#include <optional>

namespace ktlsd::agent {
namespace {

bool IsHex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

// Takes the first character off `text`, which is not empty.
std::string_view TakeCharacter(std::string_view& text) {
  std::size_t size = 1;
  if (text[0] == '\\' && text.size() > 1) {
    size = text.size() > 2 && IsHex(text[1]) && IsHex(text[2]) ? 3 : 2;
  }
  const std::string_view character = text.substr(0, size);
  text.remove_prefix(size);
  return character;
}

}  // namespace

// Greedy, back to the last * only: that is enough, for an earlier one could not
// reach further than it did.
bool MatchesWildcard(std::string_view pattern, std::string_view text) {
  std::optional<std::string_view> behind_star;
  std::string_view from_star;
  while (!text.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      behind_star = pattern;
      from_star = text;
      continue;
    }
    std::string_view rest = text;
    const std::string_view character = TakeCharacter(rest);
    if (!pattern.empty()) {
      const std::string_view wanted = TakeCharacter(pattern);
      if (wanted == "?" || wanted == character) {
        text = rest;
        continue;
      }
    }
    if (!behind_star) {
      return false;
    }
    TakeCharacter(from_star);
    text = from_star;
    pattern = *behind_star;
  }
  return pattern.find_first_not_of('*') == std::string_view::npos;
}

}  // namespace ktlsd::agent
