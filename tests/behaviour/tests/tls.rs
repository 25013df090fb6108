//! TLS on either hop, through failovers, against real servers; and what is said when it does not come about.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use standfast::{
    Channels, Client, ClientState, Config, Error, ErrorKind, Hop, Item, Logs, Request, Step, Value, blocking,
};
use standfast_behaviour::{LIMIT, client, connect, has_left, raw, run, until, with};
use standfast_lab::{Certificates, Lab, LabOptions, TlsOptions};

fn start(tls: TlsOptions) -> Lab {
    Lab::start(LabOptions { tls: Some(tls), ..LabOptions::default() }).expect("the lab starts")
}

/// A small one, for what goes wrong before anything can fail over.
fn small(tls: TlsOptions) -> Lab {
    Lab::start(LabOptions { tls: Some(tls), replicas: 0, sentinels: 1, ..LabOptions::default() })
        .expect("the lab starts")
}

fn refused(url: &str) -> Error {
    let started = Instant::now();
    let error = connect(&with(url, "connect_deadline=20s")).expect_err(url);
    assert!(started.elapsed() < Duration::from_secs(10), "only after {:?}: {error}", started.elapsed());
    error
}

/// The URL of a lab without its TLS options.
fn bare(lab: &Lab) -> String {
    lab.url().split('?').next().unwrap().to_owned()
}

fn ca(lab: &Lab) -> String {
    format!("tls_ca={}&sentinel_tls=same", lab.certificates().unwrap().ca.display())
}

/// Commands by both drivers and a subscription, before and after the master is replaced.
fn through_a_failover(lab: &Lab, replace: impl FnOnce(&Lab)) {
    let client = client(lab, "");
    let news = client.subscribe(Channels::new(["news"])).unwrap();
    news.ready_blocking(Some(LIMIT), None).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let talk = |text: &str| {
        assert_eq!(run(&client, &format!("SET k {text}")).unwrap(), Value::Okay);
        let got = runtime.block_on(client.command(Request::new(["GET", "k"]).unwrap())).unwrap();
        assert_eq!(got, Value::BulkString(text.as_bytes().to_vec()));
        until(&format!("{text} is heard"), || {
            run(&client, &format!("PUBLISH news {text}")).unwrap();
            let deadline = Duration::from_millis(200);
            match news.next_blocking(Some(deadline), None).unwrap() {
                Some(Item::Message(message)) if *message.payload == *text.as_bytes() => Some(()),
                _ => None,
            }
        });
    };
    talk("before");
    let old = lab.master().unwrap();
    replace(lab);
    has_left(&client, lab, old);
    talk("after");
    client.close();
}

#[test]
fn every_mixture_of_plain_and_tls_follows_a_failover() {
    for (data, sentinel) in [(true, true), (true, false), (false, true)] {
        for mutual in [false, true] {
            let lab = start(TlsOptions { data, sentinel, mutual, ..TlsOptions::default() });
            through_a_failover(&lab, |lab| _ = lab.planned_failover().unwrap());
        }
    }
}

#[test]
fn tls_1_2_and_1_3_alone_are_enough_and_a_killed_master_is_left() {
    for versions in ["TLSv1.2", "TLSv1.3"] {
        let lab = start(TlsOptions { versions: versions.into(), mutual: true, ..TlsOptions::default() });
        through_a_failover(&lab, |lab| _ = lab.kill(lab.master().unwrap()).unwrap());
    }
}

#[test]
fn what_is_larger_than_a_record_goes_through_both_drivers() {
    let lab = small(TlsOptions::default());
    let client = client(&lab, "");
    let large = vec![b'x'; 3_000_001];
    let set = Request::new([b"SET".as_slice(), b"large", &large]).unwrap();
    assert_eq!(client.blocking().command(set, standfast::Timeout::Default, None).unwrap(), Value::Okay);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(
            client.command(Request::new(["GET", "large"]).unwrap()).await.unwrap(),
            Value::BulkString(large.clone())
        );
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..2_000_i64 {
            let client = client.clone();
            tasks.spawn(async move {
                let request = Request::new(["ECHO".to_owned(), format!("{number}-{}", "y".repeat(500))]).unwrap();
                let echoed = client.command(request).await.unwrap();
                assert!(matches!(echoed, Value::BulkString(text) if text.starts_with(format!("{number}-").as_bytes())));
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    });
    assert_eq!(run(&client, "STRLEN large").unwrap(), Value::Int(3_000_001));
}

#[test]
fn a_certificate_for_another_name_is_refused_with_both_names_and_accepted_by_a_rule() {
    let names = vec!["redis.example".into(), "*.other.example".into()];
    let lab = small(TlsOptions { names, ..TlsOptions::default() });
    let url = with(&bare(&lab), &ca(&lab));

    let error = refused(&url);
    assert_eq!(error.kind(), ErrorKind::TlsFailed, "{error}");
    assert_eq!(error.retry().as_str(), "never");
    for part in ["\"127.0.0.1\"", "redis.example", "*.other.example", "tls_server_name"] {
        assert!(error.causes()[0].text.contains(part), "{part}: {error}");
    }
    assert_eq!(error.causes()[0].step, Step::Tls);
    // The data hop says so, too.
    let sentinels = lab.sentinel_addrs()[0];
    let own =
        format!("sentinel_tls_server_name=redis.example&sentinel_tls_ca={}", lab.certificates().unwrap().ca.display());
    let error = refused(&with(&bare(&lab), &format!("tls_ca={}&{own}", lab.certificates().unwrap().ca.display())));
    assert_eq!(error.kind(), ErrorKind::TlsFailed, "{error}");
    assert!(error.causes()[0].address == lab.master().unwrap().to_string(), "{error}");

    for rule in [
        "redis.example".to_owned(),
        "a.other.example".to_owned(),
        "127.0.0.1=redis.example".to_owned(),
        format!("{sentinels}=b.other.example,127.0.0.1=redis.example"),
    ] {
        let client = connect(&with(&url, &format!("tls_server_name={rule}"))).expect(&rule);
        assert_eq!(run(&client, "SET k v").unwrap(), Value::Okay);
    }
    let mut config = Config::from_url(&url).unwrap();
    config.set_server_name(Hop::Data, |address| format!("{}.other.example", address.port));
    let client = blocking::connect(config, None).unwrap();
    assert_eq!(run(&client, "SET k v").unwrap(), Value::Okay);
}

#[test]
fn whoever_is_not_certified_is_refused_on_either_side() {
    let lab = small(TlsOptions { mutual: true, ..TlsOptions::default() });
    let strangers = std::env::temp_dir().join(format!("standfast-strangers-{}", std::process::id()));
    let stranger = Certificates::make(&strangers, &["127.0.0.1".into()]).unwrap();

    // We do not trust the server: not its authority, nor by what the system trusts.
    let cert = |of: &Certificates| format!("tls_cert={}&tls_key={}", of.client.display(), of.client_key.display());
    let ours = lab.certificates().unwrap();
    for ca in [format!("tls_ca={}&", stranger.ca.display()), String::new()] {
        let error = refused(&with(&bare(&lab), &format!("{ca}sentinel_tls=same&{}", cert(ours))));
        if error.kind() == ErrorKind::InvalidOption {
            // A machine without a store of authorities says that instead.
            assert!(ca.is_empty() && error.message().contains("the system trusts nobody"), "{error}");
            continue;
        }
        assert_eq!(error.kind(), ErrorKind::TlsFailed, "{error}");
        assert!(error.causes()[0].text.contains("tls_ca"), "{error}");
    }
    // The server does not trust us.
    for more in [String::new(), format!("&{}", cert(&stranger))] {
        let error = refused(&with(&bare(&lab), &format!("{}{more}", ca(&lab))));
        assert_eq!(error.kind(), ErrorKind::TlsFailed, "{error}");
        assert!(error.causes()[0].text.contains("tls_cert"), "{error}");
    }
    std::fs::remove_dir_all(strangers).unwrap();
}

#[test]
fn authorities_certificates_and_keys_can_be_given_as_text() {
    let lab = small(TlsOptions { mutual: true, ..TlsOptions::default() });
    let files = lab.certificates().unwrap();
    let mut config = Config::from_url(&bare(&lab)).unwrap();
    for (option, file) in [("tls_ca", &files.ca), ("tls_cert", &files.client), ("tls_key", &files.client_key)] {
        config.set(option, std::fs::read_to_string(file).unwrap()).unwrap();
    }
    config.set("sentinel_tls", "same").unwrap();
    let key = std::fs::read_to_string(&files.client_key).unwrap();
    let secret = key.lines().nth(1).unwrap();
    assert!(!format!("{config:?} {:?}", config.describe()).contains(secret));
    let client = blocking::connect(config, None).unwrap();
    assert_eq!(run(&client, "SET k v").unwrap(), Value::Okay);
}

#[test]
fn a_certificate_is_renewed_without_a_restart() {
    let lab = small(TlsOptions { mutual: true, ..TlsOptions::default() });
    let files = lab.certificates().unwrap();
    let folder = std::env::temp_dir().join(format!("standfast-renewed-{}", std::process::id()));
    // Nobody will accept this one.
    let mine = Certificates::make(&folder, &["127.0.0.1".into()]).unwrap();
    let options = format!("{}&tls_cert={}&tls_key={}", ca(&lab), mine.client.display(), mine.client_key.display());
    let url = with(&bare(&lab), &format!("{options}&connect=background"));
    let client = connect(&url).unwrap();
    until("the certificate is refused", || {
        let down = client.status().sentinels.iter().any(|sentinel| sentinel.error.is_some());
        down.then_some(())
    });
    std::fs::copy(&files.client, &mine.client).unwrap();
    std::fs::copy(&files.client_key, &mine.client_key).unwrap();
    until("the new certificate is used", || (client.status().state == ClientState::Ready).then_some(()));
    assert_eq!(run(&client, "SET k v").unwrap(), Value::Okay);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn verification_is_only_switched_off_aloud() {
    let lab = small(TlsOptions { names: vec!["nobody.example".into()], ..TlsOptions::default() });
    let logs = Logs::open(standfast::LogLevel::Warn).unwrap();
    let client = connect(&with(&bare(&lab), "tls_verify=insecure&sentinel_tls=same")).unwrap();
    assert_eq!(run(&client, "SET k v").unwrap(), Value::Okay);
    until("a warning is logged", || {
        let record = logs.try_next().unwrap()?;
        record.message.contains("tls_verify=insecure").then_some(())
    });
}

#[test]
fn plain_and_tls_ports_that_are_taken_for_each_other_are_told() {
    let lab = small(TlsOptions::default());
    // Without TLS to ports that want it.
    let plain = bare(&lab).replace("rediss", "redis");
    let error = connect(&with(&plain, "connect_deadline=2s")).unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
    // With TLS to ports that do not know it.
    let lab = Lab::start(LabOptions { replicas: 0, sentinels: 1, ..LabOptions::default() }).unwrap();
    let options = "connect_deadline=2s&tls_verify=insecure&sentinel_tls=same";
    let error = connect(&with(&lab.url().replace("redis+", "rediss+"), options)).unwrap_err();
    assert!(error.to_string().contains("speak TLS"), "{error}");
}

#[test]
fn a_handshake_that_stalls_ends_in_time() {
    let lab = start(TlsOptions::default());
    // The kernel accepts, and nobody ever says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut url = with(&bare(&lab), &ca(&lab));
    url = url.replace("rediss+sentinel://", &format!("rediss+sentinel://{},", silent.local_addr().unwrap()));
    let client: Client = connect(&url).unwrap();
    assert_eq!(run(&client, "SET k v").unwrap(), Value::Okay);
    let address = silent.local_addr().unwrap().to_string();
    let why = until("the silent one is given up", || {
        let status = client.status();
        let silent = status.sentinels.iter().find(|sentinel| sentinel.address.to_string() == address);
        silent.and_then(|sentinel| sentinel.error.clone())
    });
    assert!(why.contains("TLS handshake"), "{why}");
    assert_eq!(raw(&lab, lab.master().unwrap()).command(&["GET", "k"]).unwrap().text(), "v");
}
