#include "agent/netlink/request.h"

#include <algorithm>
#include <cstddef>

#include "agent/netlink/attributes.h"

namespace ktlsd::agent {
namespace {

constexpr std::size_t kMaxPeerName = 255;

// The name without its NUL, which must be the only one.
std::optional<std::string> Name(ByteView payload) {
  if (payload.empty() || payload.size() > kMaxPeerName + 1 ||
      std::find(payload.begin(), payload.end(), 0) != payload.end() - 1) {
    return std::nullopt;
  }
  return std::string(payload.begin(), payload.end() - 1);
}

// Keeps the first value; false when there is none or it came twice.
template <typename T, typename V>
bool Keep(std::optional<T>& into, std::optional<V> value) {
  if (into.has_value() || !value.has_value()) {
    return false;
  }
  into = T(*value);
  return true;
}

class RequestParser {
 public:
  void Take(ByteView attributes) {
    while (std::optional<Attribute> attribute = NextAttribute(attributes)) {
      sound_ = TakeOne(*attribute) && sound_;
    }
    sound_ = sound_ && attributes.empty();
  }

  std::optional<Request> Finish() && {
    if (!socket_.has_value() || *socket_ < 0) {
      return std::nullopt;
    }
    request_.socket = OwnedFd(*socket_);
    request_.well_formed = sound_ && kind_.has_value() && mode_.has_value();
    request_.kind = kind_.value_or(HandshakeKind{});
    request_.auth_mode = mode_.value_or(AuthMode{});
    request_.peer_name = name_.value_or("");
    return std::move(request_);
  }

 private:
  bool TakeOne(const Attribute& attribute) {
    switch (static_cast<AcceptAttribute>(attribute.type)) {
      case AcceptAttribute::kSocket:
        return Keep(socket_, S32Of(attribute.payload));
      case AcceptAttribute::kMessageType:
        return Keep(kind_, U32Of(attribute.payload));
      case AcceptAttribute::kTimeout:
        return Keep(request_.timeout, U32Of(attribute.payload));
      case AcceptAttribute::kAuthMode:
        return Keep(mode_, U32Of(attribute.payload));
      case AcceptAttribute::kPeerIdentity:
        return TakeIdentity(S32Of(attribute.payload));
      case AcceptAttribute::kCertificate:
        return TakeCertificate(attribute.payload);
      case AcceptAttribute::kPeerName:
        return Keep(name_, Name(attribute.payload));
      case AcceptAttribute::kKeyring:
        return Keep(request_.keyring, S32Of(attribute.payload));
      case AcceptAttribute::kHandlerClass:
        break;
    }
    return true;
  }

  bool TakeIdentity(std::optional<int32_t> serial) {
    if (!serial.has_value() ||
        request_.peer_identities.size() == kMaxPeerIdentities) {
      return false;
    }
    if (*serial != 0) {  // a server's request carries a 0 that means nothing
      request_.peer_identities.push_back(*serial);
    }
    return true;
  }

  bool TakeCertificate(ByteView nest) {
    std::optional<KeySerial> certificate;
    std::optional<KeySerial> private_key;
    while (std::optional<Attribute> attribute = NextAttribute(nest)) {
      switch (static_cast<CertificateAttribute>(attribute->type)) {
        case CertificateAttribute::kCertificate:
          if (!Keep(certificate, S32Of(attribute->payload))) {
            return false;
          }
          break;
        case CertificateAttribute::kPrivateKey:
          if (!Keep(private_key, S32Of(attribute->payload))) {
            return false;
          }
          break;
      }
    }
    return nest.empty() &&
           Keep(request_.certificate,
                std::optional(CertificateSerials{certificate.value_or(0),
                                                 private_key.value_or(0)}));
  }

  Request request_;
  std::optional<int32_t> socket_;
  std::optional<HandshakeKind> kind_;
  std::optional<AuthMode> mode_;
  std::optional<std::string> name_;
  bool sound_ = true;
};

}  // namespace

std::optional<Request> ParseRequest(ByteView attributes) {
  RequestParser parser;
  parser.Take(attributes);
  return std::move(parser).Finish();
}

}  // namespace ktlsd::agent
