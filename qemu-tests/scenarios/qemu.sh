#!/usr/bin/env bash
# Two routers in qemu with the build at hand: boot, story, WAN change, upgrade, kill -9, power cut. `make qemu-test` plays all.
set -euo pipefail
cd "$(dirname "$0")/../.."
export NTM_BIN_DIR=${NTM_BIN_DIR:-$(realpath "${CARGO_TARGET_DIR:-target}")/debug}
export NTM_ACTS=${NTM_ACTS:-wan_change upgrade crash power_loss}
qemu-tests/bootstrap.sh --qemu
qemu-tests/machine/image.sh
exec qemu-tests/machine/test.sh "$@"
