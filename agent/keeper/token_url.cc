#include "agent/keeper/token_url.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace ktlsd::agent {
namespace {

constexpr std::string_view kPkcs11 = "pkcs11:";
constexpr std::string_view kTpmKey = "tpmkey:";
constexpr std::string_view kHandle = "handle:";
constexpr std::array kSchemes = {kPkcs11, kTpmKey, kHandle};
constexpr std::string_view kPinValue = "pin-value";

Error Unusable(std::string_view what) {
  return {Code::kPrivateKeyUnusable, what};
}

int HexDigit(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const char lower =
      c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  const std::size_t at = kDigits.find(lower);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// Nothing for a %XX that is none, or that is a NUL.
std::optional<std::string> Decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : HexDigit(text[i + 2]);
    if (low < 0 || (high == 0 && low == 0)) {
      return std::nullopt;
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(at), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// Takes "name=value" into the field of that name.
Status TakeAttribute(std::string_view attribute, TokenUrl& url) {
  const std::size_t equals = std::min(attribute.find('='), attribute.size());
  const std::string_view name = attribute.substr(0, equals);
  const auto value =
      Decode(attribute.substr(std::min(equals + 1, attribute.size())));
  if (name == kPinValue) {
    return Unusable("a PIN in the URL: name its file with pin-source");
  }
  std::string* const field =
      name == "pin-source" ? &url.pin_source
      : name == "module-path" && url.kind == TokenKind::kPkcs11 ? &url.module
                                                                : nullptr;
  if (field == nullptr) {
    return Unusable("an attribute behind ? that is not known");
  }
  if (!value || value->empty() || !field->empty()) {
    return Unusable("an attribute behind ? that is empty, twice or malformed");
  }
  *field = *value;
  return Ok{};
}

// The path's attributes go to the loader as they are.
Status TakePkcs11(std::string_view path, TokenUrl& url) {
  url.kind = TokenKind::kPkcs11;
  for (const std::string_view part : Split(path, ';')) {
    if (part.starts_with("pin-")) {
      return Unusable("a PIN's attributes go behind a ?");
    }
  }
  if (path.empty()) {
    return Unusable("a URL that names no key");
  }
  url.object = std::string(kPkcs11) + std::string(path);
  return Ok{};
}

Status TakeTpm(std::string_view scheme, std::string_view path, TokenUrl& url) {
  constexpr std::string_view kFile = "file=";
  url.kind = TokenKind::kTpm;
  if (scheme == kTpmKey && !path.starts_with(kFile)) {
    return Unusable("a TPM's key is named by tpmkey:file= or handle:");
  }
  if (scheme == kHandle) {
    url.object = std::string(kHandle) + std::string(path);
    return Ok{};
  }
  const auto file = Decode(path.substr(kFile.size()));
  if (!file || !file->starts_with('/')) {
    return Unusable("a TPM's key file is named by its whole path");
  }
  url.object = *file;
  return Ok{};
}

}  // namespace

bool IsTokenUrl(std::string_view key) {
  return std::ranges::any_of(kSchemes, [&](std::string_view scheme) {
    return key.starts_with(scheme);
  });
}

Result<TokenUrl> ParseTokenUrl(std::string_view url) {
  const auto* const scheme = std::ranges::find_if(
      kSchemes, [&](std::string_view known) { return url.starts_with(known); });
  if (scheme == kSchemes.end()) {
    return Unusable("not a URL of a token");
  }
  const std::string_view rest = url.substr(scheme->size());
  const std::size_t question = std::min(rest.find('?'), rest.size());
  const std::string_view path = rest.substr(0, question);
  TokenUrl parsed;
  RETURN_IF_ERROR(*scheme == kPkcs11 ? TakePkcs11(path, parsed)
                                     : TakeTpm(*scheme, path, parsed));
  for (const std::string_view attribute :
       Split(rest.substr(std::min(question + 1, rest.size())), '&')) {
    RETURN_IF_ERROR(TakeAttribute(attribute, parsed));
  }
  return parsed;
}

std::string LoggableUrl(std::string_view url) {
  const std::size_t at = url.find(kPinValue);
  if (at == std::string_view::npos) {
    return std::string(url);
  }
  // What follows may be more of it, if a separator is in the PIN.
  return std::string(url.substr(0, at + kPinValue.size())) + "=...";
}

}  // namespace ktlsd::agent
