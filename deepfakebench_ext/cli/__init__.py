"""The command line: one verb a file. Imports nothing heavy before a verb needs it."""
