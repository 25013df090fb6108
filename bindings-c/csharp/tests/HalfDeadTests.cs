// Masters that fall silent without a word: frozen by SIGSTOP, or with every byte swallowed. Nothing is closed, nothing is refused; the client
// has to leave by itself.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Standfast;

internal static class HalfDeadTests
{
    public static void FrozenMasterIsLeft() => IsLeft(lab => lab.Do("stop_master"));

    public static void SwallowingMasterIsLeft() =>
        IsLeft(lab => lab.Do("fault", "\"kind\":\"swallow\",\"node\":\"" + lab.Master() + "\""));

    private static void IsLeft(Func<Lab, string> fallSilent)
    {
        using (var lab = Lab.Start("\"proxied\":true"))
        using (var client = Client.Connect(lab.Url))
        using (var news = client.Subscribe("half-dead"))
        {
            news.Ready(Check.Patience);
            client.Set("half-dead", "0");
            var old = Lab.Text(fallSilent(lab), "node");

            var errors = WriteUntilItSucceeds(client);
            var written = (DateTime.UtcNow - new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc)).Ticks / 10;
            var answer = lab.Do("wait_writable");
            var master = Lab.Text(answer, "node");
            Check.True(errors.All(error => error.Code == ErrorCode.MaybeExecuted), string.Join("; ", errors));
            Check.True(errors.Count <= 1, "only the one that was on its way: " + string.Join("; ", errors));
            Check.True(master != old, "the master is still " + old);
            var late = written - Lab.Number(answer, "at_us");
            Check.True(late < 1000000, late + " µs after it could");
            Check.Equal(master, client.Status().Master);

            var gaps = PublishUntilHeard(client, news);
            Check.Equal(1, gaps.Count);
            Check.Equal(old + " " + master, gaps[0].OldMaster + " " + gaps[0].NewMaster);

            // It returns, and for a moment believes that it is the master.
            // Sentinel may have gone on to the third node meanwhile, as it does on a busy machine.
            var healed = Lab.Text(lab.Do("heal"), "master");
            Check.True(healed != old, "the old master is back");
            Check.Eventually(() => client.Status().Master == healed, "the client is where the sentinels are");
            client.Set("half-dead", "healed");
        }
    }

    private static List<StandfastException> WriteUntilItSucceeds(Client client)
    {
        var errors = new List<StandfastException>();
        while (errors.Count < 100)
        {
            try
            {
                client.Execute("INCR", "half-dead");
                return errors;
            }
            catch (StandfastException error)
            {
                errors.Add(error);
            }
        }
        throw new CheckException("no write succeeds: " + errors.Last());
    }

    /// <summary>Others are told nothing of when the subscription is there again, so it is published until it is heard. Gives
    /// the gaps that were marked before.</summary>
    private static List<Gap> PublishUntilHeard(Client client, Subscription news)
    {
        var gaps = new List<Gap>();
        for (var limit = Stopwatch.StartNew(); limit.Elapsed < Check.Patience;)
        {
            client.Publish("half-dead", "after");
            var item = news.Next(TimeSpan.FromMilliseconds(200));
            if (item is Message message)
            {
                Check.Equal("after", message.Text);
                return gaps;
            }
            if (item is Gap gap)
            {
                gaps.Add(gap);
            }
        }
        throw new CheckException("nothing is heard");
    }
}
