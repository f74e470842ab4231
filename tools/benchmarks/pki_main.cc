// Writes the certificates and keys of the benchmarks, in DER, for programs in
// other languages: pki_main FOLDER makes FOLDER/{ecdsa,rsa,ed25519}/...
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "base/bytes.h"
#include "handshake/testing/test_pki.h"
#include "tools/benchmarks/cases.h"

namespace ktlsd::benchmarks {
namespace {

void Write(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.exceptions(std::ios::failbit | std::ios::badbit);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

void WritePki(const std::filesystem::path& folder, handshake::KeyKind kind) {
  std::filesystem::create_directories(folder);
  const Pki pki = MakePki(kind);
  Write(folder / "root.der", pki.root.der());
  Write(folder / "server.der", pki.server.der());
  Write(folder / "server.key", pki.server.key_der());
  Write(folder / "client.der", pki.client.der());
  Write(folder / "client.key", pki.client.key_der());
}

}  // namespace
}  // namespace ktlsd::benchmarks

int main(int argc, char** argv) {
  using ktlsd::handshake::KeyKind;
  if (argc != 2) {
    std::cerr << "usage: pki_main FOLDER\n";
    return 2;
  }
  const std::filesystem::path folder(argv[1]);
  ktlsd::benchmarks::WritePki(folder / "ecdsa", KeyKind::kEcdsaP256);
  ktlsd::benchmarks::WritePki(folder / "rsa", KeyKind::kRsa2048);
  ktlsd::benchmarks::WritePki(folder / "ed25519", KeyKind::kEd25519);
  return 0;
}
