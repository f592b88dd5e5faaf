//! The password and what a login is worth.

use super::*;

#[test]
fn first_run_sets_the_password_once() {
    let mut world = World::with(None);
    for path in ["/", "/devices", "/login"] {
        let response = world.ask(&get(path));
        assert_eq!(header(&response, "Location"), Some("/welcome"), "{path}");
    }
    assert_eq!(world.ask(&get("/api/v1/status")).status, 401);
    let token = world.token(None);
    let try_it = |world: &mut World, new: &str, again: &str| {
        world.ask(&post(
            "/welcome",
            &format!("token={token}&new={new}&again={again}"),
        ))
    };
    assert_eq!(try_it(&mut world, "short", "short").status, 422);
    assert_eq!(try_it(&mut world, "long+enough", "long+enougg").status, 422);
    assert!(world.kept.is_empty());
    let done = try_it(&mut world, "long+enough", "long+enough");
    assert_eq!((done.status, header(&done, "Location")), (303, Some("/")));
    assert!(password::verify("long enough", &world.kept[0]));
    let first = cookie(&done).unwrap();
    assert!(world.is_owner(&first));
    let second = try_it(&mut world, "another+one", "another+one");
    assert_eq!(header(&second, "Location"), Some("/login"));
    assert_eq!((world.kept.len(), cookie(&second)), (1, None));
    assert!(world.is_owner(&first));
}

#[test]
fn a_password_that_cannot_be_kept_is_not_set() {
    let mut world = World::with(None);
    let token = world.token(None);
    let form = format!("token={token}&new=long+enough&again=long+enough");
    let Step::Ask(Ask::Keep(_), pending) = world
        .site
        .handle_request(&post("/welcome", &form), world.now)
    else {
        panic!("it is to be kept");
    };
    let full = Err("no space left on device".into());
    let response = world.site.handle_result(pending, full, world.now);
    assert_eq!((response.status, cookie(&response)), (500, None));
    assert_eq!(header(&world.ask(&get("/")), "Location"), Some("/welcome"));
}

#[test]
fn a_look_at_the_file_before_it_is_written_takes_no_password_back() {
    let mut world = World::with(None);
    let token = world.token(None);
    let form = format!("token={token}&new=long+enough&again=long+enough");
    let Step::Ask(Ask::Keep(phc), pending) = world
        .site
        .handle_request(&post("/welcome", &form), world.now)
    else {
        panic!("it is to be kept");
    };
    world.site.password_changed(None);
    let done = world
        .site
        .handle_result(pending, Ok(Value::Null), world.now);
    world.site.password_changed(Some(phc));
    assert!(world.is_owner(&cookie(&done).unwrap()));
}

#[test]
fn cookies_are_out_of_reach_for_scripts_and_other_sites() {
    let mut world = World::new();
    let response = world.log_in(PASSWORD);
    let cookies: Vec<_> = response
        .headers
        .iter()
        .filter(|(name, _)| *name == "Set-Cookie")
        .collect();
    assert_eq!(
        cookies.len(),
        2,
        "the session, and the mark of a known browser"
    );
    for (_, cookie) in cookies {
        assert!(
            cookie.contains("HttpOnly; SameSite=Strict") && cookie.contains("Path=/;"),
            "{cookie}"
        );
    }
    assert_ne!(
        cookie(&response),
        cookie(&world.log_in(PASSWORD)),
        "each login is its own"
    );
}

#[test]
fn a_wrong_password_opens_nothing_and_costs_time() {
    let mut world = World::new();
    for _ in 0..5 {
        let response = world.log_in("wrong password");
        assert_eq!((response.status, cookie(&response)), (403, None));
    }
    let response = world.log_in(PASSWORD);
    assert_eq!((response.status, cookie(&response)), (429, None));
    assert!(text(&response).contains("Wait 1 seconds"));
    world.now += Duration::from_secs(1);
    assert!(
        cookie(&world.log_in(PASSWORD)).is_some(),
        "the owner is not kept out"
    );
}

#[test]
fn sessions_end() {
    let mut world = World::new();
    let (a, b) = (world.owner(), world.owner());
    let token = world.token(Some(&a));
    let mut out = post("/logout", &format!("token={token}"));
    out.cookie = Some(a.clone());
    let response = world.ask(&out);
    assert!(
        header(&response, "Set-Cookie")
            .unwrap()
            .contains("Max-Age=0")
    );
    assert!(!world.is_owner(&a) && world.is_owner(&b));
    world.now += IDLE;
    assert!(!world.is_owner(&b));
    let c = world.owner();
    let end = world.now + LONGEST;
    while world.now + IDLE < end {
        world.now += IDLE / 2;
        assert!(world.is_owner(&c));
    }
    world.now = end;
    assert!(!world.is_owner(&c));
}

#[test]
fn a_new_password_ends_all_sessions_but_its_own() {
    let mut world = World::new();
    let (a, b) = (world.owner(), world.owner());
    let token = world.token(Some(&a));
    let change = |old: &str| {
        let mut request = post(
            "/password",
            &format!("token={token}&password={old}&new=battery+staple&again=battery+staple"),
        );
        request.cookie = Some(a.clone());
        request
    };
    assert_eq!(world.ask(&change("wrong")).status, 403);
    assert!(world.kept.is_empty() && world.is_owner(&b));
    let done = world.ask(&change("correct+horse"));
    assert_eq!(done.status, 303);
    assert!(!world.is_owner(&a) && !world.is_owner(&b));
    assert!(world.is_owner(&cookie(&done).unwrap()));
    assert_eq!(world.log_in(PASSWORD).status, 403);
    // The same by `ntm-gateway password`.
    let c = cookie(&world.log_in("battery staple")).unwrap();
    world.site.password_changed(Some(world.kept[0].clone()));
    assert!(world.is_owner(&c), "nothing has changed");
    world
        .site
        .password_changed(Some(password::hash("a third one", [2; 16], CHEAP).unwrap()));
    assert!(!world.is_owner(&c));
}
