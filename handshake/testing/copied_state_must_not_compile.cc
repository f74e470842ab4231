// There is one of each state: a copy could be driven on another way.
#include <utility>

#include "handshake/client.h"
#include "handshake/server.h"

ktlsd::handshake::STATE Again(ktlsd::handshake::STATE& state) {
#ifdef CONTROL
  return std::move(state);
#else
  return state;
#endif
}
