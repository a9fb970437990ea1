#!/usr/bin/env bash
# One training run on a Cloud TPU slice with any number of hosts: creates the slice, installs minjax on it, trains.
#
#   PROJECT=my-project ZONE=us-central2-b launch/tpu_vm.sh create minjax v4-16
#   PROJECT=my-project ZONE=us-central2-b launch/tpu_vm.sh run minjax --config=configs/resnet18_s.py --workdir=/mnt/runs/a
#   PROJECT=my-project ZONE=us-central2-b launch/tpu_vm.sh delete minjax
#
# The work directory is on the first host: if the slice is spot or preemptible, use storage that outlives it (a mounted
# bucket or disk), and the same `run` resumes on a new slice. Not tested; see launch/README.md.
set -euo pipefail

usage() {
    sed -n '2,9p' "$0" >&2
    exit 2
}

[ $# -ge 2 ] || usage
: "${PROJECT:?set PROJECT}" "${ZONE:?set ZONE}"
VERSION=${VERSION:-tpu-ubuntu2204-base} # the runtime image; v5e: v2-alpha-tpuv5-lite
verb=$1 name=$2
shift 2
tpu() { gcloud compute tpus tpu-vm "$@" --project="$PROJECT" --zone="$ZONE"; }
everywhere() { tpu ssh "$name" --worker=all --command="$1"; }

case $verb in
create)
    tpu create "$name" --accelerator-type="${1:?which accelerator type}" --version="$VERSION" ${SPOT:+--spot}
    tpu scp --recurse --worker=all "$(dirname "$0")/.." "$name:minjax"
    everywhere "python3 -m venv ~/minjax-env && ~/minjax-env/bin/pip install -q -e ~/minjax'[tpu]'"
    ;;
run)
    quoted=$(printf '%q ' "$@")
    everywhere "cd ~/minjax && ~/minjax-env/bin/python -m minjax.main $quoted --config.distributed.auto=True"
    ;;
delete)
    tpu delete "$name" --quiet
    ;;
*)
    usage
    ;;
esac
