#include "agent/check/rpc.h"

#include <fmt/format.h>

#include <initializer_list>
#include <string_view>

namespace ktlsd::agent {
namespace {

constexpr uint32_t kCall = 0;
constexpr uint32_t kReply = 1;
constexpr uint32_t kRpcVersion = 2;
constexpr uint32_t kNfs = 100003;
constexpr uint32_t kNfsVersion = 4;
constexpr uint32_t kProcedureNull = 0;
constexpr uint32_t kAccepted = 0;
constexpr uint32_t kDenied = 1;
constexpr uint32_t kSuccess = 0;
constexpr uint32_t kLastFragment = 0x8000'0000;
constexpr std::size_t kMaxReply = 1024;  // bytes
constexpr std::string_view kStartTls = "STARTTLS";

void Append(Bytes& bytes, std::initializer_list<uint32_t> numbers) {
  constexpr int kBits = 8;
  for (const uint32_t number : numbers) {
    for (int shift = 32 - kBits; shift >= 0; shift -= kBits) {
      bytes.push_back(static_cast<uint8_t>(number >> shift));
    }
  }
}

// XDR, from the front.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  // 0 beyond the end: then broken().
  uint32_t Number() {
    if (rest_.size() < 4) {
      broken_ = true;
      rest_ = {};
      return 0;
    }
    uint32_t number = 0;
    for (const uint8_t byte : rest_.first(4)) {
      number = number << 8 | byte;
    }
    rest_ = rest_.subspan(4);
    return number;
  }
  std::string Opaque() {
    const std::size_t size = Number();
    const std::size_t padded = (size + 3) / 4 * 4;
    if (padded > rest_.size()) {
      broken_ = true;
      return "";
    }
    std::string bytes(rest_.begin(),
                      rest_.begin() + static_cast<std::ptrdiff_t>(size));
    rest_ = rest_.subspan(padded);
    return bytes;
  }
  bool broken() const { return broken_; }
  bool at_end() const { return rest_.empty(); }

 private:
  ByteView rest_;
  bool broken_ = false;
};

constexpr std::string_view kNoReply =
    "the server's answer is no reply of RPC to our call";

// Its state, with the reader behind it; nothing when it is no reply to `xid`.
std::optional<uint32_t> StateOfReply(Reader& reader, uint32_t xid) {
  const bool ours = reader.Number() == xid && reader.Number() == kReply;
  const uint32_t state = reader.Number();
  return ours && !reader.broken() ? std::optional(state) : std::nullopt;
}

// RFC 5531 section 9.
std::string DenialText(Reader& reader) {
  constexpr uint32_t kAuthError = 1;
  if (reader.Number() != kAuthError) {
    return "the server does not speak this version of RPC";
  }
  return fmt::format(
      "the server refuses to talk about TLS (AUTH_TLS; reason {}): it does not "
      "know RPC with TLS, or it is switched off",
      reader.Number());
}

}  // namespace

Bytes NullCall(uint32_t xid, RpcFlavor flavor) {
  Bytes body;
  Append(body, {xid, kCall, kRpcVersion, kNfs, kNfsVersion, kProcedureNull,
                static_cast<uint32_t>(flavor), 0,
                static_cast<uint32_t>(RpcFlavor::kNone), 0});
  Bytes call;
  Append(call, {kLastFragment | static_cast<uint32_t>(body.size())});
  call.insert(call.end(), body.begin(), body.end());
  return call;
}

std::optional<std::size_t> RecordSize(ByteView mark) {
  Reader reader(mark);
  const uint32_t number = reader.Number();
  const std::size_t size = number & ~kLastFragment;
  if (reader.broken() || (number & kLastFragment) == 0 || size > kMaxReply) {
    return std::nullopt;
  }
  return size;
}

std::optional<std::string> RefusesTls(ByteView reply, uint32_t xid) {
  Reader reader(reply);
  const std::optional<uint32_t> state = StateOfReply(reader, xid);
  if (!state.has_value()) {
    return std::string(kNoReply);
  }
  if (*state != kAccepted) {
    return DenialText(reader);
  }
  const uint32_t flavor = reader.Number();
  const std::string verifier = reader.Opaque();
  const uint32_t status = reader.Number();
  if (reader.broken()) {
    return std::string(kNoReply);
  }
  if (flavor != static_cast<uint32_t>(RpcFlavor::kNone) ||
      verifier != kStartTls) {
    return "the server answers, but does not offer TLS (no STARTTLS)";
  }
  if (status != kSuccess) {
    return fmt::format("the server offers TLS, but not NFS version {}",
                       kNfsVersion);
  }
  return std::nullopt;
}

std::optional<std::string> RefusesCall(ByteView reply, uint32_t xid) {
  Reader reader(reply);
  const std::optional<uint32_t> state = StateOfReply(reader, xid);
  if (state == kDenied) {
    const uint32_t kind = reader.Number();
    const uint32_t reason = reader.Number();
    return fmt::format("the server denies the call (RPC: kind {}, reason {})",
                       kind, reason);
  }
  if (state != kAccepted) {
    return std::string(kNoReply);
  }
  reader.Number();  // the flavor of the verifier; none was asked for
  reader.Opaque();
  const uint32_t status = reader.Number();
  if (!reader.broken() && status != kSuccess) {
    return fmt::format("the server does not do the call (RPC: status {})",
                       status);
  }
  // The procedure that does nothing returns nothing.
  return reader.broken() || !reader.at_end()
             ? std::optional(std::string(kNoReply))
             : std::nullopt;
}

}  // namespace ktlsd::agent
