// What all languages must say alike: URLs and misconfigurations, from the files in tests/vectors.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Standfast;
using Fields = System.Collections.Generic.Dictionary<string, object>;

internal static class VectorTests
{
    // Kept by the library: whoever knows that a length of time is meant, multiplies.
    private static readonly HashSet<string> Durations = new HashSet<string>(
        typeof(ClientOptions).GetProperties().Where(property => property.PropertyType == typeof(TimeSpan))
            .Select(property => string.Concat(property.Name.Select(
                (letter, at) => (at > 0 && char.IsUpper(letter) ? "_" : "") + char.ToLowerInvariant(letter)))));

    public static void UrlsAreReadAsTheFileSays()
    {
        var defaults = Flat(ClientOptions.ParseUrl("redis://h")["options"]);
        var vectors = Urls().Where(vector => vector.ContainsKey("parsed")).ToList();
        Check.True(vectors.Count >= 50, "the vectors were not understood");
        foreach (var vector in vectors)
        {
            var url = (string)vector["url"];
            var expected = (Fields)vector["parsed"];
            var found = ClientOptions.ParseUrl(url);
            foreach (var name in new[] { "mode", "master", "username", "sentinel_username", "sentinel_auth" })
            {
                Check.Equal((string)expected[name], found[name].AsString());
            }
            foreach (var secret in new[] { "password", "sentinel_password" })
            {
                Check.Equal(expected[secret] == null ? null : "***", found[secret].AsString());
            }
            Check.Equal((long)expected["db"], found["db"].AsInt64());
            var hosts = string.Join(",", ((List<object>)expected["hosts"]).Cast<string>());
            Check.Equal(hosts, string.Join(",", found["hosts"].Items.Select(host => host.AsString())));
            var options = new SortedDictionary<string, string>(defaults);
            foreach (var option in (Fields)expected["options"])
            {
                var value = Durations.Contains(option.Key) ? (long)option.Value * 1000 : option.Value;
                Check.True(options.ContainsKey(option.Key), url + ": there is no " + option.Key);
                options[option.Key] = Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture);
            }
            Check.Equal(Show(options), Show(Flat(found["options"])));
        }
    }

    public static void MistakesInUrlsAreNamedAsTheFileSays()
    {
        var vectors = Urls().Where(vector => vector.ContainsKey("error")).ToList();
        Check.True(vectors.Count >= 100, "the vectors were not understood");
        foreach (var vector in vectors)
        {
            var expected = (Fields)vector["error"];
            var error = Check.Fails<StandfastConfigurationException>(
                (int)(long)expected["code"], () => ClientOptions.ParseUrl((string)vector["url"]));
            Check.Equal(expected["name"], error.Name);
            Check.Equal("never", error.Retry);
            object says;
            Check.True(!expected.TryGetValue("says", out says) || error.Detail.Contains((string)says), error.Detail);
            var end = " (" + expected["part"] + " at position " + expected["position"] + ")";
            Check.True(expected["part"] == null || error.Detail.EndsWith(end, StringComparison.Ordinal), error.Detail + ", expected" + end);
        }
    }

    public static void OptionsGoBeforeTheUrl()
    {
        var parsed = ClientOptions.ParseUrl(
            "redis://h/1?pool_size=3", new ClientOptions { PoolSize = 4, CommandTimeout = TimeSpan.FromMilliseconds(250), Fence = false });
        Check.Equal(1L, parsed["db"].AsInt64());
        Check.Equal(4L, parsed["options"]["pool_size"].AsInt64());
        Check.Equal(250000L, parsed["options"]["command_timeout"].AsInt64());
        Check.Equal("standfast:csharp:" + Library.Version, parsed["options"]["client_name"].AsString());
        var error = Check.Fails<StandfastConfigurationException>(
            ErrorCode.InvalidOption, () => ClientOptions.ParseUrl("redis://h", new ClientOptions { Redundancy = 2 }));
        Check.True(error.Message.Contains("not supported by this version"), error.Message);
    }

    public static void TheEnvironmentIsReadWhenItIsAskedFor()
    {
        // mono hands changes of the environment to nobody but its children.
        var start = new ProcessStartInfo("mono", "\"" + typeof(Runner).Assembly.Location + "\" parse env:")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        start.EnvironmentVariables["STANDFAST_URL"] = "redis+sentinel://:a-canary@s1,s2/m/2";
        start.EnvironmentVariables["STANDFAST_COMMAND_TIMEOUT"] = "250ms";
        using (var program = Process.Start(start))
        {
            Check.Equal("s1:26379 250000", program.StandardOutput.ReadToEnd().Trim());
        }
    }

    /// <summary>The other half of the test above.</summary>
    internal static int Parse(string url)
    {
        var parsed = ClientOptions.ParseUrl(url);
        Console.WriteLine(parsed["hosts"].Items[0].AsString() + " " + parsed["options"]["command_timeout"].AsInt64());
        return 0;
    }

    public static void MisconfigurationsAreNamedAsTheFileSays()
    {
        var given = Environment.GetEnvironmentVariable("STANDFAST_MISCONFIGURED");
        var program = string.IsNullOrEmpty(given) ? Path.Combine(Lab.Repository(), "target/debug/standfast-misconfigured") : given;
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        using (var servers = Process.Start(start))
        {
            try
            {
                var vectors = ((List<object>)JsonFile.Parse(servers.StandardOutput.ReadLine())).Cast<Fields>().ToList();
                Check.True(vectors.Count >= 30, "the vectors were not understood");
                foreach (var vector in vectors)
                {
                    Misconfigured(vector);
                }
            }
            finally
            {
                servers.StandardInput.Close();
                Check.True(servers.WaitForExit(20000), "the servers do not end");
            }
        }
    }

    private static void Misconfigured(Fields vector)
    {
        var name = (string)vector["name"];
        var took = Stopwatch.StartNew();
        try
        {
            using (var client = Client.Connect((string)vector["url"]))
            {
                var reply = client.Execute(((List<object>)vector["command"]).ToArray());
                Check.Equal(vector["reply"], reply.AsString());
                return;
            }
        }
        catch (StandfastException error)
        {
            Check.True(vector.ContainsKey("error"), name + ": " + error.Message);
            Compare(name, (Fields)vector["error"], error, took.ElapsedMilliseconds);
        }
    }

    private static void Compare(string name, Fields expected, StandfastException error, long took)
    {
        var what = name + ": " + error.Message;
        Check.True((long)expected["code"] == error.Code && (string)expected["name"] == error.Name, what);
        Check.True((string)expected["retry"] == error.Retry, what + ": " + error.Retry);
        Check.True(error.Detail.Contains((string)expected["says"]), what);
        Check.Equal(Text(expected, "phase"), error.Phase);
        Check.Equal(Text(expected, "server"), error.ServerCode);
        Check.True(!error.ToString().Contains("canary"), name + ": a secret is shown");
        var addresses = Text(expected, "addresses").Split(new[] { ',' }, StringSplitOptions.RemoveEmptyEntries);
        Check.True(new HashSet<string>(addresses).SetEquals(error.Causes.Select(cause => cause.Address)), what);
        object causes;
        foreach (var wanted in expected.TryGetValue("causes", out causes) ? (List<object>)causes : new List<object>())
        {
            var parts = ((List<object>)wanted).Cast<string>().ToList();
            var code = (int)typeof(ErrorCode).GetField(parts[1]).GetValue(null);
            var found = error.Causes.FirstOrDefault(
                cause => cause.Step == parts[0] && cause.Code == code && cause.Text.Contains(parts[2]));
            Check.True(found != null, string.Join(" ", parts) + ": " + what);
            Check.Equal(parts[0] == "resolve" || parts[2].Contains("not answered yet"), found.Resolved == "");
        }
        object soon;
        if (expected.TryGetValue("at_once", out soon))
        {
            Check.True((bool)soon ? took < 5000 : took >= 200, took + " ms: " + what);
        }
    }

    private static IEnumerable<Fields> Urls()
    {
        return ((List<object>)((Fields)JsonFile.Read("tests/vectors/urls.json"))["vectors"]).Cast<Fields>();
    }

    private static string Text(Fields fields, string name)
    {
        object value;
        return fields.TryGetValue(name, out value) ? (string)value : "";
    }

    private static SortedDictionary<string, string> Flat(Value options) => new SortedDictionary<string, string>(
        options.Pairs.ToDictionary(pair => pair.Key.AsString(), pair => Plain(pair.Value)));

    private static string Plain(Value value)
    {
        switch (value.Kind)
        {
            case ValueKind.Integer: return value.AsInt64().ToString(System.Globalization.CultureInfo.InvariantCulture);
            case ValueKind.Boolean: return value.AsBoolean().ToString();
            default: return value.AsString();
        }
    }

    private static string Show(SortedDictionary<string, string> options) =>
        string.Join("\n", options.Select(option => option.Key + "=" + option.Value));
}
