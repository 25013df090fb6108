//! Subscriptions: confirmed, restored, and honest about what may be missing.

use std::time::Duration;

use standfast::{Channels, Client, ErrorKind, Item, OverflowPolicy, Phase, Subscription};
use standfast_behaviour::{LIMIT, client, lab, raw, until};
use standfast_lab::Lab;

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
    assert_eq!((message.channel.as_slice(), message.pattern, message.gap_before), (b"news".as_slice(), None, None));
    let Item::Message(message) = next(&pattern) else { panic!("a message") };
    assert_eq!((message.channel.as_slice(), message.pattern.as_deref()), (b"news".as_slice(), Some(b"n*".as_slice())));
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
    let Item::Gap(_) = next(&subscription) else { panic!("a gap") };
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
