"""The plaintext that the scenarios send, and that no WAN may ever show."""

FILE = b"ntm-marker-inner-file "
LINE = b"ntm-marker-inner-line "
DATAGRAM = b"ntm-marker-inner-dgram "
# Names in DNS are length and label, in HTTP they are text: the label alone covers both.
NAMES = [b"laptop", b"camera"]
ALL = [FILE, LINE, DATAGRAM, *NAMES]
