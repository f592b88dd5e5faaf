# shellcheck shell=bash
# The CPUs that routers have, and what a static program for each takes to be linked. Sourced.
# shellcheck disable=SC2034 # used in the other files

TARGETS='x86_64-unknown-linux-musl aarch64-unknown-linux-musl armv7-unknown-linux-musleabi mipsel-unknown-linux-musl mips-unknown-linux-musl'
PROGRAMS='ntm-gateway ntm-dc ntm-relay'

# OpenWrt's names, one for each target; packages are built for these.
ARCHES='aarch64_cortex-a53 arm_cortex-a7 mipsel_24kc mips_24kc x86_64'

# OpenWrt tells apart what a compiler can tune for; our programs run on all of a family.
target_of() { # ARCH
    case $1 in
    x86_64) echo x86_64-unknown-linux-musl ;;
    aarch64_*) echo aarch64-unknown-linux-musl ;;
    arm_cortex-a*) echo armv7-unknown-linux-musleabi ;;
    mipsel_24kc* | mipsel_74kc) echo mipsel-unknown-linux-musl ;;
    mips_24kc*) echo mips-unknown-linux-musl ;;
    *) return 1 ;;
    esac
}

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

# What QEMU calls the CPU.
declare -A QEMU=(
    [x86_64-unknown-linux-musl]=x86_64
    [aarch64-unknown-linux-musl]=aarch64
    [armv7-unknown-linux-musleabi]=arm
    [mipsel-unknown-linux-musl]=mipsel
    [mips-unknown-linux-musl]=mips
)
