"""How the service behaves under more work than it can do and for a long time, and what parts cost.

``python -m riskmask.server.bench.load`` and ``python -m riskmask.server.bench.soak`` start a real
server process, call it over its Unix socket, print what they measured beside the bars that it is
held against, and leave with status 1 where one is missed. ``python -m
riskmask.server.bench.decoding`` times decoding in another process. Linux only.
"""
