"""The control interface, over which other processes play the phones and order faults."""
