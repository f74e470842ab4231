#include "kernel-tests/load/rpc.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

namespace ktlsd::load {
namespace {

constexpr uint32_t kLastFragment = 0x80000000;
constexpr uint32_t kReply = 1;
constexpr uint32_t kAccepted = 0;
constexpr uint32_t kSuccess = 0;
constexpr std::size_t kMark = 4;  // bytes
// xid, direction, state, the verifier's flavor and length, status.
constexpr std::size_t kLeastReply = 24;
constexpr std::size_t kMostReply = 512;
constexpr std::string_view kStartTls = "STARTTLS";

uint32_t WordAt(std::span<const uint8_t> bytes, std::size_t at) {
  uint32_t word = 0;
  for (const uint8_t byte : bytes.subspan(at, 4)) {
    word = word << 8U | byte;
  }
  return word;
}

// The one fragment that `received` begins with; nothing while it is cut off.
std::optional<std::span<const uint8_t>> WholeRecord(
    std::span<const uint8_t> received, std::size_t length) {
  if (received.size() < kMark + length) {
    return std::nullopt;
  }
  return received.subspan(kMark, length);
}

Reply ReadBody(std::span<const uint8_t> body, uint32_t xid) {
  if (WordAt(body, 0) != xid || WordAt(body, 4) != kReply ||
      WordAt(body, 8) != kAccepted) {
    return Reply::kOther;
  }
  constexpr std::size_t kVerifier = 20;  // where its bytes begin
  const std::size_t padded = (WordAt(body, 16) + std::size_t{3}) & ~3ULL;
  if (padded != body.size() - kLeastReply ||
      WordAt(body, kVerifier + padded) != kSuccess) {
    return Reply::kOther;
  }
  const std::span<const uint8_t> verifier = body.subspan(kVerifier, padded);
  return std::ranges::equal(verifier, kStartTls,
                            [](uint8_t byte, char letter) {
                              return byte == static_cast<uint8_t>(letter);
                            })
             ? Reply::kStartTls
             : Reply::kSuccess;
}

}  // namespace

Reply ReadReply(std::span<const uint8_t> received, uint32_t xid) {
  if (received.size() < kMark) {
    return Reply::kIncomplete;
  }
  const uint32_t mark = WordAt(received, 0);
  const std::size_t length = mark & ~kLastFragment;
  if ((mark & kLastFragment) == 0 || length < kLeastReply ||
      length > kMostReply) {
    return Reply::kOther;
  }
  const auto body = WholeRecord(received, length);
  return body.has_value() ? ReadBody(*body, xid) : Reply::kIncomplete;
}

}  // namespace ktlsd::load
