// Bad input: each mistake gets the typed error that names the problem, and leaves nothing behind.

using System;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using Standfast;

internal static class ConfigurationTests
{
    private const string Quick = "connect_deadline=3s";

    public static void MalformedUrlIsNamed()
    {
        Action<string, string> invalid = (url, word) =>
        {
            var error = Check.Fails<StandfastConfigurationException>(ErrorCode.InvalidUrl, () => Client.Connect(url));
            Check.True(error.Message.Contains(word), error.Message);
            Check.Equal("configuration", error.Category);
            Check.Equal("never", error.Retry);
        };
        invalid("", "position 0");
        invalid("localhost:6379", "redis+sentinel://");
        invalid("http://h/m", "scheme");
        invalid("redis+sentinel://h", "master name");
        invalid("redis+sentinel://h:0/m", "port");
        Check.Fails<StandfastUsageException>(ErrorCode.NullArgument, () => Client.Connect(null));
        Check.Fails<StandfastUsageException>(ErrorCode.InvalidArgument, () => Client.Connect("redis://h\0ello"));
        Check.Fails<StandfastUsageException>(ErrorCode.InvalidArgument, () => Client.Connect("redis://\ud800"));
    }

    public static void WrongOptionIsNamed()
    {
        var url = "redis+sentinel://h/m";
        var unknown = Check.Fails<StandfastConfigurationException>(
            ErrorCode.UnknownOption, () => Client.Connect(url, new ClientOptions { ["ComandTimeout"] = 5 }));
        Check.True(unknown.Message.Contains("command_timeout"), unknown.Message);
        var invalid = Check.Fails<StandfastConfigurationException>(
            ErrorCode.InvalidOption, () => Client.Connect(url, new ClientOptions { CommandTimeout = TimeSpan.FromSeconds(-1) }));
        Check.True(invalid.Message.Contains("command_timeout"), invalid.Message);
        Check.Fails<StandfastUsageException>(
            ErrorCode.NullArgument, () => Client.Connect(url, new ClientOptions { Password = null }));
        Check.Fails<StandfastConfigurationException>(ErrorCode.UnknownOption, () => Client.Connect(url + "?colour=red"));
    }

    public static void UnknownMasterIsNamed(Lab lab)
    {
        var error = Check.Fails<StandfastDiscoveryException>(
            ErrorCode.UnknownMaster, () => Client.Connect(lab.With("nosuchmaster", Quick)));
        Check.True(error.Message.Contains("nosuchmaster"), error.Message);
        Check.Equal(lab.Sentinels.Length, error.Causes.Count);
        Check.True(error.Causes.All(cause => lab.Sentinels.Contains(cause.Address)), error.Message);
        Check.Equal("never", error.Retry);
    }

    public static void UnreachableSentinelIsNamed()
    {
        var nobody = NobodyListens();
        var error = Check.Fails<StandfastDiscoveryException>(
            ErrorCode.SentinelsUnreachable, () => Client.Connect("redis+sentinel://" + nobody + "/mymaster?" + Quick));
        Check.Equal(1, error.Causes.Count);
        Check.Equal(nobody, error.Causes[0].Address);
        Check.Equal("connect", error.Causes[0].Step);
        Check.Equal(ErrorCode.ConnectFailed, error.Causes[0].Code);
    }

    public static void DataNodeInsteadOfSentinelIsNamed(Lab lab)
    {
        var error = Check.Fails<StandfastDiscoveryException>(
            ErrorCode.NotASentinel, () => Client.Connect("redis+sentinel://" + lab.Nodes[0] + "/mymaster?" + Quick));
        Check.True(error.Message.Contains(lab.Nodes[0]), error.Message);
    }

    public static void ReplicaInsteadOfMasterIsNamed(Lab lab)
    {
        var replica = lab.Nodes.First(node => node != lab.Master());
        Check.Fails<StandfastDiscoveryException>(
            ErrorCode.NotMaster, () => Client.Connect("redis://" + replica + "?" + Quick));
    }

    public static void WrongPasswordIsNamedAndNotShown()
    {
        using (var lab = Lab.Start("\"password\":\"hunter2\",\"sentinel_password\":\"hunter2too\""))
        {
            var hosts = string.Join(",", lab.Sentinels);
            var url = "redis+sentinel://" + hosts + "/mymaster";
            Action<int, ClientOptions> refused = (code, options) =>
            {
                options.ConnectDeadline = TimeSpan.FromSeconds(3);
                var error = Check.Fails<StandfastServerException>(code, () => Client.Connect(url, options));
                Check.True(!error.ToString().Contains("hunter2"), "the password is shown");
                Check.True(error.Causes.Count > 0, "no causes");
            };
            refused(ErrorCode.MasterAuthRequired, new ClientOptions { SentinelPassword = "hunter2too" });
            refused(ErrorCode.MasterAuthFailed, new ClientOptions { SentinelPassword = "hunter2too", Password = "hunter2wrong" });
            refused(ErrorCode.SentinelAuthRequired, new ClientOptions { Password = "hunter2" });
            refused(ErrorCode.SentinelAuthFailed, new ClientOptions { SentinelPassword = "hunter2wrong", Password = "hunter2" });
            using (var client = Client.Connect(url, new ClientOptions { SentinelPassword = "hunter2too", Password = "hunter2" }))
            {
                Check.Equal("PONG", client.Execute("PING").AsString());
            }
        }
    }

    public static void ConnectAsyncFailsWithTheSameErrors(Lab lab)
    {
        Check.Fails<StandfastDiscoveryException>(
            ErrorCode.UnknownMaster,
            () => Client.ConnectAsync(lab.With("nosuchmaster", Quick)).GetAwaiter().GetResult());
        using (var client = Client.ConnectAsync(lab.Url).GetAwaiter().GetResult())
        {
            Check.Equal("PONG", client.Execute("PING").AsString());
        }
    }

    private static string NobodyListens()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var address = listener.LocalEndpoint.ToString();
        listener.Stop();
        return address;
    }
}
