#!/usr/bin/env bash
# The scripts that run in a router: ash has `local` and `ulimit -n`, sourced files are the router's, and rc.common and procd.sh
# share variables with scripts they do not see.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck disable=SC2046 # words
exec shellcheck -s sh -S warning -e SC3043,SC3045,SC1091,SC2034,SC2119,SC2120,SC2154 $(grep -rlE '^#!(/ntm-test)?/bin/sh|^# shellcheck shell=sh' router initramfs owrt)
