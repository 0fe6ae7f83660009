"""Replays GPX tracks as phones that register in a group and upload over HTTP.

tracks    reads a GPX file and gives every point a time and a motion
moments   remembers when a track was first replayed, so that a second replay sends the same points
uplink    HTTP: the key, the rate limit, what an answer means
phones    the two kinds of phone: points one by one, and batches
report    the progress bars and the tables
cli       the options, and the order of events
"""
