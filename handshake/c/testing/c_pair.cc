#include "handshake/c/testing/c_pair.h"

#include <algorithm>

namespace ktlsd::handshake {
namespace {

bool IsIo(int wait) {
  return wait == KTLSD_WANT_WRITE || wait == KTLSD_WANT_READ;
}

void TurnTo(const CEnd& end) {
  if (end.turn != nullptr) {
    end.turn(end);
  }
}

// Steps, and answers, until the end wants I/O or is over. False when an answer
// was refused.
void Settle(CEnd& end) {
  TurnTo(end);
  for (;;) {
    end.code = ktlsd_engine_step(end.engine, &end.wait, &end.bytes);
    if (end.over() || IsIo(end.wait)) {
      return;
    }
    if (!end.answer) {
      end.code = KTLSD_API_MISUSE;  // the test forgot
      return;
    }
    const int answered = end.answer(end.wait);
    if (answered == KTLSD_NO_MEMORY || answered == KTLSD_API_MISUSE) {
      end.code = answered;
      return;
    }
  }
}

// Takes what `from` has to send; gives `to` what it wants of it.
bool Move(CEnd& from, CEnd& to) {
  Bytes& queue = from.sent;
  bool moved = false;
  TurnTo(from);
  while (!from.over() && from.wait == KTLSD_WANT_WRITE) {
    const uint8_t* data = nullptr;
    std::size_t length = 0;
    from.code = ktlsd_engine_output(from.engine, &data, &length);
    if (from.code != KTLSD_OK) {
      return moved;
    }
    queue.insert(queue.end(), data, data + length);
    ++from.pieces;
    from.code = ktlsd_engine_written(from.engine, length);
    Settle(from);
    moved = true;
  }
  TurnTo(to);
  while (!to.over() && to.wait == KTLSD_WANT_READ && !queue.empty()) {
    const std::size_t size = std::min(queue.size(), to.bytes);
    to.code = ktlsd_engine_feed(to.engine, queue.data(), size);
    queue.erase(queue.begin(),
                queue.begin() + static_cast<std::ptrdiff_t>(size));
    Settle(to);
    moved = true;
  }
  return moved;
}

}  // namespace

CPki::CPki(KeyKind kind)
    : pki(MakeTestPki(kind)),
      trust(pki.root.pem()),
      server_chain(pki.ChainPemOf(pki.server)),
      server_key(pki.server.key_pem()),
      client_chain(pki.ChainPemOf(pki.client)),
      client_key(pki.client.key_pem()) {}

ConfigPtr NewClientConfig(const CPki& pki) {
  ktlsd_config* raw = nullptr;
  const int made = ktlsd_config_new_client(&raw);
  ConfigPtr config(raw);
  if (made != KTLSD_OK ||
      ktlsd_config_set_server_name(raw, "server.example") != KTLSD_OK ||
      ktlsd_config_set_trust_pem(raw, pki.trust.data(), pki.trust.size()) !=
          KTLSD_OK ||
      ktlsd_config_set_certificate_pem(
          raw, pki.client_chain.data(), pki.client_chain.size(),
          pki.client_key.data(), pki.client_key.size()) != KTLSD_OK) {
    return nullptr;
  }
  return config;
}

ConfigPtr NewServerConfig(const CPki& pki, int client_auth) {
  ktlsd_config* raw = nullptr;
  const int made = ktlsd_config_new_server(&raw);
  ConfigPtr config(raw);
  if (made != KTLSD_OK ||
      ktlsd_config_set_trust_pem(raw, pki.trust.data(), pki.trust.size()) !=
          KTLSD_OK ||
      ktlsd_config_set_client_auth(raw, client_auth) != KTLSD_OK ||
      ktlsd_config_set_certificate_pem(
          raw, pki.server_chain.data(), pki.server_chain.size(),
          pki.server_key.data(), pki.server_key.size()) != KTLSD_OK) {
    return nullptr;
  }
  return config;
}

EnginePtr NewEngine(const ktlsd_config* config) {
  ktlsd_engine* engine = nullptr;
  const int made = ktlsd_engine_new(config, &engine);
  return EnginePtr(made == KTLSD_OK ? engine : nullptr);
}

void Connect(CEnd& client, CEnd& server) {
  Settle(client);
  Settle(server);
  while (static_cast<int>(Move(client, server)) +
             static_cast<int>(Move(server, client)) >
         0) {
  }
  for (CEnd* end : {&client, &server}) {
    if (!end->over() && end->wait == KTLSD_WANT_READ) {
      TurnTo(*end);
      end->code = ktlsd_engine_peer_closed(end->engine, /*reset=*/0);
      Settle(*end);
    }
  }
}

}  // namespace ktlsd::handshake
