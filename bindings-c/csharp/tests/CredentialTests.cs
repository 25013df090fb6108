// TLS, and passwords that change while a client runs.

using Standfast;
using Standfast.Testing;

internal static class CredentialTests
{
    public static void TlsIsFollowedThroughAFailover()
    {
        using (var lab = Lab.Start(new LabOptions { Tls = true, TlsMutual = true }))
        using (var client = Client.Connect(lab.Url))
        {
            client.Set("k", "v");
            lab.PlannedFailover();
            Check.Eventually(() => client.Status().Master != lab.Nodes[0], "the new master is used");
            client.Set("k", "w");
            Check.Equal("w", client.Get("k"));
        }
    }

    public static void CredentialsAreReplacedWhileTheClientRuns()
    {
        using (var lab = Lab.Start(new LabOptions { Replicas = 0, Sentinels = 1 }))
        using (var client = Client.Connect(lab.Url))
        {
            Check.Equal("default", client.Execute("ACL", "WHOAMI").AsString());
            lab.Redis("ACL", "SETUSER", "rotated", "on", ">canary", "~*", "&*", "+@all");
            client.SetCredentials("rotated", "canary");
            Check.Equal("default", client.Execute("ACL", "WHOAMI").AsString());
            lab.Redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
            Check.Eventually(
                () => client.ExecuteIdempotent("ACL", "WHOAMI").AsString() == "rotated", "the new user is used");
            Check.Fails<StandfastException>(ErrorCode.InvalidArgument, () => client.SetCredentials("canary", null));
            Check.Fails<StandfastException>(ErrorCode.InvalidArgument, () => client.SetCredentials(null, ""));
            Check.Fails<StandfastException>(ErrorCode.InvalidArgument, () => client.SetCredentials(null, "canary", "other"));
        }
    }
}
