#include "handshake/codec/pre_shared_key.h"

#include <utility>

#include "handshake/codec/extensions.h"

namespace ktlsd::handshake {
namespace {

constexpr std::size_t kMinBinder = 32;  // bytes; RFC 8446 section 4.2.11

Result<std::vector<PskIdentity>> ParseIdentities(ByteView list) {
  std::vector<PskIdentity> identities;
  ByteReader reader(list);
  while (!reader.done()) {
    const auto identity = reader.Prefixed16();
    const auto age_high = reader.U16();
    const auto age_low = reader.U16();
    if (!identity || identity->empty() || !age_high || !age_low) {
      return DecodeError("malformed PSK identity");
    }
    identities.push_back({Bytes(identity->begin(), identity->end()),
                          uint32_t{*age_high} << 16 | *age_low});
  }
  return identities;
}

Result<std::vector<Bytes>> ParseBinders(ByteView list) {
  std::vector<Bytes> binders;
  ByteReader reader(list);
  while (!reader.done()) {
    const auto binder = reader.Prefixed8();
    if (!binder || binder->size() < kMinBinder) {
      return DecodeError("malformed PSK binder");
    }
    binders.emplace_back(binder->begin(), binder->end());
  }
  return binders;
}

}  // namespace

Result<OfferedPsks> ParseOfferedPsks(ByteView data) {
  ByteReader reader(data);
  const auto identities = reader.Prefixed16();
  const auto binders = reader.Prefixed16();
  if (!identities || identities->empty() || !binders || binders->empty() ||
      !reader.done()) {
    return DecodeError("malformed pre_shared_key");
  }
  OfferedPsks psks;
  RETURN_IF_ERROR(Store(ParseIdentities(*identities), psks.identities));
  RETURN_IF_ERROR(Store(ParseBinders(*binders), psks.binders));
  if (psks.identities.size() != psks.binders.size()) {
    return Error{Code::kIllegalParameter, "not one binder for each identity"};
  }
  return psks;
}

void WriteOfferedPsks(ByteWriter& out, const OfferedPsks& psks) {
  WriteExtension(out, ExtensionType::kPreSharedKey, [&] {
    out.Prefixed(2, [&] {
      for (const PskIdentity& psk : psks.identities) {
        out.Prefixed(2, [&] { out.Append(psk.identity); });
        out.U16(static_cast<uint16_t>(psk.obfuscated_ticket_age >> 16));
        out.U16(static_cast<uint16_t>(psk.obfuscated_ticket_age));
      }
    });
    out.Prefixed(2, [&] {
      for (const Bytes& binder : psks.binders) {
        out.Prefixed(1, [&] { out.Append(binder); });
      }
    });
  });
}

std::size_t BindersSize(const OfferedPsks& psks) {
  std::size_t size = 2;
  for (const Bytes& binder : psks.binders) {
    size += 1 + binder.size();
  }
  return size;
}

}  // namespace ktlsd::handshake
