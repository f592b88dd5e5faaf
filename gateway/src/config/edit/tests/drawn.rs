//! Whatever file and whatever changes: drawn, and compared with a model of what they say.

use super::*;

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Right values for some keys of each kind.
const RIGHT: [(&str, &str, [&str; 3]); 8] = [
    ("lan", "lease_time", ["", "30m", "2d"]),
    ("lan", "bind_addresses", ["true", "false", ""]),
    ("wan", "masquerade", ["", "false", "true"]),
    (
        "dns",
        "upstream",
        ["203.0.113.53", "", "203.0.113.53 2001:db8::53"],
    ),
    ("tunnel", "mtu", ["1300", "1400", ""]),
    ("tunnel", "offload", ["tun", "send receive", ""]),
    ("log", "level", ["", "warn", "debug"]),
    ("web", "port", ["8080", "", "4753"]),
];

fn any_change(dice: &mut Dice, policies: usize) -> Change {
    match dice.below(6) {
        0 if policies > 0 => Change::Remove {
            list: List::Policy,
            which: Which::At(dice.below(policies)),
        },
        1 if policies > 0 => Change::Move {
            list: List::Policy,
            from: dice.below(policies),
            to: dice.below(policies),
        },
        2 => policy(dice.of(&["nas", "camera", "phone.car.example.net"])),
        _ => {
            let (section, key, values) = dice.of(&RIGHT);
            set(section, key, dice.of(&values))
        }
    }
}

/// The same change to what the file says.
fn model(written: &mut Written, change: &Change, is_uci: bool) {
    match change {
        Change::Set {
            section,
            key,
            value,
        } => {
            let key = find_key(section, key).unwrap();
            // All that UCI has is text.
            let value = match value {
                Value::List(_) => value.clone(),
                Value::Switch(is_on) if is_uci => Value::Text(u8::from(*is_on).to_string()),
                Value::Text(_) | Value::Number(_) | Value::Switch(_) if is_uci => {
                    Value::Text(value.entered())
                }
                Value::Text(_) | Value::Number(_) | Value::Switch(_) => value.clone(),
            };
            written.values.retain(|(known, _)| *known != key);
            written.values.push((key, value));
        }
        Change::Clear { section, key } => {
            let key = find_key(section, key).unwrap();
            written.values.retain(|(known, _)| *known != key);
        }
        Change::Remove {
            which: Which::At(at),
            ..
        } => drop(written.policies.remove(*at)),
        Change::Move { from, to, .. } => {
            let policy = written.policies.remove(*from);
            written.policies.insert(*to, policy);
        }
        Change::Put { values, .. } => {
            let values = values.iter().cloned();
            let block = values.filter_map(|(key, value)| Some((key, value?)));
            written.policies.push(block.collect());
        }
        Change::Remove { .. } | Change::Ways(_) => unreachable!("none of ours"),
    }
    let order = |key: &Key| KEYS.iter().position(|it| it == key);
    written.values.sort_by_key(|(key, _)| order(key));
}

/// The file a person may have made of the first one: empty lines and remarks anywhere, sections in another order.
fn any_file(dice: &mut Dice, form: Form<'_>) -> String {
    let (mark, lan) = match form {
        Form::Toml => (
            "[",
            "[lan]\ninterface = 'br-lan'\naddress = \"192.168.1.1/24\"\n",
        ),
        Form::Uci(_) => ("config ", "config gateway\n"),
    };
    let first = if dice.below(2) == 0 {
        lan.to_owned()
    } else {
        forms(&networks())[usize::from(mark != "[")].1.to_owned()
    };
    let mut sections: Vec<String> = Vec::new();
    for line in first.lines() {
        if line.starts_with(mark) || sections.is_empty() {
            sections.push(String::new());
        }
        let section = sections.last_mut().unwrap();
        match dice.below(8) {
            0 => *section += "\n",
            1 => *section += &format!("# remark {}\n", dice.below(1000)),
            2 => *section += "   \t\n#; 'it'\n",
            _ => {}
        }
        *section += line;
        *section += if dice.below(9) == 0 { " # so\n" } else { "\n" };
    }
    if dice.below(2) == 0 {
        sections.rotate_left(1);
    }
    let mut text: String = sections.concat();
    if dice.below(3) == 0 {
        text.truncate(text.trim_end().len());
    }
    text
}

#[test]
fn whatever_is_changed_in_whatever_file_the_file_says_it_and_keeps_its_remarks() {
    let networks = networks();
    for seed in 1..150_u64 {
        for form in [Form::Toml, Form::Uci(&networks)] {
            let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut text = any_file(&mut dice, form);
            let mut expected = Written::read("file", &text, form).unwrap();
            for _ in 0..12 {
                let change = any_change(&mut dice, expected.policies.len());
                let after = apply("file", &text, form, std::slice::from_ref(&change))
                    .unwrap_or_else(|fault| panic!("{seed}: {change:?}: {fault}\n{text}"));
                model(&mut expected, &change, matches!(form, Form::Uci(_)));
                let written = Written::read("file", &after, form).unwrap();
                assert_eq!(
                    written, expected,
                    "{seed}: {change:?}\n{text}\n-->\n{after}"
                );
                let remarks = |text: &str| -> Vec<String> {
                    let lines = text
                        .lines()
                        .filter(|line| line.trim_start().starts_with('#'));
                    lines.map(str::to_owned).collect()
                };
                assert_eq!(remarks(&after), remarks(&text), "{seed}: {change:?}");
                text = after;
            }
        }
    }
}
