// A test of your own code: it kills the master and goes on. Needs redis-server and standfast-lab.
// mcs -r:Standfast.dll -r:Standfast.Testing.dll Testing.cs && mono Testing.exe

using System;
using Standfast;
using Standfast.Testing;

internal static class OrdersSurviveTheMaster
{
    private static int Main()
    {
        using (var lab = Lab.Start())
        using (var client = Client.Connect(lab.Url))
        {
            client.Set("orders", "1");
            lab.WaitReplicated(); // Right after the start a replica may not have it yet.

            lab.KillMaster();
            var successor = lab.WaitWritable();

            var orders = client.Execute("INCR", "orders").AsInt64(); // What was written is still there.
            Console.WriteLine("orders: " + orders + ", and the master is " + client.Status().Master);
            return orders == 2 && client.Status().Master == successor.Node ? 0 : 1;
        }
    }
}
