use super::*;
use crate::desk::Question;
use data_encoding::BASE64;
use ntm_dc::GatewayRecord;
use ntm_enrolment::api::EnrolRequest;
use ntm_proto::enrol::possession_proof;
use ntm_proto::id::{Label, NodeId};
use ntm_proto::key::PublicKey;
use tokio::sync::mpsc::Receiver;

const CONFIG: &str = "domain = \"ntm.test\"\nlisten = [\"192.0.2.1\", \"2001:db8::1\"]\nvirtual6 = \"fd12:3456:789a::/48\"";

fn source() -> IpAddr {
    "198.51.100.7".parse().unwrap()
}

fn api() -> (Api, Receiver<Question>) {
    let (desk, questions) = Desk::new();
    let config = Config::parse(CONFIG, "test").unwrap();
    (
        Api::new(
            config,
            SecretKey::from_bytes([7; 32]),
            desk,
            Journal::nowhere(),
        ),
        questions,
    )
}

fn request(api: &Api, token: u8) -> EnrolRequest {
    let key = SecretKey::from_bytes([8; 32]);
    let shared = key.agree(&api.key.public()).unwrap();
    EnrolRequest {
        token: BASE64.encode(&[token; 16]),
        role: "gateway".into(),
        public_key: key.public().to_string(),
        proof: BASE64.encode(&possession_proof(&shared, &[token; 16])),
    }
}

fn body(request: &EnrolRequest) -> Vec<u8> {
    serde_json::to_vec(request).unwrap()
}

/// Answers one question as the coordinator's owner would.
async fn owner(questions: &mut Receiver<Question>, answer: impl FnOnce(Redeem) -> Enrolment) {
    let Some(Question::Enrol(redeem, reply)) = questions.recv().await else {
        panic!("no enrolment was asked for");
    };
    reply.send(answer(redeem)).unwrap();
}

fn home(redeem: Redeem) -> Enrolment {
    Enrolment::Done(Box::new(Record::Gateway(GatewayRecord {
        node: NodeId::from_random([1; 16]),
        account: 1,
        name: Label::parse("home").unwrap(),
        key: redeem.key,
        epoch: 0,
        instance: None,
        vip4: [198, 18, 0, 1].into(),
        vip6: "fd12:3456:789a::1".parse().unwrap(),
        last_address: None,
    })))
}

#[tokio::test(flavor = "current_thread")]
async fn a_gateway_learns_all_it_needs() {
    let (api, mut questions) = api();
    let body = body(&request(&api, 3));
    let (result, ()) = tokio::join!(
        api.enrol(source(), &body, Instant::now()),
        owner(&mut questions, home),
    );
    let membership = result.unwrap();
    assert_eq!(membership.name, "home.ntm.test");
    assert_eq!(
        membership.dc_addresses,
        ["192.0.2.1:4750", "[2001:db8::1]:4750"]
    );
    assert_eq!(membership.dc_key, api.key.public().to_string());
    assert_eq!(
        (&*membership.vip4, &*membership.virtual4),
        ("198.18.0.1", "198.18.0.0/15")
    );
}

#[tokio::test(flavor = "current_thread")]
async fn nonsense_and_false_proofs_do_not_reach_the_store() {
    let (api, mut questions) = api();
    let good = request(&api, 3);
    let other = EnrolRequest {
        token: BASE64.encode(&[4; 16]),
        ..good.clone()
    };
    let low = EnrolRequest {
        public_key: PublicKey([0; 32]).to_string(),
        ..good.clone()
    };
    let role = EnrolRequest {
        role: "king".into(),
        ..good.clone()
    };
    let cases = [
        (b"<script>".to_vec(), "malformed"),
        (body(&role), "malformed"),
        (body(&other), "proof"),
        (body(&low), "proof"),
    ];
    for (body, error) in cases {
        let failure = api
            .enrol(source(), &body, Instant::now())
            .await
            .unwrap_err();
        assert_eq!(failure.error, error);
        assert!(failure.status.is_client_error());
    }
    assert!(questions.try_recv().is_err());
}

#[tokio::test(flavor = "current_thread")]
async fn guessing_is_slowed_down_per_network() {
    let (api, mut questions) = api();
    let (body, now) = (body(&request(&api, 3)), Instant::now());
    let unknown = |_| Enrolment::Refused(Refused::Unknown);
    for _ in 0..GUESSES {
        let (result, ()) = tokio::join!(
            api.enrol(source(), &body, now),
            owner(&mut questions, unknown)
        );
        assert_eq!(result.unwrap_err().status, StatusCode::NOT_FOUND);
    }
    let slowed = api.enrol(source(), &body, now).await.unwrap_err();
    assert_eq!(
        (slowed.status, slowed.error),
        (StatusCode::TOO_MANY_REQUESTS, "wait")
    );
    let elsewhere = "203.0.113.1".parse().unwrap();
    let (result, ()) = tokio::join!(
        api.enrol(elsewhere, &body, now),
        owner(&mut questions, home)
    );
    assert!(result.is_ok(), "another network is not punished");
    let later = now + Duration::from_secs(61);
    let (result, ()) = tokio::join!(
        api.enrol(source(), &body, later),
        owner(&mut questions, home)
    );
    assert!(result.is_ok());
}

#[tokio::test(flavor = "current_thread")]
async fn refusals_say_what_to_do() {
    let (api, mut questions) = api();
    let body = body(&request(&api, 3));
    let used = |_| Enrolment::Refused(Refused::Used("gateway-code"));
    let (result, ()) = tokio::join!(
        api.enrol(source(), &body, Instant::now()),
        owner(&mut questions, used)
    );
    let failure = result.unwrap_err();
    assert_eq!(
        (failure.status, failure.error),
        (StatusCode::CONFLICT, "used")
    );
    assert!(failure.message.contains("ntm-dc gateway-code"));
    let (result, ()) = tokio::join!(
        api.enrol(source(), &body, Instant::now()),
        owner(&mut questions, |_| Enrolment::Failed),
    );
    assert_eq!(result.unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
}
