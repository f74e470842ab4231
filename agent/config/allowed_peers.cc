#include "agent/config/allowed_peers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "handshake/server_name.h"

namespace ktlsd::agent {
namespace {

using handshake::AllowedBy;

constexpr char kSan[] = "allow.san";
constexpr char kSubject[] = "allow.subject";
constexpr char kFingerprint[] = "allow.fingerprint";
constexpr std::array<std::string_view, 3> kKeys = {kSan, kSubject,
                                                   kFingerprint};

using ReadEntry = std::optional<AllowedPeer> (*)(std::string_view text);

std::optional<AllowedPeer> OfHost(std::string_view text, bool ip) {
  const auto name = handshake::ServerName::Parse(text);
  if (!name.ok() || name->is_ip() != ip) {
    return std::nullopt;
  }
  return ip ? AllowedPeer{AllowedBy::kIp,
                          std::string(name->ip().begin(), name->ip().end())}
            : AllowedPeer{AllowedBy::kDns, name->dns()};
}

std::optional<AllowedPeer> OfText(AllowedBy by, std::string_view text) {
  return text.empty() || text.size() > handshake::kMaxAllowedValue
             ? std::nullopt
             : std::optional(AllowedPeer{by, std::string(text)});
}

std::optional<AllowedPeer> ReadName(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view kind = text.substr(0, colon);
  const std::string_view value = text.substr(std::min(colon + 1, text.size()));
  if (kind == "DNS" || kind == "IP") {
    return OfHost(value, kind == "IP");
  }
  if (kind == "URI" || kind == "email") {
    return OfText(kind == "URI" ? AllowedBy::kUri : AllowedBy::kEmail, value);
  }
  return std::nullopt;
}

std::optional<AllowedPeer> ReadSubject(std::string_view text) {
  return OfText(AllowedBy::kSubject, text);
}

std::optional<unsigned> HexDigit(char c) {
  constexpr std::string_view kLower = "0123456789abcdef";
  constexpr std::string_view kUpper = "0123456789ABCDEF";
  const std::size_t digit = std::min(kLower.find(c), kUpper.find(c));
  return digit == std::string_view::npos
             ? std::nullopt
             : std::optional(static_cast<unsigned>(digit));
}

// With colons between all bytes, as OpenSSL prints it, or without any.
std::optional<AllowedPeer> ReadFingerprint(std::string_view text) {
  constexpr std::size_t kBytes = 32;
  const bool colons = text.size() == 3 * kBytes - 1;
  if (!colons && text.size() != 2 * kBytes) {
    return std::nullopt;
  }
  std::string value;
  const std::size_t step = colons ? 3 : 2;
  for (std::size_t at = 0; at < text.size(); at += step) {
    const auto high = HexDigit(text[at]);
    const auto low = HexDigit(text[at + 1]);
    if (!high || !low || (colons && at > 0 && text[at - 1] != ':')) {
      return std::nullopt;
    }
    value.push_back(static_cast<char>(*high << 4 | *low));
  }
  return AllowedPeer{AllowedBy::kFingerprint, std::move(value)};
}

void ReadList(KeyFile& file, const std::string& group, const char* key,
              ReadEntry read, std::string_view not_one,
              std::optional<std::vector<AllowedPeer>>& into) {
  const auto texts = file.List(group, key);
  if (!texts.has_value()) {
    return;
  }
  if (texts->empty()) {
    file.Complain(group, key, "an empty list would let nobody in");
  }
  if (file.Times(group, key) > 1) {
    file.Complain(group, key, "the key is there twice");
  }
  if (!into.has_value()) {
    into.emplace();
  }
  for (const std::string& text : *texts) {
    if (std::optional<AllowedPeer> peer = read(text)) {
      into->push_back(*std::move(peer));
    } else {
      file.Complain(group, key, text + std::string(not_one));
    }
  }
}

}  // namespace

bool IsAllowKey(std::string_view key) {
  return std::ranges::find(kKeys, key) != kKeys.end();
}

std::optional<std::vector<AllowedPeer>> ReadAllowedPeers(
    KeyFile& file, const std::string& group) {
  std::optional<std::vector<AllowedPeer>> allowed;
  ReadList(file, group, kSan, ReadName,
           " is none of DNS:name, URI:uri, IP:address and email:address",
           allowed);
  ReadList(file, group, kSubject, ReadSubject,
           " is empty, or too long for a subject", allowed);
  ReadList(file, group, kFingerprint, ReadFingerprint,
           " is not 32 bytes in hexadecimal", allowed);
  if (allowed.has_value()) {
    std::size_t bytes = 0;
    for (const AllowedPeer& peer : *allowed) {
      bytes += sizeof(uint16_t) + sizeof(peer.by) + peer.value.size();
    }
    if (allowed->size() > kMaxAllowedPeers || bytes > kMaxAllowedPeersBytes) {
      file.Complain(group, "too many allowed clients");
    }
  }
  return allowed;
}

}  // namespace ktlsd::agent
