# shellcheck shell=bash
# The CPUs that routers have, and what a static program for each takes to be linked. Sourced.
#
# OpenWrt's names: x86_64; aarch64_cortex-a53 and others; arm_cortex-a7; mipsel_24kc; mips_24kc.
# shellcheck disable=SC2034 # used in the other files

TARGETS='x86_64-unknown-linux-musl aarch64-unknown-linux-musl armv7-unknown-linux-musleabi mipsel-unknown-linux-musl mips-unknown-linux-musl'

# The C compiler and linker: the newest cannot link MIPS, for want of parts of its own libc.
declare -A ZIG=([mipsel-unknown-linux-musl]=0.15.2 [mips-unknown-linux-musl]=0.15.2)
ZIG_ELSE=0.17.0

FLAGS_ALL='-C link-self-contained=no'
# A position-independent executable crashes at its start there.
declare -A FLAGS=(
    [mipsel-unknown-linux-musl]='-C relocation-model=static -C target-feature=+crt-static'
    [mips-unknown-linux-musl]='-C relocation-model=static -C target-feature=+crt-static'
)

# Whose strip and nm know the CPU.
declare -A BINUTILS=(
    [x86_64-unknown-linux-musl]=x86-64-linux-gnu
    [aarch64-unknown-linux-musl]=aarch64-linux-gnu
    [armv7-unknown-linux-musleabi]=arm-linux-gnueabi
    [mipsel-unknown-linux-musl]=mipsel-linux-gnu
    [mips-unknown-linux-musl]=mips-linux-gnu
)
