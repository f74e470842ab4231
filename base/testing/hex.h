// Hexadecimal text to bytes, for test vectors.
//
// Layer:     tests only.
#pragma once

#include <cctype>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace ktlsd {

// `text` is digits in pairs; spaces between bytes are skipped.
inline Bytes FromHex(std::string_view text) {
  Bytes bytes;
  std::string digits;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      digits.push_back(c);
    }
    if (digits.size() == 2) {
      bytes.push_back(
          static_cast<uint8_t>(std::strtoul(digits.c_str(), nullptr, 16)));
      digits.clear();
    }
  }
  return bytes;
}

inline std::string ToHex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace ktlsd
