//! Subscriptions: confirmed, restored, and honest about what may be missing.

use std::time::Duration;

use standfast::{Channels, Client, ErrorKind, EventKind, Item, OverflowPolicy, Phase, Subscription};
use standfast_behaviour::{LIMIT, SWALLOW, client, event, events_of, lab, proxied, raw, run, since, until};
use standfast_lab::{Lab, Side};

fn next(subscription: &Subscription) -> Item {
    subscription.next_blocking(Some(LIMIT), None).unwrap().expect("an item within the limit")
}

fn payload(item: &Item) -> Option<String> {
    match item {
        Item::Message(message) => Some(String::from_utf8(message.payload.clone()).unwrap()),
        _ => None,
    }
}

fn subscribe(client: &Client, channels: Channels) -> Subscription {
    let subscription = client.subscribe(channels).unwrap();
    subscription.ready_blocking(Some(LIMIT), None).unwrap();
    subscription
}

/// How many subscribers the master has on a channel; nothing while there is no master to ask.
fn subscribers(lab: &Lab, channel: &str) -> Option<String> {
    let mut master = lab.connect(lab.master().ok()?).ok()?;
    Some(master.command(&["PUBSUB", "NUMSUB", channel]).ok()?.items().get(1)?.text())
}

fn has_subscribers(lab: &Lab, channel: &str, count: &str) -> Option<()> {
    (subscribers(lab, channel)? == count).then_some(())
}

#[test]
fn messages_arrive_on_channels_and_patterns() {
    let lab = lab();
    let client = client(&lab, "");
    let channel = subscribe(&client, Channels::new(["news"]));
    let pattern = subscribe(&client, Channels::patterns(["n*"]));
    assert_eq!(client.blocking().publish(b"news", b"hello", None).unwrap(), 2);
    let Item::Message(message) = next(&channel) else { panic!("a message") };
    assert_eq!((&*message.channel, message.pattern, message.gap_before), (&b"news"[..], None, None));
    let Item::Message(message) = next(&pattern) else { panic!("a message") };
    assert_eq!((&*message.channel, message.pattern.as_deref()), (&b"news"[..], Some(&b"n*"[..])));
}

#[test]
fn every_missing_number_lies_in_a_marked_gap() {
    let lab = lab();
    let client = client(&lab, "");
    let subscription = subscribe(&client, Channels::new(["numbers"]));
    let publisher = lab.publisher("numbers", Duration::from_millis(1));
    let first: u64 = payload(&next(&subscription)).unwrap().parse().unwrap();

    lab.kill(lab.master().unwrap()).unwrap();
    let (mut received, mut gaps) = (vec![first], Vec::new());
    // Read on until messages come from the new master.
    loop {
        match next(&subscription) {
            Item::Message(message) => {
                let number = String::from_utf8(message.payload).unwrap().parse().unwrap();
                received.push(number);
                if message.generation == 2 {
                    assert!(message.gap_before.is_some(), "the first message after a gap carries it");
                    break;
                }
            }
            Item::Gap(gap) => gaps.push(gap),
            other => panic!("unexpected {other:?}"),
        }
    }
    let last = *received.last().unwrap();
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].reason, "switched");
    assert!(gaps[0].since < gaps[0].until && gaps[0].generation == 2);
    let inside = |at_us: i64| {
        // Publishing and receiving are two processes' views of one moment.
        at_us >= standfast::unix_micros(gaps[0].since) - 2_000 && at_us <= standfast::unix_micros(gaps[0].until) + 2_000
    };
    for published in publisher.stop() {
        let n = published.n;
        if published.receivers.is_some() && n > first && n < last && !received.contains(&n) {
            assert!(inside(published.at_us), "message {n} is missing outside the gap {gaps:?}: {published:?}");
        }
    }
}

#[test]
fn an_unread_switch_leaves_no_subscription_behind_on_the_old_master() {
    let lab = lab();
    let client = client(&lab, "");
    let channels: Vec<String> = (0..200).map(|n| format!("channel:{n}")).collect();
    let subscription = subscribe(&client, Channels::new(&channels).pattern("p*"));
    lab.kill(lab.master().unwrap()).unwrap();
    lab.wait_writable(LIMIT).unwrap();
    until("every channel is restored", || has_subscribers(&lab, "channel:199", "1"));
    subscription.ready_blocking(Some(LIMIT), None).unwrap();
    subscription.close();
    until("the server was told", || has_subscribers(&lab, "channel:0", "0"));
}

#[test]
fn a_lost_link_to_a_living_master_is_marked_too() {
    let lab = lab();
    let client = client(&lab, "");
    let subscription = subscribe(&client, Channels::new(["news"]));
    let mut master = raw(&lab, lab.master().unwrap());
    master.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
    let Item::Gap(gap) = next(&subscription) else { panic!("a gap") };
    assert_eq!((gap.reason, gap.generation), ("link_lost", 1));
    assert_eq!(master.command(&["PUBLISH", "news", "again"]).unwrap().text(), "1");
    assert_eq!(payload(&next(&subscription)).as_deref(), Some("again"));
}

#[test]
fn handles_on_the_same_channel_share_one_server_subscription() {
    let lab = lab();
    let client = client(&lab, "");
    let one = subscribe(&client, Channels::new(["shared"]));
    let two = subscribe(&client, Channels::new(["shared"]));
    assert_eq!(subscribers(&lab, "shared").as_deref(), Some("1"));
    client.blocking().publish(b"shared", b"x", None).unwrap();
    assert_eq!(payload(&next(&one)), payload(&next(&two)));
    one.close();
    client.blocking().publish(b"shared", b"y", None).unwrap();
    assert_eq!(payload(&next(&two)).as_deref(), Some("y"));
}

#[test]
fn a_slow_reader_loses_messages_countably() {
    let lab = lab();
    let client = client(&lab, "");
    let slow = subscribe(&client, Channels::new(["flood"]).items(10));
    let closing = subscribe(&client, Channels::new(["flood"]).items(10).overflow(OverflowPolicy::Close));
    let witness = subscribe(&client, Channels::new(["flood"]));
    for number in 0..100 {
        client.blocking().publish(b"flood", number.to_string().as_bytes(), None).unwrap();
    }
    while payload(&next(&witness)).as_deref() != Some("99") {}
    let Item::Dropped(dropped) = next(&slow) else { panic!("a mark") };
    assert_eq!(dropped.count, 90);
    assert_eq!(payload(&next(&slow)).as_deref(), Some("90"));
    for _ in 0..10 {
        next(&closing);
    }
    assert_eq!(closing.try_next().unwrap_err().kind(), ErrorKind::Overflow);
}

#[test]
fn a_refused_subscription_says_so() {
    let lab = lab();
    for node in lab.node_addrs() {
        raw(&lab, *node)
            .command(&["ACL", "SETUSER", "reader", "on", ">pw", "+@all", "~*", "resetchannels", "&open*"])
            .unwrap();
    }
    let url = lab.url().replace("redis+sentinel://", "redis+sentinel://reader:pw@");
    let client = standfast_behaviour::connect(&url).unwrap();
    let refused = client.subscribe(Channels::new(["secret"])).unwrap();
    let error = refused.ready_blocking(Some(LIMIT), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SubscribeFailed, "{error}");
    // Others are not harmed.
    subscribe(&client, Channels::new(["open-house"]));
}

#[test]
fn ready_does_not_wait_for_ever() {
    let client =
        standfast_behaviour::connect(&format!("redis://{}?connect=background", standfast_behaviour::nowhere()))
            .unwrap();
    let subscription = client.subscribe(Channels::new(["x"])).unwrap();
    let error = subscription.ready_blocking(Some(Duration::from_millis(100)), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(error.phase(), Some(Phase::Discovering));
    assert!(subscription.next_blocking(Some(Duration::ZERO), None).unwrap().is_none());
    assert_eq!(client.subscribe(Channels::default()).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

/// Whoever demotes a master by hand does not close its connections, and a replica repeats what its master publishes.
#[test]
fn a_master_that_was_demoted_by_hand_repeats_nothing() {
    let lab = lab();
    let client = client(&lab, "");
    let subscription = subscribe(&client, Channels::new(["news"]));
    let old = lab.master().unwrap();
    lab.planned_failover().unwrap();
    let new = lab.wait_writable(LIMIT).unwrap().node;
    until("the client has switched", || (client.status().generation == 2).then_some(()));
    subscription.ready_blocking(Some(LIMIT), None).unwrap();
    // The lab's first write may come before anybody can listen; then it is not certain that nothing was published.
    while let Some(Item::Gap(_)) = subscription.try_next().unwrap() {}
    let (host, port) = (new.ip().to_string(), new.port().to_string());
    raw(&lab, old).command(&["REPLICAOF", &host, &port]).unwrap();
    until("the link to the old master is left", || {
        let links = client.status().links;
        links.iter().all(|link| link.kind != "subscriber" || link.generation > 1).then_some(())
    });
    for number in 0..20 {
        client.blocking().publish(b"news", number.to_string().as_bytes(), None).unwrap();
    }
    let received: Vec<_> = (0..20).map(|_| payload(&next(&subscription)).unwrap()).collect();
    assert_eq!(received, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(subscription.try_next().unwrap().is_none());
}

#[test]
fn sharded_channels_are_channels_of_their_own() {
    let lab = lab();
    let client = client(&lab, "");
    let sharded = subscribe(&client, Channels::sharded(["orders"]));
    let plain = subscribe(&client, Channels::new(["orders"]));
    let mut master = raw(&lab, lab.master().unwrap());
    assert_eq!(master.command(&["SPUBLISH", "orders", "sharded"]).unwrap().text(), "1");
    assert_eq!(payload(&next(&sharded)).as_deref(), Some("sharded"));
    assert_eq!(master.command(&["PUBLISH", "orders", "plain"]).unwrap().text(), "1");
    assert_eq!(payload(&next(&plain)).as_deref(), Some("plain"));
    assert!(sharded.try_next().unwrap().is_none());
    lab.kill(lab.master().unwrap()).unwrap();
    let new = lab.wait_writable(LIMIT).unwrap().node;
    let Item::Gap(_) = next(&sharded) else { panic!("a gap") };
    assert_eq!(raw(&lab, new).command(&["SPUBLISH", "orders", "again"]).unwrap().text(), "1");
    assert_eq!(payload(&next(&sharded)).as_deref(), Some("again"));
}

/// Only the refused one ends, and what was asked for behind it goes on.
#[test]
fn a_refusal_takes_nobody_elses_answer() {
    let lab = lab();
    for node in lab.node_addrs() {
        let words = ["ACL", "SETUSER", "reader", "on", ">pw", "+@all", "-ssubscribe", "~*", "&*"];
        raw(&lab, *node).command(&words).unwrap();
    }
    let url = lab.url().replace("redis+sentinel://", "redis+sentinel://reader:pw@");
    let client = standfast_behaviour::connect(&url).unwrap();
    let refused = client.subscribe(Channels::sharded(["a", "b"])).unwrap();
    let others: Vec<_> = (0..20).map(|n| client.subscribe(Channels::new([format!("c{n}")])).unwrap()).collect();
    assert_eq!(refused.ready_blocking(Some(LIMIT), None).unwrap_err().kind(), ErrorKind::SubscribeFailed);
    for other in &others {
        other.ready_blocking(Some(LIMIT), None).unwrap();
    }
    assert_eq!(events_of(&client, &[EventKind::LinkLost]).len(), 0, "the link lives on");
}

#[test]
fn who_is_silent_for_too_long_is_asked_and_stays_if_he_answers() {
    let lab = lab();
    let client = client(&lab, "");
    let quiet = subscribe(&client, Channels::new(["quiet"]).max_silence(Some(Duration::from_millis(50))));
    let asked = || lab.connect(lab.master().unwrap()).unwrap().command(&["INFO", "commandstats"]).unwrap().text();
    let hellos = |info: &str| -> Option<u64> {
        let line = info.lines().find(|line| line.starts_with("cmdstat_hello:"))?;
        line.split(['=', ',']).nth(1)?.parse().ok()
    };
    let before = hellos(&asked()).unwrap_or_default();
    until("it is asked again and again", || (hellos(&asked())? > before + 5).then_some(()));
    assert_eq!(events_of(&client, &[EventKind::LinkLost, EventKind::SubscriptionGap]).len(), 0);
    client.blocking().publish(b"quiet", b"x", None).unwrap();
    assert_eq!(payload(&next(&quiet)).as_deref(), Some("x"));
}

/// The origin's `MaxNoReceiveSeconds`: a link that is cut without a word is found long before its heartbeat.
#[test]
fn a_silent_link_that_does_not_prove_that_it_lives_is_made_anew() {
    let lab = proxied();
    let client = client(&lab, "heartbeat_timeout=300ms&heartbeat_interval=1h");
    let limit = Some(Duration::from_millis(200));
    let subscription = subscribe(&client, Channels::new(["news"]).max_silence(limit));
    let events = client.events();
    lab.inject_newest(lab.master().unwrap(), Side::Clients, SWALLOW).unwrap();
    let lost = event(&events, EventKind::LinkLost);
    let said = format!("{:?}", lost.details);
    assert!(said.contains("max_silence") && said.contains("subscriber"), "{said}");
    let Item::Gap(gap) = next(&subscription) else { panic!("a gap") };
    assert_eq!(gap.reason, "link_lost");
    client.blocking().publish(b"news", b"x", None).unwrap();
    assert_eq!(payload(&next(&subscription)).as_deref(), Some("x"));
}

#[test]
fn a_pulse_goes_the_whole_way_and_is_missed_when_it_does_not() {
    let lab = proxied();
    let client = client(&lab, "heartbeat_timeout=300ms&heartbeat_interval=1h");
    let pulse = Some(Duration::from_millis(50));
    let subscription = subscribe(&client, Channels::new(["news"]).pulse_interval(pulse));
    let master = lab.master().unwrap();
    let published = || -> Option<u64> {
        let info = raw(&lab, master).command(&["INFO", "commandstats"]).ok()?.text();
        let line = info.lines().find(|line| line.starts_with("cmdstat_publish:"))?.to_owned();
        line.split(['=', ',']).nth(1)?.parse().ok()
    };
    let before = published().unwrap_or_default();
    until("it beats", || (published()? > before + 5).then_some(()));
    assert!(subscription.try_next().unwrap().is_none(), "our own messages are nobody's");
    let events = client.events();
    // Nobody else looks for an hour.
    lab.inject(master, Side::Clients, SWALLOW).unwrap();
    let lost = event(&events, EventKind::LinkLost);
    assert!(format!("{:?}", lost.details).contains("pulse"), "{lost:?}");
    lab.heal_faults().unwrap();
    let Item::Gap(gap) = next(&subscription) else { panic!("a gap") };
    assert_eq!(gap.reason, "link_lost");
}

#[test]
fn a_pulse_that_may_not_be_sent_is_an_error_of_its_subscription() {
    let lab = lab();
    for node in lab.node_addrs() {
        raw(&lab, *node).command(&["ACL", "SETUSER", "reader", "on", ">pw", "+@all", "-publish", "~*", "&*"]).unwrap();
    }
    let url = lab.url().replace("redis+sentinel://", "redis+sentinel://reader:pw@");
    let client = standfast_behaviour::connect(&url).unwrap();
    let plain = subscribe(&client, Channels::new(["news"]));
    let pulse = client.subscribe(Channels::new(["news"]).pulse_interval(Some(Duration::from_millis(50)))).unwrap();
    let error = until("it ends", || pulse.try_next().err());
    assert_eq!(error.kind(), ErrorKind::SubscribeFailed, "{error}");
    assert!(error.message().contains("pulse"), "{error}");
    assert!(plain.try_next().unwrap().is_none());
}

/// Who reads too slowly for the server is disconnected by it: that is a gap like any other.
#[test]
fn an_overflow_of_the_servers_buffer_is_a_gap() {
    let lab = lab();
    let client = client(&lab, "");
    let subscription = subscribe(&client, Channels::new(["flood"]));
    let mut publisher = raw(&lab, lab.master().unwrap());
    publisher.command(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 64kb 0 0"]).unwrap();
    let payload = "x".repeat(1 << 20);
    publisher.command(&["PUBLISH", "flood", &payload]).unwrap();
    let gap = loop {
        if let Item::Gap(gap) = next(&subscription) {
            break gap;
        }
    };
    assert_eq!((gap.reason, gap.generation), ("link_lost", 1));
    publisher.command(&["PUBLISH", "flood", "again"]).unwrap();
    let Item::Message(message) = next(&subscription) else { panic!("a message") };
    assert!(message.gap_before.is_some() && message.payload == b"again");
}

/// One that sleeps, beside one that reads: the queue of the one is full, the other has everything, and commands go on.
#[test]
fn a_reader_that_sleeps_delays_nobody() {
    const MESSAGES: u64 = 50_000;
    let lab = lab();
    let client = client(&lab, "");
    let asleep = subscribe(&client, Channels::new(["flood"]).items(1_000));
    let awake = subscribe(&client, Channels::new(["flood"]).items(MESSAGES));
    let master = lab.master().unwrap();
    let before = standfast_behaviour::memory();
    let publisher = std::thread::spawn(move || {
        let mut raw = standfast_lab::Raw::connect(master, LIMIT).unwrap();
        for n in 0..MESSAGES {
            raw.send(&["PUBLISH", "flood", &n.to_string()]).unwrap();
            if n % 100 == 99 {
                (0..100).for_each(|_| _ = raw.read().unwrap());
            }
        }
    });
    for n in 0..MESSAGES {
        assert_eq!(payload(&next(&awake)), Some(n.to_string()));
        if n % 1_000 == 0 {
            run(&client, "GET k").unwrap();
        }
    }
    publisher.join().unwrap();
    let grown = standfast_behaviour::memory().saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB more");
    let Item::Dropped(dropped) = next(&asleep) else { panic!("a mark") };
    assert_eq!(dropped.count, MESSAGES - 1_000);
    assert_eq!(payload(&next(&asleep)), Some((MESSAGES - 1_000).to_string()));
    assert_eq!(events_of(&client, &[EventKind::SubscriptionDropped]).len(), 1, "it is said once");
}

/// R16: "ready" is said only when everything is there, and nothing is left on the old master.
#[test]
fn a_thousand_channels_and_fifty_patterns_are_restored_within_a_second() {
    let lab = lab();
    let client = client(&lab, "");
    let channels: Vec<String> = (0..1_000).map(|n| format!("channel:{n}")).collect();
    let patterns: Vec<String> = (0..50).map(|n| format!("pattern:{n}:*")).collect();
    let all = patterns.iter().fold(Channels::new(&channels), |all, pattern| all.pattern(pattern));
    let subscription = subscribe(&client, all);
    lab.kill(lab.master().unwrap()).unwrap();
    let writable = lab.wait_writable(LIMIT).unwrap();
    let events = client.events();
    let Item::Gap(_) = next(&subscription) else { panic!("a gap") };
    subscription.ready_blocking(Some(LIMIT), None).unwrap();
    let restored = since(writable.at_us);
    let mut master = raw(&lab, writable.node);
    let words: Vec<&str> = ["PUBSUB", "NUMSUB"].into_iter().chain(channels.iter().map(String::as_str)).collect();
    let reply = master.command(&words).unwrap();
    assert!(reply.items().chunks(2).all(|pair| pair[1].text() == "1"), "{reply:?}");
    assert_eq!(master.command(&["PUBSUB", "NUMPAT"]).unwrap().text(), "50");
    assert!(restored < Duration::from_secs(3), "{restored:?}");
    event(&events, EventKind::SubscriptionReady);
}

#[test]
fn subscriptions_come_and_go_while_masters_do() {
    let lab = lab();
    let client = client(&lab, "");
    let keeper = subscribe(&client, Channels::new(["keeper"]));
    let (stop, cycles) = (std::sync::atomic::AtomicBool::new(false), std::sync::atomic::AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (client, stop, cycles) = (&client, &stop, &cycles);
            scope.spawn(move || {
                for turn in 0.. {
                    if stop.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    let names = [format!("t{thread}"), format!("t{thread}:{}", turn % 3), "keeper".to_owned()];
                    let subscription = client.subscribe(Channels::new(&names).pattern("p*")).unwrap();
                    if turn % 2 == 0 {
                        subscription.ready_blocking(Some(LIMIT), None).unwrap();
                    }
                    subscription.close();
                    cycles.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
        lab.kill(lab.master().unwrap()).unwrap();
        let writable = lab.wait_writable(LIMIT).unwrap();
        until("the client follows", || (client.status().master?.port == writable.node.port()).then_some(()));
        let so_far = cycles.load(std::sync::atomic::Ordering::Relaxed);
        until("many cycles later", || (cycles.load(std::sync::atomic::Ordering::Relaxed) > so_far + 50).then_some(()));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    keeper.ready_blocking(Some(LIMIT), None).unwrap();
    until("nothing but the keeper is left", || {
        let mut master = lab.connect(lab.master().ok()?).ok()?;
        let channels = master.command(&["PUBSUB", "CHANNELS", "[tk]*"]).ok()?;
        let patterns = master.command(&["PUBSUB", "NUMPAT"]).ok()?;
        (channels.items().len() == 1 && patterns.text() == "0").then_some(())
    });
}

#[test]
fn a_subscription_may_be_made_before_there_is_a_master_and_closed_by_another_thread() {
    let lab = lab();
    let url = standfast_behaviour::with(&lab.url(), "connect=background");
    let client = standfast_behaviour::connect(&url).unwrap();
    let early = client.subscribe(Channels::new(["early"])).unwrap();
    early.ready_blocking(Some(LIMIT), None).unwrap();
    client.blocking().publish(b"early", b"x", None).unwrap();
    assert_eq!(payload(&next(&early)).as_deref(), Some("x"));
    let waiting = early.clone();
    let reader = std::thread::spawn(move || waiting.next_blocking(None, None));
    early.close();
    assert_eq!(reader.join().unwrap().unwrap_err().kind(), ErrorKind::EndOfStream);
    // A thread that ends with a subscription takes it along.
    let subscribed = client.clone();
    std::thread::spawn(move || drop(subscribe(&subscribed, Channels::new(["gone"])))).join().unwrap();
    until("the server was told", || has_subscribers(&lab, "gone", "0"));
}

#[test]
fn thousands_of_subscriptions_of_one_client() {
    let lab = lab();
    let client = client(&lab, "");
    let all: Vec<_> = (0..3_000).map(|n| client.subscribe(Channels::new([format!("c{n}")])).unwrap()).collect();
    for subscription in &all {
        subscription.ready_blocking(Some(LIMIT), None).unwrap();
    }
    assert_eq!(subscribers(&lab, "c2999").as_deref(), Some("1"));
    client.blocking().publish(b"c1234", b"x", None).unwrap();
    assert_eq!(payload(&next(&all[1234])).as_deref(), Some("x"));
    drop(all);
    until("the server was told", || has_subscribers(&lab, "c2999", "0"));
}
