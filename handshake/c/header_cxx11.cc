// First, and alone: the header needs nothing before it.
#include <type_traits>

#include "handshake/c/ktlsd.h"

namespace {

// What C++ makes of the header: C linkage, and that no exception leaves it.
extern "C" {
using MakeConfig = int (*)(ktlsd_config**);
}
static_assert(noexcept(ktlsd_config_new_client(nullptr)), "noexcept");
static_assert(noexcept(ktlsd_config_free(nullptr)), "noexcept");
static_assert(noexcept(ktlsd_handshake_fd(nullptr, -1, nullptr)), "noexcept");
static_assert(
    std::is_convertible<decltype(&ktlsd_config_new_client), MakeConfig>::value,
    "a pointer to it is one to a C function");

}  // namespace

bool MakesAConfigFromCxx11();
bool MakesAConfigFromCxx11() {
  const MakeConfig make = ktlsd_config_new_client;
  ktlsd_config* config = nullptr;
  const bool made = make(&config) == KTLSD_OK && config != nullptr;
  ktlsd_config_free(config);
  return made;
}
