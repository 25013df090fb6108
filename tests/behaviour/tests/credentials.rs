//! Who is let in: every mixture of credentials on the two hops, users with few rights, and passwords that change.

use standfast::{Channels, Client, ClientState, Config, Credentials, ErrorKind, EventKind, Hop, Item, blocking};
use standfast_behaviour::{LIMIT, client, connect, event, has_left, raw, run, sentinel_url, until, with};
use standfast_lab::{Lab, LabOptions, Raw};

fn small() -> Lab {
    Lab::start(LabOptions { replicas: 0, sentinels: 1, ..LabOptions::default() }).expect("the lab starts")
}

/// What a server asks for, or a client brings.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Has {
    Nothing,
    Password,
    User,
    /// Of the sentinels: the credentials of the data nodes.
    Same,
}

const PASSWORD: &str = "canary-password";
const OTHER: &str = "canary-other";

/// A server that lets in whoever has this; `secret` is its password. Connections that exist stay.
fn demand(server: &mut Raw, has: Has, secret: &str) {
    let password = format!(">{secret}");
    let someone: &[&str] = &["SETUSER", "someone", "reset", "on", &password, "~*", "&*", "+@all"];
    let rules: [&[&str]; 2] = match has {
        Has::Nothing => {
            [&["DELUSER", "someone"], &["SETUSER", "default", "reset", "on", "nopass", "~*", "&*", "+@all"]]
        }
        Has::Password => {
            [&["DELUSER", "someone"], &["SETUSER", "default", "reset", "on", &password, "~*", "&*", "+@all"]]
        }
        Has::User | Has::Same => [someone, &["SETUSER", "default", "off"]],
    };
    for rule in rules {
        let words: Vec<&str> = ["ACL"].into_iter().chain(rule.iter().copied()).collect();
        server.command(&words).unwrap().into_result().unwrap();
    }
}

/// What a client says.
fn bring(has: Has, secret: &str) -> Credentials {
    match has {
        Has::Nothing => Credentials::default(),
        Has::Password => Credentials::new(None, secret),
        Has::User | Has::Same => Credentials::new(Some("someone".into()), secret),
    }
}

/// R44: 4 x 4 on either hop, with the error that names the hop.
#[test]
fn every_mixture_of_credentials_is_let_in_or_named_by_its_hop() {
    let lab = small();
    let (sentinel, node) = (lab.sentinel_addrs()[0], lab.master().unwrap());
    let (mut at_sentinel, mut at_node) = (raw(&lab, sentinel), raw(&lab, node));
    let all = [Has::Nothing, Has::Password, Has::User, Has::Same];
    let kind = |hop: Hop, wanted: Has, given: Has| {
        let (required, failed) = match hop {
            Hop::Sentinel => (ErrorKind::SentinelAuthRequired, ErrorKind::SentinelAuthFailed),
            Hop::Data => (ErrorKind::MasterAuthRequired, ErrorKind::MasterAuthFailed),
        };
        match (wanted, given) {
            // A default user without a password takes any.
            (Has::Nothing, Has::Nothing | Has::Password) => None,
            (wanted, given) if wanted == given => None,
            (_, Has::Nothing) => Some(required),
            _ => Some(failed),
        }
    };
    for demanded in [Has::Nothing, Has::Password, Has::User] {
        for asked in [Has::Nothing, Has::Password, Has::User] {
            // The monitor needs no password: the sentinel's own link was made before.
            demand(&mut at_node, demanded, PASSWORD);
            demand(&mut at_sentinel, asked, PASSWORD);
            for data in [Has::Nothing, Has::Password, Has::User] {
                for sentinel_has in all {
                    let what = format!("{demanded:?}/{asked:?} given {data:?}/{sentinel_has:?}");
                    let mut url = sentinel_url(&[sentinel], "mymaster");
                    if sentinel_has == Has::Same {
                        url = with(&url, "sentinel_auth=same");
                    }
                    let mut config = Config::from_url(&with(&url, "connect_deadline=20s")).unwrap();
                    let given = bring(data, PASSWORD);
                    if given.password.is_some() {
                        config.set("password", PASSWORD).unwrap();
                    }
                    if let Some(user) = given.username {
                        config.set("username", user).unwrap();
                    }
                    if matches!(sentinel_has, Has::Password | Has::User) {
                        config.set("sentinel_password", PASSWORD).unwrap();
                    }
                    if sentinel_has == Has::User {
                        config.set("sentinel_username", "someone").unwrap();
                    }
                    let to_sentinel = if sentinel_has == Has::Same { data } else { sentinel_has };
                    let expected = kind(Hop::Sentinel, asked, to_sentinel).or_else(|| kind(Hop::Data, demanded, data));
                    match (blocking::connect(config, None), expected) {
                        (Ok(client), None) => client.close(),
                        (Ok(_), Some(kind)) => panic!("{what}: connected instead of {}", kind.name()),
                        (Err(error), expected) => {
                            assert_eq!(Some(error.kind()), expected, "{what}: {error}");
                            assert!(!error.to_string().contains("canary"), "{error}");
                        }
                    }
                }
            }
        }
    }
}

/// R45: both hops, links that run stay, the next ones use the new password.
#[test]
fn passwords_change_while_the_client_runs() {
    let lab = Lab::start(LabOptions {
        password: Some(PASSWORD.into()),
        sentinel_password: Some(PASSWORD.into()),
        ..LabOptions::default()
    })
    .unwrap();
    let client = client(&lab, "");
    let events = client.events();
    run(&client, "SET k before").unwrap();
    let all: Vec<_> = lab.node_addrs().iter().chain(lab.sentinel_addrs()).copied().collect();
    let mut servers: Vec<Raw> = all.iter().map(|addr| raw(&lab, *addr)).collect();
    // Users of our own: the servers go on with theirs.
    for server in &mut servers {
        let user = ["ACL", "SETUSER", "rotated", "on", ">canary-other", "~*", "&*", "+@all"];
        server.command(&user).unwrap().into_result().unwrap();
    }
    client.set_credentials(Hop::Data, Credentials::new(Some("rotated".into()), OTHER)).unwrap();
    client.set_credentials(Hop::Sentinel, Credentials::new(Some("rotated".into()), OTHER)).unwrap();
    let id = |server: &mut Raw| server.command(&["CLIENT", "LIST"]).unwrap().text();
    // Nothing was interrupted by that.
    assert!(servers.iter_mut().all(|server| !id(server).contains("user=rotated")));
    run(&client, "SET k still").unwrap();

    let old = lab.master().unwrap();
    lab.planned_failover().unwrap();
    has_left(&client, &lab, old);
    let new = lab.master().unwrap();
    let mut at_new = raw(&lab, new);
    until("the new links are those of the new user", || {
        let list = id(&mut at_new);
        let ours: Vec<&str> = list.lines().filter(|line| line.contains("standfast")).collect();
        (!ours.is_empty() && ours.iter().all(|line| line.contains("user=rotated"))).then_some(())
    });
    // A sentinel that comes back is greeted as the new user, too.
    let sentinel = lab.sentinel_addrs()[0];
    let mut at_sentinel = raw(&lab, sentinel);
    at_sentinel.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).unwrap();
    at_sentinel.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
    until("the sentinel is watched by the new user", || {
        let list = raw(&lab, sentinel).command(&["CLIENT", "LIST"]).unwrap().text();
        list.lines().any(|line| line.contains("standfast") && line.contains("user=rotated")).then_some(())
    });
    let seen: Vec<_> = std::iter::from_fn(|| events.try_next().unwrap()).collect();
    assert!(seen.iter().all(|event| event.kind != EventKind::AuthFailed));
    assert!(!format!("{seen:?}{:?}{client:?}", client.status()).contains("canary"));
}

#[test]
fn a_client_that_is_refused_is_helped_by_new_credentials() {
    let lab = Lab::start(LabOptions { sentinel_password: Some(PASSWORD.into()), ..LabOptions::default() }).unwrap();
    let url =
        with(&sentinel_url(lab.sentinel_addrs(), "mymaster"), "connect=background&sentinel_password=canary-wrong");
    let client = connect(&url).unwrap();
    event(&client.events(), EventKind::AuthFailed);
    client.set_credentials(Hop::Sentinel, Credentials::new(None, PASSWORD)).unwrap();
    until("it is ready", || (client.status().state == ClientState::Ready).then_some(()));
    run(&client, "SET k v").unwrap();
}

#[test]
fn a_password_file_is_read_for_every_connection() {
    let lab = Lab::start(LabOptions { password: Some(PASSWORD.into()), ..LabOptions::default() }).unwrap();
    let path = std::env::temp_dir().join(format!("standfast-password-{}", std::process::id()));
    std::fs::write(&path, format!("{PASSWORD}\n")).unwrap();
    let url = sentinel_url(lab.sentinel_addrs(), "mymaster");
    let client = connect(&with(&url, &format!("password_file={}", path.display()))).unwrap();
    run(&client, "SET k v").unwrap();
    for node in lab.node_addrs() {
        raw(&lab, *node).command(&["ACL", "SETUSER", "default", ">canary-other"]).unwrap().into_result().unwrap();
    }
    std::fs::write(&path, OTHER).unwrap();
    let old = lab.master().unwrap();
    lab.planned_failover().unwrap();
    has_left(&client, &lab, old);
    // The old password alone would have been good enough, too: make sure that it is not.
    let master = lab.master().unwrap();
    let mut at_master = raw(&lab, master);
    at_master.command(&["ACL", "SETUSER", "default", "<canary-password"]).unwrap().into_result().unwrap();
    at_master.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).unwrap();
    until("a new connection is let in", || run(&client, "SET k w").is_ok().then_some(()));
    std::fs::remove_file(path).unwrap();
}

/// The lines in the README.
fn least(lines: &str) -> Vec<Vec<String>> {
    let text = include_str!("../../../README.md");
    let block = text.split(&format!("<!-- acl: {lines} -->")).nth(1).expect("the README has the lines");
    let block = block.split("```").nth(1).expect("a block of code");
    let users = block.lines().filter(|line| line.starts_with("user "));
    users.map(|line| line.split_whitespace().skip(1).map(ToOwned::to_owned).collect()).collect()
}

fn set_user(lab: &Lab, server: std::net::SocketAddr, rule: &[String]) {
    let words: Vec<&str> = ["ACL", "SETUSER"].into_iter().chain(rule.iter().map(String::as_str)).collect();
    raw(lab, server).command(&words).unwrap().into_result().unwrap();
}

/// The users of the README can do what it says, through a failover, and no more.
#[test]
fn users_with_the_least_rights_are_enough() {
    let lab = Lab::start(LabOptions::default()).unwrap();
    for server in lab.sentinel_addrs() {
        least("sentinel").iter().for_each(|rule| set_user(&lab, *server, rule));
    }
    for server in lab.node_addrs() {
        least("data").iter().for_each(|rule| set_user(&lab, *server, rule));
    }
    let url = |data: &str, sentinel: &str| {
        let options = format!("username={data}&password=secret&sentinel_username={sentinel}&sentinel_password=secret");
        with(&sentinel_url(lab.sentinel_addrs(), "mymaster"), &options)
    };
    let watching: Client = connect(&url("app", "watcher")).unwrap();
    let polling: Client = connect(&url("reader", "poller")).unwrap();
    let states = |client: &Client, wanted: &str| {
        until("the sentinels are up", || {
            let sentinels = client.status().sentinels;
            sentinels.iter().all(|sentinel| sentinel.state == wanted).then_some(())
        });
    };
    states(&watching, "subscribed");
    states(&polling, "polling");
    let news = watching.subscribe(Channels::new(["app:news"])).unwrap();
    news.ready_blocking(Some(LIMIT), None).unwrap();
    run(&watching, "SET app:k v").unwrap();
    run(&polling, "GET app:k").unwrap();
    assert_eq!(run(&watching, "SET other v").unwrap_err().kind(), ErrorKind::NoPermission);
    assert_eq!(run(&polling, "SET app:k v").unwrap_err().kind(), ErrorKind::NoPermission);

    let old = lab.master().unwrap();
    lab.planned_failover().unwrap();
    for client in [&watching, &polling] {
        until("the new master is used", || {
            let status = client.status();
            (status.state == ClientState::Ready && status.master?.port != old.port()).then_some(())
        });
        run(client, "GET app:k").unwrap();
    }
    until("a message is heard", || {
        run(&watching, "PUBLISH app:news x").unwrap();
        match news.next_blocking(Some(std::time::Duration::from_millis(200)), None).unwrap() {
            Some(Item::Message(_)) => Some(()),
            _ => None,
        }
    });
}
