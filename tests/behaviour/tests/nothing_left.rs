//! What is left of a client when it is gone: nothing.
//!
//! The threads and descriptors of the whole process are counted, so this is the only test of its program.

use standfast::{Channels, Queue, Request, Timeout};
use standfast_behaviour::{LIMIT, client, connect, lab, nowhere, run, threads_and_descriptors, until};

#[test]
fn nothing_is_left_behind() {
    let lab = lab();
    let before = threads_and_descriptors();

    // After a close, with a subscription, a pooled link and a queue in use.
    let client = client(&lab, "");
    run(&client, "PING").unwrap();
    let subscription = client.subscribe(Channels::new(["x"])).unwrap();
    subscription.ready_blocking(Some(LIMIT), None).unwrap();
    let queue = Queue::open(&client).unwrap();
    queue.bell().descriptor().unwrap();
    queue.submit(Request::new(["PING"]).unwrap(), Timeout::Default, 1).unwrap();
    queue.next_blocking(Some(LIMIT), None).unwrap().unwrap().result.unwrap();
    assert_ne!(threads_and_descriptors(), before);
    client.close();
    drop((queue, subscription));
    assert_eq!(threads_and_descriptors(), before, "after a close");

    // After connections that failed.
    for _ in 0..20 {
        let url = format!("redis+sentinel://{}/m?connect_deadline=20ms", nowhere());
        connect(&url).unwrap_err();
    }
    assert_eq!(threads_and_descriptors(), before, "after failed connections");

    // After the last handle was dropped, which does not wait.
    drop(connect(&lab.url()).unwrap());
    until("a dropped client is gone", || (threads_and_descriptors() == before).then_some(()));
}
