"""redis-py: numbered writes, one after the other at a steady pace, each told as soon as it has ended, in the language of a face
(tests/xtask/src/faces/records.rs). A write that hangs is not told: the silence is what is measured.

Tuned: commands and connections are given up after half a second.
"""

import json
import os
import sys
import threading
import time

from redis.sentinel import Sentinel

EVERY = 0.005


def say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def now_us() -> int:
    return time.time_ns() // 1000


def stop_when_told() -> None:
    sys.stdin.readline()
    say({"done": True})
    os._exit(0)


def main() -> None:
    words = sys.argv[1:]
    tuned = words[0] == "--tuned"
    url, name, _ = words[tuned:]
    hosts, master = url.removeprefix("redis+sentinel://").split("/")
    sentinels = [(host, int(port)) for host, port in (address.rsplit(":", 1) for address in hosts.split(","))]
    options = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5} if tuned else {}
    client = Sentinel(sentinels, sentinel_kwargs=dict(options), **options).master_for(master)
    client.ping()
    say({"ready": True})
    threading.Thread(target=stop_when_told, daemon=True).start()
    number = 0
    while True:
        start, outcome = now_us(), "ok"
        try:
            client.sadd(f"demo:{name}", number)
        except Exception as error:  # whatever it is, its name is the outcome
            outcome = type(error).__name__
        say(["w", number, start, now_us(), outcome])
        number += 1
        time.sleep(EVERY)


main()
