//! The help texts.

/// The help of one command.
pub(crate) fn of(command: &str) -> Option<&'static str> {
    Some(match command {
        "enrol" => ENROL,
        "run" => RUN,
        "check" => CHECK,
        "status" => STATUS,
        "devices" => DEVICES,
        "device" => DEVICE,
        "tunnels" => TUNNELS,
        "accept" => ACCEPT,
        "wans" => WANS,
        "wan" => WAN,
        "handovers" => HANDOVERS,
        "policies" => POLICIES,
        "reload" => RELOAD,
        "ping" => PING,
        "password" => PASSWORD,
        _ => return None,
    })
}

pub(crate) const MAIN: &str = "\
ntm-gateway: gives every device of a LAN a name and an address that never change

Usage: ntm-gateway COMMAND [OPTIONS]

  enrol CODE   join a domain, once, with a code from `ntm-dc gateway-code`
  run          be the gateway, until stopped
  check        whether the configuration is right, and what is not
  status       the running gateway in one look
  devices      the devices on the LAN and their virtual addresses
  device       `device NAME rename NEW`, and what else may be wanted of one
  tunnels      the tunnels to other gateways
  accept NAME  you know why the gateway NAME has another key than before
  wans         the ways out
  wan          the same; `wan prefer NAME` puts one of them first, `wan auto` ends that
  handovers    the last moves of each tunnel from one path to another
  policies     who may begin something with whom, and how often that was decided
  reload       takes up policies, devices and limits as they are written now
  ping NAME    the round trip to a device's gateway, and the path it takes
  password     sets the password of the page on the LAN

  --help       this text; after a command, more about it
  --version    the version

Each command takes --dir DIR, the directory with the gateway's state and ntm-gateway.toml
(default /etc/ntm). The socket by which commands ask the running gateway is there, too, or, for
a directory /etc/NAME, in /var/run/NAME/ctl, where that is made before the gateway starts.

Exit status: 0 done, 1 it failed, 2 the command line is wrong.
";

const ENROL: &str = "\
Usage: ntm-gateway enrol CODE [--dir DIR] [--uci FILE]

Joins the domain that CODE is for, and keeps the gateway's key and identity in DIR. Writes an
example DIR/ntm-gateway.toml if there is none; not for OpenWrt's package, whose settings are in
/etc/config/ntm (there `/etc/init.d/ntm-gateway enrol CODE` also switches it on). The code comes from the domain's operator, who
makes it with `ntm-dc gateway-code NAME --account ACCOUNT`; it is good once. If the connection
breaks, the same command may be repeated.

  --dir DIR    default /etc/ntm
  --uci FILE   the configuration is FILE, OpenWrt's: no example is written
";

const RUN: &str = "\
Usage: ntm-gateway run [--dir DIR] [--lan INTERFACE]
                       [--uci FILE --network NAME=DEVICE[,ADDRESS/LENGTH]...]

Runs the gateway in the foreground as DIR/ntm-gateway.toml says, or FILE, which is UCI's. Logs
to standard error; the environment variable NTM_LOG (error, warn, info, debug, trace) goes
before the file's level. SIGTERM and SIGINT end it and take back its interface, routes and
firewall table; so does SIGHUP where it was started from a terminal, which is gone then. Elsewhere
SIGHUP is `reload`.

Where DIR holds no membership yet, there is only the page, at port 4752: its first visitor sets the
password, gives the enrolment code and names the networks, and the gateway starts. Without a
configuration it is served on each private address that no default route leads over.

  --dir DIR    default /etc/ntm
  --lan INTERFACE
               without membership and configuration: serve the page here, and nowhere else
  --uci FILE   OpenWrt's configuration, /etc/config/ntm
  --network NAME=DEVICE[,ADDRESS/LENGTH]
               the device of a network that FILE names, and the router's address on it, as netifd
               knows them; once for each
";

const PASSWORD: &str = "\
Usage: ntm-gateway password [--dir DIR]

Sets the password of the page that the gateway serves on its LAN, whether there is one already or
not; nobody is logged in there any more. Asks for it twice, or reads one line where the input is
no terminal. At least 8 characters.

  --dir DIR    default /etc/ntm
";

const CHECK: &str = "\
Usage: ntm-gateway check [--dir DIR] [--uci FILE --network NAME=DEVICE[,ADDRESS/LENGTH]...]

Reads the configuration as `run` would, and ends: with status 0, or with 1 and a line that names
the file, the line, the key, and what would be right. The options are those of `run`.

  --dir DIR    default /etc/ntm
";

const STATUS: &str = "\
Usage: ntm-gateway status [--json] [--dir DIR]

Shows the running gateway's name, its link with the coordinator, how many devices and tunnels
there are, and how many packets were refused for which reason.

  --json       for programs
  --dir DIR    default /etc/ntm
";

const DEVICES: &str = "\
Usage: ntm-gateway devices [--json] [--dir DIR]

Lists the devices on the LAN: full name, LAN address, virtual addresses. ALSO are further
hardware addresses of the same device, see `ntm-gateway device --help`. SENT and RECEIVED are its
packets to and from virtual addresses since the gateway started, with their IP headers.

  --json       for programs; also the node ids
  --dir DIR    default /etc/ntm
";

const DEVICE: &str = "\
Usage: ntm-gateway device NAME rename [NEW] [--json] [--dir DIR]
       ntm-gateway device NAME keep on|off
       ntm-gateway device NAME identity on|off
       ntm-gateway device NAME merge OTHER
       ntm-gateway device NAME forget

Changes what the owner wants of a device. NAME, and OTHER, is a name, a hardware address or a LAN
address, as `devices` shows them. What is said stands in the configuration then, as blocks
[[lan.static]] or, on OpenWrt, sections `device` of /etc/config/ntm, and holds at once.

rename     The name by which other devices reach it, at once; the old one is free. Without NEW:
           what the device calls itself, if it ever does.
keep       Stays in the list while it is away, and makes no room for others.
identity   off: it has no name and no virtual addresses, and the coordinator forgets it. Its
           ordinary traffic goes on as ever. on: it gets new ones.
merge      OTHER is what NAME has become: a phone that changed its hardware address. It goes on
           with NAME's name and addresses, and so do its sessions.
forget     It goes from the list, and the coordinator forgets it: its name is free, its addresses
           are given to nobody again. If it comes back it is a new device. Only while it is away.

  --json       for programs
  --dir DIR    default /etc/ntm
";

const TUNNELS: &str = "\
Usage: ntm-gateway tunnels [--json] [--dir DIR]

Lists the tunnels to other gateways: whether direct or by a relay and why, where datagrams go,
the round trip, what was lost on the way here under the keys in use, bytes sent and received. Devices of other domains are shown with the address
that they have on this LAN.

  --json       for programs; also the peers' keys and devices, and what seals the traffic
  --dir DIR    default /etc/ntm
";

const ACCEPT: &str = "\
Usage: ntm-gateway accept NAME [--json] [--dir DIR]

A gateway has another key than when it was met first if it was installed anew; or if somebody has
got hold of the coordinator and wants to read what you say. `tunnels` and the page warn of it.
When you know why, NAME (home.example.net) is taken for known with the key it has now.

  --json       for programs
  --dir DIR    default /etc/ntm
";

const WANS: &str = "\
Usage: ntm-gateway wans [--json] [--dir DIR]

Lists the ways out, best first: our addresses on each, how the coordinator sees them, whether a
NAT is in between, whether traffic costs money, and which one is in use. A WAN is an interface
outside the LAN that is up, with an address and a default route. The order is that of
`interfaces` under [wan] in ntm-gateway.toml; without that list the metrics of the default
routes decide, and those that `metered` names come last. TODAY and THIS MONTH (UTC) are all that the
interface sent and received while the gateway ran, also past the tunnels. A WAN that has carried
what `limit_mb` allows it in a month comes behind all that have not, and tunnels use it only if no
other works: nothing is cut off. That ends with the month, or with a higher limit; `wan prefer` is
stronger. While the date is not known, it is counted and nothing decided.

  --json       for programs; also the data of the last 31 days and 12 months
  --dir DIR    default /etc/ntm
";

const WAN: &str = "\
Usage: ntm-gateway wan [--json] [--dir DIR]
       ntm-gateway wan prefer NAME [--json] [--dir DIR]
       ntm-gateway wan auto [--json] [--dir DIR]

Alone: lists the ways out, as `wans` does.

`wan prefer NAME` puts the WAN NAME (an interface, like wwan0) first, and tunnels move there. It
holds until `wan auto`, until that WAN disappears, or until the gateway is restarted; a WAN that
comes back takes its usual place. `wan auto` goes back to the usual order. Both answer when the
gateway has taken it up, with the list as it is then.

  --json       for programs
  --dir DIR    default /etc/ntm
";

const HANDOVERS: &str = "\
Usage: ntm-gateway handovers [--json] [--dir DIR]

Lists the last handovers, newest last: when a tunnel took another path, why, and from which to
which. Then, in milliseconds from its beginning, until there was an address to speak from, until
the coordinator had answered the registration, until its new direction came, until the new path
was proven, and until the first packet came by it; these run side by side. DETECT is the silence
before it was taken for an end. GAP is the longest silence in a stream of packets from the other
end. AGAIN counts packets sent again, LOST those dropped because too many waited. `-` stands for
what was not needed or has not come.

  --json       for programs
  --dir DIR    default /etc/ntm
";

const POLICIES: &str = "\
Usage: ntm-gateway policies [--json] [--dir DIR]

Lists the policies in force, in their order: of two devices the first that matches decides whether
FROM may begin something with TO, and where none does it may. A name stands for a device, for all
devices of a gateway, or for a whole domain. PAIRS counts the pairs of devices that it decides
about now. DECIDED counts what it denied, and, where the other side may not begin, what it allowed.
Answers to what was begun are never denied. NOT KNOWN HERE are names in domains that this gateway
does not know: typing errors, perhaps.

  --json       for programs
  --dir DIR    default /etc/ntm
";

const RELOAD: &str = "\
Usage: ntm-gateway reload [--json] [--dir DIR]

Has the running gateway read its configuration, and take up the policies, what is said of devices,
and the limits of WANs: at once, also for devices that talk, whose sessions go on where they may.
Shows the policies as `policies` does. Whatever else has changed in the file takes effect at the
next start; then, or if something in it is wrong, the status is 1 and a line says so.

  --json       for programs
  --dir DIR    default /etc/ntm
";

const PING: &str = "\
Usage: ntm-gateway ping NAME [--count N] [--json] [--dir DIR]

Measures the round trip to the gateway of the device NAME, building the tunnel if there is none,
and says whether the path is direct or relayed, and why. NAME is a full name
(camera.home.example.net), also of another domain that this one trusts, one relative to the
domain (camera.home), or the bare name of a device that this gateway knows (camera).

  --count N    how many, one a second (default 3)
  --json       for programs
  --dir DIR    default /etc/ntm
";
