//! What is left of a client when it is gone: nothing.
//!
//! The threads and descriptors of the whole process are counted, so this is the only test of its program.

use standfast::{Channels, Queue, Request, Timeout};
use standfast_behaviour::{LIMIT, client, connect, lab, memory, nowhere, run, threads_and_descriptors, until};
use standfast_vectors::servers::stand_in;

#[test]
fn nothing_is_left_behind() {
    let lab = lab();
    let (refused, not_redis) = (nowhere(), stand_in(b"+not a sentinel\r\n"));
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

    // After connections that failed: refused until the deadline, and given up at once as a mistake.
    let urls = [
        format!("redis+sentinel://{refused}/m?connect_deadline=1ms"),
        format!("redis://{refused}?connect_deadline=1ms"),
        format!("redis+sentinel://{not_redis}/m"),
    ];
    let fail = |times: usize| {
        for at in 0..times {
            connect(&urls[at % urls.len()]).unwrap_err();
        }
        memory()
    };
    // What the allocator and the runtime keep for the next time is there after a few.
    let warm = fail(200);
    let end = fail(1000);
    until("the stand-in's own connections have ended", || (threads_and_descriptors() == before).then_some(()));
    assert!(end < warm + 2048, "1000 failed connections left {} KiB behind", end - warm);

    // After the last handle was dropped, which does not wait.
    drop(connect(&lab.url()).unwrap());
    until("a dropped client is gone", || (threads_and_descriptors() == before).then_some(()));
}
