#include "agent/check/pem_file.h"

#include <string_view>
#include <utility>

#include "agent/config/files.h"
#include "agent/service/read_file.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "handshake/x509/pem.h"

namespace ktlsd::agent {
namespace {

constexpr std::size_t kMaxFile = 64U << 20;  // bytes; the loaders' largest

Problem ProblemOf(const std::string& path, const Error& error) {
  return {error.code, path, std::string(error.what)};
}

using Bodies = std::variant<std::vector<Bytes>, Problem>;

template <typename ReadBlocks>
Bodies Read(const std::string& path, Code unusable, ReadBlocks read) {
  std::variant<OwnedFd, Problem> opened = OpenFile(path, unusable);
  if (Problem* problem = std::get_if<Problem>(&opened)) {
    return std::move(*problem);
  }
  const Result<Bytes> text =
      ReadFile(std::get<OwnedFd>(opened).borrow(), kMaxFile, unusable);
  if (!text.ok()) {
    return ProblemOf(path, text.error());
  }
  Result<std::vector<Bytes>> blocks = read(*text);
  if (!blocks.ok()) {
    return ProblemOf(path, blocks.error());
  }
  return std::move(blocks).value();
}

template <typename Facts>
std::variant<std::vector<Facts>, Problem> DescribeAll(
    const std::string& path, Bodies bodies,
    Result<Facts> (*describe)(ByteView der)) {
  if (Problem* problem = std::get_if<Problem>(&bodies)) {
    return std::move(*problem);
  }
  std::vector<Facts> all;
  for (const Bytes& der : std::get<std::vector<Bytes>>(bodies)) {
    Result<Facts> one = describe(der);
    if (!one.ok()) {
      return ProblemOf(path, one.error());
    }
    all.push_back(std::move(one).value());
  }
  return all;
}

}  // namespace

Bodies ReadChain(const std::string& path) {
  return Read(path, Code::kCertificateUnusable, [](ByteView text) {
    return handshake::PemBlocksAmongOthers(text, "CERTIFICATE",
                                           Code::kCertificateUnusable);
  });
}

std::variant<std::vector<handshake::CertificateFacts>, Problem>
ReadCertificates(const std::string& path) {
  Bodies bodies = Read(path, Code::kTrustStoreUnusable, [](ByteView text) {
    return handshake::PemBlocks(text, "CERTIFICATE", Code::kTrustStoreUnusable);
  });
  return DescribeAll(path, std::move(bodies), handshake::DescribeCertificate);
}

std::variant<std::vector<handshake::CrlFacts>, Problem> ReadLists(
    const std::string& path) {
  Bodies bodies = Read(path, Code::kCrlUnusable, [](ByteView text) {
    return handshake::PemBlocks(text, "X509 CRL", Code::kCrlUnusable);
  });
  return DescribeAll(path, std::move(bodies), handshake::DescribeCrl);
}

}  // namespace ktlsd::agent
