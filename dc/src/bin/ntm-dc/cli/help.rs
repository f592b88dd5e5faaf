//! What `--help` prints, one text per command; the first line of each is its usage.

/// Commands whose second word is part of their name.
pub(super) const FAMILIES: [&str; 5] = ["account", "group", "node", "domain", "code"];

/// The help of a command, or of a family; `None` when there is no such command.
pub(super) fn text(name: &str) -> Option<&'static str> {
    let family = name.split(' ').next().unwrap_or_default();
    TEXTS
        .iter()
        .find(|(known, _)| *known == name)
        .or_else(|| TEXTS.iter().find(|(known, _)| *known == family))
        .map(|(_, text)| *text)
}

pub(super) const OVERVIEW: &str = "\
Usage: ntm-dc COMMAND [--dir DIR]

ntm-dc coordinates one domain: it knows the gateways and relays, tells them how to
reach each other, answers DNS for them and enrols new ones.

Start:
  init              make keys, configuration and store in DIR
  run               serve the domain until stopped
Accounts:
  account add       make an account, which owns gateways
  account remove    remove one that owns no gateway
  account list
  group add         put accounts into a group: their devices may talk to each other
  group remove
  group list
Other domains:
  domain show       this domain's key, and what to type on the other side
  domain trust      let devices of another domain be reached, and reach ours
  domain list
  domain forget
Nodes:
  gateway-code      make a one-time code that enrols a gateway
  relay-code        make a one-time code that enrols a relay
  code list         the codes of the last week, without the codes themselves
  code revoke       make the unused codes for a name worthless
  node remove       forget a gateway or relay
Look:
  nodes             gateways and their devices
  relays
  tunnels           tunnels being built now
  events            what happened lately
  status

The server itself:
  password          set the password of the operator's pages
  backup            write a copy of the store into a file, also while the daemon runs
  restore           take such a copy for the store

Options:
  --dir DIR         where everything is kept (default: /var/lib/ntm-dc)
  --json            print JSON, where something is listed or made
  -h, --help        this text; after a command, the command's
  -V, --version

First steps:
  ntm-dc init --domain example.net --listen 203.0.113.10
  ntm-dc run &
  ntm-dc account add anna
  ntm-dc gateway-code home --account anna";

const TEXTS: &[(&str, &str)] = &[
    ("init", INIT),
    ("run", RUN),
    ("account", ACCOUNT),
    ("group", GROUP),
    ("domain", DOMAIN),
    ("gateway-code", GATEWAY_CODE),
    ("relay-code", RELAY_CODE),
    ("code", CODE),
    ("node", NODE),
    ("nodes", NODES),
    ("relays", RELAYS),
    ("tunnels", TUNNELS),
    ("status", STATUS),
    ("events", EVENTS),
    ("password", PASSWORD),
    ("backup", BACKUP),
    ("restore", RESTORE),
];

const INIT: &str = "\
Usage: ntm-dc init --domain DOMAIN [--listen ADDRESS ...] [--dir DIR]

Makes DIR with the coordinator's key, the account server's certificate, the store and a
commented configuration, DIR/ntm-dc.toml. Never touches a DIR that has a store already.

  --domain DOMAIN   names will be NAME.DOMAIN; delegate DOMAIN to this machine in DNS
  --listen ADDRESS  a public IP address of this machine, without a port; may repeat, best
                    first. Without it the daemon listens on all addresses but cannot tell
                    nodes where it is, until `advertise` is set in DIR/ntm-dc.toml.";

const RUN: &str = "\
Usage: ntm-dc run [--dir DIR]

Serves the domain in the foreground: UDP 4750 for gateways and relays, TCP 4751 for
enrolment, UDP and TCP 53 for DNS, and the operator's pages on http://127.0.0.1:4753.
DIR/ntm-dc.toml changes all four. Logs to stderr.
SIGTERM or SIGINT ends it.";

const ACCOUNT: &str = "\
Usage: ntm-dc account add NAME [--dir DIR] | account remove NAME | account list [--json] [--dir DIR]

`account remove` takes one that owns no gateway, with its unused codes. An account owns gateways. Devices of one account may always talk to each other; see
`ntm-dc group --help` for others.";

const GROUP: &str = "\
Usage: ntm-dc group add GROUP MEMBER [MEMBER ...] | group remove GROUP [MEMBER ...] | group list [--json]

Devices of two accounts may talk to each other when a group has both. `group add` makes
the group when it is new. `group remove` without members removes the whole group. A
running daemon knows at once.

A MEMBER is an account of this domain, or of a domain that is trusted (`ntm-dc domain
--help`) one gateway, such as home.b.test, or everybody, such as b.test.";

const DOMAIN: &str = "\
Usage: ntm-dc domain trust DOMAIN --key KEY [--dc ADDRESS] | domain forget DOMAIN | domain list [--json] | domain show [--json]

Two domains work together when each trusts the other's key: run `domain show` on both
sides and type what it prints on the other. Then both operators say who may talk:
`ntm-dc group add GROUP ACCOUNT b.test` here, and there with a name of this domain.
A running daemon knows at once; `domain forget` ends all tunnels with that domain.

  --key KEY         the other coordinator's public key. It is pinned: DNS only says where
                    the coordinator is, never who it is
  --dc ADDRESS      where the other coordinator is, instead of asking DNS for the SRV
                    record _ntm._udp.DOMAIN, which its own name server publishes";

const GATEWAY_CODE: &str = "\
Usage: ntm-dc gateway-code NAME --account ACCOUNT [--valid TIME] [--json] [--dir DIR]

Makes a code that enrols one gateway, once, as NAME.DOMAIN. Paste it into the gateway's
page, scan its QR code, or run `ntm-gateway enrol CODE` on the gateway.

  --account ACCOUNT who owns the gateway
  --valid TIME      how long the code is good: 90s, 15m, 2h, 1d (default: the
                    configuration's code_valid, 15m)
  --json            print {\"code\", \"name\", \"expires_s\"}";

const RELAY_CODE: &str = "\
Usage: ntm-dc relay-code NAME [--valid TIME] [--json] [--dir DIR]

Makes a code that enrols one relay, once. Run `ntm-relay enrol CODE` on the relay.

  --valid TIME      how long the code is good: 90s, 15m, 2h, 1d
  --json            print {\"code\", \"name\", \"expires_s\"}";

const NODE: &str = "\
Usage: ntm-dc node remove NAME [--dir DIR]

Forgets a gateway with all its devices, or a relay. A running daemon drops it at once.
Its names and virtual addresses become free; it must enrol again to come back.";

const NODES: &str = "\
Usage: ntm-dc nodes [--json] [--dir DIR]

Lists gateways and their devices: name, virtual addresses, and whether, where from and
when the running daemon last heard of them.";

const RELAYS: &str = "\
Usage: ntm-dc relays [--json] [--dir DIR]

Lists relays: name, whether they are registered now, where, and their load.";

const TUNNELS: &str = "\
Usage: ntm-dc tunnels [--json] [--dir DIR]

Lists the tunnels that the running daemon has introduced.";

const STATUS: &str = "\
Usage: ntm-dc status [--json] [--dir DIR]

Says whether the daemon runs, and counts what it knows and what it refused.";

const CODE: &str = "\
Usage: ntm-dc code list [--json] [--dir DIR] | code revoke NAME [--dir DIR]

Lists enrolment codes: for whom, and whether they are good still, used or expired. The
codes themselves are not kept. `code revoke` makes the unused ones for NAME worthless.";

const EVENTS: &str = "\
Usage: ntm-dc events [--json] [--dir DIR]

Prints the latest lines of what happened, the last at the end: enrolled, refused,
registered, moved, and what operators changed. The page has them all, with a search.";

const PASSWORD: &str = "\
Usage: ntm-dc password [--dir DIR]

Sets the password of the operator's pages, which are at http://127.0.0.1:4753 unless
`web_listen` in DIR/ntm-dc.toml says otherwise. From elsewhere: ssh -L 4753:127.0.0.1:4753
SERVER, then http://localhost:4753. Who is logged in by an older password no longer is.
Asks for it on a terminal; else takes the first line of standard input.";

const BACKUP: &str = "\
Usage: ntm-dc backup FILE [--dir DIR]

Writes a consistent copy of the store into FILE, which must not exist; also while the
daemon runs. The keys are not in it: copy dc.key, as.key, as.crt and ntm-dc.toml of DIR once,
to a safe place. They never change.";

const RESTORE: &str = "\
Usage: ntm-dc restore FILE [--dir DIR]

Takes a copy made by `ntm-dc backup`, or downloaded from the page, for the store. Stop the
daemon first. DIR needs ntm-dc.toml and the keys, which are not in the copy. A store that is
there is kept as store.db.before. Codes that were unused when the copy was made are
worthless: they may have been used since.";
