// Log records, and what a planned failover looks like in events, status and nodes.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Standfast;

internal static class LogTests
{
    public static void RecordsTellOfALife(Lab lab)
    {
        var before = DateTime.UtcNow;
        using (var logs = Logs.Open())
        using (var errors = Logs.Open(LogLevel.Error))
        {
            Check.Equal(null, logs.Next(TimeSpan.Zero));
            using (var client = Client.Connect(lab.Url))
            {
                // Connected is a moment earlier than told.
                client.Events().First(told => told.Kind == "ready");
            }
            logs.Close();
            var records = logs.ToList();
            var ready = records.First(record => record.Message.StartsWith("ready ", StringComparison.Ordinal));
            Check.Equal(LogLevel.Info, ready.Level);
            Check.Equal(0L, ready.DroppedBefore);
            Check.Equal(DateTimeKind.Utc, ready.At.Kind);
            // The library's clock has microseconds.
            Check.True(ready.At >= before.AddMilliseconds(-1) && ready.At <= DateTime.UtcNow, "at " + ready.At.ToString("o"));
            Check.True(records.Last().Message.StartsWith("closed", StringComparison.Ordinal), records.Last().ToString());
            Check.True(records.All(record => record.Level <= LogLevel.Info), "a record that nobody asked for");
            Check.Fails<StandfastSubscriptionException>(ErrorCode.EndOfStream, () => logs.Next(Check.Patience));
            Check.Equal(null, errors.Next(TimeSpan.Zero));
        }
    }

    public static void LevelsAreChecked()
    {
        Check.Fails<StandfastUsageException>(ErrorCode.InvalidArgument, () => Logs.Open((LogLevel)5));
        using (var logs = Logs.Open(LogLevel.Debug))
        {
            Check.Fails<StandfastUsageException>(ErrorCode.InvalidArgument, () => logs.Next(TimeSpan.FromDays(-1)));
        }
    }

    public static void CloseAndDisposeEndAWait()
    {
        foreach (var end in new Action<Logs>[] { logs => logs.Close(), logs => logs.Dispose() })
        {
            var logs = Logs.Open();
            var records = -1;
            var reader = new Thread(() => Volatile.Write(ref records, logs.Count()));
            reader.Start();
            end(logs);
            Check.True(reader.Join(Check.Patience), "the reader waits for ever");
            Check.True(records >= 0, "the enumeration failed");
            logs.Dispose();
        }
    }

    public static void PlannedFailoverIsReported()
    {
        using (var lab = Lab.Start(""))
        using (var logs = Logs.Open())
        using (var client = Client.Connect(lab.Url))
        {
            var old = client.Status().Master;
            lab.Do("planned_failover");
            var report = Report(client);
            Check.Equal("switch_report", report.Kind);
            Check.Equal(old, report.OldMaster);
            Check.Equal(client.Status().Master, report.NewMaster);
            Check.True(report.Eager, "not eager");
            Check.Equal(null, report.SinceLost);
            Check.True(report.HeldFor > TimeSpan.Zero && report.HeldFor <= report.SinceAnnounced, "held for " + report.HeldFor);
            Check.True(report.SinceReplica >= TimeSpan.Zero && report.SinceReplica < TimeSpan.FromSeconds(10), "since replica");
            Check.Equal(report.HeldFor, report.Fields["held_for"].AsTimeSpan());
            Check.Equal(0L, report.CommandsHeld);
            Check.Equal(0L, report.MaybeExecuted);
            Check.Equal(0L, report.BytesAtRisk);

            var status = client.Status();
            Check.Equal(
                "corrections epoch_resets fences losses maybe_executed queue_full retries switches timeouts",
                string.Join(" ", status.Counters.Keys.OrderBy(name => name, StringComparer.Ordinal)));
            Check.Equal(1L, status.Counters["switches"]);
            Check.Equal(1L, status.Counters["fences"]);
            Check.Equal(0L, status.Counters["losses"]);
            Check.True(status.Minority.Length > 0, "no minority policy");

            var used = client.Nodes().Single(node => node.Used);
            Check.Equal(status.Master, used.Address);
            Check.True(used.Opinions.Count > 0, "nobody thinks anything of the master");
            Check.True(
                used.Opinions.All(opinion => lab.Sentinels.Contains(opinion.Sentinel)),
                "opinions of " + string.Join(" ", used.Opinions.Select(opinion => opinion.Sentinel)));
            logs.Close();
            Check.True(logs.Any(record => record.Message.StartsWith("switch_report ", StringComparison.Ordinal)), "not logged");
        }
    }

    private static SwitchReport Report(Client client)
    {
        var kinds = new List<string>();
        for (;;)
        {
            var next = client.NextEvent(Check.Patience);
            Check.True(next != null, "no report after " + string.Join(" ", kinds));
            kinds.Add(next.Kind);
            if (next is SwitchReport report)
            {
                return report;
            }
        }
    }
}
