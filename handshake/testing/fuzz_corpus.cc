#include "handshake/testing/fuzz_corpus.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "handshake/testing/changes.h"
#include "handshake/testing/fuzz_world.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/sending_hook.h"
#include "handshake/testing/world.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

// Names that must not be mistaken for those of inputs from elsewhere.
constexpr std::string_view kOurs = "/ours_";
constexpr std::string_view kCodec = "handshake/codec/testdata/";
constexpr std::string_view kHandshake = "handshake/testdata/";

struct Kind {
  std::string_view name;
  uint8_t bits;  // of FuzzRun::FromBits()
};
constexpr uint8_t kPsk = 0x02;
constexpr std::array<Kind, 5> kKinds = {{{"plain", 0x00},
                                         {"retry", 0x01},
                                         {"psk", kPsk},
                                         {"psk_retry", 0x03},
                                         {"options", 0xdc}}};

// What both ends sent in one handshake.
struct Recording {
  std::vector<Bytes> client;  // messages
  std::vector<Bytes> server;
  Bytes to_server;  // records
  Bytes to_client;
};

void Append(Bytes& to, ByteView more) {
  to.insert(to.end(), more.begin(), more.end());
}

OnTheWire RecordTo(Bytes& stream) {
  return [&stream](std::size_t, Bytes& bytes) {
    Append(stream, bytes);
    return true;
  };
}

Recording Record(uint8_t bits) {
  const FuzzRun run;
  const Setups setups = run.FromBits(bits);
  Recording recording;
  Sender sender;
  const SendingHook hook([&](const Bytes& message) {
    auto& messages =
        sender.IsClient(message) ? recording.client : recording.server;
    messages.push_back(message);
  });
  Handshake(setups.client, setups.server,
            {RecordTo(recording.to_server), RecordTo(recording.to_client)});
  return recording;
}

bool IsHello(const Bytes& message) {
  const auto type = static_cast<HandshakeType>(message[0]);
  return type == HandshakeType::kClientHello ||
         type == HandshakeType::kServerHello;
}

Bytes FlightOf(const std::vector<Bytes>& messages) {
  Bytes flight;
  for (const Bytes& message : messages) {
    if (!IsHello(message)) {
      Append(flight, message);
    }
  }
  return flight;
}

Bytes Joined(Bytes head, ByteView rest) {
  Append(head, rest);
  return head;
}

class Corpus {
 public:
  void AddKind(const Kind& kind) {
    kind_ = kind;
    recording_ = Record(kind.bits);
    AddMessages();
    AddStreams();
    Put(kHandshake, "engine_pair", "", {kind.bits});
    AddFlights("client_flight", recording_.client);
    AddFlights("server_flight", recording_.server);
  }
  void AddChanges();
  FuzzCorpus Take() && { return std::move(files_); }

 private:
  void Put(std::string_view folder, std::string_view target,
           const std::string& suffix, Bytes input) {
    std::string path(folder);
    path.append(target).append(kOurs).append(kind_.name).append(suffix);
    files_[path] = std::move(input);
  }
  void AddMessages();
  void AddStreams();
  void AddFlights(std::string_view target, const std::vector<Bytes>& messages);

  Kind kind_{};
  Recording recording_;
  FuzzCorpus files_;
};

void Corpus::AddMessages() {
  std::size_t count = 0;
  for (const Bytes& message : recording_.client) {
    if (IsHello(message)) {
      Put(kCodec, "client_hello", "_" + std::to_string(count++),
          Joined({}, ByteView(message).subspan(kHandshakeHeaderSize)));
    }
  }
  count = 0;
  for (const Bytes& message : recording_.server) {
    Put(kCodec, "server_flight", "_" + std::to_string(count++),
        Joined({message[0]}, ByteView(message).subspan(kHandshakeHeaderSize)));
  }
}

void Corpus::AddStreams() {
  constexpr uint8_t kLargestReads = 0xfe;
  constexpr uint8_t kClientRole = 1;
  const uint8_t bits = kind_.bits;
  Put(kCodec, "record_reader", "_to_client",
      Joined({kLargestReads}, recording_.to_client));
  Put(kCodec, "record_reader", "_to_server",
      Joined({kLargestReads}, recording_.to_server));
  Put(kHandshake, "engine", "_to_client",
      Joined({kLargestReads | kClientRole, bits}, recording_.to_client));
  Put(kHandshake, "engine", "_to_server",
      Joined({kLargestReads, bits}, recording_.to_server));
}

// See flight_run.h for what they say.
void Corpus::AddFlights(std::string_view target,
                        const std::vector<Bytes>& messages) {
  const uint8_t bits = kind_.bits;
  const Bytes flight = FlightOf(messages);
  Put(kHandshake, target, "", {bits, 0, 0, 0, 0});
  Put(kHandshake, target, "_written_out",
      Joined({bits, 0, 0, 0xff, 0xff}, flight));
  if ((bits & ~kPsk) != 0) {
    return;  // once with certificates and once with PSKs will do
  }
  const auto from = [&](std::size_t offset) {
    return Bytes{bits, static_cast<uint8_t>(offset >> 8),
                 static_cast<uint8_t>(offset), 0, 0};
  };
  static const std::map<std::string, Bytes> kForeign = {
      {"_ticket", {4, 0, 0, 14, 0, 0, 0, 9, 1, 2, 3, 4, 0, 0, 1, 7, 0, 0}},
      {"_end_of_early_data", {5, 0, 0, 0}},
      {"_certificate_request",
       {13, 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 8, 7}},
      {"_empty_certificate", {11, 0, 0, 4, 0, 0, 0, 0}},
      {"_key_update", {24, 0, 0, 1, 0}}};
  for (const auto& [name, message] : kForeign) {
    Put(kHandshake, target, name + "_first", Joined(from(0), message));
    Put(kHandshake, target, name + "_last",
        Joined(from(flight.size()), message));
  }
}

// One input for each kind of change, of records and of messages, in turn to
// both ends and with every variant.
void Corpus::AddChanges() {
  constexpr uint8_t kChanges = 6;
  constexpr uint8_t kOfMessage = 0x80;
  uint8_t count = 0;
  for (const uint8_t layer : {uint8_t{0}, kOfMessage}) {
    for (uint8_t change = 0; change < kChanges; ++change) {
      kind_ = kKinds[count % kKinds.size()];
      const auto to_server = static_cast<uint8_t>(count % 2);
      const auto what = static_cast<uint8_t>(layer | change << 1 | to_server);
      Put(kHandshake, "engine_pair",
          (layer == 0 ? "_record_" : "_message_") + std::to_string(change),
          {kind_.bits, what, /*index=*/1, 0, /*offset=*/9, /*value=*/0x55});
      ++count;
    }
  }
}

}  // namespace

FuzzCorpus MakeFuzzCorpus() {
  Corpus corpus;
  for (const Kind& kind : kKinds) {
    corpus.AddKind(kind);
  }
  corpus.AddChanges();
  return std::move(corpus).Take();
}

}  // namespace ktlsd::handshake
