#include "handshake/interop/options.h"

#include <charconv>
#include <span>
#include <string_view>
#include <utility>

namespace ktlsd::handshake {
namespace {

std::vector<std::string_view> Split(std::string_view list) {
  std::vector<std::string_view> items;
  while (true) {
    const auto comma = list.find(',');
    items.push_back(list.substr(0, comma));
    if (comma == std::string_view::npos) {
      return items;
    }
    list.remove_prefix(comma + 1);
  }
}

std::optional<CipherSuite> SuiteOf(std::string_view name) {
  for (const CipherSuite suite :
       {CipherSuite::kAes128GcmSha256, CipherSuite::kAes256GcmSha384,
        CipherSuite::kChaCha20Poly1305Sha256, CipherSuite::kAes128CcmSha256}) {
    if (CipherSuiteName(suite) == name) {
      return suite;
    }
  }
  return std::nullopt;
}

std::optional<NamedGroup> GroupOf(std::string_view name) {
  for (const NamedGroup group : SupportedGroups()) {
    if (GroupName(group) == name) {
      return group;
    }
  }
  return std::nullopt;
}

template <typename T>
bool ReadList(std::string_view list, std::optional<T> (*item)(std::string_view),
              std::vector<T>& out) {
  for (const std::string_view name : Split(list)) {
    const auto value = item(name);
    if (!value) {
      return false;
    }
    out.push_back(*value);
  }
  return true;
}

template <typename Number>
bool ReadNumber(std::string_view text, Number& out) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<std::string> FileNamed(std::string_view name) {
  return name.empty() ? std::nullopt : std::optional(std::string(name));
}

bool ReadRole(std::string_view text, Role& role) {
  role = text == "server" ? Role::kServer : Role::kClient;
  return text == "server" || text == "client";
}

bool ReadClientAuth(std::string_view text, ClientAuth& auth) {
  auth = text == "require" ? ClientAuth::kRequire : ClientAuth::kNone;
  return text == "require" || text == "none";
}

bool ReadTimeout(std::string_view text, std::chrono::milliseconds& timeout) {
  int64_t count = 0;
  const bool read = ReadNumber(text, count) && count > 0;
  timeout = std::chrono::milliseconds(count);
  return read;
}

std::optional<HashAlgorithm> HashNamed(std::string_view name) {
  return name == "sha256"   ? std::optional(HashAlgorithm::kSha256)
         : name == "sha384" ? std::optional(HashAlgorithm::kSha384)
                            : std::nullopt;
}

// "HASH:KEY:IDENTITY", the key in hexadecimal, the hash "default" for that of
// the identity.
bool AddPsk(std::string_view text, LocalPsks& psks) {
  const auto first = text.find(':');
  const auto second = text.find(':', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) {
    return false;
  }
  const std::string_view hash = text.substr(0, first);
  const std::string_view digits = text.substr(first + 1, second - first - 1);
  const std::string_view identity = text.substr(second + 1);
  Bytes key;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    const char* const pair = digits.data() + i;
    uint8_t byte = 0;
    if (std::from_chars(pair, pair + 2, byte, 16).ptr != pair + 2) {
      return false;
    }
    key.push_back(byte);
  }
  return (hash == "default" || HashNamed(hash)) &&
         psks.Add(Bytes(identity.begin(), identity.end()), key, HashNamed(hash))
             .ok();
}

// Options that are any text.
constexpr std::pair<std::string_view, std::string Options::*> kTexts[] = {
    {"authorities", &Options::authorities},
    {"name", &Options::name},
    {"send", &Options::send},
    {"expect", &Options::expect},
};

bool Read(std::string_view name, std::string_view value, Options& options) {
  for (const auto& [text, member] : kTexts) {
    if (name == text) {
      options.*member = value;
      return true;
    }
  }
  if (name == "certificate") {
    return ReadList(value, FileNamed, options.certificates);
  }
  if (name == "key") {
    return ReadList(value, FileNamed, options.keys);
  }
  if (name == "role") {
    return ReadRole(value, options.role);
  }
  if (name == "port") {
    return ReadNumber(value, options.port);
  }
  if (name == "suites") {
    return ReadList(value, SuiteOf, options.suites);
  }
  if (name == "groups") {
    return ReadList(value, GroupOf, options.groups);
  }
  if (name == "shares") {
    return ReadList(value, GroupOf, options.share_groups);
  }
  if (name == "client-auth") {
    return ReadClientAuth(value, options.client_auth);
  }
  if (name == "record-size-limit") {
    options.record_size_limit = value == "on";
    return value == "on" || value == "off";
  }
  if (name == "psk") {
    return AddPsk(value, options.psks);
  }
  return name == "timeout-ms" && ReadTimeout(value, options.timeout);
}

}  // namespace

const char kUsage[] =
    "peer_driver --role=client|server --authorities=PEM\n"
    "  --port=N --name=NAME --certificate=PEM,... --key=PEM,...\n"
    "  --suites=NAME,... --groups=NAME,... --shares=NAME,...\n"
    "  --client-auth=none|require --send=TEXT --expect=TEXT --timeout-ms=N\n"
    "  --record-size-limit=on|off\n"
    "  --psk=default|sha256|sha384:HEXKEY:IDENTITY, which may come again\n";

std::optional<Options> ParseOptions(int argc, const char* const* argv) {
  Options options;
  for (const char* const argument :
       std::span(argv, static_cast<std::size_t>(argc)).subspan(1)) {
    const std::string_view text = argument;
    const auto equals = text.find('=');
    if (!text.starts_with("--") || equals == std::string_view::npos ||
        !Read(text.substr(2, equals - 2), text.substr(equals + 1), options)) {
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace ktlsd::handshake
