//! The shell against who sends slowly, too much, or nothing at all: on real sockets.

use super::connection::{BODY, HEADER};
use super::*;
use crate::password::Cost;
use serde_json::json;
use socket2::SockAddr;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream as StdStream};

const OWN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const SLOW: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

struct Nothing;

/// It takes its time, and says when it is done.
struct Slow(std::sync::mpsc::Sender<()>);

impl Daemon for Slow {
    fn ask(&self, _ask: crate::Ask) -> Asked {
        let done = self.0.clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            done.send(()).unwrap();
            Ok(json!({}))
        })
    }

    fn password(&self) -> Option<String> {
        None
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// What comes of these words on the router's own socket, until it hangs up.
fn at_the_socket(daemon: Arc<dyn Daemon>, words: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    runtime().block_on(async {
        let (mut ours, theirs) = tokio::net::UnixStream::pair().unwrap();
        tokio::spawn(local::serve(theirs, daemon));
        ours.write_all(words.as_bytes()).await.unwrap();
        let mut said = String::new();
        let patience = Duration::from_secs(30);
        let read = tokio::time::timeout(patience, ours.read_to_string(&mut said));
        read.await.expect("it hangs up").unwrap();
        said
    })
}

impl Daemon for Nothing {
    fn ask(&self, _ask: crate::Ask) -> Asked {
        Box::pin(async { Ok(json!({})) })
    }

    fn password(&self) -> Option<String> {
        None
    }
}

/// A server on some port of the loopback; who is on it is on its LAN.
fn start() -> (Server, u16) {
    let listener = StdListener::bind((OWN, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let setup = Setup {
        place: Place {
            address: OWN,
            prefix: 8,
            port,
            names: Vec::new(),
        },
        seed: [1; 32],
        cost: Cost { kib: 8, passes: 1 },
    };
    let server = Server::open(setup, Arc::new(Nothing), listener).unwrap();
    (server, port)
}

fn connect(from: Ipv4Addr, port: u16) -> StdStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let address = |ip: Ipv4Addr, port| SockAddr::from(SocketAddr::new(ip.into(), port));
    socket.bind(&address(from, 0)).unwrap();
    socket.connect(&address(OWN, port)).unwrap();
    let stream = StdStream::from(socket);
    // Far more than anything takes here: only who waits in vain gets as far.
    let patience = Some(Duration::from_secs(30));
    stream.set_read_timeout(patience).unwrap();
    stream
}

/// All that comes until the server hangs up; how it does is its kernel's business.
fn rest(mut stream: StdStream) -> String {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("it keeps the connection: {error}"),
    }
    String::from_utf8(all).unwrap()
}

fn get(from: Ipv4Addr, port: u16) -> String {
    let mut stream = connect(from, port);
    let text = format!("GET /welcome HTTP/1.1\r\nHost: {OWN}:{port}\r\nConnection: close\r\n\r\n");
    // Who is turned away at the door may hear of it while he speaks.
    let _ = stream.write_all(text.as_bytes());
    rest(stream)
}

#[test]
fn who_never_ends_a_header_takes_his_own_places_and_only_for_a_while() {
    let (_server, port) = start();
    let began = Instant::now();
    let mut slow: Vec<StdStream> = (0..MAX_OF_ONE).map(|_| connect(SLOW, port)).collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    }
    assert!(get(OTHER, port).starts_with("HTTP/1.1 200 "), "another");
    assert_eq!(get(SLOW, port), "", "his places are taken");
    for stream in slow {
        assert!(!rest(stream).starts_with("HTTP/1.1 200"));
    }
    assert!(began.elapsed() >= HEADER, "nobody is cut off at once");
    assert!(get(SLOW, port).starts_with("HTTP/1.1 200 "), "and again");
}

#[test]
fn a_header_that_grows_by_a_byte_at_a_time_has_no_more_time() {
    let (_server, port) = start();
    let mut stream = connect(SLOW, port);
    let began = Instant::now();
    // Much sooner than it is said to be too slow; and much longer in all.
    while began.elapsed() < HEADER * 20 {
        if stream.write_all(b"X").is_err() {
            return;
        }
        thread::sleep(HEADER / 20);
    }
    panic!("it listens for ever");
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let (_server, port) = start();
    let mut stream = connect(SLOW, port);
    let began = Instant::now();
    let text =
        format!("POST /login HTTP/1.1\r\nHost: {OWN}:{port}\r\nContent-Length: 100\r\n\r\npass");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert!(began.elapsed() >= BODY);
}

#[test]
fn what_is_too_much_is_refused_before_it_is_kept() {
    let (_server, port) = start();
    let head = format!("POST /login HTTP/1.1\r\nHost: {OWN}:{port}\r\n");
    let many = "A: b\r\n".repeat(100);
    let long = format!("A: {}\r\n", "b".repeat(20 << 10));
    let body = format!("Content-Length: {}\r\n\r\n", crate::MAX_BODY + 1);
    let body = format!("{body}{}", "x".repeat(crate::MAX_BODY + 1));
    for (what, status) in [(many, "431"), (long, "431"), (body, "413")] {
        let mut stream = connect(OTHER, port);
        // It hangs up while there is more to send.
        let _ = stream.write_all(format!("{head}{what}\r\n").as_bytes());
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *format!("HTTP/1.1 {status}").as_bytes());
        assert!(get(OTHER, port).starts_with("HTTP/1.1 200 "), "and goes on");
    }
}

#[test]
fn at_the_router_s_own_socket_each_answer_is_json_and_needs_no_host() {
    let ask = |words: &str| at_the_socket(Arc::new(Nothing), words);
    let status = ask("GET /api/v1/status HTTP/1.0\r\n\r\n");
    assert!(
        status.starts_with("HTTP/1.0 200 OK\r\n") && status.ends_with("\r\n\r\n{}"),
        "{status}"
    );
    let two =
        "GET /api/v1/wans HTTP/1.1\r\nHost: ntm\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n";
    let two = ask(two);
    assert!(
        two.contains("200 OK") && two.contains("404 Not Found"),
        "{two}"
    );
    assert!(two.contains("{\"error\":\"that is for browsers"), "{two}");
    let body = "x".repeat(crate::MAX_BODY + 1);
    let length = body.len();
    let long = ask(&format!(
        "POST /api/v1/ping HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
    assert!(
        long.contains("413 ") && long.contains("{\"error\":\""),
        "{long}"
    );
    assert!(ask("{\"command\":\"status\"}\n").starts_with("HTTP/1.1 400"));
}

#[test]
fn what_is_begun_is_ended_also_when_nobody_waits_for_it() {
    let (done, told) = std::sync::mpsc::channel();
    runtime().block_on(async {
        use tokio::io::AsyncWriteExt;
        let (mut ours, theirs) = tokio::net::UnixStream::pair().unwrap();
        let served = tokio::spawn(local::serve(theirs, Arc::new(Slow(done))));
        ours.write_all(b"GET /api/v1/status HTTP/1.0\r\n\r\n")
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(ours);
        served.await.unwrap();
        assert!(told.try_recv().is_err(), "the connection ends first");
        let end = Instant::now() + Duration::from_secs(30);
        while told.try_recv().is_err() {
            assert!(Instant::now() < end, "it is not ended");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}
