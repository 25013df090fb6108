// The test kit itself: what it says when it cannot, and that its records are what they promise. What it does to servers is used everywhere.

using System;
using System.Linq;
using Standfast.Testing;

internal static class TestingTests
{
    public static void MissingCommandIsNamed()
    {
        var found = Tree.Program();
        try
        {
            Environment.SetEnvironmentVariable("STANDFAST_LAB", "/nowhere/at/all");
            Check.True(Refused(() => Lab.Start()).Contains("/nowhere/at/all"), "the path is not named");
        }
        finally
        {
            Environment.SetEnvironmentVariable("STANDFAST_LAB", found);
        }
    }

    public static void WhatWasDoneIsInTheTimeline()
    {
        using (var lab = Lab.Start(new LabOptions { DownAfter = TimeSpan.FromMilliseconds(500) }))
        {
            lab.WaitReplicated();
            var old = lab.Master();
            var killed = lab.KillMaster();
            Check.Equal(old, killed.Node);
            var writable = lab.WaitWritable();
            Check.True(writable.Node != old && writable.At > killed.At, "the new master");
            var told = lab.WaitEvent("+switch-master", killed.At);
            Check.True(lab.Timeline(killed.At).Any(entry => entry.At == told.At && entry.Kind == told.Kind), "the switch is told");
            Check.True(lab.Timeline(killed.At).All(entry => entry.At >= killed.At), "only what was asked for");
        }
    }

    public static void RefusalsAndTheEndAreErrors()
    {
        var lab = Lab.Start(new LabOptions { Replicas = 0, Sentinels = 1 });
        Check.True(Refused(() => lab.Fault(lab.Nodes[0], Fault.Reset())).Contains("proxied"), "faults need a proxy");
        Check.True(Refused(() => lab.Redis("NO\"SUCH")).Contains("unknown command"), "an error reply");
        Check.True(Refused(() => lab.WaitEvent("+never", null, TimeSpan.FromMilliseconds(10))).StartsWith("wait_event"), "patience");
        Check.Equal("x\"\\\u0001é", lab.Redis("ECHO", "x\"\\\u0001é"));
        lab.Dispose();
        lab.Dispose();
        Check.True(Refused(() => lab.Master()).Contains("has ended"), "the end");
    }

    private static string Refused(Action action)
    {
        try
        {
            action();
        }
        catch (LabException error)
        {
            return error.Message;
        }
        throw new CheckException("nothing failed");
    }
}
