#!/usr/bin/env bash
# Runs on every spot worker: AWS announces two minutes ahead that it takes the machine back. Then Ray is told to start
# nothing more on this node, so trials that end meanwhile are not followed by others that would be lost.
# `ray drain-node` is Ray's, but hidden and without a promise to stay: it was tried with the pinned version.
set -u
METADATA=${METADATA:-http://169.254.169.254}   # the machine's own description, reachable from nowhere else
INTERVAL=${INTERVAL:-5}                        # seconds, as AWS advises

exec 9> "$HOME/.spot-notice.lock"
flock --nonblock 9 || exit 0                   # another one watches already

noticed() {
  local session
  session=$(curl --silent --max-time 2 --request PUT "$METADATA/latest/api/token" \
    --header 'X-aws-ec2-metadata-token-ttl-seconds: 60') || return 1
  curl --silent --fail --max-time 2 --output /dev/null "$METADATA/latest/meta-data/spot/instance-action" \
    --header "X-aws-ec2-metadata-token: $session"
}

until noticed; do sleep "$INTERVAL"; done
echo "$(date --iso-8601=seconds) AWS takes this machine back; draining"
export RAY_AUTH_MODE=token
# Without --node-id, `ray drain-node` starts a cluster of its own and drains that.
node=$(python -c 'import ray; ray.init(address="auto", logging_level="error", log_to_driver=False)
print(ray.get_runtime_context().get_node_id())')
exec ray drain-node --node-id "$node" --reason DRAIN_NODE_REASON_PREEMPTION --reason-message 'spot notice' \
  --deadline-remaining-seconds 110
