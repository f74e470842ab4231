#include "handshake/x509/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <climits>
#include <cstddef>
#include <memory>
#include <optional>

#include "handshake/x509/handles.h"

namespace ktlsd::handshake {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";

// A block as PEM_read_bio gives it. Wiped when freed: it may be a key that
// stands beside a certificate.
struct Block {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;

  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<std::size_t>(size));
  }
};

std::size_t CountBegins(ByteView text) {
  const std::string_view view(reinterpret_cast<const char*>(text.data()),
                              text.size());
  std::size_t count = 0;
  for (std::size_t at = view.find(kBegin); at != std::string_view::npos;
       at = view.find(kBegin, at + 1)) {
    ++count;
  }
  return count;
}

bool AtEnd() {
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM &&
         ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

struct Blocks {
  std::vector<Bytes> wanted;
  std::size_t others = 0;
};

// Null when a block is broken.
std::optional<Blocks> ReadBlocks(BIO* bio, std::string_view label) {
  Blocks blocks;
  for (;;) {
    Block block;
    if (PEM_read_bio(bio, &block.name, &block.header, &block.data,
                     &block.size) != 1) {
      return AtEnd() ? std::optional(std::move(blocks)) : std::nullopt;
    }
    if (block.name == label) {
      blocks.wanted.emplace_back(block.data, block.data + block.size);
    } else {
      ++blocks.others;
    }
  }
}

Result<Blocks> AllBlocks(ByteView text, std::string_view label, Code unusable) {
  if (text.empty() || text.size() > INT_MAX) {
    return Error{unusable, "an empty file, or one that is too large"};
  }
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) {
    ERR_clear_error();
    return Error{Code::kNoMemory, "out of memory"};
  }
  ERR_clear_error();
  auto blocks = ReadBlocks(bio.get(), label);
  ERR_clear_error();
  if (!blocks || blocks->wanted.size() + blocks->others != CountBegins(text)) {
    return Error{unusable, "a PEM block that is damaged or cut off"};
  }
  if (blocks->wanted.empty()) {
    return Error{unusable, "no PEM block of the kind that is needed"};
  }
  return *std::move(blocks);
}

}  // namespace

Result<std::vector<Bytes>> PemBlocks(ByteView text, std::string_view label,
                                     Code unusable) {
  ASSIGN_OR_RETURN(Blocks blocks, AllBlocks(text, label, unusable));
  if (blocks.others != 0) {
    return Error{unusable, "a PEM block of a kind that does not belong here"};
  }
  return std::move(blocks.wanted);
}

Result<std::vector<Bytes>> PemBlocksAmongOthers(ByteView text,
                                                std::string_view label,
                                                Code unusable) {
  ASSIGN_OR_RETURN(Blocks blocks, AllBlocks(text, label, unusable));
  return std::move(blocks.wanted);
}

}  // namespace ktlsd::handshake
