#!/usr/bin/env bash
# The two Makefiles, by make itself with stand-ins for OpenWrt's: what is installed where, how cargo is called, what the
# source is, and what runs when a package goes.
set -euo pipefail
cd "$(dirname "$0")"
ROOM=$(mktemp -d)
trap 'rm -rf "$ROOM"' EXIT
top=$ROOM/top
checks=0

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

check() {
    checks=$((checks + 1))
    "$@" || fail "$*"
}

mkdir -p "$top/feeds/packages/lang/rust" "$top/feeds/luci"
cat >"$top/rules.mk" <<'END'
INSTALL_DIR:=install -d -m0755
INSTALL_BIN:=install -m0755
INSTALL_CONF:=install -m0600
INSTALL_DATA:=install -m0644
INCLUDE_DIR:=$(TOPDIR)
END
# As the real one does, a package is expanded by eval, its scripts as well.
cat >"$top/package.mk" <<'END'
PKG_BUILD_DIR:=$(ROOM)/build
PKG_INSTALL_DIR:=$(ROOM)/programs
define BuildPackage
$(eval $(Package/$(1)))
install-$(1):
$(call Package/$(1)/install,$(ROOM)/$(1))
facts-$(1):
	@echo '$(1) [$(strip $(DEPENDS))] [$(PKGARCH)] [$(TITLE)]'
endef
sums: ; @printf '%s\n' $(PKG_FILE_DEPENDS)
prepare: ; $(Build/Prepare)
compile: ; $(Build/Compile)
END
cat >"$top/feeds/packages/lang/rust/rust-package.mk" <<'END'
RUST_ARCH_DEPENDS:=@(aarch64||mips)
Build/Compile/Cargo=@echo cargo install --path $(1)
RustBinPackage=
END
cat >"$top/feeds/luci/luci.mk" <<'END'
facts: ; @echo '[$(LUCI_TITLE)] [$(LUCI_DEPENDS)] [$(PKG_VERSION)]'
END

feed() { make --no-print-directory -s -C ../net/ntm TOPDIR="$top" ROOM="$ROOM" "$@"; }

# --- what is installed
mkdir -p "$ROOM/programs/bin"
for program in ntm-gateway ntm-dc ntm-relay; do
    echo program >"$ROOM/programs/bin/$program"
done
for package in ntm-gateway ntm-dc ntm-relay ntm-proto; do
    feed "install-$package"
done
expected="ntm-dc/etc/config/ntm-dc 600
ntm-dc/etc/init.d/ntm-dc 755
ntm-dc/usr/bin/ntm-dc 755
ntm-dc/usr/lib/ntm-dc/service 644
ntm-gateway/etc/capabilities/ntm-gateway.json 644
ntm-gateway/etc/config/ntm 600
ntm-gateway/etc/hotplug.d/iface/80-ntm-guard 644
ntm-gateway/etc/init.d/ntm-gateway 755
ntm-gateway/etc/init.d/ntm-guard 755
ntm-gateway/etc/uci-defaults/80_ntm-gateway 755
ntm-gateway/usr/bin/ntm-gateway 755
ntm-gateway/usr/lib/ntm/hand 755
ntm-gateway/usr/lib/ntm/names 755
ntm-gateway/usr/lib/ntm/remove 755
ntm-gateway/usr/lib/ntm/settings 644
ntm-proto/etc/hotplug.d/net/80-ntm 644
ntm-proto/etc/uci-defaults/81_ntm-proto 755
ntm-proto/lib/netifd/proto/ntm.sh 755
ntm-relay/etc/config/ntm-relay 600
ntm-relay/etc/init.d/ntm-relay 755
ntm-relay/usr/bin/ntm-relay 755
ntm-relay/usr/lib/ntm-relay/service 644"
found=$(cd "$ROOM" && find ntm-* -type f -printf '%p %m\n' | LC_ALL=C sort)
check diff <(echo "$expected") <(echo "$found")

# --- what they need
check test "$(feed facts-ntm-proto)" = "ntm-proto [+ntm-gateway] [all] [Tunnels of ntm-gateway as an interface of netifd]"
for need in kmod-tun nftables-json; do
    check grep -qF "+$need" <(feed facts-ntm-gateway)
done
for package in ntm-gateway ntm-dc ntm-relay; do
    check grep -qF '@(aarch64||mips)' <(feed facts-$package)
done

# --- only what is asked for is built, each from its crate; the source is the checkout, whole enough for cargo
for crate in gateway dc relay; do
    check test "$(feed compile CONFIG_PACKAGE_ntm-$crate=m)" = "cargo install --path $crate"
done
check test -z "$(feed compile)"
feed prepare
for crate in gateway dc relay; do
    check test -s "$ROOM/build/$crate/Cargo.toml"
done
check test -s "$ROOM/build/Cargo.lock"
check test -z "$(find "$ROOM/build" \( -name .git -o -name target -o -path '*/openwrt' \) -print -quit)"
if command -v cargo >/dev/null; then
    check cargo metadata --offline --no-deps --format-version 1 --manifest-path "$ROOM/build/Cargo.toml" >/dev/null
else
    echo '!!! SKIPPED: cargo is not installed, so the source was not asked whether it is whole !!!' >&2
fi

# --- the feed's programs unwind at a panic, and each ends at its first all the same: before all else that it does
for main in gateway/src/bin/ntm-gateway dc/src/bin/ntm-dc relay/src/bin/ntm-relay; do
    check test "$(grep -A1 '^fn main() ' "../../$main/main.rs" | sed 1d)" = '    crash::end_at_first_panic();'
done

# --- flash: who writes a file is known, and what (README.md, Flash; lan-dhcp/tests/flash.rs); the rest of fs::write is /proc and /sys
writers=$(cd ../.. && grep -rlE 'write_atomically\(|fs::(write|copy|rename)\(|File::(create|options)|\.(append|create|create_new)\(true\)' \
    gateway/src lan-dhcp/src enrolment/src --include='*.rs' | LC_ALL=C sort)
check diff <(printf '%s\n' enrolment/src/{socket,state}.rs enrolment/src/state/tests.rs gateway/src/bin/ntm-gateway/{configure,dhcp,diagnose,first,follow,forgotten,keys_met,meter,nft,password,reload,settings,shell/ways,tun}.rs) <(echo "$writers")

# --- a change of what the programs are built from is seen: of the workspace, and of each member that they use
sums=$(feed sums)
for path in Cargo.toml Cargo.lock $(sed -n 's/^members = \[\(.*\)\]$/\1/p' ../../Cargo.toml | tr -d '",'); do
    case "$path" in
        sim | fuzz/* | qemu-tests/*) path=$path/Cargo.toml ;;
    esac
    check grep -qx ".*/$path" <<<"$sums"
done
while read -r path; do
    check test -e "$path"
done <<<"$sums"

# --- scripts for removal: not in an image that is being built, not at an upgrade
for package in ntm-gateway ntm-proto; do
    script=$(sed -n "/^define Package\/$package\/prerm/,/^endef/p" ../net/ntm/Makefile | sed '1d;$d;s/\$\$/$/g')
    said=${script//\/usr\/lib\/ntm\/remove/echo remove}
    check test "$(sh -c "$said")" = "remove ${package#ntm-}"
    check test -z "$(IPKG_INSTROOT=/image sh -c "$said")$(PKG_UPGRADE=1 sh -c "$said")"
done

# --- LuCI
luci=$(make --no-print-directory -s -C ../luci/luci-app-ntm TOPDIR="$top" facts)
check test "$luci" = "[LuCI pages of the NTM gateway] [+luci-base +ntm-gateway] [$(sed -n 's/^PKG_VERSION:=//p' ../net/ntm/Makefile)]"
printf 'feed: %s checks\n' "$checks"
