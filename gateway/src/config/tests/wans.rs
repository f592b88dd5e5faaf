//! The ways out: their order, and what they cost.

use super::*;

#[test]
fn metered_wans_are_wans_and_named_once() {
    let wans = |more: &str| fault(&format!("[wan]\n{more}\n"));
    assert_eq!(
        wans("interfaces = [\"wan0\", \"wwan0\"]\nmetered = [\n  \"wwan0\",\n  \"wwan1\",\n]"),
        "ntm-gateway.toml:8: key \"wan.metered\": \"wwan1\" is not one of wan.interfaces; there are wan0, wwan0"
    );
    assert!(wans("metered = [\"a\", \"a\"]").contains("\"wan.metered\": \"a\" is listed twice"));
    assert!(wans("metered = [\"x x\"]").contains("is no interface name"));
    assert!(wans("metered = [\"br-lan\"]").contains("is the LAN's interface"));
    assert!(wans("metered = [\"ntm0\"]").contains("is the tunnel's interface"));
    assert!(wans("metered = \"wwan0\"").contains("is a list"));
    assert!(wans("metered = true").contains("is a list"));
    assert!(wans("meterd = [\"wwan0\"]").contains("did you mean \"metered\"?"));
    let alone = parse(&format!("{MINIMAL}[wan]\nmetered = [\"wwan0\"]\n")).unwrap();
    assert_eq!(alone.wan.metered, ["wwan0"]);
    assert!(alone.wan.interfaces.is_empty());
}

#[test]
fn a_months_limit_is_megabytes_of_a_wan() {
    let wans = |more: &str| fault(&format!("[wan]\n{more}\n"));
    assert_eq!(
        wans("interfaces = [\"wan0\"]\nlimit_mb = { wan0 = 5, wwan0 = 5 }"),
        "ntm-gateway.toml:6: key \"wan.limit_mb.wwan0\": \"wwan0\" is not one of wan.interfaces; there are wan0"
    );
    assert_eq!(
        wans("[wan.limit_mb]\nwan0 = 1\nwwan0 = 0"),
        "ntm-gateway.toml:7: key \"wan.limit_mb.wwan0\": is a whole number from 1 to 100000000, without quotes"
    );
    for wrong in ["-1", "1.5", "100000001", "\"5\"", "true", "[]", "{}"] {
        let told = wans(&format!("limit_mb.wwan0 = {wrong}"));
        assert!(told.contains("from 1 to 100000000"), "{told}");
    }
    assert_eq!(
        wans("limit_mb = 10000"),
        "ntm-gateway.toml:5: key \"wan.limit_mb\": is a number for each interface, in megabytes a month; write it like \
         { wwan0 = 10000 }"
    );
    assert!(wans("limit_mb = { br-lan = 1 }").contains("is the LAN's interface"));
    assert!(wans("limit_mb = { ntm0 = 1 }").contains("is the tunnel's interface"));
    assert!(wans("limit_mb = { \"x x\" = 1 }").contains("is no interface name"));
    assert!(wans("limit = { wwan0 = 1 }").contains("\"wan.limit\" is unknown"));
    let many: String = (0..9).map(|at| format!("w{at} = 1\n")).collect();
    assert!(wans(&format!("[wan.limit_mb]\n{many}")).contains("has 9 entries; at most 8"));
    for right in [
        "limit_mb = { wwan0 = 1, \"eth0.2\" = 100000000 }",
        "limit_mb.wwan0 = 1\nlimit_mb.\"eth0.2\" = 100000000",
        "[wan.limit_mb]\nwwan0 = 1\n\"eth0.2\" = 100_000_000",
    ] {
        let limits = parse(&format!("{MINIMAL}[wan]\n{right}\n"))
            .unwrap()
            .wan
            .limit_mb;
        assert_eq!((limits["wwan0"], limits["eth0.2"]), (1, 100_000_000));
    }
}
