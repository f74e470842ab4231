// There is one of each state: a copy could be driven on another way.
#include <utility>

#include "handshake/client_start.h"
#include "handshake/server_start.h"

ktlsd::handshake::STATE Again(ktlsd::handshake::STATE& state) {
#ifdef CONTROL
  return std::move(state);
#else
  return state;
#endif
}
