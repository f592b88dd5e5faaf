//! Every text that only the operator's pages have.

use crate::words::{Lang, dictionary, fill};

dictionary! {
    // The frame and the menu.
    Product "NTM coordinator" "NTM コーディネーター"
    Overview "Overview" "概要"
    Gateways "Gateways" "ゲートウェイ"
    Gateway "Gateway" "ゲートウェイ"
    Devices "Devices" "端末"
    Relays "Relays" "中継サーバー"
    Codes "Enrolment codes" "登録コード"
    Accounts "Accounts" "アカウント"
    Domains "Domains" "ドメイン"
    Events "Events" "イベント"
    Backup "Backup" "バックアップ"
    Password "Password" "パスワード"
    LoginText "Enter the operator’s password." "運用者のパスワードを入力してください。"
    Forgotten "None set yet, or forgotten? On the server, as the user that runs it, `ntm-dc password` sets one." "未設定の場合や忘れた場合は、サーバー上で実行ユーザーとして `ntm-dc password` を実行すると設定できます。"
    NoAnswer "The coordinator does not answer" "コーディネーターが応答しません"
    Missing "The field {name} is empty; nothing has changed." "項目 {name} が空です。変更していません。"
    NotSure "Nothing has changed: type {name} once more to confirm." "変更していません。確認のため {name} をもう一度入力してください。"

    // What was done.
    DoneAddAccount "Made the account {name}." "アカウント {name} を作成しました。"
    DoneRemoveAccount "Removed the account {name}." "アカウント {name} を削除しました。"
    DoneJoin "Changed the group {name}." "グループ {name} を変更しました。"
    DoneLeave "Changed the group {name}." "グループ {name} を変更しました。"
    DoneMakeCode "Made a code for {name}." "{name} のコードを作成しました。"
    DoneRevokeCode "The codes for {name} are worthless now." "{name} のコードを無効にしました。"
    DoneRemoveNode "Removed {name}." "{name} を削除しました。"
    DoneTrust "Trusting {name}. Its operator has to trust this domain, too." "{name} を信頼しました。相手側でもこのドメインを信頼する必要があります。"
    DoneForget "{name} is not trusted any more." "{name} の信頼を取り消しました。"

    // The overview.
    PictureTitle "Accounts and their gateways, relays with their load, and other domains" "アカウントとゲートウェイ、中継サーバーの負荷、ほかのドメイン"
    OnlineOf "{n} of {m} online" "{m} 台中 {n} 台が接続中"
    Tunnels "Tunnels" "トンネル"
    TunnelsText "introduced, not counting those that ended" "仲介中(終了分を除く)"
    Running "Running for {t}" "稼働時間 {t}"
    HistoryTitle "Registrations of the last day" "直近 24 時間の登録"
    HistoryText "Each bar is a quarter of an hour: registrations, and on top new enrolments." "1 本が 15 分。登録数と、上に新規加入数を示します。"
    HistoryLabel "{n} registrations, {m} enrolments; at most {k} in a quarter of an hour" "登録 {n} 回、加入 {m} 回。15 分あたり最大 {k} 回"
    Registrations "registrations" "登録"
    Enrolments "enrolments" "加入"
    DayAgo "24 h ago" "24 時間前"
    Now "now" "現在"
    Linked "linked" "接続中"
    NotLinked "not linked" "未接続"
    Load "{n} of {m} paths" "{m} 経路中 {n}"
    MoreOf "and {n} more" "ほか {n} 件"
    NoAccounts "No accounts yet" "アカウントなし"
    NoRelays "No relays yet" "中継サーバーなし"
    FirstSteps "An empty domain: make an account, then a code for its first gateway." "ドメインは空です。アカウントを作り、最初のゲートウェイの登録コードを発行してください。"

    // Tables.
    Search "Search" "検索"
    SearchGateways "Name, virtual address, or where it was last seen" "名前、仮想アドレス、または最後に見えたアドレス"
    SearchDevices "Name, virtual address or node id" "名前、仮想アドレス、またはノード ID"
    SearchEvents "Part of a line" "行の一部"
    All "All" "すべて"
    Earlier "Back" "前へ"
    Later "Further" "次へ"
    NothingFound "Nothing like that." "見つかりません。"
    Took "Found in {t}" "検索時間 {t}"
    Name "Name" "名前"
    Account "Account" "アカウント"
    Online "online" "接続中"
    Offline "offline" "オフライン"
    State "State" "状態"
    VirtualAddresses "Virtual addresses" "仮想アドレス"
    SeenAt "Seen at" "接続元"
    LastSeenAt "last at" "最後は"
    Ago "{t} ago" "{t}前"
    NodeId "Node id" "ノード ID"
    Key "Key" "公開鍵"
    Starts "Starts" "起動回数"
    Release "Release" "バージョン"
    Reach "Network" "ネットワーク"
    KeyTwice "Two machines use its key: remove it, and enrol the rightful one anew." "同じ鍵を二台が使っています。削除して、正しい機器を登録し直してください。"
    OtherEnd "Other end" "相手"
    Way "Way" "経路"
    Direct "direct" "直接"
    Through "through {name}" "{name} 経由"
    Why "Why" "理由"
    NoTunnels "No tunnels now." "現在トンネルはありません。"
    NoDevices "No devices yet." "端末はまだありません。"
    AllDevices "All its devices" "すべての端末"
    NoSuchGateway "There is no such gateway." "そのゲートウェイはありません。"
    NoGateways "No gateways yet. A gateway comes with an enrolment code." "ゲートウェイはまだありません。登録コードで加入します。"
    Addresses "Addresses" "アドレス"
    Paths "Paths" "経路数"
    RelaysText "Relays carry sealed packets between gateways that cannot reach each other." "互いに直接つながらないゲートウェイの間で、暗号化されたパケットを運びます。"

    // Removal.
    RemoveTitle "Remove {name}" "{name} を削除"
    RemoveText "Its names become free, its virtual addresses are given to nobody else, and its tunnels end at once. It must enrol again to come back." "名前は空き、仮想アドレスは他に割り当てられず、トンネルは直ちに終了します。戻すには登録し直す必要があります。"
    Sure "Type {name} to confirm" "確認のため {name} と入力"
    Remove "Remove" "削除"

    // Codes.
    CodesText "A code enrols one gateway or relay, once. It is shown when it is made, and never again: only its hash is kept." "1 つのコードで 1 台を 1 回だけ登録できます。表示は作成時の一度きりで、保存するのはハッシュだけです。"
    NewCode "A new code" "新しいコード"
    CodeName "Name of the new gateway or relay" "新しいゲートウェイまたは中継サーバーの名前"
    CodeAccount "Account that owns it; empty for a relay" "所有アカウント(中継サーバーの場合は空)"
    CodeValid "Good for; such as 15m, 2h or 1d" "有効期間(15m、2h、1d など)"
    MakeCode "Make a code" "コードを作成"
    CodeMade "Code for {name}" "{name} の登録コード"
    CodeMadeText "Good once, for {t}. Scan it on the gateway’s page, or copy the text below. When you leave this page it is gone." "一度だけ、{t} 以内に使えます。ゲートウェイのページで読み取るか、下の文字列をコピーしてください。このページを離れると二度と表示されません。"
    CodeRun "On the machine itself:" "機器上で直接登録する場合:"
    Back "Back to the codes" "コード一覧へ戻る"
    Kind "Kind" "種類"
    KindGateway "gateway" "ゲートウェイ"
    KindRelay "relay" "中継サーバー"
    CodeOpen "good for {t}" "残り {t}"
    CodeUsed "used {t} ago" "{t}前に使用"
    CodeExpired "expired" "期限切れ"
    Revoke "Revoke" "無効にする"
    NoCodes "No codes." "コードはありません。"

    // Accounts.
    AccountsText "An account owns gateways. Devices of one account may always talk to each other; of two accounts when a group has both." "アカウントはゲートウェイを所有します。同じアカウントの端末は常に通信でき、別アカウントとは同じグループに入れると通信できます。"
    NewAccount "A new account" "新しいアカウント"
    AddAccount "Make the account" "アカウントを作成"
    Groups "Groups" "グループ"
    Group "Group" "グループ"
    Member "Account, or a name of a trusted domain" "アカウント、または信頼するドメインの名前"
    Join "Put in" "追加"
    Leave "Take out" "外す"
    NoGroups "No groups yet." "グループはまだありません。"
    AccountRemoveText "It owns no gateway. Its place in groups and its unused codes go with it." "ゲートウェイを所有していません。グループでの所属と未使用のコードも削除されます。"
    JoinTitle "Put somebody into a group" "グループに追加"

    // Domains.
    DomainsText "Devices of another domain are reached when each side trusts the other’s key, and a group says who." "双方が互いの鍵を信頼し、グループで相手を許可すると、ほかのドメインの端末と通信できます。"
    OwnKey "This domain’s key" "このドメインの鍵"
    OwnKeyText "The other operator types:" "相手の運用者が入力するコマンド:"
    Domain "Domain" "ドメイン"
    DomainAddress "Address of its coordinator; empty: ask DNS" "相手のコーディネーターのアドレス(空なら DNS で検索)"
    Trust "Trust" "信頼する"
    TrustTitle "Trust another domain" "ほかのドメインを信頼"
    ForgetTitle "Trust {name} no more" "{name} の信頼を取り消す"
    ForgetText "All tunnels with it end at once, and its names leave the groups." "このドメインとのトンネルは直ちに終了し、グループからも外れます。"
    ForgetButton "Trust it no more" "信頼を取り消す"
    Guests "Its gateways here now" "接続中の相手ゲートウェイ"
    NoDomains "No other domain is trusted." "信頼しているドメインはありません。"

    // Events.
    EventsText "What happened, the last first. The latest {n} lines are kept; a flood of one kind is counted, not written." "新しい順。最新 {n} 行を保存します。同種の大量発生は件数だけ記録します。"
    NoEvents "Nothing has happened yet." "まだ何もありません。"
    When "When (UTC)" "日時 (UTC)"
    What "What" "内容"
    KindEnrolled "enrolled" "加入"
    KindRefused "refused" "拒否"
    KindRegistered "registered" "登録"
    KindOffline "offline" "切断"
    KindMoved "moved" "移動"
    KindNamed "named" "命名"
    KindDirected "directed" "経路指示"
    KindTrouble "trouble" "異常"
    KindDomain "domain" "ドメイン"
    KindOperator "operator" "運用操作"

    // Backup.
    BackupText "A consistent copy of the store as it is now: accounts, groups, gateways, relays, devices, codes’ hashes, trusted domains. It is a SQLite file." "現時点のデータの整合した複製です。アカウント、グループ、ゲートウェイ、中継サーバー、端末、コードのハッシュ、信頼するドメインを含む SQLite ファイルです。"
    BackupKeys "The keys are not in it, so that whoever gets this file, or this page’s password, cannot pass for your domain. They never change: copy them once, by hand, to a safe place. Without dc.key and as.key a restored store is worth little, since every gateway knows this coordinator by them." "鍵は含まれません。このファイルやページのパスワードを得た人がドメインになりすませないようにするためです。鍵は変わらないので、一度だけ手作業で安全な場所に控えてください。すべてのゲートウェイが鍵でこのコーディネーターを見分けるため、dc.key と as.key がなければ復元しても使えません。"
    BackupKeysHow "On the server:" "サーバー上で:"
    BackupNow "Download a backup" "バックアップをダウンロード"
    BackupRestore "To restore, on the server, with the daemon stopped:" "復元するには、デーモンを止めてサーバー上で:"
    BackupRestoreText "The store that is there is kept beside it. Codes that were not used when the copy was made are worthless afterwards, since they may have been used since." "現在のデータは別名で残ります。複製の時点で未使用だったコードは、その後に使われた可能性があるため無効になります。"
    StoreSize "The store" "データ"
}

impl Word {
    /// In this language.
    pub(crate) fn say(self, lang: Lang) -> &'static str {
        TABLE[self as usize][lang as usize]
    }

    /// With what stands in its braces.
    pub(crate) fn with(self, lang: Lang, values: &[(&str, &str)]) -> String {
        fill(self.say(lang), values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_in_both_languages_with_the_same_places() {
        let places = |text: &str| {
            let mut places: Vec<String> = text
                .split('{')
                .skip(1)
                .map(|part| part.split('}').next().unwrap().to_owned())
                .collect();
            places.sort();
            places
        };
        for ([en, ja], name) in TABLE.iter().zip(NAMES) {
            assert!(!en.trim().is_empty() && !ja.trim().is_empty(), "{name}");
            assert_eq!(places(en), places(ja), "{name}");
            let is_japanese = ja.chars().any(|c| ('\u{3040}'..'\u{a000}').contains(&c));
            assert!(is_japanese, "{name}: {ja}");
        }
    }
}
