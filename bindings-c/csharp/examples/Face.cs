// The demo's face in C#: a writer and a subscriber that live through failovers and record what they saw.
//
// Face URL NAME CHANNEL: prints {"ready":true} once connected and subscribed, then writes SADD demo:NAME 0, 1, 2, ... and
// collects what arrives on the channel, until a line or the end comes on standard input. Then it prints its records.

using System;
using System.Collections.Generic;
using System.Threading;
using Standfast;

internal static class Face
{
    private static readonly DateTime Epoch = new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private static volatile bool stopping;

    private static int Main(string[] arguments)
    {
        if (arguments.Length != 3)
        {
            Console.Error.WriteLine("usage: Face URL NAME CHANNEL");
            return 2;
        }
        var written = new List<string>();
        var received = new List<string>();
        try
        {
            using (var client = Client.Connect(arguments[0]))
            using (var subscription = client.Subscribe(arguments[2]))
            {
                subscription.Ready(TimeSpan.FromSeconds(10));
                Say("{\"ready\":true}");

                var writer = new Thread(() => WriteNumbers(client, "demo:" + arguments[1], written));
                var collector = new Thread(() => CollectItems(subscription, received));
                writer.Start();
                collector.Start();
                Console.In.ReadLine();

                stopping = true;
                writer.Join();
                subscription.Close(); // The collector reads what has arrived, then ends.
                collector.Join();
            }
        }
        catch (StandfastException error)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
        written.ForEach(Console.Out.WriteLine);
        received.ForEach(Console.Out.WriteLine);
        Say("{\"done\":true}");
        return 0;
    }

    // Write one number after the other. A number is never written twice, also when nobody knows what became of it.
    private static void WriteNumbers(Client client, string key, List<string> records)
    {
        for (long n = 0; !stopping; n++)
        {
            var start = Now();
            var outcome = "ok";
            try
            {
                client.Execute("SADD", key, n);
            }
            catch (StandfastException error)
            {
                outcome = error.Name;
            }
            records.Add("[\"w\"," + n + "," + start + "," + Now() + ",\"" + outcome + "\"]");
            Thread.Sleep(1);
        }
    }

    // Collect what arrives, until the subscription is closed and everything was read.
    private static void CollectItems(Subscription subscription, List<string> records)
    {
        foreach (var item in subscription.Items())
        {
            if (item is Message message)
            {
                records.Add("[\"m\"," + message.Text + "," + Now() + "]");
            }
            else if (item is Gap gap)
            {
                records.Add("[\"g\"," + Micros(gap.Since) + "," + Micros(gap.Until) + ",\"" + gap.Reason + "\"]");
            }
            else if (item is Dropped dropped)
            {
                records.Add("[\"d\"," + dropped.Count + "]");
            }
        }
    }

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }

    private static long Now() => Micros(DateTime.UtcNow);

    private static long Micros(DateTime time) => (time - Epoch).Ticks / 10;
}
