//! Every text a person reads, in every language; a word that lacks one does not compile.

pub(crate) mod settings;

use crate::LANGUAGE;
use crate::request::Request;

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    En,
    Ja,
}

impl Lang {
    pub(crate) const ALL: [Self; 2] = [Self::En, Self::Ja];

    /// What the person has chosen, else what the browser prefers.
    pub(crate) fn of(request: &Request) -> Self {
        let chosen = request.cookie(LANGUAGE).and_then(Self::parse);
        chosen.unwrap_or_else(|| preferred(request.language.as_deref().unwrap_or_default()))
    }

    /// Reads `en` or `ja`.
    pub(crate) fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lang| lang.code() == code)
    }

    /// By BCP 47.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ja => "ja",
        }
    }

    /// As its speakers call it.
    pub(crate) fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Ja => "日本語",
        }
    }
}

/// The first of `Accept-Language` with the highest weight that we have (RFC 9110 section 12.5.4).
fn preferred(accepted: &str) -> Lang {
    let mut best = (0, Lang::En);
    for range in accepted.split(',').take(16) {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim();
        let code = tag.split('-').next().unwrap_or_default();
        let mut known = Lang::ALL.into_iter();
        let Some(lang) = known.find(|lang| lang.code().eq_ignore_ascii_case(code)) else {
            continue;
        };
        let weight = parts.find_map(|part| thousandths(part.trim().strip_prefix("q=")?));
        let weight = weight.unwrap_or(1000);
        if weight > best.0 {
            best = (weight, lang);
        }
    }
    best.1
}

/// A weight like `0.85`, of three digits after the point at most.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<3}");
    (part.len() <= 3).then_some(digits)?.parse().ok()
}

macro_rules! words {
    ($($name:ident $en:literal $ja:literal)*) => {
        /// A text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Word { $($name),* }

        const TABLE: &[[&str; 2]] = &[$([$en, $ja]),*];

        #[cfg(test)]
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}
pub(crate) use words as dictionary;

words! {
    // The frame.
    Product "NTM gateway" "NTM ゲートウェイ"
    Skip "Skip to the content" "本文へ移動"
    Menu "Pages" "ページ"
    Home "Home" "ホーム"
    Devices "Devices" "端末"
    Peers "Peers" "接続相手"
    Moves "Moves" "移動"
    Wans "Ways out" "外への接続"
    Password "Password" "パスワード"
    LogOut "Log out" "ログアウト"
    Lost "The gateway does not answer. Trying again …" "ゲートウェイが応答しません。再試行しています…"
    NoAnswer "The gateway does not answer" "ゲートウェイが応答しません"
    NoAnswerHelp "It is starting or stopping. Load this page again in a moment." "起動中または停止中です。しばらくしてから再読み込みしてください。"

    // Password and login.
    Welcome "Welcome" "ようこそ"
    WelcomeText "Choose a password for this gateway’s pages. Whoever is on this network can open them, and only who knows the password can use them." "このゲートウェイのページで使うパスワードを決めてください。ページはこのネットワークの誰でも開けますが、使えるのはパスワードを知っている人だけです。"
    NewPassword "New password" "新しいパスワード"
    Again "The same again" "もう一度入力"
    PasswordRule "At least 8 characters. A few words are easier to remember, and harder to guess." "8 文字以上。いくつかの単語をつなげると、覚えやすく推測されにくくなります。"
    SetPassword "Set the password" "パスワードを設定"
    Login "Log in" "ログイン"
    LoginText "Enter the password of this gateway’s pages." "このゲートウェイのページのパスワードを入力してください。"
    Forgotten "Forgotten? On the router, as root, `ntm-gateway password` sets a new one." "忘れた場合は、ルーター上で root として `ntm-gateway password` を実行すると設定し直せます。"
    WrongPassword "That is not the password." "パスワードが違います。"
    NotTheSame "The two passwords are not the same." "二つのパスワードが一致しません。"
    TooShort "That is too short: at least 8 characters." "短すぎます。8 文字以上にしてください。"
    TooLong "That is too long: at most 256 bytes." "長すぎます。256 バイトまでです。"
    Wait "Too many tries. Wait {n} seconds." "試行回数が多すぎます。{n} 秒待ってください。"
    OldPassword "Password now" "現在のパスワード"
    ChangePassword "Change the password" "パスワードを変更"
    ChangeText "Everybody who is logged in is logged out by this, on all browsers but this one." "変更すると、このブラウザー以外はすべてログアウトされます。"

    // Home.
    PictureTitle "How your devices are connected now" "現在の接続のようす"
    NowOut "Sending" "送信中"
    NowIn "Receiving" "受信中"
    LastGap "Gap of the last move" "直近の移動での途切れ"
    NoMoveYet "none yet" "まだありません"
    NoStream "no traffic then" "通信なし"
    Ago "{t} ago" "{t}前"
    Checklist "Is all well?" "状態の確認"
    CheckWan "A way out" "外への接続"
    CheckWanNone "No interface outside the LAN is up with an address and a default route. Plug in the WAN, or join a Wi-Fi." "LAN の外側に、アドレスとデフォルトルートを持つインターフェースがありません。WAN をつなぐか、Wi-Fi に接続してください。"
    CheckDc "Coordinator" "コーディネーター"
    CheckDcYes "registered, {t} away" "登録済み、往復 {t}"
    CheckDcYesPlain "registered" "登録済み"
    CheckDcNo "Not reached. Is there a login page of this network (hotel, train)? Does it let UDP port 4750 out?" "接続できません。ネットワークのログイン画面(ホテルや電車など)は済んでいますか。UDP ポート 4750 は通りますか。"
    CheckOutside "Address seen from outside" "外から見たアドレス"
    CheckOutsideNo "The coordinator tells it once it is reached." "コーディネーターに接続すると分かります。"
    CheckNat "NAT in front" "手前の NAT"
    CheckName "Name of this gateway" "このゲートウェイの名前"
    CheckDevices "Devices" "端末"
    CheckDevicesNone "None yet. A device appears when it asks this router for an address: connect one to the LAN or the Wi-Fi." "まだありません。端末がこのルーターにアドレスを要求すると現れます。LAN か Wi-Fi に端末をつないでください。"
    CheckDevicesSome "{n} on the LAN now, {m} known" "LAN に {n} 台、登録 {m} 台"
    CheckPeers "Connections to other gateways" "ほかのゲートウェイとの接続"
    CheckPeersNone "None now. They are made when a device looks another one up by its name." "現在はありません。端末が別の端末を名前で探すと作られます。"
    CheckPeersSome "{n} up" "{n} 本が通信可能"
    NatNo "no" "なし"
    NatUnknown "not known yet" "未確認"
    NatSame "yes, one that lets others find us" "あり(直接接続しやすい種類)"
    NatOther "yes, one that hides us: relayed where the other end has one as well" "あり(直接接続しにくい種類。相手も同様なら中継します)"
    NatSome "yes" "あり"
    Good "good" "良好"
    Bad "needs attention" "要確認"
    Idle "waiting" "待機中"
    Running "Running for {t}" "稼働時間 {t}"
    Release "release {v}" "バージョン {v}"
    Update "The coordinator runs release {new}, this gateway {old}: update the package ntm-gateway when you have a minute. On OpenWrt: LuCI, System, Software, or {how}. What talks goes on." "コーディネーターはバージョン {new}、このゲートウェイは {old} です。都合のよいときにパッケージ ntm-gateway を更新してください。OpenWrt では LuCI の「システム」→「ソフトウェア」、または {how} です。通信は続きます。"
    Coordinator "Coordinator" "コーディネーター"
    Relay "Relay" "中継サーバー"
    ThisGateway "This gateway" "このゲートウェイ"
    Direct "direct" "直接"
    Relayed "relayed" "中継"
    NoPath "no path" "経路なし"
    Standby "standby" "待機"
    MoreOf "and {n} more" "ほか {n} 台"
    NoDevices "No devices yet" "端末なし"
    NoWans "No way out" "外への接続なし"
    NoPeers "No connections now" "接続なし"

    // Tables.
    Name "Name" "名前"
    Online "on the LAN" "接続中"
    Offline "away" "不在"
    LanAddress "LAN address" "LAN アドレス"
    VirtualAddresses "Virtual addresses" "仮想アドレス"
    Mac "Hardware address" "MAC アドレス"
    PrivateMac "random address, may change" "ランダム。変わることがあります"
    DevicesText "Each device has a name and virtual addresses that never change, wherever this router is. Other devices reach it by them." "各端末は、このルーターがどこにあっても変わらない名前と仮想アドレスを持ち、ほかの端末からそれで接続できます。"
    PeersText "One tunnel leads to each other gateway, and carries the traffic of all devices there." "ほかのゲートウェイごとに一本のトンネルがあり、その先の全端末の通信を運びます。"
    Why "Why" "理由"
    Via "Leaves by" "出口"
    Remote "Leads to" "送り先"
    RoundTrip "Round trip" "往復時間"
    OtherKey "This gateway has another key than before. Was it installed anew? If nobody knows why, somebody may be listening: ask its owner." "このゲートウェイの鍵が以前と異なります。再インストールされましたか？ 心当たりがなければ盗聴の恐れがあります。所有者に確認してください。"
    KeyBefore "Key before" "以前の鍵"
    AcceptKey "I know why" "理由は分かっています"
    Loss "Lost on the way here" "受信中の損失"
    Heard "Last proof of life" "最後の応答"
    HeardJustNow "just now" "たった今"
    Traffic "Sent / received" "送信 / 受信"
    Speed "Now" "現在"
    DevicesThere "Devices there" "相手の端末"
    KeyOf "Key" "公開鍵"
    Cipher "Cipher" "暗号"
    Longest "Longest packet" "最大パケット長"
    Bytes "{n} bytes" "{n} バイト"
    StateUp "up" "通信可能"
    StateHandshake "being built" "確立中"
    StateWaiting "not reached" "未到達"
    PingTitle "How far is it?" "応答の確認"
    PingField "Name of a device" "端末の名前"
    Ping "Ping" "Ping"
    PingDone "{name}: {t}, {path}, by {remote}" "{name}: {t}、{path}、{remote} 経由"
    PingFailed "{name}: {why}" "{name}: {why}"

    // Devices.
    Change "Change" "変更"
    AllDevices "All devices" "すべての端末"
    Kind "Looks like" "種類の推測"
    KindBy "{kind}, by its name" "{kind}(名前からの推測)"
    KindPhone "a phone" "スマートフォン"
    KindTablet "a tablet" "タブレット"
    KindComputer "a computer" "パソコン"
    KindTv "a TV" "テレビ"
    KindSpeaker "a speaker" "スピーカー"
    KindPrinter "a printer" "プリンター"
    KindCamera "a camera" "カメラ"
    KindStorage "a network storage" "ネットワークストレージ"
    KindConsole "a games console" "ゲーム機"
    KindThing "a smart thing" "スマート家電"
    Rename "Rename" "名前を変更"
    RenameText "Letters, digits and hyphens. Other devices reach it by its new name at once, and no longer by the old one; its addresses stay. Empty: the device’s own word." "英数字とハイフンが使えます。ほかの端末からはすぐに新しい名前でつながり、古い名前ではつながらなくなります。アドレスは変わりません。空欄にすると、端末自身の名前に任せます。"
    Kept "Remembered" "記憶"
    KeepText "A device that is remembered stays in the list while it is away, and makes no room for others." "記憶した端末は、不在でも一覧に残り、ほかの端末に場所を譲りません。"
    Keep "Remember it" "記憶する"
    DoNotKeep "Do not remember it" "記憶をやめる"
    Identity "Identity" "識別情報"
    IdentityText "Without identity it has no name and no virtual addresses, and the coordinator forgets it. Its ordinary traffic goes on as ever. With identity again it gets new addresses." "識別情報がないと、名前も仮想アドレスもなくなり、コーディネーターはこの端末を忘れます。通常の通信はそのままです。再び有効にすると、新しいアドレスになります。"
    IdentityOn "Give it an identity" "識別情報を与える"
    IdentityOff "Take its identity away" "識別情報をなくす"
    WithoutIdentity "without identity" "識別情報なし"
    Forget "Forget" "忘れる"
    ForgetText "It goes from this list, and the coordinator forgets it: its name is free, its addresses are given to nobody again. If it comes back, it is a new device." "一覧から消え、コーディネーターもこの端末を忘れます。名前は空き、アドレスは二度と使われません。戻ってきたときは新しい端末になります。"
    Merge "Merge" "統合"
    MergeText "Phones change their hardware address, and look like another device then. Choose the one that this device has become: it takes over this one’s name and addresses, and sessions go on." "スマートフォンは MAC アドレスを変えることがあり、別の端末に見えます。この端末の今の姿を選ぶと、名前とアドレスを引き継ぎ、セッションも続きます。"
    MergeField "It is now" "今の姿"

    // Moves.
    MovesText "Each time a tunnel took another path. The bar shows how long each step took; sessions go on all the while." "トンネルの経路が切り替わった記録です。帯は各段階にかかった時間で、その間もセッションは続いています。"
    MovesNone "No tunnel has taken another path since the gateway started." "起動してから、経路の切り替えはありません。"
    OtherEnd "Other end" "相手"
    Before "Before" "切り替え前"
    After "After" "切り替え後"
    Gap "Gap" "途切れ"
    Replayed "Sent again" "再送"
    LostPackets "Lost" "損失"
    StillMoving "going on" "進行中"
    Csv "Download as CSV" "CSV をダウンロード"
    StepDetect "noticed" "検知"
    StepAddress "address" "アドレス取得"
    StepRegister "registered" "登録"
    StepDirect "new direction" "経路指示"
    StepTunnel "path proven" "経路確認"
    StepPacket "first packet" "最初のパケット"
    CauseOwnMove "This router’s address changed" "このルーターのアドレスが変わった"
    CausePreferred "Ways out were put in another order" "外への接続の優先順位が変わった"
    CausePeerMoved "The other end moved" "相手が移動した"
    CausePeerPrefers "The other end prefers another path" "相手が別の経路を選んだ"
    CauseQuality "Poor quality" "品質の低下"
    CauseSilence "Silence" "無応答"
    CauseRelayLost "The relay was lost" "中継サーバーの喪失"
    CausePeerRestarted "The other end restarted" "相手の再起動"
    CauseBetter "A better path was found" "より良い経路の発見"

    // WANs.
    WansText "By these this router reaches the Internet, best first." "このルーターがインターネットに出る接続です。上が優先です。"
    Addresses "Addresses" "アドレス"
    SeenAs "Seen from outside as" "外から見たアドレス"
    Nat "NAT" "NAT"
    InUse "in use" "使用中"
    Ready "ready" "待機中"
    NoSocket "no address" "アドレスなし"
    Metered "costs money" "従量制"
    UsedToday "Data today (UTC)" "今日の通信量 (UTC)"
    UsedThisMonth "Data this month" "今月の通信量"
    UsedSinceStart "Data since the start" "起動後の通信量"
    UsedByDay "Data by day, everything that went this way" "日ごとの通信量（この接続を通ったすべて）"
    UsedOfLimit "{used} of {limit} this month" "今月 {used} / {limit}"
    LimitNear "near its limit" "上限間近"
    LimitReached "limit reached" "上限到達"
    LimitLast ": used only if no other works" "：ほかが使えないときだけ使います"
    LimitNoDate "Of {limit} a month: what goes is counted, but the date is not known yet." "月の上限 {limit}：通信量は数えていますが、日付がまだ分かりません。"
    Preferred "preferred by you" "優先に設定"
    Prefer "Prefer" "優先する"
    Auto "Choose by itself" "自動選択に戻す"

    // Settings.
    Settings "Settings" "設定"
    SettingsText "What is empty is as usual. A wrong value changes nothing, and says what would be right." "空欄は通常の値です。誤った値は反映されず、正しい書き方が表示されます。"
    On "on" "オン"
    Off "off" "オフ"
    AsUsual "as usual: {value}" "通常: {value}"
    Save "Save" "保存"
    Stale "The file has changed since this page was loaded. Look at it as it is now, and change it again." "ページを開いたあとに設定ファイルが変更されました。現在の内容を確認して、もう一度変更してください。"
    NothingChanged "Nothing has changed." "変更していません。"
    ByUci "On this router the settings are UCI’s: change them in LuCI, under Services, or in /etc/config/ntm." "このルーターの設定は UCI で管理されています。LuCI の「サービス」か /etc/config/ntm で変更してください。"
    TakenUp "Saved, and in force already." "保存し、すぐに反映しました。"
    StartsAnew "Saved. The gateway starts anew; the devices’ sessions go on. Log in again." "保存しました。ゲートウェイを再起動します(端末の通信は続きます)。もう一度ログインしてください。"
    Soon "Saved. The gateway takes it up in a few seconds; the devices’ sessions go on." "保存しました。数秒で反映されます(端末の通信は続きます)。"
    SameAsBefore "Nothing is different." "変更点はありません。"
    WouldDo "This file would do. Nothing has changed yet." "このファイルは使えます。まだ変更していません。"
    WaysText "Best first. Without any, every interface with a default route is one, and rows that only say what one costs or may carry leave it so. Clear a name to take its row away. A limit is in megabytes (1,000,000 bytes) a month, what comes and what goes together: a way out that has reached it is used only if no other works, until the month ends (UTC). Nothing is cut off, and the one you prefer stays first. It is about tunnels; ordinary traffic goes as the router’s routes say, and counts." "上から順に優先します。一つもなければ、デフォルトルートのあるすべてのインターフェースを使います（料金や上限だけを書いた行があっても同じです）。名前を空にすると行が消えます。上限は 1 か月の送受信の合計で、単位は MB（1,000,000 バイト）です。上限に達した接続は、月が変わるまで（UTC）、ほかが使えないときだけ使います。遮断はせず、「優先する」に選んだ接続はそのまま先頭です。対象はトンネルの通信です。通常の通信はルーターの経路に従いますが、通信量には数えます。"
    Place "Place" "順位"
    Interface "Interface" "インターフェース"
    LimitMb "MB a month" "月の上限 MB"
    Used "used" "使う"
    Entries "What you say of devices" "端末ごとの設定"
    EntriesText "A device is known by its hardware address; list several, with spaces between, for one that has changed its own. The name and the fixed address may be empty." "端末は MAC アドレスで見分けます。アドレスが変わった端末には、空白で区切って複数書きます。名前と固定アドレスは空欄でもかまいません。"
    Policies "Who may begin what" "通信を始められる相手"
    PoliciesText "The first rule that matches decides; where none does, they may. Answers always pass. A name is a device here (nas), or a full name of a device, a gateway or a domain." "最初に一致した規則が適用され、どれにも一致しなければ許可します。応答は常に通ります。名前には、ここの端末名(nas)か、端末・ゲートウェイ・ドメインの完全な名前を書きます。"
    NoPolicies "No rules: everybody may." "規則はありません。すべて許可します。"
    From "From" "始める側"
    To "To" "相手"
    Action "What then" "動作"
    Allow "allow" "許可"
    Deny "deny" "拒否"
    Everybody "everybody" "すべて"
    AddPolicy "Add the rule" "規則を追加"
    Up "Up" "上へ"
    Down "Down" "下へ"
    Remove "Remove" "削除"
    File "The file" "設定ファイル"
    Export "Download" "ダウンロード"
    Import "Put another in its place" "別の内容に置き換える"
    ImportText "Paste all of it." "内容をすべて貼り付けてください。"
    ImportFile "Or take it from a file" "ファイルから読み込む"
    ImportDo "Replace" "置き換える"
    ImportTry "Only check" "確認だけする"
    Upkeep "Upkeep" "保守"
    UpkeepText "A new start takes a few seconds; the devices’ sessions go on. The diagnostics hold settings, addresses, names and the log, and no keys or passwords." "再起動は数秒で終わり、端末の通信は続きます。診断情報には設定・アドレス・名前・ログが含まれ、鍵やパスワードは含まれません。"
    Restart "Start anew" "再起動"
    Restarting "The gateway starts anew. This page comes back by itself." "ゲートウェイを再起動しています。このページは自動的に戻ります。"
    Diagnostics "Diagnostics" "診断情報"

    // The log.
    Log "Log" "ログ"
    LogText "The last lines, the newest first. The router’s own log has the rest." "新しい順に、最近の行だけを表示します。それより前はルーターのログにあります。"
    Level "Level" "重要度"
    AllLevels "all" "すべて"
    Contains "Contains" "含まれる文字"
    Filter "Filter" "絞り込む"
    NoLines "No such lines." "該当する行はありません。"

    // First run.
    FirstRun "First run" "はじめての設定"
    FirstText "This gateway belongs to no domain yet. With an enrolment code from the domain’s operator it joins one, once." "このゲートウェイはまだどのドメインにも属していません。ドメインの管理者から受け取った登録コードで参加します。最初の一度だけです。"
    Code "Enrolment code" "登録コード"
    CodeHelp "Paste all of it, or scan its QR code with a phone and paste what that says. It is good once." "コード全体を貼り付けてください。QR コードを読み取って貼り付けることもできます。使えるのは一度だけです。"
    WhichLan "Your devices are on" "端末がつながる側"
    WhichLanHelp "Only interfaces with an IPv4 address are listed that lead to no Internet." "IPv4 アドレスがあり、インターネット側ではないものだけを表示しています。"
    WhoGives "Devices get their addresses from" "端末にアドレスを配るもの"
    GivesGateway "this gateway" "このゲートウェイ"
    GivesDnsmasq "dnsmasq or odhcpd, as so far" "これまでどおり dnsmasq か odhcpd"
    GivesNobody "something else" "それ以外"
    WhoRoutes "Ordinary Internet access" "通常のインターネット接続"
    RoutesOther "works already" "設定済み"
    RoutesGateway "by this gateway’s NAT" "このゲートウェイの NAT で行う"
    WhichWans "Ways out" "外への接続"
    WhichWansHelp "Choose none, and every interface with a default route is one." "選ばなければ、デフォルトルートのあるすべてのインターフェースを使います。"
    LeadsOut "leads out now" "現在接続中"
    Begin "Join" "参加する"

    // Time.
    Seconds "{n} s" "{n} 秒"
    Minutes "{n} min" "{n} 分"
    Hours "{n} h" "{n} 時間"
    Days "{n} days" "{n} 日"
    NotKnown "–" "–"
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

/// A text with what stands in its braces.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut rest = text;
    let mut out = String::new();
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        let value = values.iter().find(|(key, _)| *key == name);
        out.push_str(value.map_or("", |(_, value)| value));
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// What the daemon says in English of its own, where it is one of a few; else as it is.
pub(crate) fn cause(text: &str, lang: Lang) -> &str {
    let word = match text {
        "own address changed" => Word::CauseOwnMove,
        "own WANs reordered" => Word::CausePreferred,
        "peer moved" => Word::CausePeerMoved,
        "peer prefers another" => Word::CausePeerPrefers,
        "poor quality" => Word::CauseQuality,
        "silence" => Word::CauseSilence,
        "relay lost" => Word::CauseRelayLost,
        "peer restarted" => Word::CausePeerRestarted,
        "better path found" => Word::CauseBetter,
        other => return other,
    };
    word.say(lang)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_in_both_languages_with_the_same_places() {
        // Signs and names that are the same everywhere.
        let same = ["Nat", "NotKnown", "Ping", "PingFailed"];
        let places = |text: &str| {
            let mut places: Vec<String> = text
                .split('{')
                .skip(1)
                .map(|part| part.split('}').next().unwrap().to_owned())
                .collect();
            places.sort();
            places
        };
        assert_eq!(TABLE.len(), NAMES.len());
        for ([en, ja], name) in TABLE.iter().zip(NAMES) {
            assert!(!en.trim().is_empty() && !ja.trim().is_empty(), "{name}");
            assert_eq!(places(en), places(ja), "{name}");
            assert!(en.chars().all(|c| c < '\u{3000}'), "{name}: {en}");
            let is_japanese = ja.chars().any(|c| ('\u{3040}'..'\u{a000}').contains(&c));
            assert!(is_japanese || same.contains(name), "{name}: {ja}");
        }
    }

    #[test]
    fn a_value_with_braces_is_not_read_again() {
        let text = Word::PingDone.with(
            Lang::En,
            &[("name", "{t}"), ("t", "5 ms"), ("path", "direct")],
        );
        assert_eq!(text, "{t}: 5 ms, direct, by ");
    }

    #[test]
    fn the_browsers_language_counts_until_one_is_chosen() {
        for (accepted, lang) in [
            ("", Lang::En),
            ("ja", Lang::Ja),
            ("ja-JP,en;q=0.8", Lang::Ja),
            ("en-GB, ja;q=0.9", Lang::En),
            ("fr, ja;q=0.5, en;q=0.4", Lang::Ja),
            ("fr;q=x, JA", Lang::Ja),
            ("en;q=0.85, ja;q=0.9", Lang::Ja),
            ("en;q=0, ja;q=0.1", Lang::Ja),
            ("de", Lang::En),
        ] {
            assert_eq!(preferred(accepted), lang, "{accepted}");
        }
    }
}
