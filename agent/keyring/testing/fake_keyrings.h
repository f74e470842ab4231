// Keyrings in memory.
//
// Scope:     for tests; counts what is asked of it.
// Layer:     agent/keyring, tests only.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/keyring/keyrings.h"
#include "base/key_access.h"

namespace ktlsd::agent {

class FakeKeyrings final : public Keyrings {
 public:
  static constexpr KeySerial kNvme = 100;

  // Adds a key to `keyring`.
  void AddKey(KeySerial serial, std::string type, std::string description,
              Bytes payload, KeySerial keyring = kNvme) {
    keys_[serial] = {{std::move(type), std::move(description), 0},
                     std::move(payload),
                     std::nullopt};
    keyrings_[keyring].push_back(serial);
  }
  void AddPsk(KeySerial serial, std::string identity, std::size_t size = 32,
              KeySerial keyring = kNvme) {
    AddKey(serial, "psk", std::move(identity), Bytes(size, 7), keyring);
  }
  // Describing and listing fail so often.
  void FailDescribing(int times) { describing_fails_ = times; }
  void FailListing(int times) { listing_fails_ = times; }
  // Reading it fails from now on.
  void Spoil(KeySerial serial, Error error) { keys_.at(serial).error = error; }
  void Remove(KeySerial serial) {
    keys_.erase(serial);
    for (auto& [keyring, keys] : keyrings_) {
      std::erase(keys, serial);
    }
  }

  // A certificate "CC" and a key "K" have the serials 5 and 6.
  Result<Pair> Read(const CertificateSerials& serials) override {
    if (serials.certificate != 5 || serials.private_key != 6) {
      return Error{Code::kKeyUnavailable, "no such key"};
    }
    KeyPayload payload(3);
    std::memcpy(payload.writable().data(), "CCK", 3);
    return Pair{std::move(payload), 2};
  }
  Result<KeyFacts> Describe(KeySerial key) override {
    ++described;
    if (describing_fails_ > 0) {
      --describing_fails_;
      return KeyError(ENOMEM);
    }
    const auto found = keys_.find(key);
    if (found == keys_.end()) {
      return Error{Code::kKeyUnavailable, "no such key"};
    }
    return found->second.facts;
  }
  Result<handshake::PskKey> ReadPsk(KeySerial key) override {
    ++read;
    const auto found = keys_.find(key);
    if (found == keys_.end()) {
      return Error{Code::kKeyUnavailable, "no such key"};
    }
    if (found->second.error.has_value()) {
      return *found->second.error;
    }
    return handshake::PskKey(KeyAccess(), found->second.payload);
  }
  Result<std::vector<KeySerial>> List(KeySerial keyring) override {
    listed.push_back(keyring);
    if (listing_fails_ > 0) {
      --listing_fails_;
      return KeyError(ENOMEM);
    }
    const auto found = keyrings_.find(keyring);
    if (found == keyrings_.end()) {
      return Error{Code::kKeyUnavailable, "no such keyring"};
    }
    return found->second;
  }
  std::vector<KeySerial> PskKeyrings() override { return {kNvme}; }
  std::optional<KeySerial> Called(const std::string& name) override {
    const auto found = called.find(name);
    return found == called.end() ? std::nullopt : std::optional(found->second);
  }
  Result<KeySerial> AddPeerCertificate(ByteView certificate,
                                       std::chrono::seconds timeout) override {
    if (peer_key_error.has_value()) {
      return *peer_key_error;
    }
    peer_keys.push_back(
        {Bytes(certificate.begin(), certificate.end()), timeout});
    return static_cast<KeySerial>(1000 + peer_keys.size());
  }
  void Unlink(KeySerial keyring) override { unlinked.push_back(keyring); }

  std::map<std::string, KeySerial> called;
  int described = 0;
  int read = 0;
  std::vector<KeySerial> listed;
  std::vector<KeySerial> unlinked;
  // The serial of the first one is 1001.
  std::vector<std::pair<Bytes, std::chrono::seconds>> peer_keys;
  std::optional<Error> peer_key_error;

 private:
  struct Key {
    KeyFacts facts;
    Bytes payload;
    std::optional<Error> error;
  };
  int describing_fails_ = 0;
  int listing_fails_ = 0;
  std::map<KeySerial, Key> keys_;
  std::map<KeySerial, std::vector<KeySerial>> keyrings_;
};

}  // namespace ktlsd::agent
