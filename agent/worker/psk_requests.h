// What a worker asks the monitor about the PSKs of a job, as messages.
//
// Layer:     agent/worker.
// Threads:   pure functions but for the link.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "base/bytes.h"
#include "base/hkdf.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/psk_wait.h"

namespace ktlsd::agent {

// Each sends one request, and fails as Link::Send. `index` is the place of the
// PSK in its job.
//
// Of the identities that a client offers only the first ones are sent on, as
// many as a message takes; no more than a few are ever known.
Status SendChoiceRequest(Link& monitor, JobId job,
                         const handshake::OfferedPsks& offered,
                         std::span<const HashAlgorithm> hashes);
Status SendBinderRequest(Link& monitor, JobId job, std::size_t index,
                         const handshake::PskBinderRequest& request);
Status SendPskProofRequest(Link& monitor, JobId job,
                           const handshake::PskProof& proof);
Status SendSecretRequest(Link& monitor, JobId job, std::size_t index,
                         const handshake::PskSecretRequest& request);

// What the monitor answered. A failure has the monitor's code.
Result<std::optional<handshake::PskChoice>> ChoiceOf(const ChoiceReply& reply);
Status PskVerdictOf(const PskProofReply& reply);
Result<HashSecret> HashSecretOf(Outcome outcome, ByteView payload);

// The PSKs that a client's job names. Errors: kApiMisuse.
Result<std::vector<handshake::PskName>> PsksOf(const Job& job,
                                               ByteView payload);

}  // namespace ktlsd::agent
