//! What each setting is called and what it does.

use super::Lang;

/// Sections of the file, as groups of a page.
pub(crate) const GROUPS: [(&str, [&str; 2]); 6] = [
    ("lan", ["LAN", "LAN"]),
    ("wan", ["Going out", "外への通信"]),
    ("dns", ["Names", "名前解決"]),
    ("tunnel", ["Tunnels", "トンネル"]),
    ("log", ["Log", "ログ"]),
    ("web", ["This page", "このページ"]),
];

type Field = (&'static str, [&'static str; 2], [&'static str; 2]);

const FIELDS: &[Field] = &[
    (
        "lan.interface",
        ["Interface", "インターフェース"],
        [
            "The interface your devices are on.",
            "端末がつながるインターフェースです。",
        ],
    ),
    (
        "lan.address",
        ["This router’s address", "このルーターのアドレス"],
        [
            "With the network’s prefix length, like 192.168.1.1/24. The interface has it already.",
            "192.168.1.1/24 のようにプレフィックス長を付けます。インターフェースに設定済みのものです。",
        ],
    ),
    (
        "lan.dhcp",
        ["Who gives addresses to devices", "端末にアドレスを配るもの"],
        [
            "server: this gateway. follow: dnsmasq or odhcpd does, and their leases tell who is there. off: something else; list the devices.",
            "server: このゲートウェイ。follow: dnsmasq か odhcpd が配り、そのリースを参照します。off: それ以外。端末は一つずつ登録します。",
        ],
    ),
    (
        "lan.range",
        ["Addresses given", "配るアドレスの範囲"],
        [
            "Like 192.168.1.100-192.168.1.249. Only where this gateway gives them.",
            "例: 192.168.1.100-192.168.1.249。このゲートウェイが配る場合だけ使います。",
        ],
    ),
    (
        "lan.lease_time",
        ["How long an address is good", "アドレスの有効期間"],
        ["Like 30m, 12h or 2d.", "30m、12h、2d のように書きます。"],
    ),
    (
        "lan.leases",
        ["Files with the leases", "リースのファイル"],
        [
            "With follow. Usual: those of dnsmasq and odhcpd.",
            "follow の場合。通常は dnsmasq と odhcpd のものです。",
        ],
    ),
    (
        "lan.bind_addresses",
        ["A device’s address is its own", "アドレスを端末に固定"],
        [
            "Off: another device may send from it, as behind a repeater that speaks for others.",
            "オフにすると、ほかの端末がそのアドレスから送信できます(代理応答する中継器の内側など)。",
        ],
    ),
    (
        "wan.masquerade",
        [
            "NAT for the devices’ Internet access",
            "端末のインターネット接続の NAT",
        ],
        [
            "Leave it off where a firewall does that already.",
            "ファイアウォールがすでに行っている場合はオフのままにします。",
        ],
    ),
    (
        "wan.port",
        ["UDP port", "UDP ポート"],
        [
            "From which tunnels are built.",
            "トンネルに使う自分側のポートです。",
        ],
    ),
    (
        "dns.upstream",
        [
            "DNS servers for ordinary names",
            "通常の名前を尋ねる DNS サーバー",
        ],
        [
            "Addresses with spaces between. Usual: those of this system.",
            "空白で区切ったアドレス。通常はこのシステムのものです。",
        ],
    ),
    (
        "dns.port",
        [
            "Port beside another DNS server",
            "ほかの DNS サーバーと併用するポート",
        ],
        [
            "With follow: where dnsmasq asks for our names. Usual: 5354.",
            "follow の場合に dnsmasq が尋ねるポート。通常は 5354 です。",
        ],
    ),
    (
        "tunnel.interface",
        ["Interface", "インターフェース"],
        [
            "The name of the tunnels’ interface.",
            "トンネルのインターフェース名です。",
        ],
    ),
    (
        "tunnel.mtu",
        ["Longest packet", "最大パケット長"],
        [
            "In bytes. Where a path takes less, devices are told.",
            "バイト数。経路がそれより短い場合は端末に通知します。",
        ],
    ),
    (
        "tunnel.table",
        ["Routing table", "ルーティングテーブル"],
        [
            "For rules beside those of mwan3, pbr or another VPN.",
            "mwan3、pbr、ほかの VPN と重ならない番号にします。",
        ],
    ),
    (
        "tunnel.mark",
        ["Mark", "マーク"],
        [
            "The highest byte of the mark of our own datagrams.",
            "自分のデータグラムに付けるマークの最上位バイトです。",
        ],
    ),
    (
        "tunnel.aes",
        ["AES-256-GCM", "AES-256-GCM"],
        [
            "Where both ends have instructions for it. Elsewhere it is ChaCha20-Poly1305.",
            "両端に専用命令がある場合に使います。なければ ChaCha20-Poly1305 です。",
        ],
    ),
    (
        "tunnel.offload",
        ["Many packets at once", "まとめて処理"],
        [
            "Some of tun, send and receive. Leave out what a driver loses packets with.",
            "tun、send、receive から選びます。ドライバーがパケットを失う場合は外します。",
        ],
    ),
    (
        "tunnel.memory",
        ["Memory for what waits", "待機用メモリー"],
        [
            "In KiB, of all tunnels together.",
            "全トンネル合計、KiB 単位です。",
        ],
    ),
    (
        "tunnel.resend",
        ["Kept to send again", "再送用に保持"],
        [
            "In KiB for each tunnel, for when a path dies. 0: none.",
            "経路が切れたときに再送する分。トンネルごと、KiB 単位。0 で保持しません。",
        ],
    ),
    (
        "tunnel.hold",
        ["Held while there is no path", "経路がない間の保持"],
        ["In KiB for each tunnel.", "トンネルごと、KiB 単位です。"],
    ),
    (
        "tunnel.idle",
        ["An unused tunnel is kept for", "使わないトンネルを残す時間"],
        ["Like 15m.", "15m のように書きます。"],
    ),
    (
        "tunnel.outage",
        [
            "An unreachable one is kept for",
            "届かないトンネルを残す時間",
        ],
        ["Like 15m.", "15m のように書きます。"],
    ),
    (
        "log.level",
        ["How much is logged", "ログの詳しさ"],
        [
            "debug: every deviation. trace: every packet, which slows the router down.",
            "debug はすべての異常、trace は全パケットを記録します(ルーターが遅くなります)。",
        ],
    ),
    (
        "web.enabled",
        ["Serve this page", "このページを表示"],
        [
            "Off: it is gone, and only the file brings it back.",
            "オフにするとこのページは消え、設定ファイルでしか戻せません。",
        ],
    ),
    (
        "web.port",
        ["Port", "ポート"],
        [
            "This page moves there: change the number in the address.",
            "変更後は、アドレスのポート番号も変えて開いてください。",
        ],
    ),
];

/// A setting's title and its help. One that is new here has its name.
pub(crate) fn field(name: &str, lang: Lang) -> (&str, &'static str) {
    let found = FIELDS.iter().find(|(known, ..)| *known == name);
    found.map_or((name, ""), |(_, title, help)| {
        (title[lang as usize], help[lang as usize])
    })
}
