// Subscriptions against real servers: pulled, enumerated, and with handlers.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Standfast;

internal static class SubscriptionTests
{
    public static void MessagesComeInOrder(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        using (var subscription = client.Subscribe("cs:order"))
        {
            subscription.Ready(Check.Patience);
            Check.Equal<Item>(null, subscription.Next(TimeSpan.Zero));
            for (var n = 0; n < 100; n++)
            {
                Check.Equal(1L, client.Publish("cs:order", n));
            }
            for (var n = 0; n < 100; n++)
            {
                var message = (Message)subscription.Next(Check.Patience);
                Check.Equal(n.ToString(), message.Text);
                Check.Equal("cs:order", message.Channel);
                Check.Equal<string>(null, message.Pattern);
                Check.Equal<Gap>(null, message.GapBefore);
                Check.True((DateTime.UtcNow - message.ReceivedAt).Duration() < TimeSpan.FromMinutes(1), "wrong time");
            }
        }
    }

    public static void PatternsAndBytes(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        using (var subscription = client.PSubscribe("cs:p:*"))
        {
            subscription.Ready(Check.Patience);
            client.Publish("cs:p:x", new byte[] { 0, 255 });
            var message = (Message)subscription.Next(Check.Patience);
            Check.Equal("cs:p:x", message.Channel);
            Check.Equal("cs:p:*", message.Pattern);
            Check.True(message.Payload.SequenceEqual(new byte[] { 0, 255 }), "bytes changed");
        }
    }

    public static void EnumerationEndsWithTheSubscription(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        using (var subscription = client.Subscribe("cs:enum"))
        {
            subscription.Ready(Check.Patience);
            var read = Task.Run(() => subscription.Select(message => message.Text).ToList());
            client.Publish("cs:enum", "a");
            client.Publish("cs:enum", "b");
            // Another subscription, which may or may not get the first two, tells when all have arrived.
            using (var witness = client.Subscribe("cs:enum"))
            {
                witness.Ready(Check.Patience);
                client.Publish("cs:enum", "c");
                while (((Message)witness.Next(Check.Patience)).Text != "c")
                {
                }
            }
            subscription.Close();
            Check.True(read.Wait(Check.Patience), "the enumeration goes on");
            Check.Equal("a,b,c", string.Join(",", read.Result));
            Check.Fails<StandfastSubscriptionException>(ErrorCode.EndOfStream, () => subscription.Next(TimeSpan.Zero));
        }
    }

    public static void ClosingTheClientEndsSubscriptions(Lab lab)
    {
        var client = Client.Connect(lab.Url);
        var subscription = client.Subscribe("cs:end");
        subscription.Ready(Check.Patience);
        var read = Task.Run(() => subscription.Count());
        client.Dispose();
        Check.True(read.Wait(Check.Patience), "the enumeration goes on");
        Check.Equal(0, read.Result);
        subscription.Dispose();
        Check.Fails<StandfastSubscriptionException>(ErrorCode.EndOfStream, () => subscription.Next(TimeSpan.Zero));
    }

    public static void OverflowIsCounted(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        using (var small = client.Subscribe(new SubscriptionOptions { ["SubscriptionItems"] = 10 }, "cs:many"))
        using (var large = client.Subscribe("cs:many"))
        {
            small.Ready(Check.Patience);
            large.Ready(Check.Patience);
            for (var n = 0; n < 100; n++)
            {
                client.Publish("cs:many", n);
            }
            for (var n = 0; n < 100; n++)
            {
                Check.Equal(n.ToString(), ((Message)large.Next(Check.Patience)).Text);
            }
            small.Close();
            var items = small.Items().ToList();
            var messages = items.OfType<Message>().Count();
            Check.True(messages > 0 && messages <= 10, messages + " messages");
            Check.Equal(100L, messages + items.OfType<Dropped>().Sum(dropped => dropped.Count));
        }
    }

    public static void HandlersGetMessagesAndMayThrow(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            var seen = new BlockingCollection<string>();
            var failures = new BlockingCollection<string>();
            client.HandlerFailed += (sender, failed) =>
                failures.Add((sender == client) + " " + failed.Channel + " " + failed.Exception.Message);
            var registration = client.RegisterSubscription("cs:handler", (channel, message) =>
            {
                if (message.Text == "throw")
                {
                    throw new InvalidOperationException("on purpose");
                }
                seen.Add(channel + "=" + message);
            });
            registration.Ready(Check.Patience);
            client.Publish("cs:handler", "one");
            client.Publish("cs:handler", "throw");
            client.Publish("cs:handler", "two");
            Check.Equal("cs:handler=one", Take(seen));
            Check.Equal("True cs:handler on purpose", Take(failures));
            Check.Equal("cs:handler=two", Take(seen));
            registration.Dispose();
            Check.Eventually(() => client.Publish("cs:handler", "three") == 0, "nobody is subscribed any more");
            Check.Equal(0, seen.Count);
            Check.Equal(0, failures.Count);
        }
    }

    public static void HandlerMayEndItsOwnRegistrationAndTheClient(Lab lab)
    {
        var client = Client.Connect(lab.Url);
        Registration registration = null;
        using (var done = new ManualResetEventSlim())
        {
            registration = client.RegisterSubscription("cs:self", (channel, message) =>
            {
                registration.Dispose();
                client.Dispose();
                done.Set();
            });
            registration.Ready(Check.Patience);
            client.Publish("cs:self", "go");
            Check.True(done.Wait(Check.Patience), "the handler did not come to its end");
        }
    }

    public static void ClosingTheClientEndsHandlersSilently(Lab lab)
    {
        var client = Client.Connect(lab.Url);
        var failures = new List<string>();
        client.HandlerFailed += (sender, failed) => failures.Add(failed.Exception.ToString());
        var registration = client.RegisterSubscription("cs:silent", (channel, message) => { });
        registration.Ready(Check.Patience);
        client.Dispose();
        registration.Dispose();
        Check.Equal("", string.Join(";", failures));
    }

    public static void SilenceLimitIsRefusedUntilTheCoreHasOne(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            var error = Check.Fails<StandfastConfigurationException>(
                ErrorCode.InvalidOption,
                () => client.RegisterSubscription("cs:s", (channel, message) => { }, TimeSpan.FromSeconds(30)));
            Check.True(error.Message.Contains("max_silence"), error.Message);
            Check.Fails<StandfastConfigurationException>(
                ErrorCode.InvalidOption, () => client.Subscribe(new SubscriptionOptions { ["overflow"] = "explode" }, "c"));
        }
    }

    private static string Take(BlockingCollection<string> from)
    {
        string item;
        Check.True(from.TryTake(out item, Check.Patience), "nothing came");
        return item;
    }
}
