// A planned failover and the death of the master, lived through by a writer and a subscriber.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;
using Standfast;

internal static class FailoverTests
{
    public static void WriterAndSubscriberFollowTheMaster()
    {
        using (var lab = Lab.Start(""))
        using (var client = Client.Connect(lab.Url))
        using (var subscription = client.Subscribe("cs:failover"))
        {
            subscription.Ready(Check.Patience);
            var publisher = Lab.Number(lab.Do("publisher_start", "\"channel\":\"cs:failover\""), "publisher");
            var items = new List<Item>();
            var collector = Task.Run(() =>
            {
                foreach (var item in subscription.Items())
                {
                    lock (items)
                    {
                        items.Add(item);
                    }
                }
            });
            var stop = false;
            var acknowledged = 0L;
            var writes = new List<long>();
            var writer = Task.Run(() =>
            {
                for (long n = 0; !Volatile.Read(ref stop); n++)
                {
                    try
                    {
                        client.Execute("SADD", "cs:written", n);
                        lock (writes)
                        {
                            writes.Add(n);
                        }
                        Interlocked.Increment(ref acknowledged);
                    }
                    catch (StandfastException error)
                    {
                        Check.True(
                            error is StandfastNetworkException || error.Code == ErrorCode.Unavailable, error.ToString());
                    }
                    Thread.Sleep(1);
                }
            });

            KeepsWriting(lab, client, writer, () => Interlocked.Read(ref acknowledged));
            EveryNodeHas(lab, writes);
            lab.Do("planned_failover");
            Writable(lab);
            lab.Do("wait_replicating", "\"timeout_ms\":90000");
            KeepsWriting(lab, client, writer, () => Interlocked.Read(ref acknowledged));
            // What every replica has survives the kill.
            var safe = EveryNodeHas(lab, writes);
            lab.Do("kill_master");
            var writable = Writable(lab);
            KeepsWriting(lab, client, writer, () => Interlocked.Read(ref acknowledged));
            Check.Equal(writable, client.Status().Master);
            Check.True(client.Status().Generation >= 3, "generation " + client.Status().Generation);

            Volatile.Write(ref stop, true);
            Check.True(writer.Wait(Check.Patience), "the writer hangs");
            var log = lab.Do("publisher_stop", "\"publisher\":" + publisher);
            Received(items, log);
            subscription.Close();
            Check.True(collector.Wait(Check.Patience), "the collector hangs");

            var present = new HashSet<long>(client.Execute("SMEMBERS", "cs:written").Items.Select(item => item.AsInt64()));
            Check.Equal("", string.Join(",", writes.Take(safe).Where(n => !present.Contains(n))));
            Check.True(items.OfType<Gap>().All(gap => gap.Until >= gap.Since), "a gap that ends before it begins");
            Check.Equal(0, items.OfType<Dropped>().Count());
            var kinds = Events(client);
            Check.True(kinds.Contains("master_switched"), "events: " + string.Join(" ", kinds));
        }
    }

    private static string Writable(Lab lab) => Lab.Text(lab.Do("wait_writable"), "node");

    /// <summary>Wait until every node has what is acknowledged now: a failover finds no replica that is behind. (Right after
    /// the start a replica may be online and yet have nothing.) Gives the number of writes that are safe.</summary>
    private static int EveryNodeHas(Lab lab, List<long> writes)
    {
        int count;
        string last;
        lock (writes)
        {
            count = writes.Count;
            last = writes[count - 1].ToString();
        }
        Check.Eventually(
            () => lab.Nodes.All(node => lab.Ask(node, "SISMEMBER", "cs:written", last) == 1),
            "the replicas have what was acknowledged");
        return count;
    }

    private static void KeepsWriting(Lab lab, Client client, Task writer, Func<long> count)
    {
        var wanted = count() + 50;
        Check.Eventually(() => writer.IsFaulted || count() >= wanted, "writes are acknowledged again; " + client.Status().State);
        Check.True(!writer.IsFaulted, "the writer failed: " + writer.Exception);
    }

    /// <summary>Every published message was received or lies in a gap.</summary>
    private static void Received(List<Item> items, string log)
    {
        var published = Regex.Matches(log, "\\{[^{}]*\"receivers\"[^{}]*\\}").Cast<Match>()
            .Select(match => new
            {
                Number = Lab.Number(match.Value, "n"),
                At = Lab.Number(match.Value, "at_us"),
                Done = Lab.Number(match.Value, "done_us"),
            }).ToList();
        Check.True(published.Count > 100, "only " + published.Count + " messages were published");
        var last = published.Last().Number;
        Check.Eventually(
            () =>
            {
                lock (items)
                {
                    return items.OfType<Message>().Any(message => message.Text == last.ToString());
                }
            },
            "the last message arrives");
        lock (items)
        {
            var received = new HashSet<long>(items.OfType<Message>().Select(message => long.Parse(message.Text)));
            var gaps = items.OfType<Gap>().Select(gap => new { Since = Micros(gap.Since), Until = Micros(gap.Until) }).ToList();
            var silent = published.Where(message => !received.Contains(message.Number))
                .Where(message => !gaps.Any(gap => message.Done >= gap.Since && message.At <= gap.Until))
                .Select(message => message.Number);
            Check.Equal("", string.Join(",", silent));
            Check.Equal(received.Count, items.OfType<Message>().Count());
        }
    }

    private static List<string> Events(Client client)
    {
        var kinds = new List<string>();
        for (var next = client.NextEvent(TimeSpan.Zero); next != null; next = client.NextEvent(TimeSpan.Zero))
        {
            kinds.Add(next.Kind);
        }
        return kinds;
    }

    private static long Micros(DateTime time) => (time - new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc)).Ticks / 10;
}
