// A secret goes through everything that can fail and is told nowhere: the scenarios of tests/vectors/canary.json.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Standfast;
using Standfast.Testing;

internal static class CanaryTests
{
    public static void SecretIsToldNowhere()
    {
        var scenarios = ((List<object>)JsonFile.Read("tests/vectors/canary.json")).Cast<Dictionary<string, object>>().ToList();
        Check.True(scenarios.Count >= 30, "only " + scenarios.Count);
        var told = new StringBuilder();
        using (var lab = Lab.Start(new LabOptions { Replicas = 1, Password = "data-canary", SentinelPassword = "sentinel-canary" }))
        using (var client = Client.Connect(lab.Url))
        {
            client.Set("a-string", "x");
            told.Append(client).Append((object)client.Status().Fields).Append(string.Join(" ", client.Nodes().Select(node => (object)node.Fields)));
            told.Append(string.Join(" ", client.Doctor().Select(finding => finding.Reason + (object)finding.Details)));
            foreach (var scenario in scenarios)
            {
                try
                {
                    Try(lab, client, scenario);
                    Check.Equal("everything right", (string)scenario["name"]);
                }
                catch (StandfastException error)
                {
                    told.Append(error.Name).Append(error).Append(string.Join(" ", error.Causes.Select(cause => cause.Address + cause)));
                }
            }
            for (var next = client.NextEvent(TimeSpan.Zero); next != null; next = client.NextEvent(TimeSpan.Zero))
            {
                told.Append(next.Kind).Append((object)next.Fields);
            }
        }
        var whole = told.ToString();
        foreach (var word in new[] { "MasterAuthFailed", "SentinelAuthFailed", "InvalidUrl", "ReplyError", "ready" })
        {
            Check.True(whole.Contains(word), "the scenarios do not come to " + word);
        }
        var at = whole.IndexOf("canary", StringComparison.Ordinal);
        Check.True(at < 0, at < 0 ? "" : whole.Substring(Math.Max(0, at - 200), 250));
    }

    private static void Try(Lab lab, Client client, Dictionary<string, object> scenario)
    {
        if (scenario.TryGetValue("args", out var arguments))
        {
            client.Execute(((List<object>)arguments).ToArray());
            return;
        }
        var url = ((string)scenario["url"]).Replace("{hosts}", string.Join(",", lab.Sentinels))
            .Replace("{sentinel}", lab.Sentinels[0]).Replace("{node}", lab.Nodes[0]);
        var quick = new ClientOptions
        {
            ConnectDeadline = TimeSpan.FromMilliseconds(700),
            ConnectTimeout = TimeSpan.FromMilliseconds(500),
            SentinelTimeout = TimeSpan.FromMilliseconds(300),
        };
        Client.Connect(url, quick).Dispose();
    }
}
