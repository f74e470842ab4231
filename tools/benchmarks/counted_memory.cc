#include "tools/benchmarks/counted_memory.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <new>
#include <utility>

namespace ktlsd::benchmarks {
namespace {

// Before each block, and as large as the strictest alignment.
struct alignas(alignof(std::max_align_t)) Header {
  std::size_t size;
  Account* account;  // null: nobody's
};

Ledger* open_ledger = nullptr;

void* Allocate(std::size_t size, Account* account) {
  void* const block = std::malloc(sizeof(Header) + size);
  if (block == nullptr) {
    return nullptr;
  }
  new (block) Header{size, account};
  if (account != nullptr) {
    ++account->allocations;
    account->live += size;
    account->peak = std::max(account->peak, account->live);
  }
  return static_cast<char*>(block) + sizeof(Header);
}

Header* HeaderOf(void* memory) {
  return reinterpret_cast<Header*>(static_cast<char*>(memory) - sizeof(Header));
}

void Free(void* memory) {
  if (memory == nullptr) {
    return;
  }
  Header* const header = HeaderOf(memory);
  if (header->account != nullptr) {
    header->account->live -= header->size;
  }
  std::free(header);
}

Account* OwnAccount() {
  return open_ledger == nullptr ? nullptr : &open_ledger->own;
}

Account* LibcryptoAccount() {
  return open_ledger == nullptr ? nullptr : &open_ledger->libcrypto;
}

void* CryptoMalloc(std::size_t size, const char*, int) {
  return Allocate(size, LibcryptoAccount());
}

void* CryptoRealloc(void* memory, std::size_t size, const char*, int) {
  void* const moved = Allocate(size, LibcryptoAccount());
  if (memory != nullptr && moved != nullptr) {
    std::memcpy(moved, memory, std::min(size, HeaderOf(memory)->size));
    Free(memory);
  }
  return moved;
}

void CryptoFree(void* memory, const char*, int) { Free(memory); }

}  // namespace

Ledger& NewLedger() {
  static auto* const ledgers = new std::deque<Ledger>;
  return ledgers->emplace_back();
}

void CountLibcrypto() {
  if (CRYPTO_set_mem_functions(CryptoMalloc, CryptoRealloc, CryptoFree) != 1) {
    std::abort();  // it allocated before
  }
}

Counting::Counting(Ledger& ledger)
    : before_(std::exchange(open_ledger, &ledger)) {}
Counting::~Counting() { open_ledger = before_; }

}  // namespace ktlsd::benchmarks

// All forms that this allocator must pair: a sanitizer's runtime brings its own
// of each, which would not call the first. Aligned forms are not counted.
void* operator new(std::size_t size) {
  void* const memory =
      ktlsd::benchmarks::Allocate(size, ktlsd::benchmarks::OwnAccount());
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return ktlsd::benchmarks::Allocate(size, ktlsd::benchmarks::OwnAccount());
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
void operator delete(void* memory) noexcept { ktlsd::benchmarks::Free(memory); }
void operator delete(void* memory, std::size_t) noexcept {
  ktlsd::benchmarks::Free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  ktlsd::benchmarks::Free(memory);
}
void operator delete[](void* memory) noexcept {
  ktlsd::benchmarks::Free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  ktlsd::benchmarks::Free(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  ktlsd::benchmarks::Free(memory);
}
