// Answering gives the request away: it takes a moved upcall.
#include <utility>

#include "agent/upcall/upcall.h"

ktlsd::Status Report(ktlsd::agent::Upcall upcall) {
#ifdef CONTROL
  return std::move(upcall).Fail(ktlsd::Code::kInternal);
#else
  return upcall.Fail(ktlsd::Code::kInternal);
#endif
}
