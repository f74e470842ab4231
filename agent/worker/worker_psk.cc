// What a worker asks the monitor about PSKs.
#include <utility>

#include "agent/worker/psk_requests.h"
#include "agent/worker/worker.h"

namespace ktlsd::agent {

Status Worker::RequestPskChoice(JobId job,
                                const handshake::OfferedPsks& offered,
                                std::span<const HashAlgorithm> hashes) {
  return NoteBlocked(job, SendChoiceRequest(monitor_, job, offered, hashes));
}

Status Worker::RequestPskBinder(JobId job, std::size_t index,
                                const handshake::PskBinderRequest& request) {
  return NoteBlocked(job, SendBinderRequest(monitor_, job, index, request));
}

Status Worker::RequestPskVerdict(JobId job, const handshake::PskProof& proof) {
  return NoteBlocked(job, SendPskProofRequest(monitor_, job, proof));
}

Status Worker::RequestPskSecret(JobId job, std::size_t index,
                                const handshake::PskSecretRequest& request) {
  return NoteBlocked(job, SendSecretRequest(monitor_, job, index, request));
}

Status Worker::Handle(const ChoiceReply& reply, Received<ToWorker>&) {
  if (Connection* connection = Find(reply.job)) {
    connection->OnPskChoice(ChoiceOf(reply));
    AfterEvent(reply.job);
  }
  return Ok{};
}

Status Worker::Handle(const BinderReply& reply, Received<ToWorker>& received) {
  Result<HashSecret> binder = HashSecretOf(reply.outcome, received.payload);
  monitor_.Wipe();
  if (Connection* connection = Find(reply.job)) {
    connection->OnPskBinder(std::move(binder));
    AfterEvent(reply.job);
  }
  return Ok{};
}

Status Worker::Handle(const PskProofReply& reply, Received<ToWorker>&) {
  if (Connection* connection = Find(reply.job)) {
    connection->OnPskVerdict(PskVerdictOf(reply));
    AfterEvent(reply.job);
  }
  return Ok{};
}

Status Worker::Handle(const SecretReply& reply, Received<ToWorker>& received) {
  Result<HashSecret> secret = HashSecretOf(reply.outcome, received.payload);
  monitor_.Wipe();
  if (Connection* connection = Find(reply.job)) {
    connection->OnPskSecret(std::move(secret));
    AfterEvent(reply.job);
  }
  return Ok{};
}

}  // namespace ktlsd::agent
