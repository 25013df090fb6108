// JSON files of this tree, and lines of its programs, as dictionaries, lists, strings, numbers, booleans and null: the test kit's reader.

using System;
using System.IO;
using Standfast.Testing;

internal static class JsonFile
{
    /// <summary>A file of this tree.</summary>
    internal static object Read(string path)
    {
        var folder = new DirectoryInfo(AppDomain.CurrentDomain.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, path)))
        {
            folder = folder.Parent ?? throw new CheckException("there is no " + path + " in any folder above the tests");
        }
        return Json.Parse(File.ReadAllText(Path.Combine(folder.FullName, path)));
    }

    /// <summary>A line of a program of this tree.</summary>
    internal static object Parse(string text) => Json.Parse(text);
}
