"""Backup: what makes a camd this one, kept in one file and put back; and the way back to a new one.

Nothing is changed below a running daemon. What is to come is checked whole, laid down beside what is there,
and put in its place between two runs: at once by a command, at the next start by the daemon.
"""
